"""Extraction of a batch: its files, and what becomes of tracks and functions that fail."""

import sys
import textwrap

import numpy as np
import polars as pl
import pytest
import soundfile
from extract_fixtures import LOUDNESS, RATE, decoded, noise
from threadpoolctl import threadpool_limits

from genreflow.errors import GenreflowError
from genreflow.features.extract import extract_batch
from genreflow.features.sets import FeatureSet
from genreflow.features.summary import summary
from genreflow.features.table import load_vectors
from genreflow.importing import load
from genreflow.schema import SHIPPED, read_yaml


def test_a_function_of_the_users_own(extract):
    pcm = [("b.wav", noise(1)), ("a.wav", noise(0, 2.0))]
    table = extract(LOUDNESS, pcm, decoded(**{"b.wav": "ok", "a.wav": "warning"}), scale=10.0)
    assert table.schema == pl.Schema(
        {
            "track_id": pl.String,
            "batch": pl.String,
            "segment": pl.Int32,
            "reason": pl.String,
            "loudness": pl.Float64,
            "seconds": pl.Float64,
        }
    )
    assert table["track_id"].to_list() == ["a.wav", "b.wav"]
    assert table["seconds"].to_list() == [2.0, 1.0]
    assert table["loudness"][1] == pytest.approx(1.0, rel=0.05)
    assert table["reason"].null_count() == 2


def test_summary_is_what_the_config_names(tmp_path):
    settings = read_yaml(SHIPPED / "config" / "features.yaml")["summary"]
    y = np.random.default_rng(0).normal(0, 0.1, 22050).astype(np.float32)
    extract_batch(
        [("a.wav", y)],
        decoded(**{"a.wav": "ok"}),
        FeatureSet("summary", **settings),
        path_to_table=tmp_path / "t",
        path_to_arrays=tmp_path / "a",
    )
    table = pl.read_parquet(tmp_path / "t")
    with threadpool_limits(1):
        expected = summary(y, sr=22050)
    assert table.columns[4:] == list(expected)
    assert table.row(0)[4:] == tuple(expected.values())


def test_tracks_that_fail_get_a_reason_and_never_stop_the_batch(extract, caplog):
    source = """
        def describe(y, *, sr):
            if y[0] == 1:
                raise ValueError("no\\nmelody")
            return {"a": float(y[0]), "b": 1.0}
    """
    first_samples = {"bug": 1.0, "fine": 0.5, "infinite": np.inf, "nan": np.nan}
    pcm = [(name, np.full(RATE, x, np.float32)) for name, x in first_samples.items()]
    pcm.append(("short", np.zeros(RATE // 2, np.float32)))
    statuses = dict.fromkeys([*first_samples, "short", "vanished"], "ok")
    table = extract(
        source, pcm, decoded(**statuses, broken="quarantined"), settings={"min_seconds": 1.0}
    )
    reasons = dict(table.select("track_id", "reason").iter_rows())
    assert reasons == {
        "bug": "ValueError: no melody",
        "fine": None,
        "infinite": "not finite: a",
        "nan": "not finite: a",
        "short": "0.50 s long; mine needs 1 s",
        "vanished": "its audio could not be read again",
    }
    assert table.filter(track_id="fine").row(0)[4:] == (0.5, 1.0)
    assert table.filter(pl.col("reason").is_not_null())["b"].null_count() == 5
    assert "bug: no mine: ValueError: no melody" in caplog.text


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 1.0", r"'mine' \(my_features.describe\), track 'a': expected a dict.* got float"),
        ("return {}", "expected a dictionary"),
        ("return y", "expected a dictionary .* got an array; say `gives: array` in config"),
        ("return {'x': 'loud'}", "feature 'x' is not a number but str"),
        ("return {'x': y}", "feature 'x' is not a number but ndarray"),
        ("return {'batch': 1.0}", "'batch' cannot be the name of a feature"),
        ("return {1: 1.0}", "1 cannot be the name of a feature"),
        ("return {f'x{y[0]:g}': 1.0, 'y': 0.0}", "different features; .*: x1, x2"),
    ],
)
def test_functions_that_break_the_contract(extract, body, message):
    pcm = [("a", np.full(RATE, 1, np.float32)), ("b", np.full(RATE, 2, np.float32))]
    source = f"def describe(y, *, sr):\n    {body}\n"
    with pytest.raises(GenreflowError, match=message):
        extract(source, pcm, decoded(a="ok", b="ok"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "my_features has no 'describe'"),
        ("import no_such_library", "No module named 'no_such_library'"),
        ("def describe(:", "SyntaxError"),
        ("describe = 3", "my_features has no 'describe'"),
    ],
)
def test_functions_that_cannot_be_imported(extract, source, message):
    with pytest.raises(GenreflowError, match=f"features.yaml: feature set 'mine': .*{message}"):
        extract(source, [], decoded(a="ok"))


