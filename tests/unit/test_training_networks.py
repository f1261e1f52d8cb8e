"""Estimators that go through epochs: what they may look at, their history, and killed jobs."""

import json
import logging
from unittest.mock import patch

import numpy as np
import polars as pl
import pytest
from array_fixtures import array_inputs, write_set
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score
from training_fixtures import (
    LOGISTIC,
    UNITS,
    cut,
    label_sets,
    model,
    numbers,
    points,
    run,
    several,
    with_values,
    write_run_inputs,
    write_variant,
)

from genreflow.errors import GenreflowError
from genreflow.models.checkpoint import Checkpoint
from genreflow.models.files import load_model
from genreflow.models.network import Network
from genreflow.models.network_regressor import NetworkRegressor
from genreflow.models.predict import predict_probabilities
from genreflow.training.fit import fit_model
from genreflow.training.inner import keep_back
from genreflow.training.rows import Rows

LABELS = ["blues", "jazz", "rock"]
SCALER = "sklearn.preprocessing.StandardScaler"


def network(**parameters) -> dict:
    small = {"module_parameters": {"layers": [8]}, "epochs": 4, "learning_rate": 0.01}
    given = small | parameters
    return model(estimator="genreflow.models.network.Network", parameters=given, scaler=SCALER)


class Looking:
    """Keeps what a network is fitted on, and told."""

    def __init__(self, monkeypatch, kind=Network):
        self.seen, fit = [], kind.fit

        def look(network, x, y, *, validation=None, checkpoint=None):
            self.seen.append((x, y, validation))
            return fit(network, x, y, validation=validation, checkpoint=checkpoint)

        monkeypatch.setattr(kind, "fit", look)


@pytest.fixture
def looking(monkeypatch):
    return Looking(monkeypatch)


def rows_of(seed: int, make=points) -> Rows:
    x, y, groups = make(seed=seed)
    return Rows(x, y, groups, np.arange(len(x)), np.zeros(len(x), dtype=bool))


@pytest.mark.parametrize("make", [points, label_sets])
def test_validation_is_transformed_as_training_has_fitted(looking, make):
    x, y, groups = make()
    validation = rows_of(1, make)
    fitted = fit_model(network(), x, y, groups, validation=validation, seed=0)
    ((seen_x, seen_y, (held_x, held_y)),) = looking.seen
    mean, std = x.mean(axis=0), x.std(axis=0)
    np.testing.assert_allclose(seen_x, (x - mean) / std)
    np.testing.assert_allclose(held_x, (validation.X - mean) / std)
    assert np.array_equal(seen_y, y) and np.array_equal(held_y, validation.y)
    alone = Network(**network()["parameters"]).fit(seen_x, seen_y, validation=(held_x, held_y))
    assert np.array_equal(fitted.pipeline.predict_proba(x), alone.predict_proba(seen_x))
    parts = [epoch["part"] for epoch in fitted.history]
    assert parts.count("train") == parts.count("validation") == 4


@pytest.mark.parametrize("make", [points, label_sets])
def test_a_tenth_is_kept_back_by_artists_where_there_is_no_validation_part(looking, make, caplog):
    x, y, _ = make(n=300)
    groups = np.array([f"artist {i // 2}" for i in range(300)])
    x[:, 5] = np.arange(300)  # so that rows are known again
    copied = np.arange(300) % 10 == 0
    with caplog.at_level(logging.INFO, "genreflow"):
        spec = network(patience=2) | {"scaler": None}
        fit_model(spec, x, y, groups, copied=copied, seed=0, where="run a")
    ((seen, _, (held, _)),) = looking.seen
    trained, held_out = seen[:, 5].astype(int), held[:, 5].astype(int)
    assert not set(groups[trained]) & set(groups[held_out])
    assert 240 < len(trained) < 290 and not copied[held_out].any()
    assert "tracks are kept back for early stopping" in caplog.text


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_what_is_kept_back_is_whole_artists_and_no_label_of_theirs_alone(data):
    n, labels = data.draw(st.integers(2, 40)), data.draw(st.integers(2, 4))
    cells = st.lists(st.integers(0, 1), min_size=labels, max_size=labels).filter(any)
    y = np.array(data.draw(st.lists(cells, min_size=n, max_size=n)))
    if data.draw(st.booleans()):
        y = y.argmax(axis=1)
    groups = np.array(data.draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))
    tracks = np.repeat(np.arange(n), data.draw(st.integers(1, 3)))
    kept = keep_back(y[tracks], groups[tracks], tracks=tracks, seed=data.draw(st.integers(0, 5)))
    sets = y if y.ndim == 2 else np.eye(4, dtype=int)[y]
    artists = [set(groups[own == 1]) for own in sets.T]
    if kept is None:
        return
    known, held_out = kept
    assert len(known) and len(held_out)
    assert sorted([*known, *held_out]) == list(range(len(tracks)))
    assert not set(groups[tracks[known]]) & set(groups[tracks[held_out]])
    has = sets.any(axis=0)
    assert np.array_equal(sets[tracks[known]].any(axis=0), has)
    for own in artists:
        if len(own) == 1:
            assert not own & set(groups[tracks[held_out]])


