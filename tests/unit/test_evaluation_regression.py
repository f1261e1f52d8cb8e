"""The figures of regression against scikit-learn's, and how far runs are apart."""

import json
import math

import numpy as np
import polars as pl
import pytest
from evaluation_fixtures import Corpus, assert_equal, overall
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from genreflow.errors import GenreflowError
from genreflow.evaluation import bootstrap, names
from genreflow.evaluation.bootstrap import draw, resample
from genreflow.evaluation.regression import RegressionScorer
from genreflow.evaluation.study import Run, evaluate_study
from genreflow.report.numbers import METRICS

OVERALL, PER_CLASS = names.OVERALL["regression"], names.PER_CLASS["regression"]
TARGETS = ("tempo", "energy")


# ---------------------------------------------------------------- the figures


@st.composite
def cases(draw):
    """Few tracks, coarse values: constant targets, perfect ones and others far off."""
    n, n_targets = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale, offset = 10.0 ** rng.integers(-3, 4, size=(2, n_targets))
    truth = offset + scale * rng.integers(draw(st.integers(1, 5)), size=(n, n_targets)) / 3
    predicted = truth + scale * rng.integers(-2, 3, size=(n, n_targets))
    weights = rng.integers(0, draw(st.integers(1, 4)) + 1, size=(n, 3)).astype(np.uint16)
    weights[:, weights.sum(axis=0) == 0] = 1
    return truth, predicted, np.ptp(truth, axis=0) * rng.integers(1, 3), weights


def sklearn_figures(truth, predicted, ranges, weight) -> tuple[dict, dict]:
    drawn = weight > 0
    per_target = {name: np.full(len(ranges), np.nan) for name in PER_CLASS}
    for k in range(len(ranges)):
        given = (truth[:, k], predicted[:, k])
        per_target["mae"][k] = oracle.mean_absolute_error(*given, sample_weight=weight)
        if ranges[k] > 0:
            scaled = [values / ranges[k] for values in given]
            per_target["mse"][k] = oracle.mean_squared_error(*scaled, sample_weight=weight)
        if len(set(truth[drawn, k])) > 1:
            per_target["r2"][k] = oracle.r2_score(*given, sample_weight=weight)
    known = {name: values[~np.isnan(values)] for name, values in per_target.items()}
    overall = {name: values.mean() if len(values) else np.nan for name, values in known.items()}
    if len(ranges) > 1:
        overall["mae"] = np.nan
    return overall, per_target


@given(cases())
@settings(max_examples=80, deadline=None)
def test_equal_to_sklearn_with_sample_weight(case):
    truth, predicted, ranges, weights = case
    figures = RegressionScorer(truth, predicted, ranges)(weights)
    assert tuple(figures.overall) == OVERALL and tuple(figures.classes) == PER_CLASS
    for column, weight in enumerate(weights.T):
        expected = sklearn_figures(truth, predicted, ranges, weight.astype(float))
        for found, wanted in zip((figures.overall, figures.classes), expected, strict=True):
            for name, values in found.items():
                np.testing.assert_allclose(
                    values[..., column], wanted[name], rtol=1e-9, atol=1e-9, err_msg=name
                )


def test_one_value_has_no_r2_even_where_its_mean_is_rounded():
    truth = np.full((7, 1), 0.1)
    weights = np.arange(1, 22, dtype=np.uint16).reshape(7, 3)
    figures = RegressionScorer(truth, truth + 1, np.array([0.0]))(weights)
    assert np.isnan(figures.overall["r2"]).all() and np.isnan(figures.overall["mse"]).all()
    np.testing.assert_allclose(figures.overall["mae"], 1)


def test_the_mean_has_r2_of_zero():
    truth = np.random.default_rng(0).normal(120, 20, size=(50, 1))
    figures = RegressionScorer(truth, np.full_like(truth, truth.mean()), np.ptp(truth, axis=0))
    r2 = figures(np.ones((50, 1), dtype=np.uint16)).overall["r2"]
    assert r2[0] == pytest.approx(0, abs=1e-12)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(50, 2))
    scorer = RegressionScorer(truth, truth + rng.normal(size=(50, 2)), np.ptp(truth, axis=0))
    members, draws = rng.integers(9, size=50), draw(9, 200, seed=0)
    whole = resample(scorer, members, draws)
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    parts = resample(scorer, members, draws)
    assert_equal(parts, slice(None), whole.overall, {}, ("mse", "r2"), ())
    np.testing.assert_array_equal(parts.classes["mae"], whole.classes["mae"])


