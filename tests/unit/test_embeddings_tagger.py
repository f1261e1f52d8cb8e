"""The tagger against its published definition, and what it says of music; windows of tracks."""

import librosa
import numpy as np
import polars as pl
import pytest
import soundfile
import soxr
import torch
from extract_fixtures import decoded
from torch.nn import functional

from genreflow.errors import SetupError
from genreflow.features.extract import extract_batch
from genreflow.features.inference import inference, windows
from genreflow.features.sets import FeatureSet
from genreflow.features.tagger import tagger
from genreflow.models.fcn import FCN, LENGTH
from genreflow.schema import SHIPPED, read_yaml

SR = 16000
POOLS = [(2, 4), (2, 4), (2, 4), (3, 5), (4, 4)]
SETS = read_yaml(SHIPPED / "config" / "features.yaml")
TAGGERS = {"tagger_msd": 64, "tagger_jamendo": 64, "tags_msd": 50, "tags_jamendo": 50}


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory):
    """Weights drawn by chance, with the window and the mel bands of the published ones."""
    torch.manual_seed(0)
    state = {
        name: torch.randn_like(value) if value.is_floating_point() else value
        for name, value in FCN().state_dict().items()
    }
    for name, value in state.items():
        if name.endswith("running_var"):
            value.abs_().add_(0.5)
        elif name.endswith("conv.weight"):
            value.div_(np.sqrt(value[0].numel()))
    state["spec_bn.running_mean"][:], state["spec_bn.running_var"][:] = -20.0, 300.0
    state["spec.spectrogram.window"] = torch.hann_window(512)
    bands = librosa.filters.mel(sr=SR, n_fft=512, n_mels=96, htk=True, norm=None)
    state["spec.mel_scale.fb"] = torch.from_numpy(bands.T.copy())
    path = tmp_path_factory.mktemp("weights") / "fcn.pth"
    torch.save(state, path)
    return str(path)


@pytest.fixture(scope="session")
def published(shared_data):
    """Paths of the published weights."""
    return {n: str(shared_data / "pretrained" / f"{n}_fcn.pth") for n in ("msd", "jamendo")}


@pytest.fixture(scope="session")
def clips(shared_data) -> dict[str, list[np.ndarray]]:
    """Two clips of some genres, at 16 kHz."""
    found = {}
    for genre in ("blues", "classical", "country", "hiphop", "jazz", "metal", "reggae"):
        paths = sorted((shared_data / "gtzan100" / "genres" / genre).glob("*.[wa][au]*"))[:2]
        read = [soundfile.read(path, dtype="float32") for path in paths]
        found[genre] = [soxr.resample(y, sr, SR) for y, sr in read]
    return found


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * SR)).astype(np.float32)