@pytest.mark.parametrize("of_each", [2, 3, 4, 10, 100])
@pytest.mark.parametrize("size", [1, 2])
def test_a_tenth_is_kept_back_whatever_the_artists_of_a_rare_label(of_each, size):
    y = np.repeat(np.arange(20), of_each * size)
    groups = np.arange(len(y)) // size
    y, groups = np.append(y, [20, 20, 21]), np.append(groups, [-1, -2, -3])
    for labels in (y, np.eye(22, dtype=int)[y]):
        known, held_out = keep_back(labels, groups, seed=0)
        assert 0.07 < len(held_out) / len(y) < 0.13
        assert set(y[known]) == set(y) and -3 not in groups[held_out]


def test_networks_stop_early_beside_a_label_of_a_single_track(looking):
    x, y, groups = points(n=300)
    y, groups = np.append(y, 3), np.append(groups, "another")
    fit_model(network(patience=2), np.vstack([x, x[:1]]), y, groups, seed=0)
    ((_, seen, (_, held)),) = looking.seen
    assert set(seen) == {0, 1, 2, 3} and 15 < len(held) < 45


def test_all_epochs_are_trained_where_no_artist_can_be_kept_back(looking, caplog):
    x, y, _ = points()
    groups = np.array([f"artist {label}" for label in y])
    fitted = fit_model(network(patience=1), x, y, groups, seed=0, where="run a")
    ((seen, _, validation),) = looking.seen
    assert len(seen) == len(x) and validation is None and len(fitted.history) == 4
    assert "run a: nothing is kept back for early stopping" in caplog.text


def test_without_patience_nothing_is_kept_back(looking):
    x, y, groups = points()
    fit_model(network(), x, y, groups, seed=0)
    ((seen, _, validation),) = looking.seen
    assert len(seen) == len(x) and validation is None


def test_a_search_tries_networks_without_validation(looking):
    x, y, groups = points()
    search = {"method": "grid", "space": {"learning_rate": [1e-5, 0.05]}, "folds": 2}
    spec = model(**(network() | {"search": search}))
    fitted = fit_model(spec, x, y, groups, validation=rows_of(1), seed=0)
    assert fitted.best == {"learning_rate": 0.05}
    assert [validation is None for _, _, validation in looking.seen] == [True] * 4 + [False]


def test_out_of_fold_thresholds_come_from_networks_that_stopped_by_their_own_fold(looking):
    x, y, groups = label_sets()
    spec = network(patience=2)
    fitted = fit_model(spec, x, y, groups, thresholds="validation", seed=0)
    assert len(looking.seen) == 4 and fitted.thresholds.shape == (3,)
    for seen, _, (held, _) in looking.seen[:3]:
        assert len(seen) + len(held) == len(x)


def test_the_validation_part_of_a_run_is_its_own_without_copies(tmp_path, looking):
    """Jazz is not learned in fold 0, so that no jazz tells when to stop."""

    def without_jazz(split, **frames):
        jazz = (pl.col("labels").list[0] == "jazz") & (pl.col("fold") == 0)
        moved = jazz & (pl.col("part") == "train")
        part = pl.when(moved).then(pl.lit("test")).otherwise("part")
        return {"split": split.with_columns(part=part)} | cut(**frames)

    inputs = write_run_inputs(tmp_path / "in", change=without_jazz)
    inputs["copies"] = {"noise20": write_variant(tmp_path, inputs, "noise20")}
    run(tmp_path / "out", inputs, network())
    split = pl.read_parquet(inputs["split"])
    vectors = pl.concat(map(pl.read_parquet, inputs["features"]))
    for fold, (_, _, (held, y)) in enumerate(looking.seen):
        own = split.filter(pl.col("fold") == fold, pl.col("part") == "validation")
        if fold == 0:
            own = own.filter(pl.col("labels").list[0] != "jazz")
        expected = own.join(vectors, on="track_id").height
        assert len(held) == len(y) == expected > 0
        assert y.max() == (1 if fold == 0 else 2)