# ---------------------------------------------------------------- a study


class Numbers(Corpus):
    """The tracks, artists and folds of a corpus, with two numbers to predict."""

    def __init__(self, folder, **shape):
        super().__init__(folder, task="regression", **shape)
        self.rng = np.random.default_rng(1)
        artist = self.rng.normal(0, 1, (12, 2))[np.arange(self.n) % 12]
        self.values = np.array([120.0, 0.5]) + np.array([30.0, 0.2]) * (
            artist + self.rng.normal(0, 0.5, (self.n, 2))
        )
        rows = [int(track[:3]) for track in self.split["track_id"]]
        self.split = self.split.with_columns(
            labels=pl.Series([list(TARGETS)] * len(rows)),
            values=pl.Series(self.values[rows].tolist(), dtype=pl.List(pl.Float64)),
        )
        # One that was left out knows one of its values only, and that is far from all others.
        lacking = self.split[:1].with_columns(
            track_id=pl.lit("lacking.wav"),
            part=pl.lit("excluded"),
            values=pl.lit(pl.Series([[1e4, None]], dtype=pl.List(pl.Float64))),
        )
        self.split = pl.concat([self.split, lacking])
        self.split.write_parquet(folder / "split")

    def predict(self, noise: float, targets=TARGETS) -> pl.DataFrame:
        keys = self.split.filter(pl.col("part").is_in(["test", "validation"]))
        keys = keys.select("track_id", "repeat", "fold", "part")
        rows = np.array([int(track[:3]) for track in keys["track_id"]])
        tables = []
        for target in targets:
            truth = self.values[rows, TARGETS.index(target)]
            score = truth + noise * np.std(truth) * self.rng.normal(size=len(rows))
            tables.append(
                keys.with_columns(
                    target=pl.lit(target),
                    truth=pl.Series(truth),
                    score=pl.Series(score),
                    threshold=pl.lit(None, dtype=pl.Float64),
                )
            )
        return pl.concat(tables)


@pytest.fixture
def corpus(tmp_path):
    return Numbers(tmp_path)


def of_target(tables, run, target, metric) -> dict:
    own = (pl.col("run") == run) & (pl.col("part") == "test") & (pl.col("metric") == metric)
    return tables["metrics"].filter(own, pl.col("target") == target).row(0, named=True)


def test_figures_are_those_of_the_pooled_predictions(corpus):
    predictions = corpus.predict(0.5)
    tables = evaluate_study([corpus.write("cnn", predictions)], resamples=200)
    test = predictions.filter(pl.col("part") == "test")
    ranges = dict(zip(TARGETS, np.ptp(corpus.values, axis=0), strict=True))
    r2 = []
    for target, width in ranges.items():
        own = test.filter(pl.col("target") == target)
        expected = {
            "r2": oracle.r2_score(own["truth"], own["score"]),
            "mae": oracle.mean_absolute_error(own["truth"], own["score"]),
            "mse": oracle.mean_squared_error(own["truth"] / width, own["score"] / width),
        }
        r2.append(expected["r2"])
        for metric, value in expected.items():
            row = of_target(tables, "cnn", target, metric)
            assert row["value"] == pytest.approx(value, rel=1e-12)
            assert row["low"] < row["value"] < row["high"]
            assert row["support"] == row["tracks"] == test["track_id"].n_unique()
    assert overall(tables, "cnn", "r2")["value"] == pytest.approx(np.mean(r2), rel=1e-12)
    assert overall(tables, "cnn", "mae")["value"] is None


def test_folds_have_their_own_figures_with_students_interval(corpus):
    predictions = corpus.predict(0.5, ("energy",))
    run = corpus.write("cnn", predictions)
    tables = evaluate_study([replaced(run, targets=["energy"])], resamples=100)
    folds = [
        oracle.mean_squared_error(own["truth"], own["score"]) / np.ptp(corpus.values[:, 1]) ** 2
        for _, own in predictions.filter(pl.col("part") == "test").group_by("repeat", "fold")
    ]
    row = overall(tables, "cnn", "mse")
    assert row["folds"] == 4
    assert row["fold_mean"] == pytest.approx(np.mean(folds), rel=1e-12)
    assert row["fold_std"] == pytest.approx(np.std(folds, ddof=1), rel=1e-9)
    ends = stats.t.interval(0.95, 3, np.mean(folds), stats.sem(folds))
    assert (row["fold_low"], row["fold_high"]) == pytest.approx(ends, rel=1e-9)


