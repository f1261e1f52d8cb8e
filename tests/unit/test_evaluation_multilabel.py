"""The figures of several labels against scikit-learn's, with weights; their tables."""

import warnings

import numpy as np
import polars as pl
import pytest
from evaluation_fixtures import LABELS, Corpus, assert_equal, overall
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from genreflow.errors import GenreflowError
from genreflow.evaluation import names
from genreflow.evaluation.multilabel import MultiLabelScorer, ranking_precision
from genreflow.evaluation.study import evaluate_study

OVERALL, PER_CLASS = names.OVERALL["multi_label"], names.PER_CLASS["multi_label"]


@st.composite
def cases(draw):
    """Few labels, coarse scores: ties, tracks with no label or all, labels never true."""
    n_labels, n = draw(st.integers(1, 5)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.random((n, n_labels)) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    steps = draw(st.integers(1, 6))
    scores = rng.integers(0, steps + 1, size=(n, n_labels)) / steps
    guess = scores >= rng.random(n_labels)
    weights = rng.integers(0, draw(st.integers(1, 4)) + 1, size=(n, 3)).astype(np.uint16)
    weights[:, weights.sum(axis=0) == 0] = 1
    return truth, guess, scores, weights


def sklearn_figures(truth, guess, scores, weight) -> tuple[dict, dict]:
    n_labels = truth.shape[1]
    with_tracks = [k for k in range(n_labels) if weight[truth[:, k]].sum() > 0]
    options = {"sample_weight": weight, "zero_division": 0}
    found = {
        "exact_match": (weight * (truth == guess).all(axis=1)).sum() / weight.sum(),
        "hamming_loss": ((truth != guess).mean(axis=1) * weight).sum() / weight.sum(),
        "lrap": 1.0,
    }
    if n_labels > 1:
        by_sklearn = oracle.accuracy_score(truth, guess, sample_weight=weight)
        assert found["exact_match"] == pytest.approx(by_sklearn, abs=1e-12)
        by_sklearn = oracle.hamming_loss(truth, guess, sample_weight=weight)
        assert found["hamming_loss"] == pytest.approx(by_sklearn, abs=1e-12)
        found["lrap"] = oracle.label_ranking_average_precision_score(
            truth, scores, sample_weight=weight
        )
    classes = {name: np.full(n_labels, np.nan) for name in PER_CLASS}
    areas = {"roc_auc": oracle.roc_auc_score, "pr_auc": oracle.average_precision_score}
    for k in with_tracks:
        own = (truth[:, k], guess[:, k])
        for name in ("precision", "recall", "f1"):
            classes[name][k] = getattr(oracle, f"{name}_score")(*own, **options)
        classes["pr_auc"][k] = areas["pr_auc"](own[0], scores[:, k], sample_weight=weight)
        if weight[~own[0]].sum() > 0:
            classes["roc_auc"][k] = areas["roc_auc"](own[0], scores[:, k], sample_weight=weight)
    cells = np.repeat(weight, n_labels)
    flat = (truth.ravel(), guess.ravel())
    any_true, any_false = ((cells * side).sum() > 0 for side in (flat[0], ~flat[0]))
    for name in ("precision", "recall", "f1"):
        score = getattr(oracle, f"{name}_score")
        values, support = (
            classes[name][with_tracks],
            [weight[truth[:, k]].sum() for k in with_tracks],
        )
        found[f"{name}_macro"] = np.mean(values) if with_tracks else np.nan
        found[f"{name}_weighted"] = np.average(values, weights=support) if with_tracks else np.nan
        micro = score(*flat, sample_weight=cells, zero_division=0)
        found[f"{name}_micro"] = micro if any_true else np.nan
    for name, area in areas.items():
        known = classes[name][~np.isnan(classes[name])]
        found[f"{name}_macro"] = known.mean() if len(known) else np.nan
        defined = any_true and (any_false or name == "pr_auc")
        micro = area(flat[0], scores.ravel(), sample_weight=cells) if defined else np.nan
        found[f"{name}_micro"] = micro
    return found, classes


@given(cases())
@settings(max_examples=80, deadline=None)
def test_equal_to_sklearn_with_sample_weight(case):
    truth, guess, scores, weights = case
    figures = MultiLabelScorer(truth, guess, scores)(weights)
    assert tuple(figures.overall) == OVERALL and sorted(figures.classes) == sorted(PER_CLASS)
    for column, weight in enumerate(weights.T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, classes = sklearn_figures(truth, guess, scores, weight.astype(float))
        assert_equal(figures, column, found, classes, OVERALL, PER_CLASS)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_averages_are_sklearns_own_when_every_label_has_tracks(seed):
    rng = np.random.default_rng(seed)
    truth = np.vstack([np.eye(4, dtype=bool), rng.random((30, 4)) < 0.4])
    scores = rng.random((34, 4))
    guess = scores >= 0.5
    figures = MultiLabelScorer(truth, guess, scores)(np.ones((34, 1), dtype=np.uint16))
    for average in ("macro", "micro", "weighted"):
        for name in ("precision", "recall", "f1"):
            score = getattr(oracle, f"{name}_score")(truth, guess, average=average, zero_division=0)
            assert figures.overall[f"{name}_{average}"][0] == pytest.approx(score, abs=1e-12)
    for average in ("macro", "micro"):
        area = oracle.roc_auc_score(truth, scores, average=average)
        assert figures.overall[f"roc_auc_{average}"][0] == pytest.approx(area, abs=1e-12)
        area = oracle.average_precision_score(truth, scores, average=average)
        assert figures.overall[f"pr_auc_{average}"][0] == pytest.approx(area, abs=1e-12)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_counts_beyond_single_precision_change_nothing(case):
    truth, guess, scores, weights = case
    few = MultiLabelScorer(truth, guess, scores)(weights)
    many = MultiLabelScorer(truth, guess, scores)(weights.astype(np.int64) * 100_000_007)
    for name in OVERALL:
        np.testing.assert_allclose(many.overall[name], few.overall[name], rtol=1e-12)


def test_cells_are_counted_exactly_where_tracks_alone_would_still_fit():
    """Micro sums are over tracks x labels: 9 million tracks of two labels pass 2 ** 24."""
    truth = np.array([[True, True], [True, False], [False, False]])
    scores = np.array([[0.9, 0.9], [0.9, 0.9], [0.9, 0.9]])
    weights = np.array([[8_388_609], [1], [600_000]], dtype=np.int64)
    figures = MultiLabelScorer(truth, scores > 0.5, scores)(weights)
    own = 2 * 8_388_609 + 1
    assert figures.overall["pr_auc_micro"][0] == own / (own + 1 + 1_200_000)


def test_ranking_of_labels_is_a_share_of_own_ones_above():
    truth = np.array([[True, False, True], [False, False, False], [True, True, True]])
    scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    assert ranking_precision(truth, scores).tolist() == pytest.approx([(1 + 2 / 3) / 2, 1, 1])


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path, task="multi_label")


def pooled(predictions: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, guess and scores of the test part."""
    wide = predictions.filter(pl.col("part") == "test")
    wide = wide.sort("repeat", "fold", "track_id", "target")
    truth, score, threshold = (
        wide[column].to_numpy().reshape(-1, 3) for column in ("truth", "score", "threshold")
    )
    return truth == 1, score >= threshold, score


def test_figures_are_those_of_the_pooled_predictions(corpus):
    predictions = corpus.predict(0.3)
    tables = evaluate_study([corpus.write("forest", predictions)], resamples=200)
    truth, guess, scores = pooled(predictions)
    expected = {
        "exact_match": oracle.accuracy_score(truth, guess),
        "f1_micro": oracle.f1_score(truth, guess, average="micro"),
        "lrap": oracle.label_ranking_average_precision_score(truth, scores),
    }
    for metric, value in expected.items():
        row = overall(tables, "forest", metric)
        assert row["value"] == pytest.approx(value, abs=1e-12)
        assert row["low"] < row["value"] < row["high"]
        assert row["fold_min"] <= row["fold_mean"] <= row["fold_max"]
    metrics = tables["metrics"]
    assert metrics.height == 2 * (len(OVERALL) + 3 * len(PER_CLASS))
    rock = metrics.filter(pl.col("target") == "rock", pl.col("part") == "test")
    tested = corpus.split.filter(pl.col("part") == "test", pl.col("labels").list.contains("rock"))[
        "track_id"
    ]
    assert (rock["support"] == tested.n_unique()).all()


def test_each_label_has_its_confusion(corpus):
    predictions = corpus.predict(0.3)
    tables = evaluate_study([corpus.write("forest", predictions)], resamples=100)
    truth, guess, _ = pooled(predictions)
    table = tables["label_confusion"]
    assert table["label"].to_list() == LABELS and tables["confusion"].is_empty()
    counted = table.select("tn", "fp", "fn", "tp").to_numpy().reshape(-1, 2, 2)
    assert (counted == oracle.multilabel_confusion_matrix(truth, guess)).all()


def test_guesses_name_all_labels_that_reach_their_threshold(corpus):
    predictions = corpus.predict(0.0)
    guesses = evaluate_study([corpus.write("forest", predictions)], resamples=100)["guesses"]
    own = (
        predictions.filter(pl.col("score") >= pl.col("threshold"))
        .sort("target")
        .group_by("repeat", "fold", "part", "track_id", maintain_order=True)
        .agg(expected=pl.col("target").str.join(", "))
    )
    joined = guesses.join(own, on=["repeat", "fold", "part", "track_id"], how="left")
    assert joined["predicted"].eq_missing(joined["expected"]).all()
    assert joined["predicted"].null_count() > 0
    assert guesses["truth"].str.contains(", ").any()


def test_a_score_on_its_threshold_is_a_guess(corpus):
    predictions = corpus.predict(0.3).with_columns(score=pl.col("threshold"))
    guesses = evaluate_study([corpus.write("forest", predictions)], resamples=100)["guesses"]
    assert guesses["predicted"].unique().to_list() == ["blues, jazz, rock"]


def test_single_and_multi_label_splits_stand_in_one_study(tmp_path):
    runs = []
    for task in ("single_label", "multi_label"):
        folder = tmp_path / task
        folder.mkdir()
        corpus = Corpus(folder, task=task)
        runs.append(corpus.write("forest", corpus.predict(0.3), split=task))
    tables = evaluate_study(runs, resamples=100)
    assert tables["runs"].select("split", "task").rows() == [
        ("multi_label", "multi_label"),
        ("single_label", "single_label"),
    ]
    assert tables["confusion"]["split"].unique().to_list() == ["single_label"]
    assert tables["label_confusion"]["split"].unique().to_list() == ["multi_label"]


def test_order_of_rows_changes_no_bit(corpus):
    run = corpus.write("forest", corpus.predict(0.3))
    first = evaluate_study([run], resamples=100)
    frame = pl.read_parquet(run.predictions)
    frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(run.predictions)
    for name, table in evaluate_study([run], resamples=100).items():
        assert table.equals(first[name]), name


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.with_columns(pl.col("score") + 0.5), "has scores outside of 0..1"),
        (lambda f: f.with_columns(score=float("nan")), "has scores outside of 0..1"),
        (
            lambda f: f.with_columns(threshold=pl.lit(None, dtype=pl.Float64)),
            "has labels without a threshold",
        ),
        (lambda f: f.with_columns(truth=1.0), "has other labels in its split"),
        (lambda f: f[:-1], "lack a target"),
    ],
)
def test_wrong_predictions_are_refused_by_name(corpus, spoil, message):
    run = corpus.write("forest", spoil(corpus.predict(0.3)))
    with pytest.raises(GenreflowError, match=message) as error:
        evaluate_study([run], resamples=100)
    assert "forest" in str(error.value) and "random" in str(error.value)
