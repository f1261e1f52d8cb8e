"""Runs whose tracks have segments and augmented copies, and runs that are tested on a variant."""

import dataclasses
import json
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from training_fixtures import (
    LOGISTIC,
    TREE,
    cut,
    model,
    run,
    shipped,
    write_run_inputs,
    write_variant,
)

from genreflow.errors import GenreflowError
from genreflow.evaluation.study import Run, evaluate_study
from genreflow.models.files import load_model
from genreflow.training.fit import fit_model
from genreflow.training.table import read_table
from genreflow.training.targets import read_targets
from genreflow.training.train import fold_seed

SCALER = "sklearn.preprocessing.StandardScaler"
TRAINING = "genreflow.training"
VARIANTS = ["stretch0.81", "noise20"]  # not in the order of their names


def record_of(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def described(paths: list[str]) -> dict[str, list[list[float]]]:
    """The features of each track's segments, in their order."""
    table = pl.concat(map(pl.read_parquet, paths)).filter(pl.col("reason").is_null())
    found: dict[str, list[list[float]]] = {}
    for track_id, _, _, _, *features in table.sort("track_id", "segment").iter_rows():
        found.setdefault(track_id, []).append(features)
    return found


def by_hand(inputs: dict, make) -> dict[tuple, np.ndarray]:
    """Probabilities by fold, part and track of pipelines that are fitted on listed rows."""
    originals = described(inputs["features"])
    copies = [described(paths) for paths in inputs.get("copies", {}).values()]
    tested = described(inputs["test_features"]) if "test_features" in inputs else originals
    tracks = pl.read_parquet(inputs["tracks"])
    labels = {row["track_id"]: row["labels"][0] for row in tracks.iter_rows(named=True)}
    split = pl.read_parquet(inputs["split"]).sort("fold", "track_id")
    expected = {}
    for fold in (0, 1):
        parts = dict(split.filter(pl.col("fold") == fold).select("track_id", "part").iter_rows())
        x, y = [], []
        for track, part in parts.items():
            if part == "train" and track in originals:
                rows = [row for table in (originals, *copies) for row in table.get(track, [])]
                x += rows
                y += [labels[track]] * len(rows)
        fitted = make(fold_seed(3, 0, fold)).fit(x, y)
        for track, part in parts.items():
            source = tested if part == "test" else originals
            if part != "train" and track in originals and track in source:
                expected[fold, part, track] = fitted.predict_proba(source[track]).mean(axis=0)
    return expected


def as_dict(predictions: pl.DataFrame) -> dict[tuple, np.ndarray]:
    rows = predictions.group_by("fold", "part", "track_id").agg(pl.col("score").sort_by("target"))
    return {(fold, part, track): np.array(s) for fold, part, track, s in rows.iter_rows()}


def require_same(found: pl.DataFrame, expected: dict[tuple, np.ndarray]) -> None:
    found = as_dict(found)
    assert found.keys() == expected.keys()
    for key, scores in expected.items():
        np.testing.assert_allclose(found[key], scores, atol=1e-12, err_msg=str(key))


MODELS = pytest.mark.parametrize(
    ("spec", "make"),
    [
        (
            model(estimator=LOGISTIC, scaler=SCALER),
            lambda seed: make_pipeline(StandardScaler(), LogisticRegression(random_state=seed)),
        ),
        (
            model(estimator=TREE, parameters={"max_features": 2}),
            lambda seed: DecisionTreeClassifier(max_features=2, random_state=seed),
        ),
    ],
    ids=["logistic", "tree"],
)


@MODELS
@pytest.mark.parametrize("change", [None, cut], ids=["tracks", "segments"])
@pytest.mark.parametrize("variants", [[], VARIANTS], ids=["alone", "copies"])
@pytest.mark.parametrize("tested", [False, True], ids=["original", "variant"])
def test_scikit_learn_on_the_same_rows_gives_the_same_probabilities(
    tmp_path, spec, make, change, variants, tested
):
    reasons = {"004.wav": "too strange", "011.wav": "not finite: feature0"}
    inputs = write_run_inputs(tmp_path / "in", change=change, reasons=reasons)
    short = {"002.wav": "too short", "008.wav": "too short"}
    if variants:
        inputs["copies"] = {
            name: write_variant(tmp_path, inputs, name, reasons=reasons | short)
            for name in variants
        }
    if tested:
        inputs["test_features"] = write_variant(tmp_path, inputs, "gain-6", reasons=short)
    found = run(tmp_path / "out", inputs, spec)
    require_same(found, by_hand(inputs, make))


def test_a_run_with_neither_segments_nor_copies_is_what_it_always_was(tmp_path):
    inputs = write_run_inputs(tmp_path / "in")
    run(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    record = record_of(tmp_path / "out")
    digest = "39890c206c8eee68dd721f92104a46b6427330bb521f22b9882ab8557f64e893"
    assert record["data_digest"] == digest
    assert record["missing_copies"] == {}
    assert all(fold["train_rows"] == fold["train_tracks"] for fold in record["folds"])


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_copy_is_used_but_of_the_tracks_that_train(data):
    """Features say which track, variant and segment they are of."""
    n = data.draw(st.integers(6, 12))
    names = data.draw(st.permutations(["stretch0.81", "noise20", "gain-6"]))
    variants = {name: number for number, name in enumerate(["original", *names])}
    tested = data.draw(st.sampled_from([None, "shift5s", names[0]]))
    some = {"min_size": n - 3, "max_size": n - 3}  # the last three make it a study
    parts = st.lists(st.sampled_from(["train", "validation", "test", "duplicate"]), **some)
    drawn = [[*data.draw(parts), "train", "train", "test"] for _ in "ab"]
    counts = st.lists(st.integers(0, 3), **some)
    segments = {name: [*data.draw(counts), 1, 2, 3] for name in (*variants, "shift5s")}
    tracks = pl.DataFrame(
        {
            "track_id": [f"{i:02d}.wav" for i in range(n)],
            "batch": [f"b{i % 2}" for i in range(n)],
            "labels": [[["blues", "jazz"][i % 2]] for i in range(n)],
            "artist": pl.Series([None] * n, dtype=pl.String),
            "digest": [f"{i:032x}" for i in range(n)],
        }
    )
    split = pl.DataFrame(
        [(f"{i:02d}.wav", 0, fold, drawn[fold][i]) for fold in (0, 1) for i in range(n)],
        schema=["track_id", "repeat", "fold", "part"],
        orient="row",
    ).cast({"repeat": pl.Int32, "fold": pl.Int32})
    split = split.join(tracks.select("track_id", "labels"), on="track_id")

    def rows(name):
        """No segment at all is a reason why there is none."""
        number = variants.get(name, 9)
        return [
            (f"{i:02d}.wav", f"b{i % 2}", segment, reason, *values)
            for i, count in enumerate(segments[name])
            for segment, reason, values in (
                [(s, None, (i, number, s)) for s in range(count)] or [(0, "broken", [None] * 3)]
            )
        ]

    def train_on(folder: Path, shuffle: int | None):
        fitted = []

        def spy(spec, x, y, *arguments, **others):
            fitted.append((x.copy(), y.copy()))
            return fit_model(spec, x, y, *arguments, **others)

        def write(name):
            schema = {"track_id": pl.String, "batch": pl.String, "segment": pl.Int32}
            schema |= {"reason": pl.String, **dict.fromkeys("abc", pl.Float64)}
            table = pl.DataFrame(rows(name), schema=schema, orient="row")
            if shuffle is not None:
                table = table.sample(fraction=1, shuffle=True, seed=shuffle)
            paths = []
            for (batch,), own in table.group_by("batch", maintain_order=True):
                paths.append(str(folder / f"{name}.{batch}.parquet"))
                own.write_parquet(paths[-1])
            return paths

        mixed = {"fraction": 1, "shuffle": shuffle is not None, "seed": shuffle}
        tracks.sample(**mixed).write_parquet(folder / "tracks")
        split.sample(**mixed).write_parquet(folder / "split")
        inputs = {
            "tracks": folder / "tracks",
            "split": folder / "split",
            "features": write("original"),
            "copies": {name: write(name) for name in names},
        }
        if tested:
            inputs["test_features"] = write(tested)
        with patch(f"{TRAINING}.train.fit_model", spy), patch(f"{TRAINING}.fold.save_model"):
            predictions = run(folder / "out", inputs, shipped("dummy"))
        return fitted, predictions, record_of(folder / "out")

    def whole(i):
        return segments["original"][i] > 0

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        fitted, predictions, record = train_on(Path(one), None)
        again, same, record_again = train_on(Path(other), 1)
    assert predictions.equals(same)
    assert record["data_digest"] == record_again["data_digest"]
    for fold, (x, y) in enumerate(fitted):
        trained = [i for i in range(n) if drawn[fold][i] == "train" and whole(i)]
        expected = [
            (i, variants[name], segment)
            for i in trained
            for name in variants
            for segment in range(segments[name][i])
        ]
        assert x.tolist() == [list(map(float, row)) for row in expected]
        assert y.tolist() == [i % 2 for i, _, _ in expected]
        assert np.array_equal(x, again[fold][0]) and np.array_equal(y, again[fold][1])
        told = record["folds"][fold]
        assert (told["train_tracks"], told["train_rows"]) == (len(trained), len(expected))
        asked = {"validation": "original", "test": tested or "original"}
        for part, name in asked.items():
            own = [
                f"{i:02d}.wav"
                for i in range(n)
                if drawn[fold][i] == part and whole(i) and segments[name][i]
            ]
            found = predictions.filter(pl.col("fold") == fold, pl.col("part") == part)
            assert found["track_id"].unique().sort().to_list() == own
            assert told[f"{part}_tracks"] == len(own)
    ever = {i for fold in (0, 1) for i in range(n) if drawn[fold][i] == "train" and whole(i)}
    assert record["missing_copies"] == {
        name: sum(segments[name][i] == 0 for i in ever) for name in names
    }


@pytest.mark.parametrize("name", ["svm", "xgboost_tuned", "random_forest"])
def test_models_that_search_and_calibrate_take_segments_and_copies(tmp_path, name):
    inputs = write_run_inputs(tmp_path / "in", change=cut)
    inputs["copies"] = {v: write_variant(tmp_path, inputs, v) for v in VARIANTS}
    spec = shipped(name)
    if "search" in spec:
        spec["search"] |= {"method": "randomized", "iterations": 2, "folds": 2}
    found = run(tmp_path / "out", inputs, spec)
    sums = found.group_by("fold", "track_id").agg(pl.col("score").sum())
    np.testing.assert_allclose(sums["score"], 1, atol=1e-12)
    again = write_run_inputs(tmp_path / "in2", change=cut, shuffle=1)
    again["copies"] = {v: write_variant(tmp_path / "2", again, v, shuffle=2) for v in VARIANTS}
    assert run(tmp_path / "out2", again, spec).equals(found)


def test_a_test_variant_changes_the_test_part_alone(tmp_path):
    inputs = write_run_inputs(tmp_path / "in", change=cut)
    inputs["copies"] = {"noise20": write_variant(tmp_path, inputs, "noise20")}
    reasons = {"004.wav": "too strange", "010.wav": "too short"}
    robust = inputs | {"test_features": write_variant(tmp_path, inputs, "gain-6", reasons=reasons)}
    spec = model(estimator=LOGISTIC)
    plain = run(tmp_path / "plain", inputs, spec)
    found = run(tmp_path / "robust", robust, spec)
    validation = pl.col("part") == "validation"
    assert found.filter(validation).equals(plain.filter(validation))
    test = found.join(plain, on=["track_id", "fold", "part", "target"]).filter(~validation)
    assert (test["score"] != test["score_right"]).mean() > 0.9
    assert not set(found.filter(~validation)["track_id"]) & reasons.keys()
    records = [record_of(tmp_path / name) for name in ("plain", "robust")]
    assert records[0]["data_digest"] == records[1]["data_digest"]
    assert [record["features"]["variants"] for record in records] == [["noise20"]] * 2
    assert [record["features"]["test_variant"] for record in records] == [None, "noise20"]
    split = pl.read_parquet(inputs["split"])
    for number, fold in enumerate(records[1]["folds"]):
        tested = split.filter(pl.col("fold") == number, pl.col("part") == "test")["track_id"]
        gone = {track: f"as noise20: {why}" for track, why in reasons.items() if track in tested}
        assert fold["dropped"] == gone
        assert fold["test_tracks"] == len(tested) - len(gone)
    x = np.random.default_rng(9).normal(size=(40, 6))
    for fold in ("r0f0", "r0f1"):
        models = [load_model(tmp_path / name / "model" / fold)[0] for name in ("plain", "robust")]
        assert np.array_equal(*(pipeline.predict_proba(x) for pipeline in models))


def test_runs_tested_on_variants_are_measured_on_the_tracks_that_all_predicted(tmp_path):
    inputs = write_run_inputs(tmp_path / "in")
    reasons = {"004.wav": "too strange", "010.wav": "too short"}
    robust = inputs | {"test_features": write_variant(tmp_path, inputs, "noise20", reasons=reasons)}
    runs = []
    for name, own in (("plain", inputs), ("robust", robust)):
        run(tmp_path / name, own, model(estimator=LOGISTIC))
        runs.append(
            Run(
                run=name,
                split="random",
                model="logistic_regression",
                features="summary",
                kind="exact",
                method="stratified_kfold",
                variants=VARIANTS if name == "robust" else (),
                test_variant="noise20" if name == "robust" else None,
                predictions=str(tmp_path / name / "predictions.parquet"),
                record=str(tmp_path / name / "run.json"),
                split_table=str(inputs["split"]),
                tracks=str(inputs["tracks"]),
            )
        )
    tables = evaluate_study(runs, resamples=100)
    guesses = tables["guesses"].filter(pl.col("part") == "test")
    keys = ["repeat", "fold", "track_id"]
    plain, tested = (
        guesses.filter(pl.col("run") == name).select(keys) for name in ("plain", "robust")
    )
    assert plain.equals(tested)
    assert not set(plain["track_id"]) & reasons.keys()
    told = tables["runs"].select("run", "variants", "test_variant", "dropped").rows()
    assert told == [("plain", None, None, 1), ("robust", "stretch0.81, noise20", "noise20", 1)]


def test_a_copy_that_could_not_be_made_is_told_and_its_track_stays(tmp_path, caplog):
    inputs = write_run_inputs(tmp_path / "in")
    trained = pl.read_parquet(inputs["split"]).filter(pl.col("part") == "train")["track_id"]
    one = trained[0]
    inputs["copies"] = {
        "stretch0.81": write_variant(tmp_path, inputs, "stretch0.81", reasons={one: "too short"}),
        "noise20": write_variant(tmp_path, inputs, "noise20"),
    }
    run(tmp_path / "out", inputs, model(estimator=LOGISTIC))
    assert f"{one} is trained on without a copy as stretch0.81: too short" in caplog.text
    record = record_of(tmp_path / "out")
    assert record["missing_copies"] == {"stretch0.81": 1, "noise20": 0}
    assert record["features"]["variants"] == VARIANTS
    for number, fold in enumerate(record["folds"]):
        split = pl.read_parquet(inputs["split"]).filter(pl.col("fold") == number)
        tracks = split.filter(pl.col("part") == "train")["track_id"]
        assert fold["train_tracks"] == len(tracks)
        assert fold["train_rows"] == 3 * len(tracks) - (one in tracks)
        assert fold["dropped"] == {}


def test_what_is_never_trained_on_is_not_in_the_digest_and_copies_are(tmp_path):
    inputs = write_run_inputs(tmp_path / "in")
    split = pl.read_parquet(inputs["split"])
    tracks = pl.read_parquet(inputs["tracks"])
    targets = read_targets(split, "single_label", where="run a")
    trained = split.filter(pl.col("part") == "train")["track_id"].unique().to_list()

    def spoil(chosen):
        return lambda vectors: vectors.with_columns(
            feature0=pl.when(chosen).then(1e6).otherwise("feature0")
        )

    def table_with(copies=None):
        return read_table(tracks, split, {"summary": inputs["features"]}, copies)

    def digest(change=None, name="noise20"):
        paths = write_variant(tmp_path, inputs, name, change=change)
        return table_with({name: {"summary": paths}}).digest(targets)

    assert len(trained) < 90
    whole = digest()
    known = pl.col("track_id").is_in(trained)
    assert digest(spoil(~known)) == whole
    assert digest(spoil(known)) != whole
    assert table_with().digest(targets) != whole
    table = table_with({"noise20": {"summary": write_variant(tmp_path, inputs, "noise20")}})
    segments = dataclasses.replace(table, copied=np.zeros_like(table.copied))
    # A search would score on these.
    assert table.digest(targets) == whole != segments.digest(targets)


def test_errors(tmp_path):
    inputs = write_run_inputs(tmp_path / "in")

    def other(vectors):
        return vectors.rename({"feature2": "energy"})

    def turned(vectors):
        return vectors.select(*vectors.columns[:4], *reversed(vectors.columns[4:]))

    odd = write_variant(tmp_path, inputs, "gain-6", change=other)
    back = write_variant(tmp_path, inputs, "shift5s", change=turned)
    nothing = {f"{i:03d}.wav": "broken" for i in range(90)}
    broken = write_variant(tmp_path, inputs, "noise20", reasons=nothing)
    cases = [
        ({"copies": {"gain-6": odd}}, "variant gain-6 has other features.*energy, feature2"),
        ({"copies": {"shift5s": back}}, "variant shift5s has other features.*their order"),
        ({"test_features": odd}, "variant noise20 has other features.*energy, feature2"),
        ({"test_features": broken}, "none of the split's .* has features.*as noise20: broken"),
    ]
    for changed, message in cases:
        with pytest.raises(GenreflowError, match=message):
            run(tmp_path / "out", inputs | changed, model(estimator=LOGISTIC))
    run(tmp_path / "out", inputs | {"copies": {"noise20": broken}}, model(estimator=LOGISTIC))
    assert record_of(tmp_path / "out")["features"]["variants"] == ["noise20"]
