"""The figures of single-label classification, for many weightings of the tracks at once.

Conventions
-----------
- Classes are numbered in sorted order. The guess is the class with the highest score; of equal
  ones the first, as with `numpy.argmax`.
- A weight says how often a track counts: the point estimate has ones, a fold has ones for its own
  tracks, a bootstrap resample the number of times that each track was drawn. All of them are
  columns of one matrix.
- A class that no track of the (weighted) sample belongs to has no figures (NaN), and macro averages
  leave it out, as `balanced_accuracy_score` does; in a resample that misses a class a zero would
  pull the interval below the estimate. Everywhere else the figures are scikit-learn's with
  ``sample_weight``, and precision and F1 are 0 where nothing was guessed (``zero_division=0``).

Counts are whole numbers, so their sums are exact, and equal in any order.
"""

from dataclasses import dataclass

import numpy as np

OVERALL = (
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "log_loss",
    "precision_macro",
    "precision_weighted",
    "recall_macro",
    "recall_weighted",
    "roc_auc_ovr",
)
PER_CLASS = ("f1", "precision", "recall", "roc_auc")


@dataclass(frozen=True)
class Figures:
    """Figures for each of b weightings.

    Attributes
    ----------
    overall : dict[str, np.ndarray [shape=(b,)]]
        by the names in `OVERALL`; float64
    classes : dict[str, np.ndarray [shape=(n_classes, b)]]
        by the names in `PER_CLASS`; float64, NaN where a class has no track
    """

    overall: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]


class Scorer:
    """The figures of one set of predictions, prepared once for any number of weightings.

    Parameters
    ----------
    truth : np.ndarray [shape=(n,)]
        number of each track's class; int
    scores : np.ndarray [shape=(n, n_classes)]
        probability of each class, each row of sum 1; float64

    Notes
    -----
    With W the weight, and 1[] one where the condition holds::

        accuracy            sum W 1[guess = truth] / sum W
        recall[k]           sum W 1[guess = truth = k] / sum W 1[truth = k]
        precision[k]        sum W 1[guess = truth = k] / sum W 1[guess = k]
        f1[k]               2 precision recall / (precision + recall)
        *_macro             mean over the classes; recall_macro = balanced_accuracy
        *_weighted          mean over the classes weighted by sum W 1[truth = k]
        log_loss            -sum W log(score[truth]) / sum W, scores clipped to [eps, 1 - eps]
        roc_auc[k]          P(s > s') + P(s = s') / 2 for the score k of a track of the class
                            and of one of another class, drawn by weight [1]_
        roc_auc_ovr         mean of roc_auc over the classes (one versus rest)

    The area under the curve is computed as the Mann-Whitney statistic: each track of another class
    falls between (or on) two of the sorted scores of the class's own tracks. One sparse product
    gives the weights in all these bins, their running sum the weight below each score.

    .. [1] Hanley, McNeil (1982): The meaning and use of the area under a receiver operating
       characteristic (ROC) curve. Radiology 143 (1), 29-36.

    Examples
    --------
    >>> scorer = Scorer(np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]]))
    >>> scorer(np.ones((2, 1), dtype=np.uint16)).overall["accuracy"]
    array([0.5])
    """

    def __init__(self, truth: np.ndarray, scores: np.ndarray) -> None:
        n, n_classes = scores.shape
        self.truth = truth
        self.guess = scores.argmax(axis=1)
        eps = np.finfo(np.float64).eps
        self._loss = -np.log(np.clip(scores[np.arange(n), truth], eps, 1 - eps))
        hit = np.where(self.guess == truth, truth, n_classes)
        self._counts = [_sums_by(rows, n_classes + 1) for rows in (truth, self.guess, hit)]
        self._ranks = [_ranks(truth == k, scores[:, k]) for k in range(n_classes)]

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights.

        Parameters
        ----------
        weights : np.ndarray [shape=(n, b)]
            how often each track counts; an integer type, no column all zero
        """
        # Whole numbers up to 2 ** 24 are exact in float32, which takes half the time.
        total = weights.sum(axis=0, dtype=np.float64)
        narrow = total.max(initial=0) < 2**24
        weights = weights.astype(np.float32 if narrow else np.float64)

        true, guessed, hit = ((sums @ weights)[:-1].astype(np.float64) for sums in self._counts)
        absent = true == 0
        classes = {
            "f1": _mask(_ratio(2 * hit, true + guessed), absent),
            "precision": _mask(_ratio(hit, guessed), absent),
            "recall": _mask(_ratio(hit, true), absent),
            "roc_auc": np.stack(
                [
                    _area(rank @ weights, own, total - own)
                    for rank, own in zip(self._ranks, true, strict=True)
                ]
            ),
        }
        overall = {"accuracy": hit.sum(axis=0) / total}
        for name in ("precision", "recall", "f1"):
            overall[f"{name}_macro"] = _mean(classes[name])
            weighted = np.where(absent, 0.0, classes[name]) * true
            overall[f"{name}_weighted"] = weighted.sum(axis=0) / total
        overall["balanced_accuracy"] = overall["recall_macro"]
        overall["log_loss"] = np.einsum("n,nb->b", self._loss, weights) / total
        overall["roc_auc_ovr"] = _mean(classes["roc_auc"])
        return Figures({name: overall[name] for name in OVERALL}, classes)


def _sums_by(rows: np.ndarray, n_rows: int):
    """Sparse matrix that adds up the weights of the tracks of each row number."""
    from scipy.sparse import csr_array

    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, np.arange(len(rows)))), shape=(n_rows, len(rows)))


def _ranks(own: np.ndarray, scores: np.ndarray):
    """Sparse matrix of the weights by score: of the other tracks, then of the class's own ones.

    Its first 2 m + 1 rows are the other tracks below, on and above each of the m distinct scores
    of the class's own tracks; its last m rows are the own tracks on each score.
    """
    steps = np.unique(scores[own])
    bins = np.searchsorted(steps, scores, "left") + np.searchsorted(steps, scores, "right")
    rows = np.where(own, 2 * len(steps) + 1 + bins // 2, bins)
    return _sums_by(rows, 3 * len(steps) + 1)


def _area(sums: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Area under the ROC curve from the sums that `_ranks` gives; NaN without a pair."""
    m = len(sums) // 3
    below = np.cumsum(sums[: 2 * m], axis=0, dtype=np.float64)
    # The other tracks below a score, and half of those on it.
    beaten = (below[0::2] + below[1::2]) / 2
    wins = np.einsum("mb,mb->b", sums[2 * m + 1 :].astype(np.float64), beaten)
    pairs = own * other
    return _mask(_ratio(wins, pairs), pairs == 0)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient that is 0 where the denominator is."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


def _mask(values: np.ndarray, absent: np.ndarray) -> np.ndarray:
    return np.where(absent, np.nan, values)


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the classes that have a value; NaN where none has."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    return _mask(_ratio(values.sum(axis=0, where=known), n.astype(np.float64)), n == 0)