def test_a_module_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GenreflowError, match=f"stands in the working directory, {tmp_path}"):
        load("nowhere_to_be_found.describe", needed_by="feature set 'mine'")


@pytest.mark.parametrize(
    ("signature", "parameters", "message"),
    [
        ("y, *, sr, scale=1.0", {"scael": 2.0}, "unexpected keyword argument 'scael'"),
        ("y, *, sr, scale", {}, "missing a required argument: 'scale'"),
        ("y", {}, "unexpected keyword argument 'sr'"),
    ],
)
def test_parameters_that_the_function_does_not_take(extract, signature, parameters, message):
    source = f"def describe({signature}):\n    return {{'a': 1.0}}\n"
    where = "config/features.yaml: feature set 'mine': my_features.describe cannot be called so"
    with pytest.raises(GenreflowError, match=f"{where}.*{message}"):
        extract(source, [("a", noise(0))], decoded(a="ok"), **parameters)


def test_a_function_that_takes_whatever_comes(extract):
    source = "def describe(y, **others):\n    return {'n': len(others)}\n"
    table = extract(source, [("a", noise(0))], decoded(a="ok"), scale=2.0)
    assert table["n"].to_list() == [2.0]


@pytest.mark.parametrize("error", [MemoryError, OSError, ImportError])
def test_what_the_machine_lacks_is_no_reason(extract, error):
    source = f"def describe(y, *, sr):\n    raise {error.__name__}"
    with pytest.raises(error):
        extract(source, [("a", noise(0))], decoded(a="ok"))


def test_a_users_file_does_not_take_the_place_of_a_library(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "textwrap.py").write_text("dedent = None")
    assert load("textwrap.dedent", needed_by="a test") is textwrap.dedent


def test_bits_do_not_depend_on_the_order_of_arrival_nor_on_company(extract):
    pcm = [(f"t{i}", noise(i)) for i in range(4)]
    statuses = decoded(**dict.fromkeys(["t0", "t1", "t2", "t3"], "ok"))
    together = extract(LOUDNESS, pcm, statuses)
    assert extract(LOUDNESS, pcm[::-1], statuses).equals(together)
    alone = extract(LOUDNESS, pcm[2:3], decoded(t2="ok"))
    assert alone.equals(together.filter(track_id="t2"))


def test_tables_of_batches_become_one(extract, tmp_path):
    first = extract(LOUDNESS, [("b", noise(1)), ("a", noise(0))], decoded(a="ok", b="ok"))
    second = extract(LOUDNESS, [], decoded(lost="ok")).with_columns(batch=pl.lit("b2"))
    empty = extract(LOUDNESS, [], decoded(broken="quarantined"))
    paths = []
    for number, table in enumerate([second, first, empty]):
        paths.append(str(tmp_path / f"{number}.parquet"))
        table.write_parquet(paths[-1])

    wanted = pl.DataFrame(
        {"track_id": ["lost", "new", "b", "a"], "batch": ["b2", "b3", "b1", "b0"], "label": "x"}
    )
    vectors = load_vectors(paths, wanted)
    assert vectors.columns == ["track_id", "batch", "segment", "reason", "loudness", "seconds"]
    assert vectors["track_id"].to_list() == ["a", "b", "lost", "new"]
    # The b0 of a is another version of the file than the one that was described.
    none = "no features were extracted"
    assert vectors["reason"].to_list() == [none, None, "its audio could not be read again", none]
    assert vectors["seconds"].to_list() == [None, 1.0, None, None]


def test_features_may_have_any_name(extract, tmp_path):
    source = "def describe(y, *, sr):\n    return {'extracted': 0.25, 'file': 2.0, 'start': 3.0}"
    table = extract(source, [("a", noise(0))], decoded(a="ok"))
    table.write_parquet(tmp_path / "a.parquet")
    vectors = load_vectors([str(tmp_path / "a.parquet")], table)
    assert vectors.select("extracted", "file", "start").row(0) == (0.25, 2.0, 3.0)


def test_batches_with_different_features(extract, tmp_path):
    table = extract(LOUDNESS, [("a", noise(0))], decoded(a="ok"))
    table.write_parquet(tmp_path / "1.parquet")
    table.rename({"seconds": "length"}).write_parquet(tmp_path / "2.parquet")
    paths = [str(tmp_path / f"{i}.parquet") for i in (1, 2)]
    with pytest.raises(GenreflowError, match=r"2.parquet: its features .* length, seconds"):
        load_vectors(paths, table)


def test_no_tables_at_all():
    wanted = pl.DataFrame({"track_id": ["a"], "batch": ["b"]})
    assert load_vectors([], wanted)["reason"].to_list() == ["no features were extracted"]