@pytest.mark.parametrize("task", ["single_label", "multi_label"])
def test_history_and_run_json_tell_the_epochs(tmp_path, task):
    multi = task == "multi_label"
    inputs = write_run_inputs(tmp_path / "in", change=several if multi else None)
    given = {"thresholds": "validation"} if multi else {}
    found = run(tmp_path / "out", inputs, network(), task=task, **given)
    history = pl.read_parquet(tmp_path / "out/history.parquet")
    assert history.schema == train_history_schema()
    keys = history.select("repeat", "fold", "part", "epoch").sort("fold", "part", "epoch").rows()
    assert keys == [
        (0, fold, part, epoch)
        for fold in (0, 1)
        for part in ("train", "validation")
        for epoch in (1, 2, 3, 4)
    ]
    record = json.loads((tmp_path / "out/run.json").read_text())
    weights = 6 * 8 + 8 + 8 * 3 + 3
    assert [fold["n_parameters"] for fold in record["folds"]] == [weights] * 2
    assert [fold["best_epoch"] for fold in record["folds"]] == [4, 4]
    assert {fold["device"] for fold in record["folds"]} <= {"cpu, float32", "cuda, float32"}
    assert {"torch", "safetensors", "transformers"} <= record["versions"].keys()
    last = history.filter(pl.col("part") == "validation", pl.col("epoch") == 4)
    rows = found.filter(pl.col("part") == "validation").sort("fold", "track_id", "target")
    truth, scores = (rows[name].to_numpy().reshape(2, -1, 3) for name in ("truth", "score"))
    if multi:
        right = ((scores >= 0.5) == truth).all(axis=2)
    else:
        right = scores.argmax(axis=2) == truth.argmax(axis=2)
    np.testing.assert_allclose(last["accuracy"].to_numpy(), right.mean(axis=1))


def train_history_schema() -> dict:
    return {
        "repeat": pl.Int32,
        "fold": pl.Int32,
        "epoch": pl.Int32,
        "part": pl.String,
        "loss": pl.Float64,
        "accuracy": pl.Float64,
        "r2": pl.Float64,
        "learning_rate": pl.Float64,
        "seconds": pl.Float64,
        "seconds_loading": pl.Float64,
    }


def test_history_is_empty_where_there_are_no_epochs(tmp_path):
    run(tmp_path, write_run_inputs(tmp_path / "in"), model(estimator=LOGISTIC))
    history = pl.read_parquet(tmp_path / "history.parquet")
    assert history.is_empty() and history.schema == train_history_schema()
    record = json.loads((tmp_path / "run.json").read_text())
    for name in ("n_parameters", "best_epoch", "thresholds"):
        assert record["folds"][0][name] is None


@pytest.mark.parametrize("killed_at", [2, 7])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, killed_at):
    """Killed in the first or the second fold, after its checkpoint is written."""
    inputs, spec = write_run_inputs(tmp_path / "in"), network(epochs=5)
    whole = run(tmp_path / "whole", inputs, spec)
    assert not (tmp_path / "whole/checkpoints").exists()
    written, write = [], Checkpoint.write

    def die(checkpoint, state):
        write(checkpoint, state)
        written.append(checkpoint)
        if len(written) == killed_at:
            raise KeyboardInterrupt

    with patch.object(Checkpoint, "write", die), pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", inputs, spec)
    files = sorted(path.name for path in (tmp_path / "killed/checkpoints").iterdir())
    assert files == ["r0f0.pt", "r0f1.pt"][: 1 + (killed_at > 5)]
    with patch.object(Checkpoint, "write", lambda *_: written.append(_)):
        again = run(tmp_path / "killed", inputs, spec)
    assert len(written) == 2 * 5  # no epoch was trained twice
    assert again.equals(whole)
    assert not (tmp_path / "killed/checkpoints").exists()
    told = [pl.read_parquet(tmp_path / name / "history.parquet") for name in ("whole", "killed")]
    assert told[0].drop("seconds").equals(told[1].drop("seconds"))
    x = np.random.default_rng(9).normal(size=(40, 6))
    for fold in ("r0f0", "r0f1"):
        one, other = (load_model(tmp_path / n / "model" / fold)[0] for n in ("whole", "killed"))
        assert np.array_equal(*(predict_probabilities(p, x) for p in (one, other)))


