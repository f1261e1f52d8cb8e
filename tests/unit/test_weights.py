"""Pretrained weights are found, known by their SHA-256, and missed with what to put where."""

import hashlib

import pytest

from genreflow.errors import GenreflowError
from genreflow.weights import Weights, files_of, verify

CONTENT = b"numbers of others"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)


def test_a_file_is_found_below_the_working_directory(tmp_path):
    weights = Weights("net", "net-1234.pth", "https://example.org/net", sha256=DIGEST)
    assert weights.found(tmp_path) is None
    put(tmp_path / "data/weights/net-1234.pth")
    located = weights.located(tmp_path)
    assert located == {"name": "net", "path": "data/weights/net-1234.pth", "sha256": DIGEST}
    assert weights.missing(tmp_path) is None
    verify(located)


def test_what_is_missing_is_told_with_its_place_and_source():
    weights = Weights("net", "net-1234.pth", "https://example.org/net", hub="some/net")
    message = weights.missing()
    for word in ("'net'", "net-1234.pth", "https://example.org/net", "data/weights", "some/net"):
        assert word in message


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_counts_when_its_weights_are_in_it(tmp_path, name):
    weights = Weights("speech", "speech-base", "the hub", sha256=DIGEST[:8])
    (tmp_path / "data/weights/speech-base").mkdir(parents=True)
    assert weights.missing()
    put(tmp_path / "data/weights/speech-base" / name)
    assert weights.found() == "data/weights/speech-base"
    verify(weights.located())


def test_the_hubs_cache_is_looked_into_and_the_own_folder_goes_first(tmp_path):
    weights = Weights("speech", "speech-base", "the hub", hub="some/speech-base")
    model = tmp_path / "hub/models--some--speech-base"
    put(model / "snapshots/abc123/model.safetensors")
    assert weights.found() is None
    (model / "refs").mkdir()
    (model / "refs/main").write_text("abc123\n")
    assert weights.found() == str(model / "snapshots/abc123")
    put(tmp_path / "data/weights/speech-base/model.safetensors")
    assert weights.found() == "data/weights/speech-base"


@pytest.mark.parametrize(
    ("expected", "word"), [("0" * 64, "that of 'net'"), ("00000000", "begins with 00000000")]
)
def test_another_file_is_refused_with_both_digests(tmp_path, expected, word):
    weights = Weights("net", "net.pth", "somewhere", sha256=expected)
    put(tmp_path / "data/weights/net.pth")
    with pytest.raises(GenreflowError) as error:
        verify(weights.located())
    assert DIGEST in str(error.value)
    assert word in str(error.value)


def test_weights_that_are_gone_are_an_error_of_their_own():
    with pytest.raises(GenreflowError, match=r"net\.pth: there are no weights"):
        verify(Weights("net", "net.pth", "somewhere").located())


def test_what_results_depend_on_is_the_file_and_a_folders_config(tmp_path):
    put(tmp_path / "net.pth")
    assert files_of(tmp_path / "net.pth") == [str(tmp_path / "net.pth")]
    put(tmp_path / "speech/pytorch_model.bin")
    put(tmp_path / "speech/config.json")
    names = ["pytorch_model.bin", "config.json"]
    assert files_of(tmp_path / "speech") == [str(tmp_path / "speech" / name) for name in names]
