"""Networks as scikit-learn estimators: the same bits each time, and after an interruption."""

import json
import logging
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from network_fixtures import InterruptedTrainingError, interrupt, same
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks
from training_fixtures import points

from genreflow.config import USUAL_MODULE, Study
from genreflow.errors import GenreflowError
from genreflow.models import epochs
from genreflow.models.network import Network
from genreflow.models.networks import feed_forward
from genreflow.models.schedules import SCHEDULES, learning_rates
from genreflow.provenance import _closure, _named
from genreflow.schema import SHIPPED, read_yaml

LAYERS = {"layers": [16, "batch_norm", {"dropout": 0.3}, 8]}
FEED_FORWARD = "genreflow.models.networks.feed_forward"
FOREST = "sklearn.ensemble.RandomForestClassifier"
# 90 rows make two batches of 32 and one of 26; 65 leave one row over.
X, Y, _ = points(n=90)
SEVERAL = np.stack([Y == 0, Y == 1, X[:, 1] > 0, X[:, 0] > 9], axis=1).astype(int)
HELD = points(n=45, seed=1)[:2]


def network(**given):
    return Network(**{"module_parameters": LAYERS, "epochs": 6, "learning_rate": 0.01, **given})


@parametrize_with_checks(
    [Network(learning_rate=0.05, epochs=30)],
    expected_failed_checks=lambda _: {
        "check_supervised_y_2d": "one column of labels is one label that a row may have or not"
    },
)
def test_it_is_an_estimator(estimator, check):
    check(estimator)


def test_the_published_network_has_the_published_number_of_parameters():
    parameters = read_yaml(SHIPPED / "config/models/mlp_spotify.yaml")["parameters"]
    rng = np.random.default_rng(0)
    made = Network(**parameters | {"epochs": 1})
    made.fit(rng.random((228, 30)), np.arange(228) % 114)
    assert made.n_parameters_ == 195_826
    trainable = sum(weight.numel() for weight in made.module_.parameters())
    assert (trainable, made.n_parameters_ - trainable) == (195_314, 512)


def test_dense_layers_start_as_those_of_keras():
    torch.manual_seed(0)
    first, *_ = feed_forward(300, 5, layers=[500])
    limit = np.sqrt(6 / (300 + 500))
    weights = first.weight.detach().numpy()
    assert np.all(first.bias.detach().numpy() == 0)
    assert np.abs(weights).max() <= limit
    assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.01)


@pytest.mark.parametrize(
    "layer", [0, -3, True, 2.5, "batchnorm", {"dropout": 1}, {"drop": 0.1}, None, [64]]
)
def test_what_is_no_layer_is_named(layer):
    with pytest.raises(GenreflowError, match=r"layers: .* is no layer"):
        feed_forward(3, 2, layers=[4, layer])


@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
def test_two_fits_are_the_same_bits_and_leave_torch_as_it_was(y):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    made = network().fit(X, y)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert same(made, clone(made).fit(X, y))
    assert not same(made, network(random_state=1).fit(X, y))
    assert np.array_equal(made.predict_proba(X), clone(made).fit(X, y).predict_proba(X))


def test_every_epoch_has_an_order_of_its_own(monkeypatch):
    orders = []
    cut = epochs._batches
    monkeypatch.setattr(
        epochs, "_batches", lambda order, size: orders.append(order.tolist()) or cut(order, size)
    )
    network(epochs=4).fit(X, Y)
    assert len({tuple(order) for order in orders}) == 4
    assert all(sorted(order) == list(range(90)) for order in orders)


@pytest.mark.parametrize(
    "given",
    [
        {"schedule": "exponential", "schedule_parameters": {"gamma": 0.8}},
        {"schedule": "warmup_cosine", "schedule_parameters": {"warmup_epochs": 2}},
        {"optimizer": "sgd", "weight_decay": 0.01},
        {"optimizer": "adamw", "weight_decay": 0.01},
        {"epochs": 40, "patience": 3, "learning_rate": 0.1},
    ],
    ids=lambda given: "-".join(map(str, given.values())),
)
@pytest.mark.parametrize("y", ["one", "several"])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path, monkeypatch, given, y):
    labels = {"one": Y, "several": SEVERAL}[y]
    held = (HELD[0], HELD[1] if y == "one" else SEVERAL[:45])
    whole = network(**given).fit(X, labels, validation=held)
    file = tmp_path / "checkpoints/r0f0.pt"
    for epoch in (2, 4):
        with monkeypatch.context() as patched:
            interrupt(patched, epoch)
            with pytest.raises(InterruptedTrainingError):
                network(**given).fit(X, labels, validation=held, checkpoint=file)
    resumed = network(**given).fit(X, labels, validation=held, checkpoint=file)
    assert same(resumed, whole)
    assert [row["seconds"] for row in resumed.history_[:2]] == [
        row["seconds"] for row in torch.load(file)["state"]["history"][:2]
    ], "the first epochs were trained again"
    # The job may be killed once more, before its results are written.
    assert same(network(**given).fit(X, labels, validation=held, checkpoint=file), whole)


