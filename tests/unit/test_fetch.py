"""Fetching with checksums, and what is said where it fails; no network is used."""

import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from genreflow.datasets.fetch import fetch, fetch_lists
from genreflow.errors import GenreflowError
from prepare import prepare

CONTENT = b"blues/blues.00000.wav\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder, and the address at which a local server offers it."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "list.txt").write_bytes(CONTENT)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["http", "file"])
def address(request, served):
    folder, http = served
    return f"{http}/list.txt" if request.param == "http" else (folder / "list.txt").as_uri()


def test_a_file_is_fetched_and_kept(address, served, tmp_path):
    path = tmp_path / "list.txt"
    fetch(address, SHA256, path, by_hand=tmp_path)
    assert path.read_bytes() == CONTENT
    before = path.stat().st_mtime_ns
    (served[0] / "list.txt").unlink()
    fetch(address, SHA256, path, by_hand=tmp_path)
    assert path.stat().st_mtime_ns == before


def test_another_file_than_expected_is_refused(address, tmp_path):
    folder = tmp_path / "lists"
    sources = {"list.txt": {"url": address, "sha256": "0" * 64}}
    with pytest.raises(GenreflowError) as error:
        fetch_lists(sources, folder, by_hand=tmp_path / "root")
    for word in (address, "0" * 64, SHA256, str(tmp_path / "root" / "list.txt")):
        assert word in str(error.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["absent", "no server", "file", "nonsense"])
def test_what_cannot_be_fetched_is_named(kind, served, tmp_path):
    url = {
        "absent": f"{served[1]}/other.txt",
        "no server": "http://127.0.0.1:9/list.txt",
        "file": (tmp_path / "other.txt").as_uri(),
        "nonsense": "nonsense",
    }[kind]
    with pytest.raises(GenreflowError) as error:
        fetch(url, SHA256, tmp_path / "list.txt", by_hand=tmp_path / "root.txt")
    for word in (url, SHA256, str(tmp_path / "root.txt")):
        assert word in str(error.value)
    assert not (tmp_path / "list.txt").exists()


def test_prepare_fetches_and_notes_what(address, tmp_path):
    marker = tmp_path / "prepare" / "prepared.json"
    sources = {"list.txt": {"url": address, "sha256": SHA256}}
    prepare(
        make=None,
        root=str(tmp_path / "root"),
        fetch=sources,
        workers=1,
        path_to_marker=str(marker),
    )
    assert marker.with_name("list.txt").read_bytes() == CONTENT
    assert json.loads(marker.read_text()) == {"fetched": {"list.txt": SHA256}}


def test_prepare_makes_and_notes_what(tmp_path, monkeypatch):
    (tmp_path / "own_corpus.py").write_text(
        "def make(root, *, workers):\n"
        "    root.mkdir(exist_ok=True)\n"
        "    (root / f'{workers}.wav').write_bytes(b'a')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    settings = {"fetch": {}, "root": str(tmp_path / "root"), "workers": 2}
    notes = []
    for name in ("one.json", "two.json"):
        prepare(make="own_corpus.make", path_to_marker=str(tmp_path / name), **settings)
        notes.append((tmp_path / name).read_bytes())
    assert notes[0] == notes[1]
    assert (tmp_path / "root/2.wav").is_file()
    assert json.loads(notes[0])["made"]["files"] == 1


@pytest.mark.parametrize("make", ["genreflow.nothing.make", "genreflow.errors.make", "make"])
def test_a_maker_that_is_not_there_is_named(make, tmp_path):
    with pytest.raises(GenreflowError, match=make):
        prepare(make=make, root="r", fetch={}, workers=1, path_to_marker=str(tmp_path / "m"))
