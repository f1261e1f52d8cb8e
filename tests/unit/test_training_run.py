"""A whole run: what it writes, that it is repeatable, and that it learns from training alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from training_fixtures import LOGISTIC, MODELS, TREE, model, run, shipped, write_run_inputs

from genreflow.errors import GenreflowError
from genreflow.models.files import load_model
from genreflow.models.predict import predict_probabilities
from genreflow.schema import SHIPPED
from genreflow.training.table import read_table
from genreflow.training.targets import read_targets
from genreflow.training.train import fold_seed

LABELS = ["blues", "jazz", "rock"]
SEARCHED = model(
    estimator=TREE,
    search={"method": "randomized", "space": {"max_depth": [1, 2, 3, 4]}, "iterations": 2},
)

CALIBRATED = SEARCHED | {"calibrate": True}


def probe(folder):
    """Predictions of all models of a run on tracks that are in no table."""
    x = np.random.default_rng(9).normal(size=(40, 6))
    models = [load_model(path) for path in sorted((folder / "model").iterdir())]
    return [predict_probabilities(pipeline, x) for pipeline, _ in models]


def table_of(inputs):
    tracks, split = pl.read_parquet(inputs["tracks"]), pl.read_parquet(inputs["split"])
    return read_table(tracks, split, {"summary": inputs["features"]})


def targets_of(inputs):
    return read_targets(pl.read_parquet(inputs["split"]), "single_label", where="run a")


def digest_of(inputs):
    return table_of(inputs).digest(targets_of(inputs))


@pytest.mark.parametrize("name", MODELS)
def test_predictions_of_every_model(tmp_path, name):
    inputs = write_run_inputs(tmp_path / "in")
    found = run(tmp_path / "out", inputs, shipped(name))
    assert found.schema == {
        "track_id": pl.String,
        "repeat": pl.Int32,
        "fold": pl.Int32,
        "part": pl.String,
        "target": pl.String,
        "truth": pl.Float64,
        "score": pl.Float64,
        "threshold": pl.Float64,
    }
    assert found["threshold"].is_null().all()
    assert found.equals(found.sort("repeat", "fold", "part", "track_id", "target"))
    split = pl.read_parquet(inputs["split"]).filter(pl.col("part") != "train")
    expected = split.join(pl.DataFrame({"target": LABELS}), how="cross")
    keys = ["repeat", "fold", "part", "track_id", "target"]
    assert found.select(keys).equals(expected.select(keys).sort(keys))
    sums = found.group_by("fold", "track_id").agg(pl.col("truth", "score").sum())
    np.testing.assert_allclose(sums.select("truth", "score").to_numpy(), 1, atol=1e-12)
    labels = pl.read_parquet(inputs["tracks"]).select("track_id", label=pl.col("labels").list[0])
    truth = found.join(labels, on="track_id").select(pl.col("target") == pl.col("label"))
    assert (truth.to_series().cast(float) == found["truth"]).all()
    guessed = found.filter(pl.col("score") == pl.col("score").max().over("fold", "track_id"))
    # The dummy does not look at features, and what clusters does not look at labels.
    blind = name == "dummy" or name.endswith("_vote")
    assert guessed["truth"].mean() > (0.2 if blind else 0.45)


def test_run_json_tells_the_run(tmp_path):
    reasons = {"004.wav": "too strange", "011.wav": "not finite: feature0"}
    inputs = write_run_inputs(tmp_path / "in", reasons=reasons)
    found = run(tmp_path / "out", inputs, SEARCHED)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert not set(found["track_id"]) & reasons.keys()
    assert record["features"] == {
        "sets": ["summary"],
        "names": [f"feature{i}" for i in range(6)],
        "code": {"summary": "9f9f"},
        "variants": [],
        "test_variant": None,
    }
    assert record["classes"] == LABELS
    assert [(fold["repeat"], fold["fold"]) for fold in record["folds"]] == [(0, 0), (0, 1)]
    for fold in record["folds"]:
        counts = [fold[f"{part}_tracks"] for part in ("train", "validation", "test")]
        assert sum(counts) == 88
        assert fold["dropped"] == reasons
        assert set(fold["best_parameters"]) == {"max_depth"}
        assert fold["seconds_fit"] > 0
    expected = {
        "run": "mine",
        "split": "random",
        "study": "demo",
        "dataset": "mine",
        "task": "single_label",
        "model": SEARCHED,
        "snapshot": "5ca1ab1e",
        "split_method": "stratified",
        "seed": 3,
        "threads": 1,
    }
    assert expected.items() <= record.items()
    assert record["peak_memory_mb"] > 50
    assert {"python", "numpy", "scikit-learn", "skops"} <= record["versions"].keys()
    assert record["seconds"] > 0
    assert record["data_digest"] == digest_of(inputs)


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "xgboost", "svm"])
def test_the_same_bits_whatever_the_order_of_the_rows(tmp_path, name):
    first = run(tmp_path / "a", write_run_inputs(tmp_path / "in"), shipped(name))
    for seed in (1, 2):
        inputs = write_run_inputs(tmp_path / f"in{seed}", shuffle=seed)
        assert run(tmp_path / f"b{seed}", inputs, shipped(name)).equals(first)


def test_another_seed_makes_another_forest(tmp_path):
    inputs, spec = write_run_inputs(tmp_path / "in"), shipped("random_forest")
    first, second = (run(tmp_path / str(seed), inputs, spec, seed=seed) for seed in (1, 2))
    assert not first.equals(second)


def test_the_same_bits_whatever_the_number_of_threads(tmp_path):
    inputs = write_run_inputs(tmp_path / "in", n=900, features=57)
    inputs = {k: [*map(str, v)] if isinstance(v, list) else str(v) for k, v in inputs.items()}
    # Without a limit, the network's predictions differ between one and two threads.
    network = model(estimator="sklearn.neural_network.MLPClassifier", parameters={"max_iter": 3})
    specs = {name: shipped(name) for name in ("logistic_regression", "random_forest", "xgboost")}
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import json, pathlib, training_fixtures as t\n"
        "for name, spec in json.loads(sys.argv[3]).items():\n"
        "    t.run(pathlib.Path(sys.argv[4]) / name, json.loads(sys.argv[2]), spec)\n"
    )
    given = [str(Path(__file__).parent), json.dumps(inputs), json.dumps(specs | {"mlp": network})]
    variables = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    for threads in ("1", "2"):
        environment = os.environ | dict.fromkeys(variables, threads)
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *given, threads],
            check=True,
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(SHIPPED / "scripts")},
        )
    for name in [*specs, "mlp"]:
        one, two = (pl.read_parquet(tmp_path / n / name / "predictions.parquet") for n in "12")
        assert one.equals(two), name


@pytest.mark.parametrize(
    "spec",
    [
        *(pytest.param(shipped(name), id=name) for name in MODELS),
        pytest.param(SEARCHED, id="searched"),
        pytest.param(CALIBRATED, id="searched-calibrated"),
        pytest.param(
            model(estimator=LOGISTIC, scaler="sklearn.preprocessing.QuantileTransformer"),
            id="ranks",
        ),
    ],
)
def test_what_is_not_training_changes_nothing_that_is_learned(tmp_path, spec):
    def scramble(tracks, split, vectors):
        """Another label and other features for all tracks that no fold trains on."""
        trained = split.filter(pl.col("part") == "train")["track_id"].unique().to_list()
        other = ~pl.col("track_id").is_in(trained)
        assert 10 < tracks.filter(other).height < 80
        labels = pl.when(other).then(pl.lit(["rock"])).otherwise("labels")
        columns = [
            pl.when(other).then(pl.col(name) * -1e3 + 7).otherwise(name).alias(name)
            for name in vectors.columns
            if name.startswith("feature")
        ]
        return {
            "split": split.with_columns(labels=labels),
            "vectors": vectors.with_columns(columns),
        }

    def only_one_fold(tracks, split, vectors):
        return {"split": split.filter(pl.col("fold") == 0)}

    def both(**frames):
        frames |= only_one_fold(**frames)
        return frames | scramble(**frames)

    before = run(tmp_path / "a", write_run_inputs(tmp_path / "in", change=only_one_fold), spec)
    after = run(tmp_path / "b", write_run_inputs(tmp_path / "changed", change=both), spec)
    for one, other in zip(probe(tmp_path / "a"), probe(tmp_path / "b"), strict=True):
        assert np.array_equal(one, other)
    assert not before.equals(after)
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in "ab"]
    chosen = [[fold["best_parameters"] for fold in record["folds"]] for record in records]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("spec", [shipped("random_forest"), SEARCHED, CALIBRATED])
def test_tracks_that_the_split_excludes_change_nothing(tmp_path, spec):
    def add(tracks, split, vectors):
        """Tracks before, between and after the others, by their artists, with their recordings."""

        def renamed(frame):
            return frame.with_columns(
                track_id=pl.concat_str(pl.lit("0"), pl.col("track_id").str.head(3), pl.lit("x"))
            )

        some = pl.col("track_id").str.contains("[1-4]")
        odd = renamed(tracks.filter(some)).with_columns(artist=pl.col("artist").shift(7))
        out = renamed(split.filter(some)).with_columns(
            part=pl.lit("excluded"), labels=pl.lit(["polka"])
        )
        return {
            "tracks": pl.concat([tracks, odd.select(tracks.columns)]),
            "split": pl.concat([split, out]),
            "vectors": pl.concat([vectors, renamed(vectors.filter(some))]),
        }

    plain, more = (
        write_run_inputs(tmp_path / name, change=change)
        for name, change in (("plain", None), ("more", add))
    )
    assert len(pl.read_parquet(more["tracks"])) > len(pl.read_parquet(plain["tracks"])) + 20
    first = run(tmp_path / "a", plain, spec)
    assert run(tmp_path / "b", more, spec).equals(first)
    digests = {
        json.loads((tmp_path / name / "run.json").read_text())["data_digest"] for name in "ab"
    }
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["xgboost", "svm", "knn", "logistic_regression"])
def test_a_label_that_a_fold_does_not_train_on_gets_no_probability(tmp_path, name):
    def without_jazz(tracks, split, vectors):
        """All jazz in fold 0's test part."""
        jazz = tracks.filter(pl.col("labels").list[0] == "jazz")["track_id"].to_list()
        moved = pl.col("track_id").is_in(jazz) & (pl.col("fold") == 0)
        part = pl.when(moved).then(pl.lit("test")).otherwise("part")
        return {"split": split.with_columns(part=part)}

    found = run(tmp_path, write_run_inputs(tmp_path / "in", change=without_jazz), shipped(name))
    jazz = found.filter(pl.col("target") == "jazz")
    assert (jazz.filter(pl.col("fold") == 0)["score"] == 0).all()
    assert (jazz.filter(pl.col("fold") == 1)["score"] > 0).any()
    assert load_model(tmp_path / "model" / "r0f0")[1] == ["blues", "rock"]
    assert load_model(tmp_path / "model" / "r0f1")[1] == LABELS