KILLED = """
import os, signal, sys
import numpy as np
from genreflow.models import epochs
from genreflow.models.network import Network

train = epochs.Training._train

def die(self, epoch):
    if epoch == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    train(self, epoch)

epochs.Training._train = die
data = np.load(sys.argv[1])
Network(module_parameters={layers}, epochs=6, learning_rate=0.01).fit(
    data["X"], data["y"], checkpoint=sys.argv[2]
)
"""


def test_a_killed_training_goes_on_in_another_process(tmp_path):
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    file = tmp_path / "r0f0.pt"
    command = [sys.executable, "-c", KILLED.format(layers=LAYERS), tmp_path / "data.npz", file]
    done = subprocess.run(command, cwd=SHIPPED / "scripts", check=False)
    assert done.returncode == -signal.SIGKILL
    resumed = network().fit(X, Y, checkpoint=file)
    assert same(resumed, network().fit(X, Y))


@pytest.mark.parametrize(
    "other",
    [
        {"learning_rate": 0.02},
        {"epochs": 7},
        {"random_state": 1},
        {"module_parameters": {"layers": [8]}},
        "rows",
        "labels",
        "validation",
    ],
    ids=str,
)
def test_a_checkpoint_of_another_training_is_not_used(tmp_path, caplog, other):
    caplog.set_level(logging.INFO)
    file = tmp_path / "r0f0.pt"
    made = network().fit(X, Y, checkpoint=file)
    given = other if isinstance(other, dict) else {}
    x = X + (other == "rows")
    y = np.roll(Y, 1) if other == "labels" else Y
    held = HELD if other == "validation" else None
    again = network(**given).fit(x, y, validation=held, checkpoint=file)
    assert same(again, network(**given).fit(x, y, validation=held))
    assert not same(again, made)
    assert f"{file} is of another training" in caplog.text


def test_a_checkpoint_of_other_code_is_not_used(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    source = "from torch import nn\ndef mine(n, m):\n    return nn.Linear(n, m)\n"
    (tmp_path / "my_net_43.py").write_text(source)
    monkeypatch.chdir(tmp_path)
    given = {"module": "my_net_43.mine", "epochs": 2, "learning_rate": 0.01}
    Network(**given).fit(X, Y, checkpoint="r0f0.pt")
    (tmp_path / "my_net_43.py").write_text(source.replace("(n, m)\n", "(n, m, bias=False)\n"))
    monkeypatch.delitem(sys.modules, "my_net_43")
    edited = Network(**given).fit(X, Y, checkpoint="r0f0.pt")
    assert "r0f0.pt is of another training" in caplog.text
    assert edited.n_parameters_ == 18


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no checkpoint",
        lambda content: content[:-100],
        lambda content: content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :],
    ],
    ids=["empty", "text", "cut", "changed"],
)
def test_a_damaged_checkpoint_is_not_used(tmp_path, caplog, damage):
    file = tmp_path / "r0f0.pt"
    network().fit(X, Y, checkpoint=file)
    content = file.read_bytes()
    file.write_bytes(damage(content))
    assert file.read_bytes() != content
    assert same(network().fit(X, Y, checkpoint=file), network().fit(X, Y))
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f"{file} is damaged; the training begins anew" in warnings[0].getMessage()


def test_a_pickle_in_place_of_a_checkpoint_is_not_run(tmp_path, caplog):
    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "trace"), "w")

    file = tmp_path / "r0f0.pt"
    torch.save({"made_from": "", "state": Evil()}, file)
    network().fit(X, Y, checkpoint=file)
    assert not (tmp_path / "trace").exists()
    assert "is damaged" in caplog.text