def replaced(run: Run, **fields) -> Run:
    return Run(**{**vars(run), **fields})


def test_a_run_may_predict_some_of_the_targets(corpus):
    both = corpus.write("both", corpus.predict(0.5))
    one = replaced(corpus.write("one", corpus.predict(0.5, ("energy",))), targets=["energy"])
    tables = evaluate_study([both, one], resamples=100)
    metrics = tables["metrics"].filter(pl.col("run") == "one", pl.col("target").is_not_null())
    assert metrics["target"].unique().to_list() == ["energy"]
    alone = overall(tables, "one", "r2")
    assert alone["value"] == of_target(tables, "one", "energy", "r2")["value"]
    assert overall(tables, "one", "mae")["value"] is not None
    # Means over different targets are not compared.
    assert tables["differences"]["target"].to_list() == ["energy"]
    with pytest.raises(GenreflowError, match="it predicts energy, and not tempo, energy"):
        evaluate_study([both, replaced(one, targets=None)], resamples=100)


def test_values_stand_beside_what_was_predicted(corpus):
    predictions = corpus.predict(0.5)
    tables = evaluate_study([corpus.write("cnn", predictions)], resamples=100)
    values = tables["values"]
    assert values.columns[:2] == ["run", "split"]
    test = predictions.filter(pl.col("part") == "test")
    keys = ["repeat", "fold", "track_id", "target"]
    joined = values.join(test, on=keys)
    assert joined.height == values.height == test.height
    assert (joined["predicted"] == joined["score"]).all()
    assert (joined["truth"] == joined["truth_right"]).all()
    for name in ("confusion", "label_confusion", "guesses"):
        assert tables[name].is_empty()


def test_order_of_rows_and_runs_changes_no_bit(corpus):
    runs = [corpus.write(name, corpus.predict(noise)) for name, noise in (("a", 0.5), ("b", 0.6))]
    first = evaluate_study(runs, resamples=100)
    for run in runs:
        frame = pl.read_parquet(run.predictions)
        frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(run.predictions)
    second = evaluate_study(runs[::-1], resamples=100)
    for name, table in first.items():
        assert table.equals(second[name]), name


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: pl.concat([f, f[5:6]]), "1 predictions stand there more than once"),
        (lambda f: pl.concat([f[:5], f[6:]]), "lack a target"),
        (lambda f: f.with_columns(pl.col("truth") * 1.01), "has other values in its split"),
        (lambda f: f.with_columns(score=math.inf), "has predictions that are no number"),
        (lambda f: f.filter(pl.col("part") != "test"), "no test track was predicted"),
    ],
)
def test_wrong_predictions_are_refused_by_name(corpus, spoil, message):
    run = corpus.write("cnn", spoil(corpus.predict(0.3)))
    with pytest.raises(GenreflowError, match=message) as error:
        evaluate_study([run], resamples=100)
    assert "cnn" in str(error.value) and "random" in str(error.value)


def test_a_study_may_mix_tasks(tmp_path):
    for name in ("labels", "numbers"):
        (tmp_path / name).mkdir()
    labels, numbers = Corpus(tmp_path / "labels"), Numbers(tmp_path / "numbers")
    runs = [
        labels.write("forest", labels.predict(0.3), split="genre"),
        numbers.write("cnn", numbers.predict(0.3), split="tempo"),
    ]
    alone = evaluate_study(runs[:1], resamples=100)
    tables = evaluate_study(runs, resamples=100)
    genre = pl.col("split") == "genre"
    for name in ("metrics", "confusion", "guesses"):
        assert tables[name].filter(genre).equals(alone[name])
    assert tables["values"]["split"].unique().to_list() == ["tempo"]


# ---------------------------------------------------------------- differences


def test_lower_is_better_as_the_report_says():
    every = {name for own in names.OVERALL.values() for name in own}
    assert {name for name in every if not METRICS[name].higher_is_better} == set(
        names.LOWER_IS_BETTER
    )


