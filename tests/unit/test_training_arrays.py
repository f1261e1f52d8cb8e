"""Runs of several feature sets, and of arrays: which rows there are, and who is given them."""

import json
import os
import resource
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from array_fixtures import NUMBERS, VARIANTS, array_inputs, write_set
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from spy_estimators import Spy, told
from training_fixtures import LOGISTIC, model, run, several, write_run_inputs, write_variant

from genreflow.errors import GenreflowError
from genreflow.features.combine import describe_tracks
from genreflow.features.paths import by_set, by_variant
from genreflow.models.files import load_model
from genreflow.models.predict import predict_probabilities
from genreflow.training.table import read_table
from genreflow.training.targets import read_targets
from genreflow.training.train import fold_seed

FLAT = "genreflow.models.flat.FlatScaler"


def spy(**given) -> dict:
    return model(estimator="spy_estimators.Spy", takes="arrays", scaler=None, **given)


@pytest.fixture
def seen(monkeypatch):
    """What was fitted, by the seed of the fold."""
    monkeypatch.setattr(Spy, "seen", [])
    return Spy.seen


def part_of(inputs, fold: int, part: str) -> set[int]:
    split = pl.read_parquet(inputs["split"]).filter(pl.col("fold") == fold, pl.col("part") == part)
    return {int(track_id[:3]) for track_id in split["track_id"]}


def tracks_in(rows) -> set[int]:
    return {track for track, *_ in rows}


def artists_of(inputs) -> dict[int, str]:
    """The artist of each track, or the track where none is known."""
    known = pl.read_parquet(inputs["tracks"]).select("track_id", "artist").iter_rows()
    return {int(track[:3]): artist or track for track, artist in known}


def table_of(inputs, takes="arrays", **given):
    tracks, split = pl.read_parquet(inputs["tracks"]), pl.read_parquet(inputs["split"])
    return read_table(tracks, split, inputs["features"], inputs.get("copies"), takes=takes, **given)


SEARCH = {"method": "grid", "space": {"share": [0.3, 0.6]}, "folds": 3, "scoring": "accuracy"}


@pytest.mark.parametrize("watched", ["validation", "kept back", "nothing"])
@pytest.mark.parametrize("searched", [False, True])
def test_no_track_is_on_both_sides(tmp_path, seen, watched, searched):
    """Neither a held-out track nor a copy or a segment of it is ever in what is fitted."""

    def without_validation(split, **_):
        return {"split": split.with_columns(part=pl.col("part").replace("validation", "test"))}

    inputs = array_inputs(
        tmp_path,
        variants=VARIANTS,
        segments=lambda number: 1 + number % 2,
        change=None if watched == "validation" else without_validation,
    )
    spec = spy(parameters={"patience": None if watched == "nothing" else 2})
    if searched:
        spec["search"] = SEARCH
    run(tmp_path / "out", inputs, spec)
    artists = artists_of(inputs)
    for fold in (0, 1):
        train = part_of(inputs, fold, "train")
        assert 50 < len(train) < 80
        fits = [one for one in seen if one["seed"] == fold_seed(3, 0, fold)]
        assert len(fits) == (1 + 2 * 3 if searched else 1)
        for number, one in enumerate(fits):
            fitted = tracks_in(one["rows"])
            assert fitted <= train
            of_fit = {
                (track, variant, segment)
                for track in fitted
                for variant in range(6)
                for segment in range(1 + track % 2)
            }
            assert sorted(one["rows"]) == sorted(of_fit)  # with all their copies and segments
            assert [track % 3 for track, *_ in one["rows"]] == one["y"].tolist()
            last = number == len(fits) - 1
            if one["validation"] is None:
                assert not last or (watched == "nothing" and fitted == train)
                continue
            rows, y = one["validation"]
            held = tracks_in(rows)
            assert all(variant == 0 for _, variant, _ in rows)
            assert [track % 3 for track, *_ in rows] == y.tolist()
            assert not held & fitted
            if watched == "validation":
                assert held == part_of(inputs, fold, "validation") and fitted == train
            else:
                assert held | fitted == train
                assert not {artists[t] for t in held} & {artists[t] for t in fitted}