def test_early_stopping_keeps_the_weights_of_the_best_epoch():
    given = {"epochs": 60, "learning_rate": 0.1, "module_parameters": {"layers": [32]}}
    made = network(**given, patience=4).fit(X, Y, validation=HELD)
    held = [row["loss"] for row in made.history_ if row["part"] == "validation"]
    assert made.best_epoch_ == 1 + np.argmin(held)
    assert len(held) == made.best_epoch_ + 4 < 60
    # The same epochs without early stopping end with the weights that were kept.
    stopped = network(**given | {"epochs": made.best_epoch_}).fit(X, Y, validation=HELD)
    for name, value in stopped.module_.state_dict().items():
        assert torch.equal(made.module_.state_dict()[name], value)
    chance = made.predict_proba(HELD[0])[np.arange(45), HELD[1]]
    assert -np.log(chance).mean() == pytest.approx(min(held))


def test_the_validation_part_is_looked_at_and_never_trained_on():
    with_part = network().fit(X, Y, validation=HELD)
    without = network().fit(X, Y)
    assert np.array_equal(with_part.predict_proba(X), without.predict_proba(X))
    # What stops a training is the loss on the validation part, whatever that of the training is.
    wrong = network(epochs=30, patience=2).fit(X, Y, validation=(X, (Y + 1) % 3))
    right = network(epochs=30, patience=2).fit(X, Y, validation=(X, Y))
    assert wrong.best_epoch_ < right.best_epoch_


def test_without_a_validation_part_all_epochs_are_trained(caplog):
    caplog.set_level(logging.INFO)
    made = network(patience=1).fit(X, Y)
    assert made.best_epoch_ == 6
    assert same(made, network().fit(X, Y))
    assert "no validation part to stop by: all 6 epochs are trained" in caplog.text


def test_history_of_one_label():
    made = network(module_parameters=None, batch_size=90, epochs=3).fit(X, Y, validation=HELD)
    assert [(row["epoch"], row["part"]) for row in made.history_] == [
        (epoch, part) for epoch in (1, 2, 3) for part in ("train", "validation")
    ]
    last = made.history_[-1]
    from sklearn.metrics import log_loss

    assert last["loss"] == pytest.approx(log_loss(HELD[1], made.predict_proba(HELD[0])))
    assert last["accuracy"] == pytest.approx(made.score(*HELD))
    # One batch and no dropout: the third epoch begins with what two epochs give.
    before = network(module_parameters=None, batch_size=90, epochs=2).fit(X, Y)
    third = made.history_[-2]
    assert third["loss"] == pytest.approx(log_loss(Y, before.predict_proba(X)), rel=1e-6)
    assert third["accuracy"] == pytest.approx(before.score(X, Y))
    assert json.loads(json.dumps(made.history_)) == made.history_


def test_several_labels_have_independent_probabilities():
    made = network(epochs=40).fit(X, SEVERAL, validation=(X, SEVERAL))
    scores = made.predict_proba(X)
    assert scores.shape == (90, 4)
    assert scores.dtype == np.float64
    assert not np.allclose(scores.sum(axis=1), 1)
    assert np.array_equal(made.predict(X), scores >= 0.5)
    assert np.array_equal(made.classes_, range(4))
    last = made.history_[-1]
    chance = np.where(SEVERAL == 1, scores, 1 - scores)
    assert last["loss"] == pytest.approx(-np.log(chance).mean())
    assert last["accuracy"] == pytest.approx((made.predict(X) == SEVERAL).all(axis=1).mean())
    assert last["accuracy"] > 0.5
    assert scores[:, 3].max() < 0.5, "no row has the last label"


