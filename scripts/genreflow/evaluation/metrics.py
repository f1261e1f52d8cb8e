"""What the figures of both tasks are made of, for many weightings of the tracks at once.

Conventions
-----------
- Labels are numbered in sorted order. Truth and guess say by a mark for each label which ones a
  track has, and which ones it is given: just one for single-label classification.
- A weight says how often a track counts: the point estimate has ones, a fold has ones for its own
  tracks, a bootstrap resample the number of times that each track was drawn. All of them are
  columns of one matrix.
- A label that no track of the (weighted) sample has, has no figures (NaN), and macro averages leave
  it out, as `balanced_accuracy_score` does; in a resample that misses a label a zero would pull the
  interval below the estimate. Everywhere else the figures are scikit-learn's with
  ``sample_weight``, and precision and F1 are 0 where nothing was guessed (``zero_division=0``).

Counts are whole numbers, so their sums are exact, and equal in any order.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Figures:
    """Figures for each of b weightings.

    Attributes
    ----------
    overall : dict[str, np.ndarray [shape=(b,)]]
        by the names of the task in `names.OVERALL`; float64
    classes : dict[str, np.ndarray [shape=(n_labels, b)]]
        by those in `names.PER_CLASS`; float64, NaN where a label has no track
    """

    overall: dict[str, np.ndarray]
    classes: dict[str, np.ndarray]


class Scorer(Protocol):
    """The figures of one set of predictions, prepared once for any number of weightings.

    Attributes
    ----------
    size : int > 0
        numbers that it works on for each weighting, by which memory is bounded
    """

    size: int

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights.

        Parameters
        ----------
        weights : np.ndarray [shape=(n, b)]
            how often each track counts; an integer type, no column all zero
        """
        ...


@dataclass(frozen=True)
class Counts:
    """Weights of the tracks of each label.

    Attributes
    ----------
    true, guessed, hit : np.ndarray [shape=(n_labels, b)]
        of those that have it, that are given it, and both; float64
    """

    true: np.ndarray
    guessed: np.ndarray
    hit: np.ndarray


class Counter:
    """Adds up the weights of the tracks of each label.

    Parameters
    ----------
    truth, guess : np.ndarray [shape=(n, n_labels)]
        bool
    """

    def __init__(self, truth: np.ndarray, guess: np.ndarray) -> None:
        from scipy.sparse import csr_array

        marks = (truth, guess, truth & guess)
        self._sums = [csr_array(mark.T.astype(np.float32)) for mark in marks]

    def __call__(self, weights: np.ndarray) -> Counts:
        """Counts for weights as from `exact_weights`."""
        return Counts(*((sums @ weights).astype(np.float64) for sums in self._sums))


def exact_weights(weights: np.ndarray, most: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Weights as floating point numbers whose sums are exact, and the sum of each column.

    Parameters
    ----------
    weights : np.ndarray [shape=(n, b)]
        an integer type
    most : int > 0
        how often one track may be added to one sum
    """
    total = weights.sum(axis=0, dtype=np.float64)
    # Whole numbers up to 2 ** 24 are exact in float32, which takes half the time.
    narrow = most * total.max(initial=0) < 2**24
    return weights.astype(np.float32 if narrow else np.float64), total


def label_figures(counts: Counts) -> dict[str, np.ndarray]:
    """f1, precision and recall of each label, each [shape=(n_labels, b)].

    With W the weight, and 1[] one where the condition holds::

        recall[k]           sum W 1[k guessed and true] / sum W 1[k true]
        precision[k]        sum W 1[k guessed and true] / sum W 1[k guessed]
        f1[k]               2 precision recall / (precision + recall)
    """
    absent = counts.true == 0
    return {
        "f1": mask(ratio(2 * counts.hit, counts.true + counts.guessed), absent),
        "precision": mask(ratio(counts.hit, counts.guessed), absent),
        "recall": mask(ratio(counts.hit, counts.true), absent),
    }


def averages(classes: dict[str, np.ndarray], true: np.ndarray) -> dict[str, np.ndarray]:
    """Averages over the labels of f1, precision and recall: macro, and weighted by true tracks."""
    total = true.sum(axis=0)
    found = {}
    for name in ("f1", "precision", "recall"):
        found[f"{name}_macro"] = mean(classes[name])
        weighted = np.where(true == 0, 0.0, classes[name]) * true
        found[f"{name}_weighted"] = mask(ratio(weighted.sum(axis=0), total), total == 0)
    return found


def track_mean(values: np.ndarray, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Weighted mean over the tracks of a value [shape=(n,)] that each of them has."""
    return np.einsum("n,nb->b", values, weights) / total


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Quotient that is 0 where the denominator is."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)


def mask(values: np.ndarray, absent: np.ndarray) -> np.ndarray:
    """The values, NaN where they are absent."""
    return np.where(absent, np.nan, values)


def mean(values: np.ndarray) -> np.ndarray:
    """Mean over the labels that have a value; NaN where none has."""
    known = ~np.isnan(values)
    n = known.sum(axis=0)
    return mask(ratio(values.sum(axis=0, where=known), n.astype(np.float64)), n == 0)
