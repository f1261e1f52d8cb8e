"""The figures of single-label classification."""

import numpy as np

from genreflow.evaluation.metrics import (
    Counter,
    Figures,
    averages,
    exact_weights,
    label_figures,
    mean,
    track_mean,
)
from genreflow.evaluation.names import OVERALL
from genreflow.evaluation.ranking import Ranking


class SingleLabelScorer:
    """The figures of one set of predictions (`Scorer`), where a track has one label.

    Parameters
    ----------
    truth, guess : np.ndarray [shape=(n, n_labels)]
        one mark in each row; bool
    scores : np.ndarray [shape=(n, n_labels)]
        probability of each label, each row of sum 1; float64

    Notes
    -----
    With W the weight, and 1[] one where the condition holds, beside `label_figures`::

        accuracy            sum W 1[guess = truth] / sum W
        *_macro             mean over the labels; recall_macro = balanced_accuracy
        *_weighted          mean over the labels weighted by sum W 1[truth = k]
        log_loss            -sum W log(score[truth]) / sum W, scores clipped to [eps, 1 - eps]
        roc_auc[k]          `Curve.roc_auc` of the score k, one label versus the rest
        roc_auc_ovr         mean of roc_auc over the labels

    Examples
    --------
    >>> truth, guess = np.eye(2, dtype=bool), np.array([[True, False], [True, False]])
    >>> scorer = SingleLabelScorer(truth, guess, np.array([[0.9, 0.1], [0.6, 0.4]]))
    >>> scorer(np.ones((2, 1), dtype=np.uint16)).overall["accuracy"]
    array([0.5])
    """

    def __init__(self, truth: np.ndarray, guess: np.ndarray, scores: np.ndarray) -> None:
        eps = np.finfo(np.float64).eps
        self._loss = -np.log(np.clip(scores[truth], eps, 1 - eps))
        self._counter = Counter(truth, guess)
        self._rankings = [Ranking(*label) for label in zip(truth.T, scores.T, strict=True)]
        self.size = len(truth)

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights, as `Scorer` says."""
        weights, total = exact_weights(weights)
        counts = self._counter(weights)
        classes = label_figures(counts)
        areas = [ranking(weights).roc_auc() for ranking in self._rankings]
        classes["roc_auc"] = np.stack(areas)
        overall = averages(classes, counts.true)
        overall["accuracy"] = counts.hit.sum(axis=0) / total
        overall["balanced_accuracy"] = overall["recall_macro"]
        overall["log_loss"] = track_mean(self._loss, weights, total)
        overall["roc_auc_ovr"] = mean(classes["roc_auc"])
        return Figures({name: overall[name] for name in OVERALL["single_label"]}, classes)