def test_one_label_follows_a_linear_model_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    given = {"module_parameters": None, "batch_size": 90, "epochs": 600, "learning_rate": 0.2}
    made = network(**given, schedule="cosine").fit(X, Y)
    expected = LogisticRegression(C=np.inf, tol=1e-8, max_iter=5000).fit(X, Y)
    np.testing.assert_allclose(made.predict_proba(X), expected.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("rows", [2, 33, 65])
def test_a_last_batch_of_one_row_is_no_trouble_to_batch_normalisation(rows):
    made = network().fit(X[:rows], Y[:rows])
    assert np.isfinite(made.predict_proba(X)).all()


@settings(deadline=None)
@given(st.integers(1, 200), st.integers(1, 50))
def test_batches_hold_every_row_once(rows, size):
    batches = epochs._batches(torch.randperm(rows), size)
    assert sorted(torch.cat(batches).tolist()) == list(range(rows))
    sizes = [len(batch) for batch in batches]
    assert set(sizes[:-1]) <= {size}
    assert sizes[-1] <= size + 1
    if rows > 1 < size:
        assert min(sizes) > 1


TORCH = {
    "constant": ({}, lambda o, n: torch.optim.lr_scheduler.ConstantLR(o, factor=1)),
    "exponential": ({"gamma": 0.9}, lambda o, n: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
    "step": (
        {"step_size": 3, "gamma": 0.5},
        lambda o, n: torch.optim.lr_scheduler.StepLR(o, 3, 0.5),
    ),
    "cosine": ({}, lambda o, n: torch.optim.lr_scheduler.CosineAnnealingLR(o, n)),
    "warmup_cosine": (
        {"warmup_epochs": 5},
        lambda o, n: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.LinearLR(o, start_factor=1 / 6, total_iters=5),
                torch.optim.lr_scheduler.CosineAnnealingLR(o, n - 5),
            ],
            milestones=[5],
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter")
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("n", [12, 20])
def test_schedules_are_those_of_torch(name, n):
    parameters, make = TORCH[name]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.05)
    scheduler = make(optimizer, n)
    expected = []
    for _ in range(n):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    rates = learning_rates(name, parameters, start=0.05, epochs=n)
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    made = network(schedule=name, schedule_parameters=parameters, learning_rate=0.05, epochs=n)
    assert [row["learning_rate"] for row in made.fit(X, Y).history_] == rates


def test_a_training_shorter_than_its_warm_up():
    rates = learning_rates("warmup_cosine", {"warmup_epochs": 10}, start=1, epochs=2)
    assert rates == pytest.approx([1 / 11, 2 / 11])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"schedule": "exponental"}, "no 'exponental'; did you mean 'exponential'?"),
        ({"schedule": "exponential"}, "exponential cannot be used with {}: missing .* 'gamma'"),
        ({"schedule_parameters": {"gamma": 1}}, "constant cannot be used .* 'gamma'"),
        (
            {"schedule": "step", "schedule_parameters": {"step_size": 0, "gamma": 0.1}},
            "schedule_parameters: step cannot be used",
        ),
        ({"optimizer": "Adam"}, "no 'Adam'; did you mean 'adam'?"),
        ({"epochs": 0}, "epochs: 0 is less than 1"),
        ({"batch_size": 0}, "batch_size: 0 is less than 1"),
        ({"patience": 0}, "patience: 0 is less than 1; null is for none"),
        ({"epochs": 2.0}, "epochs: 2.0 is no whole number"),
        ({"batch_size": True}, "batch_size: True is no whole number"),
        ({"n_jobs": "2"}, "n_jobs: '2' is no whole number; write numbers without quotes"),
        ({"random_state": None}, "random_state: None is no whole number"),
        ({"random_state": -1}, "random_state: -1 is less than 0"),
        (yaml.safe_load("learning_rate: 1e-3"), "learning_rate: '1e-3' is no .* such as 1.0e-3"),
        ({"learning_rate": 0}, "learning_rate: 0 is not more than 0"),
        ({"learning_rate": np.nan}, "learning_rate: nan is no finite number"),
        ({"weight_decay": -0.1}, "weight_decay: -0.1 is less than 0"),
        ({"weight_decay": None}, "weight_decay: None is no finite number"),
        (
            {"schedule": "exponential", "schedule_parameters": {"gamma": "9e-1"}},
            "schedule_parameters: gamma: '9e-1' is no finite number; .* such as 1.0e-3",
        ),
        ({"schedule_parameters": [0.9]}, r"schedule_parameters: \[0.9\] is no mapping"),
        ({"module_parameters": "layers"}, "module_parameters: 'layers' is no mapping"),
        ({"device": 0}, "device: 0 is no text"),
        ({"optimizer": ["adam"]}, r"optimizer: \['adam'\] is no text"),
        ({"device": "gpu"}, "device: 'gpu' cannot be used"),
        ({"module_parameters": {"layer": [3]}}, "no parameter 'layer'; did you mean 'layers'?"),
        ({"module": "genreflow.models.networks.feedforward"}, "did you mean 'feed_forward'?"),
    ],
)
def test_what_cannot_be_used_is_explained(given, message):
    with pytest.raises(GenreflowError, match=message):
        network(**given).fit(X, Y)


