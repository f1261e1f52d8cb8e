"""Areas under the curves of a ranking by score, for many weightings of the tracks at once.

Each track without the label falls between (or on) two of the sorted scores of the tracks that have
it. One sparse product gives the weights in all these bins; their running sums are what both curves
are made of.
"""

from dataclasses import dataclass

import numpy as np

from genreflow.evaluation.metrics import mask, ratio


@dataclass(frozen=True)
class Curve:
    """Weights along a ranking, for each of the m different scores of the tracks with the label.

    Attributes
    ----------
    own : np.ndarray [shape=(m, b)]
        of the tracks with the label that have this score; scores rise; float64
    below, upto : np.ndarray [shape=(m, b)]
        of the tracks without it that have a lower score, and a lower one or this; float64
    other : np.ndarray [shape=(b,)]
        of all tracks without it; float64
    """

    own: np.ndarray
    below: np.ndarray
    upto: np.ndarray
    other: np.ndarray

    def roc_auc(self) -> np.ndarray:
        """Area under the receiver operating characteristic [shape=(b,)]; NaN without a pair.

        P(s > s') + P(s = s') / 2 for the scores of a track with the label and of one without it,
        drawn by weight: the Mann-Whitney statistic [1]_.

        .. [1] Hanley, McNeil (1982): The meaning and use of the area under a receiver operating
           characteristic (ROC) curve. Radiology 143 (1), 29-36.
        """
        wins = np.einsum("mb,mb->b", self.own, (self.below + self.upto) / 2)
        pairs = self.own.sum(axis=0) * self.other
        return mask(ratio(wins, pairs), pairs == 0)

    def average_precision(self) -> np.ndarray:
        """Area under precision against recall [shape=(b,)]; NaN without a track with the label.

        The mean, over the tracks with the label, of the precision among the tracks that have
        their score or a higher one: steps, not trapezia, as `average_precision_score`.
        """
        own = self.own[::-1].cumsum(axis=0)[::-1]
        precision = ratio(own, own + self.other - self.below)
        total = self.own.sum(axis=0)
        return mask(ratio(np.einsum("mb,mb->b", self.own, precision), total), total == 0)


class Ranking:
    """Tracks with and without a label by score, prepared once for any number of weightings.

    Parameters
    ----------
    own : np.ndarray [shape=(n,) or (n, k)]
        whether a track has the label; of k labels, all n k of them make one ranking; bool
    scores : np.ndarray of the same shape
        float64

    Attributes
    ----------
    size : int
        numbers that it works on for each weighting
    """

    def __init__(self, own: np.ndarray, scores: np.ndarray) -> None:
        from scipy.sparse import csr_array

        n = len(own)
        tracks = np.repeat(np.arange(n), own.size // n)
        own, scores = own.ravel(), scores.ravel()
        steps = np.unique(scores[own])
        m = self._steps = len(steps)
        # 2 m + 1 bins of the other tracks: below, on and above each step; m of the own ones.
        bins = np.searchsorted(steps, scores, "left") + np.searchsorted(steps, scores, "right")
        rows = np.where(own, 2 * m + 1 + bins // 2, bins)
        ones = np.ones(len(rows), dtype=np.float32)
        self._sums = csr_array((ones, (rows, tracks)), shape=(3 * m + 1, n))
        self.size = 3 * m + 1

    def __call__(self, weights: np.ndarray) -> Curve:
        """Curve for weights [shape=(n, b)] as from `exact_weights`."""
        m = self._steps
        sums = self._sums @ weights
        below = np.cumsum(sums[: 2 * m + 1], axis=0, dtype=np.float64)
        own = sums[2 * m + 1 :].astype(np.float64)
        return Curve(own, below[: 2 * m : 2], below[1 : 2 * m : 2], below[-1])
