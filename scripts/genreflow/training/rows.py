"""Rows that a model is fitted on, or tried on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genreflow.features.inputs import Inputs


@dataclass(frozen=True)
class Rows:
    """Segments and copies of tracks, with what a model is to say of them.

    Attributes
    ----------
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
    y : np.ndarray [shape=(n,) or (n, n_labels), dtype=int or float64]
        number of each row's label, 0 and 1 for each label, or the numbers of a regression
    groups : np.ndarray [shape=(n,)]
        artist of each row, or the track itself
    tracks : np.ndarray [shape=(n,)]
        the track that each row is of
    copied : np.ndarray [shape=(n,), dtype=bool]
        whether a row describes a copy of its track
    """

    X: "np.ndarray | Inputs"
    y: np.ndarray
    groups: np.ndarray
    tracks: np.ndarray
    copied: np.ndarray

    def __len__(self) -> int:
        return len(self.X)

    def take(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, by their numbers or by a mask."""
        values = (self.X, self.y, self.groups, self.tracks, self.copied)
        return Rows(*(value[chosen] for value in values))

    def as_they_are(self) -> "Rows":
        """The rows that describe no copy."""
        return self.take(~self.copied)


def task_of(y: np.ndarray) -> str:
    """The task that fits what rows are told to be: see the attribute ``y`` of `Rows`."""
    if y.dtype.kind == "f":
        return "regression"
    return "multi_label" if y.ndim == 2 else "single_label"
