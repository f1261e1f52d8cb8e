"""The families of networks: what they take, how large they are, and that they learn."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline
from torch import nn
from torch.nn import functional

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.importing import load
from genreflow.models.cnn import cnn, crnn
from genreflow.models.files import load_model, save_model
from genreflow.models.hybrid import hybrid
from genreflow.models.network import Network
from genreflow.models.network_regressor import NetworkRegressor
from genreflow.models.networks import feed_forward
from genreflow.models.recurrent import LSTM, bidirectional_lstm, lstm
from genreflow.models.residual import residual_cnn
from genreflow.models.sections import section_cnn
from genreflow.schema import SHIPPED, read_yaml

# Of the longest clip of GTZAN (30.6 s).
IMAGE, MEL, CHROMA = (3, 128, 128), (128, 1320), (24, 2640)
WAVELET, MFCC, VGGISH = (32, 21119), (40, 2640), (128, 31)
# Small ones, of odd lengths.
SMALL = {
    cnn: ((3, 21, 33),),
    crnn: ((24, 61),),
    residual_cnn: ((16, 61), (12, 121)),
    bidirectional_lstm: ((8, 161), (12, 41)),
    hybrid: ((16, 61), (12, 121), (8, 161), (12, 41), (6, 3)),
}
BRIEF = {
    cnn: {"channels": [8, 16]},
    crnn: {"channels": [8, 16], "units": 16},
    residual_cnn: {"channels": [8, 16], "strides": [2, 4]},
    bidirectional_lstm: {"steps": 20, "units": 16},
    hybrid: {"channels": [8, 16], "strides": [2, 4], "steps": 20, "units": 16},
}


@pytest.fixture(autouse=True)
def _quiet():
    """One thread, and the same first weights each time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(before)


def given(inputs, n=3):
    """Rows of noise, as a module takes them."""
    shapes = [(inputs,)] if isinstance(inputs, int) else inputs
    return [torch.randn(n, *shape) for shape in shapes]


def shipped(name):
    """The module of a shipped model, of any inputs."""
    parameters = read_yaml(SHIPPED / f"config/models/{name}.yaml")["parameters"]
    make = load(parameters["module"], needed_by=name)
    return lambda inputs, n_outputs: make(inputs, n_outputs, **parameters["module_parameters"])


def size(module):
    """Its numbers, running means and variances included, as Keras counts."""
    return sum(value.numel() for value in module.state_dict().values() if value.is_floating_point())


