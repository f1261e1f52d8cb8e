"""The choice of example tracks, and their pictures."""

import base64
import io
import os

import hazards
import numpy as np
import polars as pl
import pytest
import soundfile

import genreflow.describe
from genreflow import provenance
from genreflow.audio.settings import DecodeSettings
from genreflow.config import SHIPPED
from genreflow.describe import (
    COLUMNS,
    RATE,
    Example,
    count_labels,
    describe_samples,
    file_loader,
    find_examples,
    load_examples,
    save_examples,
)
from genreflow.errors import GenreflowError
from genreflow.report.pictures import png_uri, waveform_path

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)


def table(rows: list[tuple[str, str | None, float | None, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "track_id": track_id,
                "labels": None if label is None else [label],
                "rms": rms,
                "status": status,
                "duplicate_of": None,
                "conflict": None,
            }
            for track_id, label, rms, status in rows
        ],
        schema={
            "track_id": pl.String,
            "labels": pl.List(pl.String),
            "rms": pl.Float64,
            "status": pl.String,
            "duplicate_of": pl.String,
            "conflict": pl.String,
        },
    )


TRACKS = table(
    [
        ("a1", "a", 0.1, "ok"),
        ("a2", "a", 0.2, "ok"),
        ("a3", "a", 0.3, "ok"),
        ("a4", "a", 0.25, "warning"),
        ("b1", "b", 0.1, "warning"),
        ("b2", "b", None, "quarantined"),
        ("c1", "c", 0.1, "ok"),
        ("c2", "c", 0.1, "ok"),
        ("loose", None, 0.1, "ok"),
    ]
)


def test_the_track_of_median_level_is_taken():
    found = find_examples(TRACKS, lambda track_id: TONE)
    assert [(e.label, e.track_id) for e in found] == [("a", "a2"), ("b", "b1"), ("c", "c1")]
    assert count_labels(TRACKS) == 3


def test_at_most_so_many_labels_the_largest_first():
    found = find_examples(TRACKS, lambda track_id: TONE, most=2)
    assert [e.label for e in found] == ["a", "c"]


def test_a_vanished_track_gives_way_to_its_neighbour():
    def load(track_id: str) -> np.ndarray:
        if track_id in {"a2", "b1"}:
            raise GenreflowError(track_id)
        return TONE if track_id != "c1" else TONE[:0]

    found = find_examples(TRACKS, load)
    assert [(e.label, e.track_id) for e in found] == [("a", "a1"), ("c", "c2")]


def test_pictures_of_a_tone():
    example = describe_samples(TONE)
    assert example.seconds == 2
    assert example.envelope.shape == (2, COLUMNS)
    assert example.mel.max() == 0 and example.mel.shape[0] == 128
    assert example.mfcc.shape == (20, example.mel.shape[1])
    # The first pitch class is C, so A is the tenth.
    assert int(np.argmax(example.chroma.mean(axis=1))) == 9


def test_round_trip_without_pickles_and_with_equal_bytes(tmp_path):
    rng = np.random.default_rng(0)
    shapes = ((2, 9), (4, 7), (3, 7), (12, 7))
    made = [
        Example(label, "x\\n.wav", 1.5, *(rng.random(s).astype(np.float32) for s in shapes))
        for label in ("<b>", "東京")
    ]
    for name in ("one.npz", "two.npz"):
        save_examples(tmp_path / name, made, classes=7)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    found, classes = load_examples(tmp_path / "one.npz")
    assert classes == 7
    for one, other in zip(made, found, strict=True):
        assert (one.label, one.track_id, one.seconds) == (other.label, other.track_id, 1.5)
        np.testing.assert_array_equal(one.chroma, other.chroma)


def test_no_examples_at_all(tmp_path):
    save_examples(tmp_path / "none.npz", [], classes=0)
    assert load_examples(tmp_path / "none.npz") == ([], 0)


def test_png_holds_the_values():
    from PIL import Image

    values = np.linspace(0, 1, 12).reshape(3, 4)
    uri = png_uri(values, "gray")
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("L")
    np.testing.assert_allclose(np.asarray(image) / 255, values, atol=0.02)


def test_waveform_path_stays_inside_and_has_a_line_in_silence():
    numbers = waveform_path(np.array([[-1.0, 0.0], [1.0, 0.0]]))[1:-1].split("L")
    heights = [float(pair.split()[1]) for pair in numbers]
    assert heights == pytest.approx([1, 50, 50.8, 99])


def test_a_decoder_that_crashes_or_hangs_harms_no_other_track(tmp_path, monkeypatch):
    for name in ("abort", "hang", "allocate", "fine"):
        soundfile.write(tmp_path / f"{name}.wav", TONE, RATE)
    monkeypatch.setattr(genreflow.describe, "read_excerpt", hazards.read_or_act)
    settings = DecodeSettings(timeout=1.5, memory_mb=500)
    load = file_loader(str(tmp_path), settings)
    for name, reason in {
        "abort": "the decoder crashed",
        "allocate": "needed more than 500 MB of memory",
        "hang": "took longer than 1.5 s",
    }.items():
        with pytest.raises(GenreflowError, match=reason):
            load(f"{name}.wav")
    np.testing.assert_allclose(load("fine.wav"), TONE, atol=1e-4)


def test_a_path_that_is_no_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(GenreflowError, match="a FIFO"):
        file_loader(str(tmp_path), DecodeSettings())("pipe.wav")


def test_templates_of_the_report_are_no_code_of_describe():
    files = provenance._closure([SHIPPED / "scripts/describe.py"], SHIPPED)
    assert not [file for file in files if "report" in file.parts]


def test_describe_script_on_files(tmp_path):
    from describe import describe

    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "tone.wav", TONE, RATE)
    table([("a/gone.wav", "a", 0.2, "ok"), ("a/tone.wav", "a", 0.3, "ok")]).write_parquet(
        tmp_path / "tracks.parquet"
    )
    out = tmp_path / "examples.npz"
    describe(str(tmp_path / "tracks.parquet"), str(tmp_path), str(out), {"offset": 0.5})
    found, classes = load_examples(out)
    assert classes == 1 and [e.track_id for e in found] == ["a/tone.wav"]
    assert found[0].seconds == pytest.approx(1.5)