def test_differences_are_those_of_the_same_draws(tmp_path):
    corpus = Corpus(tmp_path)
    skills = {"poor": 0.05, "best": 2.0, "middling": 0.3}
    predictions = {name: corpus.predict(skill) for name, skill in skills.items()}
    runs = [corpus.write(name, table) for name, table in predictions.items()]
    tables = evaluate_study(runs, resamples=300, seed=5)
    rows = {row["run"]: row for row in tables["differences"].iter_rows(named=True)}
    assert rows.keys() == {"poor", "middling"}
    right = {}
    for name, table in predictions.items():
        test = table.filter(pl.col("part") == "test").sort("repeat", "fold", "track_id", "target")
        truth, score = (
            test[column].to_numpy().reshape(-1, 3).argmax(axis=1) for column in ("truth", "score")
        )
        right[name] = truth == score
    tracks = test.gather_every(3)["track_id"]
    artists = dict(pl.read_parquet(tmp_path / "tracks").select("track_id", "artist").iter_rows())
    groups = np.array([(artists[t] or t).lower() for t in tracks])
    unknown = np.array([artists[t] is None for t in tracks])
    members = np.unique(np.where(unknown, tracks, groups), return_inverse=True)[1]
    n_clusters = members.max() + 1
    rng = np.random.default_rng(9)
    for name, row in rows.items():
        assert (row["best"], row["metric"], row["target"]) == ("best", "accuracy", None)
        apart = right[name].astype(float) - right["best"]
        assert row["difference"] == pytest.approx(apart.mean(), abs=1e-12)
        # Independent draws of the same kind give about the same interval.
        means = []
        for _ in range(2000):
            counts = np.bincount(rng.integers(n_clusters, size=n_clusters), minlength=n_clusters)
            means.append(np.average(apart, weights=counts[members]))
        ends = np.quantile(means, [0.025, 0.975])
        assert (row["low"], row["high"]) == pytest.approx(ends, abs=0.03)


def test_equal_runs_are_no_way_apart_and_the_best_is_least_where_lower_is_better(tmp_path):
    corpus = Corpus(tmp_path)
    same, worse = corpus.predict(2.0), corpus.predict(0.1)
    runs = [corpus.write(n, p) for n, p in (("a", same), ("b", same), ("worse", worse))]
    tables = evaluate_study(runs, resamples=100, metric="log_loss")
    rows = {row["run"]: row for row in tables["differences"].iter_rows(named=True)}
    assert rows["b"] | {"split": ""} == {
        **{"run": "b", "split": "", "target": None, "metric": "log_loss", "best": "a"},
        **{"difference": 0.0, "low": 0.0, "high": 0.0},
    }
    assert rows["worse"]["difference"] > 0 and rows["worse"]["low"] > 0


def test_one_artist_leaves_no_interval(tmp_path):
    corpus = Corpus(tmp_path)
    tracks = pl.read_parquet(tmp_path / "tracks").with_columns(artist=pl.lit("X"))
    tracks.write_parquet(tmp_path / "tracks")
    runs = [corpus.write("a", corpus.predict(2.0)), corpus.write("b", corpus.predict(0.1))]
    (row,) = evaluate_study(runs, resamples=100)["differences"].iter_rows(named=True)
    assert row["difference"] < 0 and row["low"] is row["high"] is None


def test_the_script_hands_on_targets_and_the_metric(corpus, tmp_path):
    from evaluate import evaluate

    runs = [corpus.write(n, corpus.predict(k, ("tempo",))) for n, k in (("a", 0.2), ("b", 0.9))]
    spec = {"split": "random", "model": "m", "features": "mel + chroma", "kind": "exact"}
    spec |= {"method": "kfold", "task": "regression", "targets": ["tempo"]}
    folder = tmp_path / "tables"
    folder.mkdir()
    evaluate(
        [{"run": run.run, **spec} for run in runs],
        predictions=[run.predictions for run in runs],
        records=[run.record for run in runs],
        splits=[run.split_table for run in runs],
        tracks=[run.tracks for run in runs],
        clusterings=[],
        clusters=[],
        published=[{"run": "a", "split": "random", "metric": "mse", "value": 0.03, "source": "-"}],
        metric="mse",
        confidence=0.95,
        resamples=100,
        seed=0,
        folder=folder,
    )
    differences = pl.read_parquet(folder / "differences.parquet")
    assert differences["metric"].unique().to_list() == ["mse"]
    assert differences["best"].unique().to_list() == ["a"]
    assert pl.read_parquet(folder / "published.parquet")["measured"][0] > 0
    assert json.loads((tmp_path / "run.json").read_text())["folds"]