def by_definition(y: np.ndarray, path: str) -> tuple[np.ndarray, np.ndarray]:
    """The 64 values and the 50 tags of 29 s, from the layers one by one, in double precision."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    state = {k: v.double() if v.is_floating_point() else v for k, v in state.items()}
    window = state["spec.spectrogram.window"].numpy()
    y = y.astype(float)
    spectrum = librosa.stft(y, n_fft=512, hop_length=256, window=window, pad_mode="reflect")
    mel = state["spec.mel_scale.fb"].numpy().T @ np.abs(spectrum) ** 2
    x = torch.from_numpy(10 * np.log10(np.maximum(mel, 1e-10)))[None, None]

    def normalised(x, layer):
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *(state[f"{layer}.{name}"] for name in names))

    x = normalised(x, "spec_bn")
    for number, pool in enumerate(POOLS, start=1):
        layer = f"layer{number}"
        kernel, bias = state[f"{layer}.conv.weight"], state[f"{layer}.conv.bias"]
        x = normalised(functional.conv2d(x, kernel, bias, padding=1), f"{layer}.bn")
        x = functional.max_pool2d(functional.relu(x), pool)
    values = x.reshape(64)
    logits = state["dense.weight"] @ values + state["dense.bias"]
    return values.numpy(), logits.sigmoid().numpy()


def embedding(y: np.ndarray, weights: str) -> np.ndarray:
    return np.array(list(tagger(y, sr=SR, weights=weights).values()))


def test_values_and_tags_are_those_of_the_definition(made_weights):
    y = noise(29)
    values, tags = by_definition(y, made_weights)
    assert values.std() > 0.1
    given = tagger(y, sr=SR, weights=made_weights)
    assert list(given) == [f"fcn_{i:02}" for i in range(64)]
    np.testing.assert_allclose(list(given.values()), values, rtol=1e-5, atol=1e-5)
    names = [f"tag {i}" for i in range(50)]
    told = tagger(y, sr=SR, weights=made_weights, tags=names)
    assert list(told) == names
    np.testing.assert_allclose(list(told.values()), tags, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["msd", "jamendo"])
def test_the_published_weights_are_read_as_they_are(published, clips, name):
    y = clips["jazz"][0][:LENGTH]
    values, tags = by_definition(y, published[name])
    np.testing.assert_allclose(embedding(y, published[name]), values, rtol=0, atol=1e-5)
    names = SETS[f"tags_{name}"]["parameters"]["tags"]
    told = tagger(y, sr=SR, weights=published[name], tags=names)
    np.testing.assert_allclose(list(told.values()), tags, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "msd",
            {
                "blues": "blues",
                "country": "country",
                "hiphop": "Hip-Hop",
                "jazz": "jazz",
                "metal": "metal",
            },
        ),
        (
            "jamendo",
            {"classical": "classical", "hiphop": "hiphop", "metal": "metal", "reggae": "reggae"},
        ),
    ],
)
def test_tags_of_music_make_sense(published, clips, name, expected):
    """Of all genres, the clips of one have the highest probability of its tag."""
    tags = SETS[f"tags_{name}"]["parameters"]["tags"]
    heard = {
        genre: [tagger(y, sr=SR, weights=published[name], tags=tags) for y in two]
        for genre, two in clips.items()
    }
    for genre, tag in expected.items():
        means = {other: np.mean([clip[tag] for clip in two]) for other, two in heard.items()}
        assert max(means, key=means.get) == genre, (tag, means)


@pytest.mark.parametrize(
    ("seconds", "starts"),
    [
        (29, [0]),
        (30, [0.5]),  # the middle: a remainder of a second is not worth a window
        (31.9, [1.45]),
        (32, [0, 3]),
        (60, [0, 31]),
        (75, [0, 23, 46]),
    ],
)
def test_windows_are_spread_over_the_track(seconds, starts):
    y = np.arange(int(seconds * 100), dtype=np.float32)
    found = list(windows(y, length=2900))
    assert all(window.shape == (2900,) for window in found)
    assert [window[0] for window in found] == [100 * start for start in starts]
    for window in found:
        np.testing.assert_array_equal(np.diff(window), 1)


def test_windows_leave_out_a_tenth_of_one_at_most():
    for n in range(100, 1000):
        found = list(windows(np.arange(n, dtype=np.float32), length=100))
        heard = np.unique(np.concatenate(found))
        assert n - len(heard) <= 10
        assert len(found) <= n / 100 + 0.9
        if len(found) > 1:
            assert (heard[0], heard[-1]) == (0, n - 1)


def test_what_is_shorter_than_a_window_is_repeated():
    (window,) = windows(np.arange(4, dtype=np.float32), length=10)
    assert window.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert window.dtype == np.float32


def test_long_tracks_are_means_over_windows_and_short_ones_are_repeated(made_weights):
    y = noise(59)
    heard = [embedding(part, made_weights) for part in (y[:LENGTH], y[-LENGTH:])]
    np.testing.assert_allclose(embedding(y, made_weights), np.mean(heard, axis=0), rtol=1e-6)
    short = embedding(y[: 7 * SR], made_weights)
    np.testing.assert_array_equal(short, embedding(np.resize(y[: 7 * SR], LENGTH), made_weights))


def test_the_bits_are_those_of_the_track_alone(made_weights, tmp_path):
    """Whatever was heard before, wherever the samples lie, and however many threads there are."""
    y = noise(10)
    alone = embedding(y, made_weights)
    embedding(noise(31, seed=1), made_weights)
    (tmp_path / "y").write_bytes(b"...." + y.tobytes())
    mapped = np.memmap(tmp_path / "y", np.float32, "r", offset=4)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        np.testing.assert_array_equal(embedding(mapped, made_weights), alone)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", TAGGERS)
def test_the_sets_of_the_config(made_weights, tmp_path, name):
    settings = SETS[name] | {"weights": {"name": "fcn", "path": made_weights, "sha256": None}}
    extract_batch(
        [("a", noise(2))],
        decoded(a="ok"),
        FeatureSet(name, **settings),
        path_to_table=tmp_path / "a.parquet",
        path_to_arrays=tmp_path / "a.npy",
    )
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table["reason"].to_list() == [None]
    assert table.width == 4 + TAGGERS[name]


def test_weights_of_another_network_end_the_job_and_are_no_fault_of_a_track(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"features.0.weight": torch.zeros(2)}, path)
    settings = SETS["tagger_msd"] | {
        "weights": {"name": "fcn_msd", "path": str(path), "sha256": None}
    }
    with pytest.raises(SetupError, match=r"other\.pth .* FCN: it lacks: .* more: features\.0"):
        extract_batch(
            [("a", noise(2))],
            decoded(a="ok"),
            FeatureSet("tagger_msd", **settings),
            path_to_table=tmp_path / "a.parquet",
            path_to_arrays=tmp_path / "a.npy",
        )


def test_memory_that_the_machine_lacks_is_no_fault_of_a_track():
    with pytest.raises(MemoryError, match="allocate memory"), inference():
        torch.empty(2**60, dtype=torch.int8)
    with pytest.raises(RuntimeError, match="shape"), inference():
        torch.zeros(2).reshape(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sr": 22050}, "say `rate: 16000` in config/features.yaml"),
        ({"tags": ["rock", "pop"]}, "tags: 2 names; the tagger has 50"),
        ({"tags": ["rock"] * 50}, "tags: 1 names"),
        ({"weights": "no/such.pth"}, "no/such.pth: there is no such file"),
    ],
)
def test_what_cannot_be_used(made_weights, changes, message):
    with pytest.raises(SetupError, match=message):
        tagger(noise(2), **({"sr": SR, "weights": made_weights} | changes))
