"""A folder as it is found: every bad file, every odd name, copies; the run goes on and says it."""

import csv
import io
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
import soundfile as sf
from badfiles import ODD_NAMES, BadFile, make_bad_files

from genreflow.datasets.names import encode_path
from micro.audio import GENRES, RATE, clip

from .conftest import Clone, make_clone

SCRIPT = "<script>alert(1)</script>.wav"
LABEL = "R&B <b>"
IMAGE = "tone/<img src=x onerror=alert(1)>.wav"
GONE = "noise/gone.wav"


class Found(NamedTuple):
    """A finished run on such a folder, and what was put there."""

    clone: Clone
    bad: dict[str, BadFile]
    odd: list[str]
    files: set[str]


def write_file(root: Path, name: bytes, genre: str, number: int) -> str:
    """Write a good clip under any name, and give back its track_id."""
    path = os.fsencode(root) + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        sf.write(file, clip(genre, number), RATE, format="WAV")
    return encode_path(name)


def write_table(root: Path, names: list[bytes]) -> None:
    """A table of odd names, which labels one in no genre's folder and names one not there."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["path", "label", "artist", "title"])
    for name in names:
        writer.writerow([os.fsdecode(name), "", "<b>Odd</b>", "Odd & co"])
    writer.writerow([SCRIPT, "noise", "", ""])
    writer.writerow([GONE, "", "", ""])
    (root / "tracks.csv").write_bytes(os.fsencode(text.getvalue()))


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Found:
    clone = make_clone(tmp_path_factory.mktemp("found") / "clone")
    root = clone / "data/micro"
    files = {f"{genre}/{number:02d}.wav" for genre in GENRES for number in range(6)}
    bad = make_bad_files(root / "tone")
    files |= {encode_path(os.fsencode(file.path.relative_to(root))) for file in bad.values()}
    names = [b"noise/" + name for name in ODD_NAMES]
    odd = [write_file(root, name, "noise", 100 + n) for n, name in enumerate(names)]
    odd.append(write_file(root, SCRIPT.encode(), "noise", 99))
    odd += [write_file(root, f"{LABEL}/{n}.wav".encode(), "tone", 200 + n) for n in range(6)]
    write_table(root, names)
    (root / IMAGE).touch()
    shutil.copy(root / "noise/01.wav", root / "noise/copy.wav")
    shutil.copy(root / "noise/00.wav", root / "tone/moved.wav")
    clone.edit_config(
        lambda c: c.update(
            batch_size=32, splits={"folds": {"method": "stratified_kfold", "folds": 2}}
        )
    )
    clone.run()
    return Found(clone, bad, odd, {*files, *odd, IMAGE, GONE, "noise/copy.wav", "tone/moved.wav"})


@pytest.fixture(scope="module")
def tracks(found) -> pl.DataFrame:
    return found.clone.tracks()


class Page(HTMLParser):
    """What a browser makes of the report: its tags, the rows of its tables, its scripts."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.rows, self.scripts, self.inside = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.inside = self.rows[-1]
            self.inside.append("")
        elif tag == "script":
            self.inside = self.scripts
            self.inside.append("")

    def handle_data(self, data):
        if self.inside is not None:
            self.inside[-1] += data

    def handle_endtag(self, tag):
        if tag in ("td", "th", "script"):
            self.inside = None


@pytest.fixture(scope="module")
def page(found) -> Page:
    return Page((found.clone.results / "report.html").read_text(encoding="utf-8"))


def test_nothing_is_lost(found, tracks):
    assert sorted(found.files) == tracks["track_id"].to_list()
    parts = found.clone.table("splits/folds.parquet")
    for _, fold in parts.group_by("repeat", "fold"):
        assert sorted(found.files) == fold["track_id"].sort().to_list()


def test_every_bad_file_stands_in_the_table_with_its_reason(found, tracks):
    root = found.clone / "data/micro"
    said = {row["track_id"]: (row["status"], row["reason"]) for row in tracks.to_dicts()}
    for name, file in found.bad.items():
        status, reason = said[str(file.path.relative_to(root))]
        assert (status, file.reason in reason) == (file.status, True), (name, reason)
    assert said[IMAGE][0] == "quarantined" and "empty" in said[IMAGE][1]
    assert said[GONE] == ("quarantined", "named in the table, but not in the folder")


def test_odd_names_are_tracks_like_others(found, tracks):
    named = tracks.filter(pl.col("track_id").is_in(found.odd))
    assert named["status"].to_list() == ["ok"] * len(found.odd)
    assert named.filter(title="Odd & co").height == len(ODD_NAMES)
    label_of = dict(named.select("track_id", pl.col("labels").list.join("+")).iter_rows())
    assert label_of[SCRIPT] == "noise"
    assert label_of[f"{LABEL}/0.wav"] == LABEL
    tested = found.clone.table("tables/guesses.parquet").filter(part="test")
    assert set(found.odd) <= set(tested["track_id"])


def test_a_copy_counts_once(found, tracks):
    assert tracks.filter(track_id="noise/copy.wav")["duplicate_of"].item() == "noise/01.wav"
    parts = found.clone.table("splits/folds.parquet").filter(track_id="noise/copy.wav")
    assert set(parts["part"]) == {"duplicate"}
    assert all("noise/01.wav" in reason for reason in parts["reason"])


def test_a_recording_under_two_labels_does_not_count(found, page):
    copies = {"noise/00.wav": "tone/moved.wav", "tone/moved.wav": "noise/00.wav"}
    parts = found.clone.table("splits/folds.parquet")
    for track, other in copies.items():
        rows = parts.filter(track_id=track)
        assert set(rows["part"]) == {"excluded"}
        assert all(other in reason for reason in rows["reason"])
        assert any(row[0] == track and other in row[-1] for row in page.rows if row)


def test_the_report_names_what_was_left_out_or_noted(tracks, page):
    rows = {(row[0], row[-1]) for row in page.rows if row}
    noted = tracks.filter(pl.col("status") != "ok").select("track_id", "reason").rows()
    assert noted and set(noted) <= rows


def test_names_in_the_report_are_text(page):
    assert not any(name.startswith("on") for _, given in page.tags for name in given)
    assert all(given.get("src", "data:").startswith("data:") for _, given in page.tags)
    assert not any(script.startswith("alert") for script in page.scripts)
    assert any(row[0] == LABEL for row in page.rows if row)
    assert any("\\u003cscript\\u003ealert(1)" in script for script in page.scripts)


def test_a_second_run_does_nothing(found):
    assert found.clone.jobs() == {}