def test_labels_that_cannot_be_used():
    with pytest.raises(ValueError, match="no row of label 2"):
        network().fit(X[Y < 2], Y[Y < 2], validation=HELD)
    with pytest.raises(ValueError, match="4 labels need as many columns of 0 and 1"):
        network().fit(X, SEVERAL, validation=(X, SEVERAL[:, :3]))
    with pytest.raises(ValueError, match="need as many columns of 0 and 1"):
        network().fit(X, SEVERAL * 2)


@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
def test_divergence_is_said_and_what_may_help(y):
    with pytest.raises(GenreflowError, match=r"diverged in epoch \d.*learning_rate was 1e\+30"):
        network(learning_rate=1e30, optimizer="sgd").fit(X, y)


def test_a_validation_part_that_diverges_is_said():
    far = np.full_like(HELD[0], 3e38)
    with pytest.raises(GenreflowError, match="diverged in epoch 1: the validation loss is"):
        network().fit(X, Y, validation=(far, HELD[1]))


def test_parameters_are_those_of_scikit_learn():
    made = network(patience=3, schedule="step", schedule_parameters={"step_size": 2, "gamma": 0.1})
    assert clone(made).get_params() == made.get_params()
    made.set_params(learning_rate=0.5, module_parameters={"layers": [4]})
    fitted = made.fit(X, Y)
    assert fitted.history_[0]["learning_rate"] == 0.5
    assert fitted.module_[0].out_features == 4
    assert made.multi_label


def test_a_module_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "my_net_42.py").write_text(
        "from torch import nn\n"
        "def wide(n_inputs, n_outputs, *, units):\n"
        "    ends = nn.Linear(n_inputs, units), nn.Linear(units, n_outputs)\n"
        "    return nn.Sequential(ends[0], nn.Tanh(), ends[1])\n"
    )
    monkeypatch.chdir(tmp_path)
    made = Network("my_net_42.wide", {"units": 5}, epochs=2).fit(X, Y)
    assert made.n_parameters_ == 6 * 5 + 5 + 5 * 3 + 3


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ({"parameters": {}}, [FEED_FORWARD]),
        ({"parameters": {"module": "my.net"}}, ["my.net"]),
        (
            {"parameters": {}, "search": {"space": {"module": ["my.net", "my.other"]}}},
            [FEED_FORWARD, "my.net", "my.other"],
        ),
        ({"parameters": {}, "estimator": "my.Model"}, []),
    ],
    ids=str,
)
def test_the_code_of_the_module_counts_as_that_of_a_training(given, counted):
    """The rules ask for the code of all that a model names, and of the module that it takes."""
    model = {"estimator": "genreflow.models.network.Network", "scaler": None} | given
    study = Study(settings={}, models={"mlp": model})
    assert study.named_by_model("mlp") == [model["estimator"], *counted]


def test_the_usual_module_is_the_one_that_a_network_takes():
    assert Network().module == USUAL_MODULE


def test_the_code_of_a_network_counts_only_where_one_is_trained():
    files = {"network.py", "epochs.py", "schedules.py", "checkpoint.py"}
    script = SHIPPED / "scripts/train.py"
    for estimator, found in (("genreflow.models.network.Network", files), (FOREST, set())):
        closure = _closure([script, *_named([estimator], SHIPPED)], SHIPPED)
        assert {file.name for file in closure} & files == found


def test_threads_are_as_many_as_told(monkeypatch):
    seen = []
    loss = epochs._loss
    monkeypatch.setattr(
        epochs, "_loss", lambda *given: seen.append(torch.get_num_threads()) or loss(*given)
    )
    for number in (1, 2):
        network(n_jobs=number, epochs=1).fit(X, Y)
    assert seen == [1] * 3 + [2] * 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one", "several"])
def test_a_gpu_is_used_where_there_is_one(tmp_path, monkeypatch, y):
    before = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    made = network().fit(X, y)
    assert torch.cuda.max_memory_allocated() > before
    assert next(made.module_.parameters()).device.type == "cpu"
    assert same(made, network().fit(X, y))
    file = tmp_path / "r0f0.pt"
    with monkeypatch.context() as patched:
        interrupt(patched, 3)
        with pytest.raises(InterruptedTrainingError):
            network().fit(X, y, checkpoint=file)
    assert same(network().fit(X, y, checkpoint=file), made)
    on_cpu = clone(made).set_params(device="cpu")
    assert on_cpu.fit(X, y).score(X, y) == pytest.approx(made.score(X, y), abs=0.1)
