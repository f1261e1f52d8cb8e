"""Parameters of networks are checked before any job, by the rules that the networks have."""

import inspect

import pytest

from genreflow.errors import GenreflowError
from genreflow.models.fine_tuning import POLICIES
from genreflow.models.network import Network
from genreflow.models.network_parameters import OPTIMIZERS, PRECISIONS, check_network
from genreflow.models.schedules import SCHEDULES
from genreflow.network_settings import check_network as check_settings
from genreflow.schema import schema_of

KEYS = schema_of("network")["properties"]
CNN = {"module": "genreflow.models.cnn.cnn"}


def network(search=None, **parameters):
    """A model as the study reads it."""
    spec = {"estimator": "genreflow.models.network.Network", "parameters": parameters}
    return spec | ({"search": {"space": search}} if search else {})


def refusal(spec):
    """The message before any job."""
    with pytest.raises(GenreflowError) as error:
        check_settings("net.yaml", spec)
    return str(error.value)


def test_the_schema_has_the_parameters_of_networks_with_their_defaults_and_choices():
    signature = inspect.signature(Network.__init__).parameters
    defaults = {name: p.default for name, p in signature.items() if name != "self"}
    assert {name: part.get("default") for name, part in KEYS.items()} == defaults
    assert KEYS["optimizer"]["enum"] == [*OPTIMIZERS]
    assert KEYS["schedule"]["enum"] == [*SCHEDULES, "plateau"]
    assert KEYS["fine_tune"]["enum"] == [*POLICIES]
    assert KEYS["precision"]["enum"] == [*PRECISIONS]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fine_tune": "heads"}, ["fine_tune", "'heads'", "did you mean 'head'?"]),
        ({"precision": "bf16"}, ["precision", "'bfloat16'"]),
        ({"optimizer": "adan"}, ["optimizer", "'adam'"]),
        ({"length": {"percentil": 70}}, ["length", "'percentil'", "did you mean 'percentile'?"]),
        ({"length": {"at_least": 15000}}, ["length", "missing 'percentile'"]),
        ({"length": 0}, ["length", "0"]),
        ({"window": "80000"}, ["window", "'80000'"]),
        ({"window": 80000, "length": 1300}, ["length", "leave one out"]),
        ({"learning_rate": "1e-3"}, ["learning_rate", "'1e-3'", "1.0e-3 with a point"]),
        ({"learning_rate": 0}, ["learning_rate", "0"]),
        ({"mixup": -1}, ["mixup", "-1"]),
        ({"spec_augment": {"frame": 0.2}}, ["spec_augment", "'frame'", "'frames'"]),
        ({"spec_augment": {"bands": 2}}, ["spec_augment.bands", "2"]),
        ({"class_weight": "balance"}, ["class_weight", "'balance'", "balanced"]),
        ({"standardize": "no"}, ["standardize", "'no'"]),
        ({"fine_tune": "head_then_all"}, ["frozen_epochs"]),
        ({"fine_tune": "head", "frozen_epochs": 3}, ["frozen_epochs", "head_then_all"]),
        ({"frozen_epochs": 3}, ["frozen_epochs", "head_then_all"]),
        ({"backbone_rate": 0}, ["backbone_rate", "0"]),
        ({"n_jobs": "2"}, ["n_jobs", "'2'"]),
        ({"patience": 0}, ["patience", "0"]),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_before_any_job_as_the_network_refuses_it(given, words):
    message = refusal(network(**given))
    for word in ["net.yaml: parameters", *words]:
        assert word in message
    with pytest.raises(GenreflowError):
        check_network(Network(**given).get_params())


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (network(module="genreflow.models.cnn.cn"), ["has no 'cn'", "did you mean 'cnn'?"]),
        (network(module="genreflow.models.cn.cnn"), ["there is no module 'genreflow.models.cn'"]),
        (
            network(**CNN, module_parameters={"chanels": [8]}),
            ["module_parameters", "'chanels'", "did you mean 'channels'?"],
        ),
        (network(**CNN, module_parameters={"n_outputs": 3}), ["module_parameters", "n_outputs"]),
        (
            network({"module_parameters": [{"kernel": 3}, {"kernels": 5}]}, **CNN),
            ["module_parameters", "did you mean 'kernel'?"],
        ),
        (network({"fine_tune": ["all", "heads"]}), ["search.space", "fine_tune", "'heads'"]),
        (network(schedule="cosin"), ["schedule", "did you mean 'cosine'?"]),
        (network(schedule="warmup_cosine"), ["schedule_parameters", "warmup_epochs"]),
        (
            network(schedule="plateau", schedule_parameters={"gamma": 0.9}),
            ["schedule_parameters", "gamma"],
        ),
    ],
    ids=str,
)
def test_modules_schedules_and_what_a_search_tries_are_checked(spec, words):
    message = refusal(spec)
    for word in ["net.yaml", *words]:
        assert word in message


@pytest.mark.parametrize(
    "spec",
    [
        network(),
        network(**CNN, length={"percentile": 70, "at_least": 15000}, class_weight={"rock": 2.0}),
        network(fine_tune="head_then_all", frozen_epochs=5, weights="data/weights/x.pth"),
        network(window=80000, patience=None, length=None),
        network({"fine_tune": ["all", "head_then_all"]}, frozen_epochs=5),
        network({"module": ["genreflow.models.cnn.cnn", "genreflow.models.cnn.crnn"]}),
    ],
    ids=str,
)
def test_what_networks_take_passes(spec):
    check_settings("net.yaml", spec)