def test_models_stand_beside_the_predictions(tmp_path):
    inputs = write_run_inputs(tmp_path / "in")
    found = run(tmp_path / "out", inputs, shipped("random_forest"))
    table = table_of(inputs)
    for fold in (0, 1):
        pipeline, classes = load_model(tmp_path / "out" / "model" / f"r0f{fold}")
        rows = found.filter(pl.col("fold") == fold, pl.col("part") == "test")
        x = table.X[table.rows(rows["track_id"].unique().to_list())]
        assert classes == LABELS
        scores = rows["score"].to_numpy().reshape(-1, len(LABELS))
        assert np.array_equal(predict_probabilities(pipeline, x), scores)


def test_digest_tells_labels_features_and_tracks_apart(tmp_path):
    def label(split, **_):
        first = (pl.col("track_id") == "000.wav") & (pl.col("fold") == 1)
        return {
            "split": split.with_columns(labels=pl.when(first).then(["rock"]).otherwise("labels"))
        }

    def value(vectors, **_):
        return {
            "vectors": vectors.with_columns(feature0=pl.col("feature0").replace({0.0: 1}) + 1e-12)
        }

    def name(vectors, **_):
        return {"vectors": vectors.rename({"feature0": "other"})}

    changes = [None, label, value, name]
    digests = {
        digest_of(write_run_inputs(tmp_path / str(i), change=change))
        for i, change in enumerate(changes)
    }
    assert len(digests) == len(changes)
    assert digest_of(write_run_inputs(tmp_path / "shuffled", shuffle=1)) in digests


