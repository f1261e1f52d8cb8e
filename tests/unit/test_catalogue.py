"""The catalogue: what is listed, what a refresh writes, and what it refuses."""

import csv
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from genreflow import catalogue, snapshots
from genreflow.catalogue import list_files, refresh
from genreflow.config import SHIPPED
from genreflow.datasets import Dataset
from genreflow.errors import GenreflowError
from genreflow.snapshots import newest_snapshot, read_batches


class Collection:
    """A folder of audio and its catalogue."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "audio"
        self.folder = folder / "catalogue"
        self.settings: dict = {}

    def add(self, *names: str, content: str = "audio") -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def table(self, text: str, **settings) -> None:
        self.add("tracks.csv", content=text)
        self.settings = {"table": "tracks.csv", "labels": ["table", "folder"]} | settings

    @property
    def dataset(self) -> Dataset:
        return Dataset.from_config(
            "mine", {"root": str(self.root)} | self.settings, lists_folder=None
        )

    def refresh(self, batch_size: int = 2, **how):
        return refresh(self.dataset, self.folder, batch_size=batch_size, **how)

    def snapshot(self) -> pl.DataFrame:
        digest = newest_snapshot(self.folder)
        return pl.read_parquet(self.folder / "snapshots" / f"{digest}.parquet")

    def batches(self) -> dict[str, list[str]]:
        """The tracks of each batch that was ever written."""
        found = {}
        for path in (self.folder / "batches").iterdir():
            with path.open(newline="", encoding="utf-8") as file:
                found[path.stem] = [row["track_id"] for row in csv.DictReader(file)]
        return found

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Content and mtime of everything in the catalogue."""
        return {
            str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def mine(tmp_path):
    found = Collection(tmp_path)
    found.add("rock/a.wav", "rock/b.mp3", "pop/c.flac", "pop/d.OGG", "e.Aiff")
    return found


TRACKS = ["e.Aiff", "pop/c.flac", "pop/d.OGG", "rock/a.wav", "rock/b.mp3"]


# Listing


def test_audio_is_listed_whatever_it_is_called(mine):
    names = ["-lead.wav", "sp ace.wav", "quo\"te'.wav", "{x} $HOME.wav", "🎺.wav", "a,b.m4a"]
    mine.add(*names, "notes.txt", "cover.jpg", "wav", "mp3/inside.opus")
    (mine.root / "two\nlines.wav").touch()
    Path(os.fsdecode(os.fsencode(mine.root) + b"/caf\xe9.wav")).touch()
    found = list_files(mine.root)
    assert sorted(found) == sorted(
        [*TRACKS, *names, "mp3/inside.opus", r"two\nlines.wav", r"caf\xe9.wav"]
    )


def test_what_is_named_like_audio_is_listed_and_never_opened(mine, tmp_path):
    (mine.root / "folder.wav").mkdir()
    mine.add("folder.wav/inside.wav")
    os.mkfifo(mine.root / "fifo.wav")
    (mine.root / "dangling.wav").symlink_to(tmp_path / "nothing")
    (mine.root / "itself.wav").symlink_to("itself.wav")
    (mine.root / "secret.wav").touch(mode=0)
    found = set(list_files(mine.root)) - set(TRACKS)
    assert found == {"folder.wav", "fifo.wav", "dangling.wav", "itself.wav", "secret.wav"}


def test_names_that_begin_with_a_dot_are_left_out(mine):
    mine.add(".hidden.wav", "rock/._a.wav", ".Trash/x.wav")
    assert sorted(list_files(mine.root)) == TRACKS


def test_linked_folders_are_followed_but_not_in_circles(mine, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "f.wav").touch()
    (mine.root / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(mine.root)
    (mine.root / "rock" / "up").symlink_to("..")
    (mine.root / "self").symlink_to("self")
    assert sorted(list_files(mine.root)) == sorted([*TRACKS, "linked/f.wav"])


def test_a_linked_root_is_listed(mine, tmp_path):
    (tmp_path / "link").symlink_to(mine.root)
    assert sorted(list_files(tmp_path / "link")) == TRACKS


def test_a_folder_that_cannot_be_read_is_named(mine, monkeypatch):
    scandir = os.scandir

    def refuse(folder):
        if folder.endswith(b"/pop/"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(catalogue.os, "scandir", refuse)
    with pytest.raises(GenreflowError, match=r"/audio/pop/ cannot be listed: Permission denied"):
        mine.refresh()


# Snapshots and batches


def test_the_first_snapshot(mine):
    snapshot = mine.refresh()
    assert snapshot[2:] == (5, 5, 0, 0)
    table = mine.snapshot()
    assert table.schema == {
        "track_id": pl.String,
        "size": pl.Int64,
        "mtime_ns": pl.Int64,
        "batch": pl.String,
        "labels": pl.List(pl.String),
        "labels_from": pl.String,
        "artist": pl.String,
        "title": pl.String,
    }
    assert table["track_id"].to_list() == TRACKS
    assert table["labels"].to_list() == [None, ["pop"], ["pop"], ["rock"], ["rock"]]
    stats = [(mine.root / track).stat() for track in TRACKS]
    assert table["size"].to_list() == [s.st_size for s in stats]
    assert table["mtime_ns"].to_list() == [s.st_mtime_ns for s in stats]
    batches = mine.batches()
    assert sorted(batches.values()) == [TRACKS[:2], TRACKS[2:4], TRACKS[4:]]
    assert list(snapshot.batches) == sorted(batches)
    assert read_batches(mine.folder, snapshot.digest) == snapshot.batches
    assert [batches[b].count(t) for t, b in table.select("track_id", "batch").rows()] == [1] * 5


def test_a_number_that_changes_is_another_snapshot_of_the_same_batches(mine):
    text = "path,bpm\nrock/a.wav,120\npop/c.flac,\n"
    targets = {"columns": {"targets": {"tempo": "bpm"}}}
    plain = mine.refresh()
    mine.table(text, **targets)
    first = mine.refresh()
    table = mine.snapshot()
    assert table.schema["target_tempo"] == pl.Float64
    assert table["target_tempo"].to_list() == [None, None, None, 120.0, None]
    assert mine.refresh().digest == first.digest != plain.digest
    mine.table(text.replace("120", "90"), **targets)
    second = mine.refresh()
    assert second.digest != first.digest
    assert second.batches == first.batches == plain.batches
    assert mine.snapshot()["target_tempo"].to_list() == [None, None, None, 90.0, None]
    mine.table(text.replace("120", "90.0"), **targets)
    assert mine.refresh().digest == second.digest


def test_a_batch_is_named_by_its_bytes(mine):
    for name in mine.refresh().batches:
        content = (mine.folder / "batches" / f"{name}.csv").read_bytes()
        assert name == hashlib.sha256(content).hexdigest()[:16]
        assert content.startswith(b"track_id,size,mtime_ns\n")


def test_nothing_is_written_where_nothing_has_changed(mine):
    first = mine.refresh()
    before = mine.files()
    again = mine.refresh(batch_size=64)
    assert (again.digest, again.batches) == (first.digest, first.batches)
    assert again[2:] == (5, 0, 0, 0)
    assert mine.files() == before


def test_nothing_is_even_tried_to_be_written(mine, monkeypatch):
    first = mine.refresh()

    def refuse(path, content):
        raise AssertionError(path)

    monkeypatch.setattr(snapshots, "_write", refuse)
    assert mine.refresh().digest == first.digest


def test_files_that_are_added_form_a_new_batch(mine):
    first = mine.refresh()
    before = mine.files()
    mine.add("rock/new.wav", "blues/new.wav")
    second = mine.refresh()
    assert second[2:] == (7, 2, 0, 0)
    (new,) = set(second.batches) - set(first.batches)
    assert mine.batches()[new] == ["blues/new.wav", "rock/new.wav"]
    assert set(first.batches) < set(second.batches)
    after = mine.files()
    assert {name: after[name] for name in before if name != "newest"} == {
        name: what for name, what in before.items() if name != "newest"
    }
    assert read_batches(mine.folder, first.digest) == first.batches


def test_a_removed_file_leaves_its_batch_as_it_is(mine):
    first = mine.refresh()
    (mine.root / "rock/a.wav").unlink()
    second = mine.refresh()
    assert second[2:] == (4, 0, 1, 0) and second.batches == first.batches
    assert "rock/a.wav" not in mine.snapshot()["track_id"].to_list()


def test_a_batch_whose_files_are_all_gone_is_left_out(mine):
    first = mine.refresh()
    (mine.root / "rock/b.mp3").unlink()
    assert len(mine.refresh().batches) == len(first.batches) - 1


def test_a_replaced_file_is_a_new_line_in_a_new_batch(mine):
    first = mine.refresh()
    mine.add("rock/a.wav", content="other audio")
    second = mine.refresh()
    assert second[2:] == (5, 0, 0, 1)
    (new,) = set(second.batches) - set(first.batches)
    assert mine.batches()[new] == ["rock/a.wav"]
    table = mine.snapshot()
    assert table.filter(track_id="rock/a.wav")["batch"].to_list() == [new]
    assert len(table) == 5


def test_a_touched_file_is_a_changed_one(mine):
    mine.refresh()
    stamp = (mine.root / "rock/a.wav").stat().st_mtime_ns + 1
    os.utime(mine.root / "rock/a.wav", ns=(stamp, stamp))
    assert mine.refresh().changed == 1


def test_a_corrected_label_gives_a_new_snapshot_of_the_same_batches(mine):
    mine.table("path,label,artist\nrock/a.wav,rock,Ann\n")
    first = mine.refresh()
    mine.table("path,label,artist\nrock/a.wav,metal,Ann\n")
    second = mine.refresh()
    assert second.digest != first.digest and second.batches == first.batches
    assert second[2:] == (5, 0, 0, 0)
    assert mine.snapshot().filter(track_id="rock/a.wav")["labels"].to_list() == [["metal"]]
    mine.table("path,label,artist\nrock/a.wav,rock,Ann\n")
    assert mine.refresh().digest == first.digest


def test_a_table_names_files_of_any_suffix_and_files_that_are_not_there(mine):
    mine.add("rock/x.dat")
    mine.table(
        "path,label,part\nrock/x.dat,rock,train\nrock/gone.wav,rock,test\n./rock/a.wav,,valid\n",
        columns={"given": {"official": "part"}},
    )
    assert mine.refresh().tracks == 6
    table = mine.snapshot()
    assert table["track_id"].to_list() == sorted([*TRACKS, "rock/x.dat", "rock/gone.wav"])
    gone = table.filter(track_id="rock/gone.wav").to_dicts()[0]
    assert gone["size"] is gone["mtime_ns"] is gone["batch"] is None
    assert (gone["labels"], gone["given_official"]) == (["rock"], "test")
    assert table.filter(track_id="rock/x.dat")["batch"].null_count() == 0
    assert table.filter(track_id="rock/a.wav")["given_official"].to_list() == ["validation"]


def test_added_in_steps_or_at_once_the_tracks_are_the_same(mine, tmp_path):
    mine.refresh()
    for step in range(3):
        mine.add(*(f"new/{step}{number}.wav" for number in range(3)))
        mine.refresh()
    once = Collection(tmp_path / "once")
    shutil.copytree(mine.root, once.root)
    once.refresh()
    assert mine.snapshot().drop("batch").equals(once.snapshot().drop("batch"))


# What goes wrong


@pytest.mark.parametrize("lost", ["newest", "snapshots", "batches"])
def test_a_catalogue_that_lost_something_is_written_anew(mine, lost):
    first = mine.refresh()
    path = mine.folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = mine.refresh()
    assert (again.digest, again.batches) == (first.digest, first.batches)
    assert set(mine.batches()) == set(first.batches)
    assert len(mine.snapshot()) == 5


def test_a_snapshot_that_is_gone_is_named(mine):
    with pytest.raises(GenreflowError, match=r"abc\.batches is gone"):
        read_batches(mine.folder, "abc")


@pytest.mark.parametrize("left", [None, "empty", "few"])
def test_a_lost_disk_stops_the_run_and_changes_nothing(mine, tmp_path, left):
    mine.table("path,label\nrock/a.wav,rock\n")
    mine.refresh()
    before = mine.files()
    mine.root.rename(tmp_path / "away")
    if left:
        mine.root.mkdir()
    if left == "few":
        mine.table("path,label\nrock/a.wav,rock\n")
        mine.add("rock/a.wav", "e.Aiff")
    with pytest.raises(GenreflowError) as error:
        mine.refresh()
    for word in (str(mine.root), "unmounted disk", "accept_loss=True"):
        assert word in str(error.value)
    assert mine.files() == before
    if left == "few":
        assert mine.refresh(accept_loss=True).removed == 3
        assert mine.refresh().removed == 0
    else:
        with pytest.raises(GenreflowError, match="put or link the audio there"):
            mine.refresh(accept_loss=True)


def test_half_of_the_tracks_may_go(mine):
    mine.add("f.wav")
    mine.refresh()
    for track in TRACKS[:3]:
        (mine.root / track).unlink()
    assert mine.refresh().removed == 3


def test_a_root_without_audio_is_said(tmp_path):
    mine = Collection(tmp_path)
    with pytest.raises(GenreflowError, match="audio is not there"):
        mine.refresh()
    mine.root.mkdir()
    with pytest.raises(GenreflowError, match="audio is empty"):
        mine.refresh()
    mine.add("notes.txt")
    with pytest.raises(GenreflowError, match="no audio file under"):
        mine.refresh()
    assert not mine.folder.exists()


def test_a_table_of_which_no_file_is_there_is_said(mine):
    mine.table("path,label\nblues/x.wav,blues\nblues/y.wav,blues\n")
    with pytest.raises(GenreflowError, match=r"none of the 2 files .*audio/blues/x\.wav"):
        mine.refresh()


def test_a_full_or_read_only_disk_is_said(mine, monkeypatch):
    def refuse(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(GenreflowError, match="cannot be written: No space left"):
        mine.refresh()
    assert newest_snapshot(mine.folder) is None


def _refresh_often(mine: Collection, digests) -> None:
    for _ in range(10):
        digests.put(mine.refresh().digest)


def test_two_processes_that_refresh_at_once_do_no_harm(mine):
    mine.add(*(f"many/{number}.wav" for number in range(200)))
    context = multiprocessing.get_context("spawn")
    digests = context.Queue()
    workers = [context.Process(target=_refresh_often, args=(mine, digests)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = {digests.get(timeout=60) for _ in range(20)}
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert found == {newest_snapshot(mine.folder)}
    assert not list(mine.folder.rglob(".*"))
    assert len(mine.snapshot()) == 205


# What it costs


def test_jobs_read_their_batches_without_polars():
    code = "import genreflow.catalogue, genreflow.snapshots, sys; sys.exit('polars' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=SHIPPED / "scripts").returncode == 0


def test_many_files_are_compared_quickly(mine):
    for folder in range(20):
        (mine.root / f"label{folder}").mkdir()
        for number in range(500):
            (mine.root / f"label{folder}" / f"{number}.wav").touch()
    mine.refresh(batch_size=64)
    begin = time.perf_counter()
    assert mine.refresh(batch_size=64).added == 0
    # A fifth of the 50,000 files for which three seconds are allowed; benchmarks/ measures closely.
    assert time.perf_counter() - begin < 1.5