def test_tracks_are_predicted_as_they_are_and_the_test_part_as_its_variant(tmp_path, monkeypatch):
    inputs = array_inputs(tmp_path, variants=VARIANTS[:2], segments=2)
    names = inputs["features"]
    inputs["test_features"] = {
        name: write_set(tmp_path, inputs, name, "noise20", segments=2) for name in names
    }
    asked, predict = [], Spy.predict_proba

    def look(one, x):
        asked.append(told(x))
        return predict(one, x)

    monkeypatch.setattr(Spy, "predict_proba", look)
    found = run(tmp_path / "out", inputs, spy())
    parts = [(fold, part) for fold in (0, 1) for part in ("validation", "test")]
    for rows, (fold, part) in zip(asked, parts, strict=True):
        variant = 0 if part == "validation" else NUMBERS["noise20"]
        expected = {(track, variant, s) for track in part_of(inputs, fold, part) for s in (0, 1)}
        assert set(rows) == expected and len(rows) == len(expected)
    assert found.group_by("fold", "part").agg(pl.col("track_id").n_unique()).height == 4


def laid_out(inputs, variant=None) -> dict[int, np.ndarray]:
    """The arrays of each track's sets, padded by hand, from the files themselves."""
    rows: dict[int, list] = {}
    for paths in (inputs["copies"][variant] if variant else inputs["features"]).values():
        for path in paths:
            values = np.load(Path(path).with_suffix(".npy"))
            for row in pl.read_parquet(path).iter_rows(named=True):
                block = np.zeros(14)
                own = values[row["start"] : row["start"] + np.prod(row["shape"])]
                block[: len(own)] = own
                rows.setdefault(int(row["track_id"][:3]), []).append(block)
    return {track: np.concatenate(blocks) for track, blocks in rows.items()}


def test_a_flat_model_is_scikit_learns_on_the_same_rows(tmp_path):
    inputs = array_inputs(tmp_path, variants=["stretch0.81"])
    spec = model(estimator=LOGISTIC, scaler=FLAT, takes="arrays")
    with patch("genreflow.models.flat.FlatScaler.__init__.__defaults__", (100, 0)):
        found = run(tmp_path / "out", inputs, spec)
    originals, copies = laid_out(inputs), laid_out(inputs, "stretch0.81")
    for fold in (0, 1):
        train, test = (sorted(part_of(inputs, fold, part)) for part in ("train", "test"))
        x = [rows[track] for track in train for rows in (originals, copies)]
        y = np.repeat(np.array(train) % 3, 2)
        scaler = StandardScaler().fit(x)
        fitted = LogisticRegression(random_state=fold_seed(3, 0, fold)).fit(scaler.transform(x), y)
        expected = fitted.predict_proba(scaler.transform([originals[track] for track in test]))
        own = found.filter(pl.col("fold") == fold, pl.col("part") == "test")
        scores = own.sort("track_id", "target")["score"].to_numpy().reshape(-1, 3)
        np.testing.assert_allclose(scores, expected, atol=1e-4)  # of float32
        loaded, _ = load_model(tmp_path / f"out/model/r0f{fold}")
        table = table_of(inputs)
        again = predict_probabilities(loaded, table.X[table.rows([f"{t:03d}.wav" for t in test])])
        assert np.array_equal(again, scores)


def test_run_json_tells_all_sets_and_no_columns_of_arrays(tmp_path):
    inputs = array_inputs(tmp_path, variants=VARIANTS[:1])
    run(tmp_path / "out", inputs, spy())
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["features"]["sets"] == ["mel", "chroma"]
    assert "names" not in record["features"]
    assert record["features"]["variants"] == VARIANTS[:1]
    targets = read_targets(pl.read_parquet(inputs["split"]), "single_label", where="run a")
    assert record["data_digest"] == table_of(inputs).digest(targets)


