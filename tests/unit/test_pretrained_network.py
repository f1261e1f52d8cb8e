"""Published networks are trained, kept in files and restored as `Network`."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from sklearn.pipeline import make_pipeline
from test_pretrained import made_checkpoint
from test_pretrained_wav2vec2 import SMALL, published

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.importing import load
from genreflow.models.files import load_model, save_model
from genreflow.models.network import Network
from genreflow.models.network_parameters import check_network
from genreflow.models.resnet import resnet18

torch.set_num_threads(1)

CONFIG = Path(__file__).parents[2] / "config"
SHAPES = {"wav2vec2": ((80000,),)}

ALEXNET = "genreflow.models.alexnet.alexnet"
VGG16 = "genreflow.models.vgg.vgg16"
RESNET18 = "genreflow.models.resnet.resnet18"
WAV2VEC2 = "genreflow.models.wav2vec2.wav2vec2"


def noise(side, n=20):
    """Pictures that nothing but learning by heart can tell apart, and labels."""
    draw = np.random.default_rng(0)
    pictures = list(draw.integers(0, 256, (n, 3, side, side), dtype=np.uint8))
    return Inputs({"mel_image": pictures}), np.arange(n) % 2


def tones(n=12):
    """Waveforms of three pitches, some longer than others."""
    draw = np.random.default_rng(0)
    waves = []
    for k in range(n):
        time = np.arange(4000 + 300 * k) / 16000
        wave = np.sin(2 * np.pi * (300 * 3 ** (k % 3)) * time + draw.uniform(0, 6))
        waves.append((wave + 0.05 * draw.standard_normal(len(time))).astype(np.float32))
    return Inputs({"waveform": waves}), np.arange(n) % 3


def saved_resnet18(path):
    torch.manual_seed(1)
    state = resnet18(((3, 32, 32),), 1000).state_dict()
    torch.save(state, path)
    return state


def network(module, **parameters):
    defaults = {"standardize": False, "batch_size": 10, "device": "cpu", "random_state": 0}
    return Network(module, **defaults | parameters)


def speech(**parameters):
    given = {"module_parameters": {"config": SMALL, "head_layers": [16]}, "window": 3200}
    return network(WAV2VEC2, **given | {"batch_size": 6, "epochs": 2} | parameters)


# The whole of VGG16 and AlexNet takes minutes on a core: their convolutions and a first fully
# connected layer do not.
@pytest.mark.parametrize(
    ("module", "side", "epochs", "parameters", "rate"),
    [
        (RESNET18, 64, 6, {}, 1e-3),
        (ALEXNET, 64, 16, {"head_at": "fc1"}, 1e-4),
        (VGG16, 32, 8, {"head_at": "fc1"}, 1e-4),
    ],
)
def test_twenty_pictures_are_learnt_by_heart_from_scratch(module, side, epochs, parameters, rate):
    rows, y = noise(side)
    fitted = network(module, module_parameters=parameters, learning_rate=rate, epochs=epochs)
    fitted.fit(rows, y)
    assert (fitted.predict(rows) == y).all()


def test_a_model_in_files_predicts_the_same_bits(tmp_path):
    rows, y = noise(32, n=6)
    fitted = network(RESNET18, epochs=1).fit(rows, y)
    save_model(make_pipeline(fitted), ["blues", "rock"], tmp_path)
    again, classes = load_model(tmp_path)
    assert classes == ["blues", "rock"]
    assert np.array_equal(again.predict_proba(rows), fitted.predict_proba(rows))


def test_the_whole_of_vgg16_is_restored():
    rows, y = noise(32, n=2)
    fitted = network(VGG16, epochs=1, fine_tune="head", batch_size=2).fit(rows, y)
    again = Network.restored(fitted.described(), fitted.tensors())
    assert fitted.n_parameters_ == 138_357_544 - 998 * 4097
    state = again.module_.state_dict()
    for name, value in fitted.module_.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_fine_tuning_of_the_head_leaves_the_published_weights(tmp_path):
    weights = saved_resnet18(tmp_path / "net.pth")
    rows, y = noise(32, n=6)
    fitted = network(
        RESNET18, weights=str(tmp_path / "net.pth"), fine_tune="head", epochs=2, batch_size=3
    ).fit(rows, y)
    state = fitted.module_.state_dict()
    head = {name: state.pop(name) for name in ("fc.weight", "fc.bias")}
    assert all(torch.equal(value, weights[name]) for name, value in state.items())
    assert head["fc.weight"].shape == (2, 512)


def test_all_layers_learn_after_the_frozen_epochs(tmp_path):
    weights = saved_resnet18(tmp_path / "net.pth")
    rows, y = noise(32, n=6)
    fitted = network(
        RESNET18,
        weights=str(tmp_path / "net.pth"),
        **{"fine_tune": "head_then_all", "frozen_epochs": 1, "epochs": 2, "backbone_rate": 0.1},
    ).fit(rows, y)
    state = fitted.module_.state_dict()
    for name in ("conv1.weight", "layer4.1.bn2.weight", "bn1.running_mean"):
        assert not torch.equal(state[name], weights[name]), name


def test_weights_that_do_not_fit_end_the_training_before_it_begins(tmp_path):
    made_checkpoint("alexnet", tmp_path / "net.pth")
    rows, y = noise(32, n=4)
    with pytest.raises(GenreflowError, match=r"net\.pth does not hold the weights of ResNet18"):
        network(RESNET18, weights=str(tmp_path / "net.pth")).fit(rows, y)


def test_waveforms_are_learnt_from_a_published_encoder(tmp_path):
    model = published()
    model.save_pretrained(tmp_path)
    rows, y = tones()
    fitted = speech(
        **{"weights": str(tmp_path), "fine_tune": "head_then_all", "frozen_epochs": 5},
        **{"learning_rate": 3e-3, "epochs": 60},
    ).fit(rows, y)
    assert (fitted.predict(rows) == y).all()
    state, before = fitted.module_.encoder.state_dict(), model.state_dict()
    for name, value in before.items():
        if name != "masked_spec_embed":
            learned = not name.startswith("feature_extractor.")
            assert torch.equal(state[name], value) != learned, name


def test_an_interrupted_training_on_waveforms_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    published().save_pretrained(tmp_path)
    rows, y = tones()
    parameters = {"weights": str(tmp_path), "fine_tune": "head_then_all", "frozen_epochs": 1}
    whole = speech(epochs=3, **parameters).fit(rows, y)

    class StoppedError(Exception):
        pass

    def stop(module, x, forward=torch.nn.Linear.forward):
        calls.append(1)
        if len(calls) > 60:
            raise StoppedError
        return forward(module, x)

    calls = []
    with monkeypatch.context() as patched, pytest.raises(StoppedError):
        patched.setattr(torch.nn.Linear, "forward", stop)
        speech(epochs=3, **parameters).fit(rows, y, checkpoint=tmp_path / "state")
    assert (tmp_path / "state").is_file()
    again = speech(epochs=3, **parameters).fit(rows, y, checkpoint=tmp_path / "state")
    for name, value in whole.module_.state_dict().items():
        assert torch.equal(value, again.module_.state_dict()[name]), name


def test_a_model_on_waveforms_in_files_predicts_the_same_bits(tmp_path):
    rows, y = tones(n=6)
    fitted = speech(epochs=1).fit(rows, y)
    save_model(make_pipeline(fitted), ["a", "b", "c"], tmp_path)
    again, _ = load_model(tmp_path)
    assert np.array_equal(again.predict_proba(rows), fitted.predict_proba(rows))


def configured():
    """The models of the workflow that begin with published weights."""
    models = {path.stem: yaml.safe_load(path.read_text()) for path in CONFIG.glob("models/*.yaml")}
    return {name: model for name, model in models.items() if "weights" in model}


@pytest.mark.parametrize("name", configured())
def test_models_of_the_workflow_can_be_made_and_their_weights_are_known(name):
    model = configured()[name]
    assert model["weights"] in yaml.safe_load((CONFIG / "weights.yaml").read_text())
    assert model["takes"] == "arrays"
    made = Network(**model["parameters"])
    check_network(made.get_params())
    assert not made.standardize, "published networks bring what they read to their own scale"
    with torch.device("meta"):
        factory = load(made.module, needed_by=name)
        inputs = SHAPES.get(name, ((3, 128, 128),))
        module = factory(inputs, 10, **made.module_parameters or {})
    assert made.fine_tune == "all" or all(module.get_submodule(head) for head in module.head)