def test_values_that_a_network_cannot_use_are_explained():
    x, y, groups = points()
    with pytest.raises(GenreflowError, match=r"run a.*epochs"):
        fit_model(network(epochs=0), x, y, groups, seed=0, where="run a")


def regressor(**parameters) -> dict:
    estimator = "genreflow.models.network_regressor.NetworkRegressor"
    return network(**{"epochs": 60, "batch_size": 8} | parameters) | {"estimator": estimator}


@pytest.mark.parametrize("targets", [["tempo"], None])
def test_a_network_tells_numbers(tmp_path, looking, targets):
    inputs = write_run_inputs(tmp_path / "in", change=with_values)
    found = run(tmp_path / "out", inputs, regressor(), task="regression", targets=targets)
    history = pl.read_parquet(tmp_path / "out/history.parquet")
    assert history.schema == train_history_schema() and history["accuracy"].is_null().all()
    last = history.filter(pl.col("part") == "validation", pl.col("epoch") == 60).sort("fold")
    validation = found.filter(pl.col("part") == "validation")
    for fold in (0, 1):
        scores = [
            r2_score(rows["truth"], rows["score"])
            for rows in validation.filter(pl.col("fold") == fold).partition_by("target")
        ]
        assert len(scores) == len(targets or UNITS) and min(scores) > 0.3
        np.testing.assert_allclose(last["r2"][fold], np.mean(scores), rtol=1e-4)


def test_what_a_network_that_tells_numbers_stops_by_is_kept_back_by_artists(monkeypatch):
    x, y, groups = numbers(n=300)
    x[:, 5] = np.arange(300)
    looking = Looking(monkeypatch, NetworkRegressor)
    fit_model(regressor(patience=2) | {"scaler": None}, x, y, groups, seed=0)
    ((seen, _, (held, _)),) = looking.seen
    known, held = (set(groups[rows[:, 5].astype(int)]) for rows in (seen, held))
    assert not known & held and known | held == set(groups)


@pytest.mark.parametrize("killed_at", [2, 5])
def test_a_killed_training_on_arrays_goes_on_to_the_same_bits(tmp_path, killed_at):
    inputs = array_inputs(tmp_path / "in", names=["mel"], variants=["shift5s"])
    parameters = {"module": "genreflow.models.cnn.crnn", "batch_size": 16, "epochs": 4}
    small = {"channels": [4], "units": 4}
    spec = network(**parameters, module_parameters=small) | {"scaler": None, "takes": "arrays"}
    whole = run(tmp_path / "whole", inputs, spec)
    written, write = [], Checkpoint.write

    def die(checkpoint, state):
        write(checkpoint, state)
        written.append(checkpoint)
        if len(written) == killed_at:
            raise KeyboardInterrupt

    with patch.object(Checkpoint, "write", die), pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", inputs, spec)
    with patch.object(Checkpoint, "write", lambda *_: written.append(_)):
        assert run(tmp_path / "killed", inputs, spec).equals(whole)
    assert len(written) == 2 * 4


def test_what_cannot_be_predicted_is_told_with_run_fold_and_part(tmp_path):
    inputs = array_inputs(tmp_path / "in", names=["mel"])
    tested = write_set(tmp_path / "in", inputs, "mel", "noise20")
    for path in tested:
        turned = pl.read_parquet(path).with_columns(pl.col("shape").list.reverse())
        turned.write_parquet(path)
    parameters = {"module": "genreflow.models.cnn.cnn", "epochs": 1}
    spec = network(**parameters, module_parameters={"channels": [4]})
    message = (
        r"run mine, split random, repeat 0, fold 0: the test part cannot be predicted: "
        r"feature set mel: an array has shape \(., 2\)"
    )
    with pytest.raises(GenreflowError, match=message):
        run(
            tmp_path / "out",
            inputs | {"test_features": {"mel": tested}},
            spec | {"scaler": None, "takes": "arrays"},
        )