def test_audio_cannot_be_written_to(extract):
    """The samples of others would be changed; and kernels be compiled twice."""
    source = "def describe(y, *, sr):\n    y[0] = 0"
    pcm = [("a", noise(0))]
    table = extract(source, pcm, decoded(a="ok"), vary=lambda y, seed: y + 1)
    assert "read-only" in table["reason"][0]


SETS = read_yaml(SHIPPED / "config" / "features.yaml")


# Those of trained networks, which need their weights, are in test_embeddings_*.py.
@pytest.mark.parametrize("name", [name for name, spec in SETS.items() if "weights" not in spec])
def test_every_set_of_the_config_gives_what_it_says(tmp_path, name):
    settings = SETS[name]
    y = np.random.default_rng(0).normal(0, 0.1, 4 * settings["rate"]).astype(np.float32)
    extract_batch(
        [("a", y)],
        decoded(a="ok"),
        FeatureSet(name, **settings),
        path_to_table=tmp_path / "a.parquet",
        path_to_arrays=tmp_path / "a.npy",
    )
    table = pl.read_parquet(tmp_path / "a.parquet")
    assert table["reason"].to_list() == [None]
    assert (table.width == 6) == (settings.get("gives") == "array")


@pytest.mark.parametrize("keep_audio", [True, False])
def test_a_track_whose_samples_are_others_now(tmp_path, caplog, keep_audio):
    """The list knows it as before, by size and time: the reason stands in the features table."""
    import os

    def replace_samples():
        found = (tmp_path / "a.wav").stat()
        soundfile.write(
            tmp_path / "a.wav", 0.1 * np.random.default_rng(9).normal(size=33075), 22050
        )
        os.utime(tmp_path / "a.wav", ns=(found.st_mtime_ns, found.st_mtime_ns))
        assert (tmp_path / "a.wav").stat().st_size == found.st_size

    table = run_on_files(tmp_path, keep_audio, rate=16000, between=replace_samples)
    reasons = dict(table.select("track_id", "reason").iter_rows())
    assert reasons == {"a.wav": "its audio could not be read again", "b.flac": None}
    assert "a.wav is left out: its samples are not those of before" in caplog.text


@pytest.mark.parametrize("keep_audio", [True, False])
def test_script(tmp_path, keep_audio):
    table = run_on_files(tmp_path, keep_audio)
    assert table["track_id"].to_list() == ["a.wav", "b.flac"]
    assert table["batch"].to_list() == ["0123456789abcdef"] * 2
    assert table["reason"].null_count() == 2
    samples, _ = soundfile.read(tmp_path / "b.flac", dtype="float32")
    with threadpool_limits(1):
        assert table.row(1)[4:] == tuple(summary(samples, sr=22050).values())


def run_on_files(tmp_path, keep_audio, *, rate=22050, between=lambda: None) -> pl.DataFrame:
    """What the scripts make of two good files and an empty one; `between` decoding and the rest."""
    from genreflow.audio.decode import decode_batch, resample_batch
    from genreflow.audio.settings import DecodeSettings
    from genreflow.features.job import describe_batch

    y = 0.3 * np.random.default_rng(0).normal(size=(2, 33075))
    soundfile.write(tmp_path / "a.wav", y[0], 22050)
    soundfile.write(tmp_path / "b.flac", y[1], 22050)
    (tmp_path / "c.wav").touch()
    lines = ["track_id,size,mtime_ns"]
    for name in ("a.wav", "b.flac", "c.wav"):
        status = (tmp_path / name).stat()
        lines.append(f"{name},{status.st_size},{status.st_mtime_ns}")
    batch = tmp_path / "0123456789abcdef.csv"
    batch.write_text("\n".join(lines) + "\n")
    decoded, pcm, index, output = (str(tmp_path / name) for name in ("d", "pcm.npy", "i", "o"))
    common = {
        "batch_csv": batch,
        "root": tmp_path,
        "settings": DecodeSettings(),
        "keep_audio": keep_audio,
        "workers": 1,
        "path_to_pcm": pcm,
        "path_to_index": index,
    }
    decode_batch(rate=22050, read_tags=False, path_to_table=decoded, **common)
    between()
    if rate != 22050:
        resample_batch(rate=rate, decoded_table=decoded, **common)
    settings = read_yaml(SHIPPED / "config" / "features.yaml")["summary"]
    describe_batch(
        batch=str(batch),
        decoded=decoded,
        pcm=pcm,
        index=index,
        table=output,
        arrays=str(tmp_path / "a"),
        root=str(tmp_path),
        audio={},
        feature_set=FeatureSet("summary", **(settings | {"rate": rate})),
    )
    return pl.read_parquet(output)
