"""The figures of multi-label classification."""

import numpy as np

from genreflow.evaluation.metrics import (
    Counter,
    Figures,
    averages,
    exact_weights,
    label_figures,
    mask,
    mean,
    ratio,
    track_mean,
)
from genreflow.evaluation.names import OVERALL
from genreflow.evaluation.ranking import Ranking


class MultiLabelScorer:
    """The figures of one set of predictions (`Scorer`), where a track has any number of labels.

    Parameters
    ----------
    truth, guess : np.ndarray [shape=(n, n_labels)]
        bool
    scores : np.ndarray [shape=(n, n_labels)]
        of each label on its own, in 0..1; float64

    Notes
    -----
    A cell is a track and a label. Beside `label_figures`::

        exact_match         share of the tracks that are given their labels and no other
        hamming_loss        share of the cells in which guess and truth differ
        lrap                label ranking average precision, as `ranking_precision` says
        *_macro             mean over the labels that have a track
        *_weighted          the same, weighted by the tracks of each label
        *_micro             of all cells together, as if they were of one label
        roc_auc, pr_auc     `Curve.roc_auc` and `Curve.average_precision`
    """

    def __init__(self, truth: np.ndarray, guess: np.ndarray, scores: np.ndarray) -> None:
        wrong = guess != truth
        self._of_tracks = {
            "exact_match": (~wrong.any(axis=1)).astype(np.float64),
            "hamming_loss": wrong.mean(axis=1),
            "lrap": ranking_precision(truth, scores),
        }
        self._counter = Counter(truth, guess)
        self._rankings = [Ranking(*label) for label in zip(truth.T, scores.T, strict=True)]
        self._cells = Ranking(truth, scores)
        self._n_labels = truth.shape[1]
        self.size = max(len(truth), self._cells.size)

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights, as `Scorer` says."""
        weights, total = exact_weights(weights, self._n_labels)
        counts = self._counter(weights)
        classes = label_figures(counts)
        curves = (ranking(weights) for ranking in self._rankings)
        areas = [(curve.roc_auc(), curve.average_precision()) for curve in curves]
        classes["roc_auc"], classes["pr_auc"] = np.stack(areas, axis=1)

        overall = averages(classes, counts.true)
        for name, values in self._of_tracks.items():
            overall[name] = track_mean(values, weights, total)
        true, guessed, hit = (
            sums.sum(axis=0) for sums in (counts.true, counts.guessed, counts.hit)
        )
        overall["f1_micro"] = mask(ratio(2 * hit, true + guessed), true == 0)
        overall["precision_micro"] = mask(ratio(hit, guessed), true == 0)
        overall["recall_micro"] = mask(ratio(hit, true), true == 0)
        cells = self._cells(weights)
        overall["roc_auc_micro"] = cells.roc_auc()
        overall["pr_auc_micro"] = cells.average_precision()
        overall["roc_auc_macro"] = mean(classes["roc_auc"])
        overall["pr_auc_macro"] = mean(classes["pr_auc"])
        return Figures({name: overall[name] for name in OVERALL["multi_label"]}, classes)


def ranking_precision(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Label ranking average precision of each track [1]_, [shape=(n,)].

    The mean, over the labels of a track, of the share of its own labels among those with this score
    or a higher one; 1 for a track that has no label or all of them, as
    `label_ranking_average_precision_score`.

    Parameters
    ----------
    truth, scores : np.ndarray [shape=(n, n_labels)]

    References
    ----------
    .. [1] Tsoumakas, Katakis, Vlahavas (2010): Mining multi-label data. Data Mining and Knowledge
       Discovery Handbook, 667-685.
    """
    total = np.zeros(len(truth))
    for own, score in zip(truth.T, scores.T, strict=True):
        above = scores[own] >= score[own, np.newaxis]
        total[own] += (above & truth[own]).sum(axis=1) / above.sum(axis=1)
    n_own = truth.sum(axis=1)
    # Where all labels are its own, every share is 1 already.
    return np.where(n_own == 0, 1.0, ratio(total, n_own.astype(np.float64)))