@pytest.mark.parametrize(
    ("make", "inputs"),
    [
        (cnn, (IMAGE,)),
        (cnn, ((3, 33, 57),)),
        (cnn, ((128, 431),)),
        (cnn, ((1, 1),)),
        (crnn, (IMAGE,)),
        (crnn, ((24, 7),)),
        (crnn, ((1, 1),)),
        (lstm, 57),
        (lstm, 1),
        (bidirectional_lstm, ((32, 2112), (40, 265))),
        (bidirectional_lstm, ((40, 351),)),
        (bidirectional_lstm, ((13, 1),)),
        (residual_cnn, ((128, 131), (24, 261))),
        (residual_cnn, ((40, 97),)),
        (residual_cnn, ((1, 1),)),
        (hybrid, ((128, 131), (24, 261), (32, 2111), (40, 263), (128, 1))),
        (section_cnn, ((3, 1000),)),
        (section_cnn, ((1000,),)),
        (section_cnn, ((2, 77),)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("n_outputs", [1, 7])
def test_any_size_and_any_number_of_outputs(make, inputs, n_outputs):
    module = make(inputs, n_outputs)
    outputs = module.eval()(*given(inputs))
    assert outputs.shape == (3, n_outputs)
    assert outputs.isfinite().all()
    outputs.sum().backward()
    unused = [name for name, weights in module.named_parameters() if weights.grad is None]
    assert unused == []


@pytest.mark.parametrize("make", SMALL, ids=lambda make: make.__name__)
def test_first_weights_follow_the_generator(make):
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(make(SMALL[make], 4).state_dict())
    first, same, other = states
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_convolutions_start_as_those_of_keras():
    first = cnn((IMAGE,), 4, channels=[40], kernel=5).blocks[0].weight.detach().numpy()
    limit = np.sqrt(6 / (25 * 3 + 25 * 40))
    assert abs(first).max() == pytest.approx(limit, rel=1e-3)
    assert first.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)


# ---- How large they are ----


def convolution(before, after, kernel):
    """With batch normalisation, which has four numbers a channel, and so without a bias."""
    return before * after * kernel + 4 * after


def dense(*widths):
    return sum((before + 1) * after for before, after in pairwise(widths))


def recurrent(n_inputs, units):
    """Four gates, of inputs, states and one bias."""
    return 4 * units * (n_inputs + units + 1)


def test_the_networks_of_appendix_b_have_the_published_numbers_of_parameters():
    """Li, Karimli, Maddhuri, Randev: the tables of layers have 58 inputs, our `summary` has 57."""
    made = shipped("mlp_gtzan")(58, 10)
    assert size(made) == 207_802
    assert sum(weights.numel() for weights in made.parameters()) == 205_850
    assert size(shipped("mlp_gtzan")(57, 10)) == 207_290
    for columns in (57, 58):
        made = shipped("lstm_gtzan")(columns, 10)
        assert size(made) == sum(weights.numel() for weights in made.parameters()) == 305_994
    assert size(made.lstm) == 264_192


def test_dense_then_dropout_then_batch_normalisation():
    made = shipped("mlp_gtzan")(57, 10)
    kinds = [type(layer) for layer in made[:4]]
    assert kinds == [nn.Linear, nn.ReLU, nn.Dropout, nn.BatchNorm1d]


def test_numbers_of_parameters():
    blocks = sum(
        convolution(before, after, 9) for before, after in [(3, 16), (16, 32), (32, 64), (64, 128)]
    )
    assert size(shipped("cnn")((IMAGE,), 10)) == blocks + dense(128, 128, 10)
    # 128 rows are halved four times.
    assert size(shipped("crnn")((IMAGE,), 10)) == blocks + recurrent(8 * 128, 64) + dense(64, 10)

    residual = convolution(1, 16, 9 * 17) + 2 * convolution(16, 16, 9)
    for before, after in [(16, 32), (32, 64), (64, 128)]:
        residual += convolution(before, after, 9) + convolution(after, after, 9)
        residual += convolution(before, after, 1)
    made = shipped("residual_cnn")((MEL, CHROMA), 10)
    assert size(made) == 2 * residual + dense(256, 128, 10)

    # 2640 frames are brought to 660 and 165, 21,119 to 5280, 1320 and 330.
    both = convolution(40, 32, 7) + convolution(32, 32, 7)
    both += convolution(32, 32, 7) * 3
    both += 4 * recurrent(32, 64)
    made = shipped("bidirectional_lstm")((WAVELET, MFCC), 10)
    assert size(made) == both + dense(256, 128, 10)

    made = shipped("hybrid")((MEL, CHROMA, WAVELET, MFCC, VGGISH), 10)
    assert size(made) == 2 * residual + both + dense(256 + 256 + 128, 128, 10)

    # 1000 samples are halved five times, rounded up: 32.
    channels = [1, 8, 16, 32, 64, 128]
    section = sum((5 * a + 1) * b for a, b in pairwise(channels))
    section += dense(32 * 128, 256, 128, 64, 32, 5)
    assert size(shipped("section_cnn")(((3, 1000),), 5)) == section


# ---- Recurrence ----


def torch_lstm(ours):
    """The same layer of torch, whose second bias stays zero."""
    theirs = nn.LSTM(
        ours.layer.input_size - 1,
        ours.layer.hidden_size,
        batch_first=True,
        bidirectional=ours.layer.bidirectional,
    )
    for (inputs, state), weights in zip(ours.layer.all_weights, theirs.all_weights, strict=True):
        values = inputs[:, :-1], state, inputs[:, -1], torch.zeros(len(inputs))
        for weight, value in zip(weights, values, strict=True):
            weight.data.copy_(value)
        weights[3].requires_grad_(False)
    return theirs


@pytest.mark.parametrize("bidirectional", [False, True])
def test_lstm_is_that_of_torch_with_one_bias(bidirectional):
    ours = LSTM(3, 5, bidirectional=bidirectional)
    theirs = torch_lstm(ours)
    x, truth = torch.randn(4, 7, 3), torch.randn(4, 7, ours.n_outputs)
    optimizers = [
        torch.optim.Adam([weights for weights in one.parameters() if weights.requires_grad], 0.1)
        for one in (ours, theirs)
    ]
    for _ in range(4):
        found = ours(x), theirs(x)[0]
        torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)
        for states, optimizer in zip(found, optimizers, strict=True):
            optimizer.zero_grad()
            functional.mse_loss(states, truth).backward()
            optimizer.step()


def test_lstm_starts_as_that_of_keras():
    (inputs, state), _ = LSTM(30, 20, bidirectional=True).layer.all_weights
    inputs, state = inputs.detach(), state.detach()
    # Gates in the order of torch: input, forget, cell, output.
    assert inputs[:, -1].reshape(4, 20).mean(dim=1).tolist() == [0, 1, 0, 0]
    limit = np.sqrt(6 / (30 + 80))
    assert float(inputs[:, :-1].abs().max()) == pytest.approx(limit, rel=0.01)
    torch.testing.assert_close(state.T @ state, torch.eye(20))


def test_an_lstm_computes_in_single_precision_whatever_surrounds_it():
    """On a GPU torch's autocast has it compute in float16, where small gradients are lost."""
    layer, x = LSTM(3, 5, bidirectional=True), torch.randn(2, 40, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, coarse = layer(x), layer(x.bfloat16())
    assert found.dtype == coarse.dtype == torch.float32
    assert torch.equal(found, layer(x))
    assert torch.equal(coarse, layer(x.bfloat16().float()))


def test_the_order_of_the_numbers_counts():
    module = lstm(9, 4).eval()
    x = torch.randn(2, 9)
    assert not torch.allclose(module(x), module(x.flip(1)))


@pytest.mark.parametrize(
    ("shape", "steps"), [(WAVELET, 330), (MFCC, 165), ((40, 350), 350), ((40, 351), 88)]
)
def test_the_lstm_has_a_bearable_number_of_steps(shape, steps):
    (branch,) = bidirectional_lstm((shape,), 10).branches
    seen = []
    branch.lstm.register_forward_pre_hook(lambda _, given: seen.append(given[0].shape[1]))
    branch.eval()(torch.zeros(1, *shape))
    assert seen == [steps]


# ---- Sections ----


def test_sections_are_taken_one_by_one_and_their_outputs_averaged():
    module = section_cnn(((3, 200),), 2).eval()
    x = torch.rand(4, 3, 200)
    one_by_one = torch.stack([module(x[:, i]) for i in range(3)])
    torch.testing.assert_close(module(x), one_by_one.mean(dim=0))
    torch.testing.assert_close(module(x), module(x.flip(1)))


# ---- They learn ----


def clips(shapes, n=20, seed=0):
    """Rows of four classes, which differ in how fast they change and not in their means."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 4
    sets = {}
    for number, shape in enumerate(shapes):
        t = np.arange(shape[-1])
        waves = [
            np.sin(2 * np.pi * (t * (1 + label) / 16 + rng.random())) * np.ones(shape)
            for label in y
        ]
        noisy = [wave + rng.normal(0, 0.3, shape) for wave in waves]
        sets[f"set_{number}"] = [array.astype(np.float32) for array in noisy]
    return Inputs(sets), y


def reread(network, folder):
    """The same network from its files."""
    save_model(Pipeline([("estimator", network)]), ["a", "b", "c", "d"], folder)
    return load_model(folder)[0]


@pytest.mark.parametrize("make", SMALL, ids=lambda make: make.__name__)
def test_it_learns_twenty_clips_by_heart_and_predicts_the_same_from_its_files(make, tmp_path):
    rows, labels = clips(SMALL[make])
    network = Network(
        f"{make.__module__}.{make.__name__}",
        BRIEF.get(make),
        learning_rate=5e-3,
        batch_size=10,
        epochs=15,
        device="cpu",
    )
    assert (network.fit(rows, labels).predict(rows) == labels).all()
    again = reread(network, tmp_path / "model")
    new, _ = clips(SMALL[make], n=7, seed=1)
    assert np.array_equal(again.predict_proba(new), network.predict_proba(new))


def test_the_lstm_of_vectors_learns_their_order_by_heart(tmp_path):
    """Each row has the same numbers, which a bump passes at a place of its class."""
    labels = np.arange(20) % 4
    places = np.arange(12) - 3 * labels[:, np.newaxis]
    rows = np.exp(-((places - 1) ** 2)) + np.random.default_rng(0).normal(0, 0.1, (20, 12))
    network = Network(
        "genreflow.models.recurrent.lstm",
        {"units": 32, "layers": [16, 16], "dropout": 0.1},
        learning_rate=0.01,
        batch_size=10,
        epochs=40,
        device="cpu",
    )
    assert (network.fit(rows, labels).predict(rows) == labels).all()
    again = reread(network, tmp_path / "model")
    assert np.array_equal(again.predict_proba(rows), network.predict_proba(rows))


@pytest.mark.parametrize("axes", [1, 2])
def test_the_network_of_sections_learns_two_numbers_by_heart(tmp_path, axes):
    """How loud a tone is, and how high."""
    rng = np.random.default_rng(0)
    truth = rng.random((20, 2))
    t, phases = np.arange(120), rng.random((20, 3, 1))
    waves = np.sin(2 * np.pi * (phases + t * (0.02 + 0.1 * truth[:, 1, None, None])))
    sections = (0.5 + 0.4 * truth[:, 0, None, None] * waves).astype(np.float32)
    rows = Inputs({"sections": list(sections if axes == 2 else sections[:, 0])})
    network = NetworkRegressor(
        "genreflow.models.sections.section_cnn",
        {"channels": [4, 8, 8, 16, 16], "layers": [32, 32, 16, 16], "dropout": 0.0},
        standardize=False,
        learning_rate=5e-3,
        batch_size=10,
        epochs=120,
        device="cpu",
    )
    found = network.fit(rows, truth).predict(rows)
    assert r2_score(truth, found) > 0.95
    assert np.array_equal(reread(network, tmp_path / "model").predict(rows), found)


# ---- What they do not take ----


@pytest.mark.parametrize(
    ("make", "inputs", "message"),
    [
        (cnn, 57, "cnn takes one feature set .* vectors of 57 numbers"),
        (cnn, (MEL, CHROMA), r"cnn takes one feature set .*\(128, 1320\) and \(24, 2640\)"),
        (crnn, ((1000,),), r"crnn takes one feature set .*\(1000,\)"),
        (lstm, (MEL,), "lstm takes vectors, such as summary; .* bidirectional_lstm"),
        (feed_forward, (MEL,), "feed_forward takes vectors; say 'takes: vectors'"),
        (bidirectional_lstm, (MFCC, IMAGE), r"bidirectional_lstm takes arrays .*\(3, 128, 128\)"),
        (residual_cnn, 57, r"residual_cnn takes arrays \(bands, frames\).*vectors of 57"),
        (residual_cnn, (MEL, (1000,)), r"residual_cnn takes arrays \(bands, frames\)"),
        (hybrid, (MEL, CHROMA), r"hybrid takes arrays \(bands, frames\) for its 5 branches"),
        (section_cnn, (MEL, MEL), "section_cnn takes one feature set"),
        (section_cnn, (IMAGE,), "section_cnn takes one feature set"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_inputs_that_it_cannot_take(make, inputs, message):
    with pytest.raises(GenreflowError, match=message):
        make(inputs, 10)


@pytest.mark.parametrize("steps", [0, -1])
def test_an_lstm_of_no_steps(steps):
    """No convolution makes the frames so few."""
    with pytest.raises(GenreflowError, match=f"steps: {steps} is less than 1"):
        bidirectional_lstm((MFCC,), 10, steps=steps)


def test_a_kind_of_branch_that_there_is_not():
    with pytest.raises(GenreflowError, match="no kind 'residul'; did you mean 'residual'"):
        hybrid((MEL,), 10, branches=["residul"])
