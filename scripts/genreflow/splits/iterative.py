"""Iterative stratification: shares of every label at once, where units have several of them."""

from collections.abc import Sequence

import numpy as np


def iterative_folds(
    counts: np.ndarray,
    shares: Sequence[float],
    seed: int,
    *,
    sizes: np.ndarray | None = None,
) -> np.ndarray:
    """Divide units so that every label has its shares, as nearly as whole units allow.

    Units that are one track are divided by iterative stratification [1]_: the label that the
    fewest undivided units have goes first, each of its units falls into the share that lacks
    most of the label; of equal ones, into the one that lacks most of all; luck decides between
    those. Units without a label come last.

    Units of several tracks, such as all those of an artist, go before these, the largest first,
    so that smaller ones make up for them. Each falls into the share that lacks most of what it
    holds; every label, and the number of tracks, weighs the same.

    Parameters
    ----------
    counts : np.ndarray [shape=(n_units, n_labels)] of int >= 0
        how many tracks of each label a unit holds: 0 or 1 where it is one track
    shares : sequence of number >= 0
        in proportion to which units are divided; nothing falls into a share of 0
    seed : int
    sizes : np.ndarray [shape=(n_units,)] of int > 0, or None
        how many tracks a unit holds; where None, as many as it holds of its commonest label

    Returns
    -------
    np.ndarray [shape=(n_units,)] of int
        which share each unit falls into

    References
    ----------
    .. [1] Sechidis, Tsoumakas, Vlahavas, "On the Stratification of Multi-Label Data",
       ECML PKDD 2011, algorithm 1
    """
    counts = np.asarray(counts, dtype=np.int64)
    sizes = counts.max(axis=1, initial=1) if sizes is None else np.asarray(sizes)
    shares = np.asarray(shares, dtype=float)
    used = np.flatnonzero(shares > 0)
    # The last column is the number of tracks, whatever their labels.
    division = _Division(np.column_stack([counts, sizes]), shares[used], seed)
    division.add_large(np.flatnonzero(sizes > 1))
    left = (counts * (division.found < 0)[:, None] > 0).sum(axis=0)
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, left.max() + 1)))
        units = np.flatnonzero((division.found < 0) & (counts[:, label] > 0))
        division.add_small(units, label)
        left -= (counts[units] > 0).sum(axis=0)
    division.add_small(np.flatnonzero(division.found < 0), counts.shape[1])
    return used[division.found]


class _Division:
    """Units that have fallen into shares, and what the shares lack."""

    def __init__(self, counts: np.ndarray, shares: np.ndarray, seed: int) -> None:
        self.counts, self.luck = counts, np.random.default_rng(seed)
        self.found = np.full(len(counts), -1)
        self.totals = counts.sum(axis=0)
        self.wanted = np.outer(shares / shares.sum(), self.totals)
        # Whole tracks, so that shares that are alike lack exactly as much.
        self.given = np.zeros(self.wanted.shape, np.int64)

    def add_large(self, units: np.ndarray) -> None:
        """Units by their size, by what they lack of all that a unit holds."""
        units = self.luck.permutation(units)
        units = units[np.argsort(-self.counts[units, -1], kind="stable")]
        for unit in units.tolist():
            weights = self.counts[unit] / np.maximum(self.totals, 1)
            lacking = ((self.wanted - self.given) * weights).sum(axis=1)
            self._add(unit, _largest(lacking.tolist(), range(len(lacking))))

    def add_small(self, units: np.ndarray, label: int) -> None:
        """Units by what the shares lack of one label, or else of all tracks."""
        of_label, of_all = (self.wanted - self.given)[:, [label, -1]].T.tolist()
        for unit in self.luck.permutation(units).tolist():
            best = _largest(of_label, range(len(of_label)))
            share = self._add(unit, best if len(best) == 1 else _largest(of_all, best))
            of_label[share] = self.wanted[share, label] - self.given[share, label]
            of_all[share] = self.wanted[share, -1] - self.given[share, -1]

    def _add(self, unit: int, among: Sequence[int]) -> int:
        chosen = among[0] if len(among) == 1 else among[int(self.luck.integers(len(among)))]
        self.found[unit] = chosen
        self.given[chosen] += self.counts[unit]
        return chosen


def _largest(values: list[float], among: Sequence[int]) -> list[int]:
    most = max(values[index] for index in among)
    return [index for index in among if values[index] == most]
