"""The figures of single labels against scikit-learn's, with weights."""

import warnings

import numpy as np
import pytest
from evaluation_fixtures import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from genreflow.evaluation import names
from genreflow.evaluation.singlelabel import SingleLabelScorer

OVERALL, PER_CLASS = names.OVERALL["single_label"], names.PER_CLASS["single_label"]


def make_scorer(truth: np.ndarray, scores: np.ndarray) -> SingleLabelScorer:
    labels = np.arange(scores.shape[1])
    marks = (numbers[:, np.newaxis] == labels for numbers in (truth, scores.argmax(axis=1)))
    return SingleLabelScorer(*marks, scores)


@st.composite
def cases(draw):
    """Few classes, coarse scores: missing classes, ties, zeros and classes never guessed."""
    n_classes, n = draw(st.integers(2, 5)), draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    coarseness = draw(st.integers(1, 6))
    truth = rng.integers(draw(st.integers(1, n_classes)), size=n)
    scores = rng.integers(0, coarseness, size=(n, n_classes)).astype(float)
    scores[scores.sum(axis=1) == 0] = 1
    scores /= scores.sum(axis=1, keepdims=True)
    weights = rng.integers(0, draw(st.integers(1, 4)) + 1, size=(n, 3)).astype(np.uint16)
    weights[:, weights.sum(axis=0) == 0] = 1
    return truth, scores, weights


def sklearn_figures(truth, scores, weight) -> tuple[dict, dict]:
    n_classes = scores.shape[1]
    guess = scores.argmax(axis=1)
    present = [k for k in range(n_classes) if weight[truth == k].sum() > 0]
    options = {"sample_weight": weight, "labels": present, "zero_division": 0}
    overall = {
        "accuracy": oracle.accuracy_score(truth, guess, sample_weight=weight),
        "balanced_accuracy": oracle.balanced_accuracy_score(truth, guess, sample_weight=weight),
        "log_loss": oracle.log_loss(
            truth, y_proba=scores, sample_weight=weight, labels=range(n_classes)
        ),
    }
    classes = {name: np.full(n_classes, np.nan) for name in PER_CLASS}
    for name in ("precision", "recall", "f1"):
        score = getattr(oracle, f"{name}_score")
        for average in ("macro", "weighted"):
            overall[f"{name}_{average}"] = score(truth, guess, average=average, **options)
        classes[name][present] = score(truth, guess, average=None, **options)
    for k in present:
        if weight[truth != k].sum() > 0:
            classes["roc_auc"][k] = oracle.roc_auc_score(
                truth == k, scores[:, k], sample_weight=weight
            )
    known = classes["roc_auc"][~np.isnan(classes["roc_auc"])]
    overall["roc_auc_ovr"] = known.mean() if len(known) else np.nan
    return overall, classes


@given(cases())
@settings(max_examples=60, deadline=None)
def test_equal_to_sklearn_with_sample_weight(case):
    truth, scores, weights = case
    figures = make_scorer(truth, scores)(weights)
    for column, weight in enumerate(weights.T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            overall, classes = sklearn_figures(truth, scores, weight.astype(float))
        assert_equal(figures, column, overall, classes, OVERALL, PER_CLASS)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_macro_averages_are_sklearns_own_when_every_class_has_tracks(seed):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(4), rng.integers(4, size=30)])
    scores = rng.dirichlet(np.ones(4), size=34)
    guess = scores.argmax(axis=1)
    figures = make_scorer(truth, scores)(np.ones((34, 1), dtype=np.uint16))
    for name in ("precision", "recall", "f1"):
        score = getattr(oracle, f"{name}_score")(truth, guess, average="macro", zero_division=0)
        assert figures.overall[f"{name}_macro"][0] == pytest.approx(score, abs=1e-12)
    area = oracle.roc_auc_score(truth, scores, multi_class="ovr", average="macro")
    assert figures.overall["roc_auc_ovr"][0] == pytest.approx(area, abs=1e-12)


@given(cases())
@settings(max_examples=30, deadline=None)
def test_counts_beyond_single_precision_change_nothing(case):
    truth, scores, weights = case
    few = make_scorer(truth, scores)(weights)
    many = make_scorer(truth, scores)(weights.astype(np.int64) * 100_000_007)
    for name in OVERALL:
        np.testing.assert_allclose(many.overall[name], few.overall[name], rtol=1e-12)


def test_one_class_has_no_area():
    figures = make_scorer(np.zeros(3, dtype=int), np.ones((3, 1)))(np.ones((3, 1), dtype=np.uint16))
    assert figures.overall["accuracy"][0] == 1
    assert np.isnan(figures.overall["roc_auc_ovr"][0])
    assert np.isnan(figures.classes["roc_auc"]).all()


def test_probability_zero_of_the_truth_costs_what_sklearn_says():
    truth, scores = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    figures = make_scorer(truth, scores)(np.ones((2, 1), dtype=np.uint16))
    assert figures.overall["log_loss"][0] == pytest.approx(
        oracle.log_loss(truth, y_proba=scores, labels=[0, 1]), abs=1e-12
    )
