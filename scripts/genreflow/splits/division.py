"""What a method makes of the tracks that a split may use."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from genreflow.splits.eligible import counted


class Units(NamedTuple):
    """What is drawn whole.

    Attributes
    ----------
    names : np.ndarray [shape=(n_counted,)] of str
        the artist, or the recording, of every track that counts
    called : str
        what they are, in the plural
    least : int
        how many of them a class needs where tracks have one label each
    least_of_several : int
        how many a label needs where tracks have several: one to train on, and another where each
        is tested once
    """

    names: np.ndarray
    called: str
    least: int
    least_of_several: int = 1


@dataclass(frozen=True)
class Division:
    """What a method makes of the rows of `find_eligible`.

    Attributes
    ----------
    rows : pl.DataFrame
        all tracks; ``part`` is null for those that count
    folds : list of (repeat, fold, parts)
        parts : np.ndarray [shape=(n_counted,)] of str, in the order of `counted`
    needed : tuple of str
        the parts in which every class must be found
    wanted : tuple of str
        those in which it is worth a warning where it is not
    units : Units or None
        None where the method has seen for itself that no class is too small
    """

    rows: pl.DataFrame
    folds: list[tuple[int, int, np.ndarray]]
    needed: tuple[str, ...]
    wanted: tuple[str, ...] = ()
    units: Units | None = None

    @property
    def counted(self) -> pl.DataFrame:
        """The rows that stand in train, validation or test."""
        return counted(self.rows)


def needed_parts(validation: float) -> tuple[str, ...]:
    """The parts that a split has."""
    return ("train", "validation", "test") if validation > 0 else ("train", "test")


def shuffled(
    rows: pl.DataFrame, folds: list, needed: tuple[str, ...], units: Units | None = None
) -> Division:
    """With several repeats a class may be missing from the test part of one, not from training."""
    if len(folds) == 1:
        return Division(rows, folds, needed, units=units)
    return Division(rows, folds, needed[:1], needed[1:], units)
