"""VGGish against its published definition; its weights are made, by the names of the usual port."""

import numpy as np
import polars as pl
import pytest
import torch
from extract_fixtures import decoded
from scipy.signal import get_window
from torch.nn import functional

from genreflow.errors import GenreflowError, SetupError
from genreflow.features.extract import extract_batch
from genreflow.features.sets import FeatureSet
from genreflow.features.vggish import TOGETHER, log_mel_examples, vggish, vggish_frames
from genreflow.models.vggish import VGGish
from genreflow.schema import SHIPPED, read_yaml

SR = 16000
SETS = read_yaml(SHIPPED / "config" / "features.yaml")

# The tensors of vggish-10086976.pth, biases left out.
SHAPES = {
    "features.0": (64, 1, 3, 3),
    "features.3": (128, 64, 3, 3),
    "features.6": (256, 128, 3, 3),
    "features.8": (256, 256, 3, 3),
    "features.11": (512, 256, 3, 3),
    "features.13": (512, 512, 3, 3),
    "embeddings.0": (4096, 12288),
    "embeddings.2": (4096, 4096),
    "embeddings.4": (128, 4096),
}


@pytest.fixture(scope="module")
def state():
    """Weights by chance. Rows of the large layers overlap in memory: their file is small."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in SHAPES.items():
        rows, *inputs = shape
        scale = (2 / np.prod(inputs)) ** 0.5
        if len(inputs) == 1:
            numbers = torch.randn(rows * 7 + inputs[0], generator=generator)
            state[f"{name}.weight"] = (scale * numbers).as_strided(shape, (7, 1))
        else:
            state[f"{name}.weight"] = scale * torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = torch.randn(rows, generator=generator) / 10
    return state


@pytest.fixture(scope="module")
def weights(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vggish.pth"
    torch.save(state, path)
    return str(path)


def noise(n: int, seed: int = 0) -> np.ndarray:
    """With a tone, and silence in the middle."""
    y = np.random.default_rng(seed).normal(0, 0.1, n) + 0.3 * np.sin(np.arange(n) / 7)
    y[n // 3 : n // 2] = 0
    return y.astype(np.float32)


def examples_by_definition(y: np.ndarray) -> np.ndarray:
    """Frame by frame and band by band, as mel_features.py tells."""
    window = get_window("hann", 400)
    starts = range(0, len(y) - 400 + 1, 160)
    magnitude = np.array([np.abs(np.fft.rfft(y[s : s + 400] * window, 512)) for s in starts])
    mel_of_bins = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    bands = [np.interp(mel_of_bins, edges[b : b + 3], [0, 1, 0]) for b in range(64)]
    log_mel = np.log(magnitude @ np.array(bands).T + 0.01)
    n = len(log_mel) // 96
    return log_mel[: n * 96].reshape(n, 96, 64)


def embedded_by_definition(x: np.ndarray, state: dict) -> np.ndarray:
    """Layer by layer, the maps flattened with their channels last."""
    x = torch.from_numpy(x.astype(np.float32))[:, None]
    for number in (0, 3, 6, 8, 11, 13):
        layer = f"features.{number}"
        x = functional.conv2d(x, state[f"{layer}.weight"], state[f"{layer}.bias"], padding=1)
        x = functional.relu(x)
        if number not in (6, 11):
            x = functional.max_pool2d(x, 2)
    x = torch.einsum("nchw->nhwc", x).reshape(len(x), -1)
    x = functional.relu(x @ state["embeddings.0.weight"].T + state["embeddings.0.bias"])
    x = functional.relu(x @ state["embeddings.2.weight"].T + state["embeddings.2.bias"])
    return (x @ state["embeddings.4.weight"].T + state["embeddings.4.bias"]).numpy()


def test_the_weights_have_the_names_and_shapes_of_the_published_file(state):
    with torch.device("meta"):
        own = VGGish().state_dict()
    assert {name: value.shape for name, value in own.items()} == {
        name: value.shape for name, value in state.items()
    }


@pytest.mark.parametrize(("n", "count"), [(15600, 1), (30959, 1), (30960, 2), (480000, 31)])
def test_examples_are_those_of_the_definition(n, count):
    y = noise(n)
    blocks = list(log_mel_examples(y))
    assert all(len(block) <= TOGETHER and block.dtype == np.float32 for block in blocks)
    found = np.concatenate(blocks)
    assert found.shape == (count, 96, 64)
    np.testing.assert_allclose(found, examples_by_definition(y), rtol=1e-6, atol=1e-6)


def test_thirty_seconds_of_gtzan_have_the_published_size():
    """3,968 numbers; of the longest clip, of 675,808 samples at 22,050 Hz, as well."""
    for n in (30 * SR, round(675_808 / 22050 * SR)):
        assert sum(map(len, log_mel_examples(np.zeros(n, np.float32)))) * 128 == 3968


def test_embeddings_are_those_of_the_definition(state, weights):
    y = noise(3 * SR)
    frames = vggish_frames(y, sr=SR, weights=weights)
    assert frames.shape == (128, 3)
    assert frames.dtype == np.float32
    expected = embedded_by_definition(examples_by_definition(y), state).T
    assert expected.std() > 0.1
    assert (expected < 0).any()
    np.testing.assert_allclose(frames, expected, rtol=1e-4, atol=1e-4 * expected.std())


def test_vectors_are_means_and_deviations_over_the_examples(weights):
    y = noise(17 * 15360 + 240)
    frames = vggish_frames(y, sr=SR, weights=weights).astype(float)
    assert frames.shape == (128, 17)
    vector = vggish(y, sr=SR, weights=weights)
    names = [f"vggish_{i:03}" for i in range(128)]
    assert list(vector) == [f"{n}_mean" for n in names] + [f"{n}_std" for n in names]
    expected = [*frames.mean(axis=1), *frames.std(axis=1)]
    np.testing.assert_allclose(list(vector.values()), expected, rtol=1e-12)
    alone = vggish(y[:15600], sr=SR, weights=weights)
    assert all(alone[f"{n}_std"] == 0 for n in names)


def test_the_bits_are_those_of_the_track_alone(weights, tmp_path):
    """Whatever was heard before, wherever the samples lie, and however many threads there are."""
    y = noise(2 * SR)
    alone = vggish_frames(y, sr=SR, weights=weights)
    vggish_frames(noise(SR, seed=1), sr=SR, weights=weights)
    (tmp_path / "y").write_bytes(b"...." + y.tobytes())
    mapped = np.memmap(tmp_path / "y", np.float32, "r", offset=4)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = vggish_frames(mapped, sr=SR, weights=weights)
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(again, alone)


@pytest.mark.parametrize(("name", "width"), [("vggish", 256), ("vggish_frames", None)])
def test_the_sets_of_the_config(weights, tmp_path, name, width):
    settings = SETS[name] | {"weights": {"name": "vggish", "path": weights, "sha256": None}}
    extract_batch(
        [("a", noise(2 * SR))],
        decoded(a="ok"),
        FeatureSet(name, **settings),
        path_to_table=tmp_path / "a.parquet",
        path_to_arrays=tmp_path / "a.npy",
    )
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table["reason"].to_list() == [None]
    if width:
        assert table.width == 4 + width
    else:
        assert table["shape"].to_list() == [[128, 2]]


def test_what_cannot_be_used(weights, tmp_path):
    with pytest.raises(SetupError, match="say `rate: 16000` in config"):
        vggish(noise(SR), sr=22050, weights=weights)
    with pytest.raises(GenreflowError, match="15599 samples long; an example has 15600"):
        vggish(noise(15599), sr=SR, weights=weights)
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(SetupError, match=r"other\.pth .* VGGish: it lacks: features\.0\.bias"):
        vggish(noise(SR), sr=SR, weights=str(path))
