"""Rows that a model is fitted on, or tried on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rows:
    """Segments and copies of tracks, with what a model is to say of them.

    Attributes
    ----------
    X : np.ndarray [shape=(n, n_features), dtype=float64]
    y : np.ndarray [shape=(n,) or (n, n_labels), dtype=int]
        number of each row's label, or 0 and 1 for each label
    groups : np.ndarray [shape=(n,)]
        artist of each row, or the track itself
    tracks : np.ndarray [shape=(n,)]
        the track that each row is of
    copied : np.ndarray [shape=(n,), dtype=bool]
        whether a row describes a copy of its track
    """

    X: np.ndarray
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
