"""The stratified splits where a track has several labels, or a recording stands under several.

scikit-learn's splitters keep the shares of one label for each track. These draw recordings, or
artists, and keep the shares of all their labels: iterative stratification, see
`genreflow.splits.iterative`. Repeat r is drawn with seed + r.
"""

import numpy as np
import polars as pl

from genreflow.artists import artist_groups
from genreflow.parts import PARTS
from genreflow.splits.division import Division, Units, needed_parts, shuffled
from genreflow.splits.eligible import counted
from genreflow.splits.iterative import iterative_folds


def stratified(
    rows: pl.DataFrame,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Draw recordings, keeping the labels' shares.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    test, validation : number in [0, 1)
        shares of all tracks
    repeats : int > 0
    seed : int
    """
    whole = _Whole(rows, _recordings(rows))
    shares = [1 - test - validation, validation, test]
    folds = [
        (repeat, 0, np.array(PARTS, dtype=object)[whole.draw(shares, seed + repeat)])
        for repeat in range(repeats)
    ]
    needed = needed_parts(validation)
    return shuffled(rows, folds, needed, Units(whole.names, "recordings", len(needed)))


def stratified_kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every recording once, keeping the labels' shares.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
    validation : number in [0, 1)
        share of all tracks, drawn from each fold's training side in the same way
    repeats : int > 0
    seed : int
    """
    whole = _Whole(rows, _recordings(rows))
    made = _kfold(whole, folds, validation, repeats, seed)
    units = Units(whole.names, "recordings", folds, 2)
    return Division(rows, made, ("train",), needed_parts(validation)[1:], units)


def stratified_group_kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every artist once, the labels' shares kept as far as that allows.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
    validation : number in [0, 1)
        share of all tracks, drawn from each fold's training side in the same way
    repeats : int > 0
    seed : int
    """
    whole = _Whole(rows, artist_groups(rows)["group"].to_numpy())
    if len(whole.sizes) < folds:
        raise ValueError(f"{folds} folds need {folds} artists, there are {len(whole.sizes)}")
    made = _kfold(whole, folds, validation, repeats, seed)
    needed = needed_parts(validation)
    units = Units(whole.names, "artists", len(needed), 2)
    return Division(rows, made, ("train",), needed[1:], units)


class _Whole:
    """Units that are drawn whole: how many tracks of each label they hold."""

    def __init__(self, rows: pl.DataFrame, names: np.ndarray) -> None:
        self.names = names
        _, self.unit, self.sizes = np.unique(names, return_inverse=True, return_counts=True)
        each = counted(rows).select("labels", unit=pl.Series(self.unit)).explode("labels")
        found, label = np.unique(each["labels"].to_numpy(), return_inverse=True)
        self.counts = np.zeros((len(self.sizes), len(found)), np.int64)
        np.add.at(self.counts, (each["unit"].to_numpy(), label), 1)

    def draw(self, shares: list[float], seed: int, among: np.ndarray | None = None) -> np.ndarray:
        """The share into which each track falls, of those whose units are `among` the others."""
        among = np.arange(len(self.sizes)) if among is None else among
        found = np.full(len(self.sizes), -1)
        found[among] = iterative_folds(self.counts[among], shares, seed, sizes=self.sizes[among])
        return found[self.unit]


def _kfold(
    whole: _Whole, folds: int, validation: float, repeats: int, seed: int
) -> list[tuple[int, int, np.ndarray]]:
    made = []
    for repeat in range(repeats):
        tested_in = whole.draw([1 / folds] * folds, seed + repeat)
        for fold in range(folds):
            parts = np.where(tested_in == fold, "test", "train").astype(object)
            if validation > 0:
                training = parts == "train"
                share = validation * len(parts) / training.sum()
                if share >= 1:
                    raise ValueError("the validation part leaves nothing to train on")
                units = np.unique(whole.unit[training])
                drawn = whole.draw([1 - share, share], seed + repeat, units)
                parts[drawn == 1] = "validation"
            made.append((repeat, fold, parts))
    return made


def _recordings(rows: pl.DataFrame) -> np.ndarray:
    return counted(rows)["digest"].to_numpy()