def test_copies_and_excluded_tracks_do_not_train(tmp_path):
    def with_copies(tracks, split, vectors):
        copied = pl.col("track_id").is_in(["000.wav", "001.wav"])
        part = pl.when(copied).then(pl.lit("duplicate")).otherwise("part")
        labels = pl.when(copied).then(pl.lit(["odd"])).otherwise("labels")
        return {"split": split.with_columns(part=part, labels=labels)}

    inputs = write_run_inputs(tmp_path, change=with_copies)
    assert len(table_of(inputs).track_ids) == 88
    assert targets_of(inputs).classes == tuple(LABELS)


def test_groups_are_artists_however_they_are_written(tmp_path):
    def rename(tracks, **_):
        odd = pl.int_range(pl.len()) % 2 == 0
        written = pl.format("  {} ", pl.col("artist").str.to_uppercase())
        return {
            "tracks": tracks.with_columns(artist=pl.when(odd).then(written).otherwise("artist"))
        }

    plain = table_of(write_run_inputs(tmp_path / "a"))
    renamed = table_of(write_run_inputs(tmp_path / "b", change=rename))
    assert plain.groups.tolist() == renamed.groups.tolist()
    assert len(set(plain.groups[::7])) == len(plain.groups[::7])  # no artist known


def test_errors(tmp_path):
    spec = model(estimator=LOGISTIC)

    def two_labels(split, **_):
        return {"split": split.with_columns(labels=pl.lit(["a", "b"]))}

    def no_label(split, **_):
        return {"split": split.with_columns(labels=pl.lit(None, pl.List(pl.String)))}

    def one_label(split, **_):
        return {"split": split.with_columns(labels=pl.lit(["a"]))}

    def fewer_tracks(tracks, **_):
        return {"tracks": tracks.head(80)}

    nothing = {f"{i:03d}.wav": "broken" for i in range(90)}
    cases = [
        ({"change": two_labels}, {}, "90 tracks of the split do not have exactly one label"),
        ({"change": no_label}, {}, "90 tracks of the split do not have exactly one label"),
        ({"change": no_label}, {"task": "multi_label"}, "90 tracks .* do not have any label"),
        ({"change": one_label}, {}, "at least 2 labels are needed"),
        ({"change": fewer_tracks}, {}, "names 10 tracks that the tracks table does not know"),
        ({"reasons": nothing}, {}, "none of the split's 90 tracks has features.*broken"),
        ({}, {"task": "regresion"}, "'regresion' is not one of the tasks"),
    ]
    for number, (changed, arguments, message) in enumerate(cases):
        inputs = write_run_inputs(tmp_path / str(number), **changed)
        with pytest.raises(GenreflowError, match=message):
            run(tmp_path / f"out{number}", inputs, spec, **arguments)


def test_seeds_of_folds_are_pinned_and_differ():
    seeds = {(s, r, f): fold_seed(s, r, f) for s in range(3) for r in range(3) for f in range(5)}
    assert len(set(seeds.values())) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds.values())
    assert (fold_seed(0, 0, 0), fold_seed(42, 1, 2)) == (1484405855, 1218218947)