def test_nothing_of_the_arrays_is_read_to_put_rows_together(tmp_path):
    inputs = array_inputs(tmp_path, variants=VARIANTS[:2])
    with patch("numpy.load", side_effect=AssertionError("an array file was opened")):
        table = table_of(inputs)
        part = table.X[table.rows(["004.wav", "007.wav"], copies=True)]
        shapes = part.shapes()
    assert shapes == [((2, 6),) * 6] * 2
    mel, _ = part.row(0)
    assert isinstance(mel.base.base, np.memmap) and mel.dtype == np.float16


def test_no_more_files_are_open_than_a_process_may_have(tmp_path):
    """Of a large dataset there is a file for each set, variant and batch."""
    inputs = write_run_inputs(
        tmp_path / "tables",
        change=lambda tracks, **_: {"tracks": tracks.with_columns(batch="track_id")},
    )
    sets = {f"set{k}": write_set(tmp_path, inputs, f"set{k}") for k in range(6)}
    described = describe_tracks(sets, pl.read_parquet(inputs["tracks"]), takes="arrays")
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as file:
        opened = file.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 300, most))
    try:
        found = [[array[0, 0] for array in described.X.row(number)] for number in range(90)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, most))
    assert np.array_equal(found, np.repeat(np.arange(90), 6).reshape(90, 6))


def test_rows_are_there_where_every_set_describes_them(tmp_path, caplog):
    inputs = array_inputs(tmp_path, variants=["shift5s"], segments=2)
    tracks, split = pl.read_parquet(inputs["tracks"]), pl.read_parquet(inputs["split"])
    inputs["features"]["mel"] = write_set(
        tmp_path, inputs, "mel", segments=2, reasons={"003.wav": "too short", ("006.wav", 0): "odd"}
    )
    inputs["features"]["chroma"] = write_set(
        tmp_path, inputs, "chroma", segments=2, reasons={"004.wav": "silent", ("006.wav", 1): "odd"}
    )
    inputs["copies"]["shift5s"]["chroma"] = write_set(
        tmp_path, inputs, "chroma", "shift5s", segments=2, reasons={"007.wav": "too short"}
    )
    table = read_table(tracks, split, inputs["features"], inputs["copies"], takes="arrays")
    assert table.dropped == {
        "003.wav": "mel: too short",
        "004.wav": "chroma: silent",
        "006.wav": "no segment is described by all of its feature sets",
    }
    rows = told(table.X)
    assert rows == sorted(rows)  # by track, variant and segment
    assert [track for track, *_ in rows] == [int(name[:3]) for name in table.track_ids]
    assert [variant > 0 for _, variant, _ in rows] == table.copied.tolist()
    trained = part_of(inputs, 0, "train") | part_of(inputs, 1, "train")
    assert 7 in trained
    expected = {
        (track, variant, segment)
        for track in set(range(90)) - {3, 4, 6}
        for variant in (0, NUMBERS["shift5s"])
        for segment in (0, 1)
        if not variant or (track in trained and track != 7)
    }
    assert set(rows) == expected
    assert table.missing_copies == {"shift5s": 1}
    told_copy = "007.wav is trained on without a copy as shift5s: chroma: too short"
    assert told_copy in caplog.text


def test_the_same_bits_whatever_the_order_of_tables_and_rows(tmp_path):
    inputs = array_inputs(tmp_path, variants=VARIANTS[:2], segments=2)
    targets = read_targets(pl.read_parquet(inputs["split"]), "single_label", where="run a")
    first = table_of(inputs)
    turned = inputs | {
        "features": {name: paths[::-1] for name, paths in inputs["features"].items()}
    }
    for paths in inputs["features"].values():
        for path in paths:
            pl.read_parquet(path).sample(fraction=1, shuffle=True, seed=1).write_parquet(path)
    assert table_of(turned).digest(targets) == first.digest(targets)
    one_less = inputs | {"copies": {VARIANTS[0]: inputs["copies"][VARIANTS[0]]}}
    assert table_of(one_less).digest(targets) != first.digest(targets)
    alone = inputs | {"features": {"mel": inputs["features"]["mel"]}, "copies": {}}
    renamed = alone | {"features": {"mel2": inputs["features"]["mel"]}}
    assert table_of(alone).digest(targets) != table_of(renamed).digest(targets)


