"""Batches: tables, kept PCM, and what the number of workers changes."""

import csv
import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import hazards
import librosa
import numpy as np
import polars as pl
import pytest
from badfiles import ODD_NAMES, cut, make_bad_files, write_music

from genreflow.audio import decode
from genreflow.audio.decode import decode_batch, iterate_pcm, resample_batch
from genreflow.audio.settings import DecodeSettings
from genreflow.audio.store import PcmWriter, read_pcm
from genreflow.datasets.names import encode_path
from genreflow.errors import GenreflowError

SETTINGS = DecodeSettings(timeout=20.0)


def list_batch(root: Path, batch_csv: Path) -> Path:
    """A batch of everything in a folder, as the catalogue lists it."""
    rows = []
    for path in root.iterdir():
        found = path.stat() if path.exists() else path.lstat()
        rows.append((encode_path(os.fsencode(path.name)), found.st_size, found.st_mtime_ns))
    with batch_csv.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(
            [("track_id", "size", "mtime_ns"), *sorted(rows)]
        )
    return batch_csv


class Batch:
    """A folder of audio, its list, and where its results go."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root, self.folder = root, folder
        folder.mkdir(exist_ok=True)
        self.batch_csv = list_batch(root, folder / "0123456789abcdef.csv")
        self.table, self.pcm, self.index = (folder / n for n in ("t.parquet", "p.npy", "i.parquet"))

    def decode(self, *, rate=22050, settings=SETTINGS, keep_audio=True, tags=False, workers=2):
        decode_batch(
            batch_csv=str(self.batch_csv),
            root=str(self.root),
            rate=rate,
            settings=settings,
            keep_audio=keep_audio,
            read_tags=tags,
            workers=workers,
            path_to_table=str(self.table),
            path_to_pcm=str(self.pcm),
            path_to_index=str(self.index),
        )
        return pl.read_parquet(self.table)

    def resample(self, *, rate, settings=SETTINGS, keep_audio=True, workers=1):
        pcm, index = self.folder / f"p{rate}.npy", self.folder / f"i{rate}.parquet"
        resample_batch(
            batch_csv=self.batch_csv,
            root=self.root,
            rate=rate,
            settings=settings,
            keep_audio=keep_audio,
            decoded_table=self.table,
            workers=workers,
            path_to_pcm=pcm,
            path_to_index=index,
        )
        return pcm, index

    def iterate(self, *, rate=22050, settings=SETTINGS):
        return list(
            iterate_pcm(self.batch_csv, self.root, rate, settings, self.table, self.pcm, self.index)
        )

    def digests(self) -> list[str]:
        return [
            hashlib.sha256(p.read_bytes()).hexdigest() for p in (self.table, self.pcm, self.index)
        ]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """Every bad file, every odd name, and a good one of each format."""
    root = tmp_path_factory.mktemp("mixed")
    make_bad_files(root)
    for number, name in enumerate(ODD_NAMES):
        write_music(root / "made.wav", 1.5, seed=number)
        (root / "made.wav").rename(root / os.fsdecode(name))
    for suffix in ("wav", "flac", "ogg", "opus", "mp3"):
        write_music(root / f"good.{suffix}", 2.0)
    return root


@pytest.fixture(scope="module")
def decoded(mixed, tmp_path_factory) -> Batch:
    batch = Batch(tmp_path_factory.mktemp("decoded"), mixed)
    batch.decode()
    return batch


@pytest.fixture
def good(tmp_path) -> Batch:
    """Three good files."""
    root = tmp_path / "root"
    root.mkdir()
    for number, name in enumerate(("a.wav", "b.flac", "c.wav")):
        write_music(root / name, 2.0, rate=44100, seed=number)
    return Batch(tmp_path / "out", root)


def test_one_row_per_line_whatever_the_file(decoded, mixed):
    table = pl.read_parquet(decoded.table)
    assert table["track_id"].to_list() == sorted(
        encode_path(os.fsencode(path.name)) for path in mixed.iterdir()
    )
    assert set(table["batch"]) == {"0123456789abcdef"}
    assert dict(table.schema) == decode._SCHEMA
    odd = table.filter(pl.col("track_id").is_in([encode_path(n) for n in ODD_NAMES]))
    assert len(odd) == len(ODD_NAMES)
    assert set(odd["status"]) == {"ok"}
    good = table.filter(pl.col("track_id").str.starts_with("good."))
    assert (set(good["status"]), len(good)) == ({"ok"}, 5)
    bad = table.filter(pl.col("reason").is_not_null())
    assert len(bad) == len(table) - len(odd) - len(good)
    assert bad.filter(pl.col("status") == "ok").is_empty()


def test_numbers_are_finite_or_null(decoded):
    table = pl.read_parquet(decoded.table)
    for column in table.select(pl.col(pl.Float64)):
        assert column.drop_nulls().is_finite().all(), column.name


def test_the_kept_pcm_is_what_librosa_loads(decoded, mixed):
    table = pl.read_parquet(decoded.table)
    kept = dict(read_pcm(decoded.pcm, decoded.index))
    assert list(kept) == table.filter(pl.col("status") != "quarantined")["track_id"].to_list()
    for name in ("good.wav", "good.flac", "good.ogg", "good.opus", "good.mp3"):
        y, _ = librosa.load(mixed / name, sr=22050)
        assert kept[name].dtype == np.float32
        assert np.array_equal(kept[name], y)
    assert len(kept["truncated_wav.wav"]) == pytest.approx(1.8 * 22050, abs=10)
    assert len(np.load(decoded.pcm)) == sum(map(len, kept.values()))


def test_the_number_of_workers_changes_nothing(decoded, mixed, tmp_path):
    alone = Batch(tmp_path / "alone", mixed)
    alone.decode(workers=1)
    assert alone.digests() == decoded.digests()


def test_crash_hang_and_bomb_are_the_reason_of_their_file(good, monkeypatch):
    for name in ("abort", "hang", "allocate"):
        write_music(good.root / f"{name}.wav")
    batch = Batch(good.folder, good.root)
    monkeypatch.setattr(decode, "decode_track", hazards.decode_or_act)
    table = batch.decode(settings=DecodeSettings(timeout=1.5, memory_mb=500))
    assert dict(zip(table["track_id"], table["reason"], strict=True)) == {
        "a.wav": None,
        "abort.wav": "the decoder crashed",
        "allocate.wav": "needed more than 500 MB of memory",
        "b.flac": None,
        "c.wav": None,
        "hang.wav": "took longer than 1.5 s",
    }
    assert [track_id for track_id, _ in batch.iterate()] == ["a.wav", "b.flac", "c.wav"]


def test_resampled_from_the_file(good):
    good.decode()
    kept = dict(read_pcm(*good.resample(rate=16000)))
    for name, y in kept.items():
        assert np.array_equal(y, librosa.load(good.root / name, sr=16000)[0])
    assert sorted(kept) == ["a.wav", "b.flac", "c.wav"]


def test_quarantined_tracks_are_not_resampled(decoded):
    pcm, index = decoded.resample(rate=8000, workers=2)
    assert pl.read_parquet(index)["track_id"].equals(pl.read_parquet(decoded.index)["track_id"])
    assert len(np.load(pcm)) > 0


def test_without_kept_audio_it_is_decoded_again(good):
    with_audio = Batch(good.folder.parent / "with", good.root)
    settings = DecodeSettings(offset=0.2, seconds=1.5)
    table = with_audio.decode(settings=settings)
    assert good.decode(settings=settings, keep_audio=False).equals(table)
    assert np.load(good.pcm).shape == (0,)
    assert pl.read_parquet(good.index).is_empty()
    pcm, index = good.resample(rate=16000, keep_audio=False)
    assert (np.load(pcm).shape, len(pl.read_parquet(index))) == ((0,), 0)
    kept, again = with_audio.iterate(settings=settings), good.iterate(settings=settings)
    assert (
        [track for track, _ in kept]
        == [track for track, _ in again]
        == ["a.wav", "b.flac", "c.wav"]
    )
    for (_, one), (_, other) in zip(kept, again, strict=True):
        assert np.array_equal(one, other)
        assert len(one) == int(1.5 * 22050)


def test_files_that_changed_since_they_were_decoded_are_left_out(good, caplog):
    good.decode(keep_audio=False)
    cut(good.root / "b.flac")
    (good.root / "c.wav").unlink()
    assert list(dict(read_pcm(*good.resample(rate=16000)))) == ["a.wav"]
    assert "b.flac is left out: changed since listed: " in caplog.text
    assert "c.wav is left out: changed since listed: the file is gone" in caplog.text
    caplog.clear()
    assert list(dict(good.iterate())) == ["a.wav"]
    assert "b.flac is left out" in caplog.text and "c.wav is left out" in caplog.text


def test_a_batch_of_which_nothing_is_left(good):
    good.decode(keep_audio=False)
    for path in good.root.iterdir():
        path.unlink()
    assert good.iterate() == []
    assert list(read_pcm(*good.resample(rate=16000))) == []


def test_other_samples_under_the_old_stamp_are_noticed(good, caplog):
    good.decode()
    stamp = (good.root / "a.wav").stat().st_mtime_ns
    write_music(good.root / "a.wav", 2.0, rate=44100, seed=9)
    os.utime(good.root / "a.wav", ns=(stamp, stamp))
    assert list(dict(read_pcm(*good.resample(rate=16000)))) == ["b.flac", "c.wav"]
    assert "a.wav is left out: its samples are not those of before" in caplog.text


def test_a_file_that_fails_the_second_time_is_left_out(good, monkeypatch, caplog):
    (good.root / "a.wav").rename(good.root / "abort.wav")
    batch = Batch(good.folder, good.root)
    batch.decode()
    monkeypatch.setattr(decode, "decode_track", hazards.decode_or_act)
    kept = dict(read_pcm(*batch.resample(rate=16000)))
    assert list(kept) == ["b.flac", "c.wav"]
    assert "abort.wav is left out: the decoder crashed" in caplog.text


def test_a_full_disk_is_no_fault_of_a_file(good, monkeypatch):
    def to_full_disk(job, **changes):
        return replace(job, **changes | {"pcm": "/dev/full"})

    monkeypatch.setattr(decode, "replace", to_full_disk)
    with pytest.raises(GenreflowError, match="No space left on device; make room"):
        good.decode()


def test_a_batch_without_a_usable_track(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root/a.wav").touch()
    batch = Batch(tmp_path / "out", tmp_path / "root")
    assert batch.decode()["reason"].to_list() == ["empty file"]
    assert batch.iterate() == []
    assert list(read_pcm(*batch.resample(rate=8000))) == []


def test_tags_are_read_where_they_are_asked_for(good):
    import mutagen

    file = mutagen.File(good.root / "b.flac")
    file.update({"genre": ["Rock"], "artist": ["Someone"]})
    file.save()
    batch = Batch(good.folder, good.root)
    row = batch.decode(tags=True).row(1, named=True)
    assert (row["tag_labels"], row["tag_artist"], row["tag_title"]) == (["Rock"], "Someone", None)
    assert batch.decode(tags=False)["tag_labels"].null_count() == 3


def test_the_store_gives_back_what_was_written(tmp_path):
    tracks = {"a": np.arange(5), "empty": np.arange(0), "b": np.arange(7) * 0.5}
    with PcmWriter(tmp_path / "p.npy", tmp_path / "i.parquet") as store:
        for name, y in tracks.items():
            y.astype("<f4").tofile(tmp_path / "raw")
            store.append(name, tmp_path / "raw")
    for name, y in read_pcm(tmp_path / "p.npy", tmp_path / "i.parquet"):
        assert np.array_equal(y, tracks[name])
    assert np.load(tmp_path / "p.npy").shape == (12,)


READ_ALL = """
import resource, sys
from genreflow.audio.store import read_pcm

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

tracks = read_pcm("p.npy", "i.parquet")
next(tracks)[1].sum()
before = peak()
for track_id, y in tracks:
    y.sum()
print(peak() - before)
"""


def test_tracks_that_were_read_do_not_stay_in_memory(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(10 << 20))
    with PcmWriter(tmp_path / "p.npy", tmp_path / "i.parquet") as store:
        for number in range(10):
            store.append(str(number), tmp_path / "raw")
    command = [sys.executable, "-c", READ_ALL]
    read = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(read.stdout) < 15  # [MB] of 100