def test_a_vector_among_arrays_is_an_array_of_one_axis(tmp_path):
    inputs = write_run_inputs(tmp_path / "tables")
    both = {"mel": write_set(tmp_path, inputs, "mel"), "summary": inputs["features"]}
    table = table_of(inputs | {"features": both})
    vectors = pl.concat(map(pl.read_parquet, inputs["features"])).sort("track_id")
    expected = vectors.select(f"feature{i}" for i in range(6)).to_numpy().astype(np.float32)
    for number in range(90):
        mel, vector = table.X.row(number)
        assert mel[0, 0] == number and vector.dtype == np.float32
        assert np.array_equal(vector, expected[number])
    gap = vectors.with_columns(feature2=pl.lit(None, pl.Float64))
    gap.write_parquet(tmp_path / "gap.parquet")
    with pytest.raises(GenreflowError, match="'summary': values of feature2 are missing"):
        table_of(inputs | {"features": both | {"summary": [tmp_path / "gap.parquet"]}})


def test_a_vector_among_arrays_has_the_same_columns_in_copies(tmp_path):
    """Columns in another order would be other features, and nothing else tells them apart."""
    inputs = write_run_inputs(tmp_path / "tables")
    first = [f"feature{i}" for i in range(6)]

    def turned(table):
        return table.select(pl.exclude(first), *first[::-1])

    both = {"mel": write_set(tmp_path, inputs, "mel"), "summary": inputs["features"]}
    copies = {"mel": write_set(tmp_path, inputs, "mel", "noise20")}
    for change, message in ((None, None), (turned, "noise20 has other features.*their order")):
        copies["summary"] = write_variant(tmp_path, inputs, "noise20", change=change)
        given = inputs | {"features": both, "copies": {"noise20": copies}}
        if not change:
            assert table_of(given).copied.any()
            continue
        with pytest.raises(GenreflowError, match=message):
            table_of(given)
        tested = inputs | {"features": both, "test_features": copies}
        with pytest.raises(GenreflowError, match=message):
            run(tmp_path / "out", tested, spy())


def write_vectors(folder, inputs, *, scale=2.0, reasons=()):
    """A second set of vectors, of the same names."""
    paths = []
    for path in inputs["features"]:
        failed = pl.col("track_id").is_in(list(dict(reasons)))
        features = pl.col(f"feature{i}" for i in range(6))
        table = pl.read_parquet(path).with_columns(
            pl.when(~failed).then(features * scale + features.sin()),
            reason=pl.col("track_id").replace_strict(dict(reasons), default=None),
        )
        folder.mkdir(parents=True, exist_ok=True)
        paths.append(str(folder / Path(path).name))
        table.write_parquet(paths[-1])
    return paths


def test_vectors_of_several_sets_stand_side_by_side(tmp_path):
    inputs = write_run_inputs(tmp_path / "tables", reasons={"011.wav": "too strange"})
    second = write_vectors(tmp_path / "second", inputs, reasons={"004.wav": "too short"})
    both = inputs | {"features": {"summary": inputs["features"], "second": second}}
    found = run(tmp_path / "out", both, model(estimator=LOGISTIC))
    record = json.loads((tmp_path / "out/run.json").read_text())
    names = [f"{name}: feature{i}" for name in ("summary", "second") for i in range(6)]
    assert record["features"]["names"] == names
    assert record["features"]["sets"] == ["summary", "second"]
    dropped = {"004.wav": "second: too short", "011.wav": "summary: too strange"}
    assert record["folds"][0]["dropped"] == dropped
    split = pl.read_parquet(inputs["split"]).filter(~pl.col("track_id").is_in(list(dropped)))
    columns = []
    for paths in both["features"].values():
        table = pl.concat(map(pl.read_parquet, paths)).sort("track_id")
        known = table.filter(~pl.col("track_id").is_in(list(dropped)))
        columns.append(known.select(f"feature{i}" for i in range(6)).to_numpy())
    x = np.concatenate(columns, axis=1)
    for fold in (0, 1):
        own = split.filter(pl.col("fold") == fold).sort("track_id")
        part, y = own["part"].to_numpy(), own["labels"].list[0].to_numpy()
        scaler = StandardScaler().fit(x[part == "train"])
        seed = fold_seed(3, 0, fold)
        fitted = LogisticRegression(random_state=seed).fit(
            scaler.transform(x[part == "train"]), y[part == "train"]
        )
        expected = fitted.predict_proba(scaler.transform(x[part == "test"]))
        tested = found.filter(pl.col("fold") == fold, pl.col("part") == "test")
        scores = tested["score"].to_numpy().reshape(-1, 3)
        np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_models_of_arrays_take_several_labels(tmp_path):
    inputs = array_inputs(tmp_path, change=several)
    spec = model(estimator=LOGISTIC, scaler=FLAT, takes="arrays")
    found = run(tmp_path / "out", inputs, spec, task="multi_label", thresholds="validation")
    assert found.filter(pl.col("truth") == 1)["score"].mean() > 0.4
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert list(record["folds"][0]["thresholds"]) == ["blues", "jazz", "rock"]


def test_sets_that_do_not_go_together_are_refused(tmp_path):
    inputs = array_inputs(tmp_path, segments=6)
    tracks = pl.read_parquet(inputs["tracks"])
    whole, shorter, odd = (
        {
            "mel": inputs["features"]["mel"],
            "chroma": write_set(tmp_path / n, inputs, "chroma", segments=k),
        }
        for n, k in (("whole", 1), ("shorter", 4), ("odd", 5))
    )
    for sets, count in ((whole, 1), (shorter, 4)):
        message = f"mel and chroma cannot be combined: .* 000.wav in 6 and in {count} segments"
        with pytest.raises(GenreflowError, match=message):
            describe_tracks(sets, tracks, takes="arrays")
    # As where another sampling rate rounds the last segment away.
    assert len(describe_tracks(odd, tracks, takes="arrays").rows) == 90 * 5
    with pytest.raises(GenreflowError, match="'mel' gives arrays, and the model takes vectors"):
        describe_tracks({"mel": inputs["features"]["mel"]}, tracks)


def test_an_estimator_of_vectors_is_told_what_to_do_with_arrays(tmp_path):
    spec = model(estimator=LOGISTIC, scaler=None, takes="arrays")
    with pytest.raises(GenreflowError, match="arrays of mel, chroma are no matrix"):
        run(tmp_path / "out", array_inputs(tmp_path), spec)


def test_flat_lists_of_tables_are_parted_by_set_and_variant():
    paths = [
        f"results/features/{name}/{variant}/{batch}.parquet"
        for variant in ("stretch0.81", "noise20")
        for name in ("mel", "chroma")
        for batch in ("a", "b")
    ]
    copies = {variant: by_set(own, ["mel", "chroma"]) for variant, own in by_variant(paths).items()}
    assert list(copies) == ["stretch0.81", "noise20"]
    for variant, sets in copies.items():
        assert list(sets) == ["mel", "chroma"]
        for name, own in sets.items():
            expected = [f"results/features/{name}/{variant}/{b}.parquet" for b in ("a", "b")]
            assert own == expected
    assert by_set(["ingest/5ca1/features.parquet"], ["csv"]) == {
        "csv": ["ingest/5ca1/features.parquet"]
    }
    with pytest.raises(ValueError, match="3 tables are not the same number of each of 2 sets"):
        by_set(["a", "b", "c"], ["mel", "chroma"])
