"""Exact running median, by a network of minima and maxima that is written out as source.

A median can be found without a single decision: pairs of numbers are put in order, by a minimum and
a maximum, until it stands out. Two sorted lists are merged by such exchanges (Batcher's odd-even
merge), and a list is sorted by merging its halves. Neighbouring windows share the work: sixteen
windows of 31 have 16 elements in common. These are sorted once; then the windows are halved, and
halved again, down to one, and each time the elements that the half has in common beyond those are
sorted and merged in. With ``j`` elements still to come, only the middle ``j + 1`` ranks can become
the median: the others are dropped, and with them every minimum and maximum that nobody reads. For
31 that leaves 34 of them to a median.

As no step depends on the data, many lines pass the network side by side: the source is a loop over
the lines with one statement for each step, which the compiler turns into vector instructions.
"""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genreflow.features.kernel import cache_folder, kernel


class Step(NamedTuple):
    """The minimum or maximum of two wires."""

    take: str
    first: int
    second: int
    result: int


class Network(NamedTuple):
    """Wires 0 to `n_inputs` - 1 are neighbours on a line, the others are results of steps."""

    n_inputs: int
    steps: list[Step]
    medians: list[int]


@functools.cache
def median_network(width: int) -> Network:
    """The steps to the medians of neighbouring windows.

    Parameters
    ----------
    width : int, odd
        of the windows

    Returns
    -------
    Network
        for the largest power of two of windows that is no more than half of `width` + 1
    """
    together = 1 << ((width + 1) // 2).bit_length() - 1
    n_inputs = width + together - 1
    pairs: list[tuple[int, int]] = []

    def exchange(a: int, b: int) -> list[int]:
        """Put two wires in order."""
        pairs.append((a, b))
        return [n_inputs + 2 * len(pairs) - 2, n_inputs + 2 * len(pairs) - 1]

    def merge(a: list[int], b: list[int]) -> list[int]:
        """Merge two sorted lists."""
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
        shared = range(first + count - 1, first + width)
        new = [*range(shared.start, common.start), *range(common.stop, shared.stop)]
        kept = merge(kept, sort(new))
        surplus = len(kept) - (width - len(shared) + 1)
        kept = kept[surplus // 2 : len(kept) - surplus // 2]
        if count == 1:
            return kept
        half = count // 2
        return medians(first, half, kept, shared) + medians(first + half, half, kept, shared)

    outputs = medians(0, together, [], range(together - 1, together - 1))
    return Network(n_inputs, _needed_steps(pairs, n_inputs, outputs), outputs)


def _needed_steps(pairs: list[tuple[int, int]], n_inputs: int, outputs: list[int]) -> list[Step]:
    """The steps that the outputs depend on."""
    needed = set(outputs)
    steps: list[Step] = []
    for i, (a, b) in reversed(list(enumerate(pairs))):
        low, high = n_inputs + 2 * i, n_inputs + 2 * i + 1
        for take, result in (("max", high), ("min", low)):
            if result in needed:
                needed |= {a, b}
                steps.append(Step(take, a, b, result))
    return steps[::-1]


def network_source(width: int, lines: int) -> str:
    """The network as Python source, of a function ``median_of_31(x, result)`` where width is 31.

    Parameters
    ----------
    width : int, odd
        of the windows
    lines : int > 0
        that lie side by side

    Returns
    -------
    str
        The function takes x, flat [shape=((n + width - 1) * lines,)], and writes the medians to
        result, flat [shape=(n * lines,)]; n must be a multiple of the windows that are taken
        together.
    """
    network = median_network(width)
    # Indices are unsigned, so that none can be negative and mean one from the end.
    body = [f"x{k} = x[i + U({k * lines})]" for k in range(network.n_inputs)]
    body += [f"x{s.result} = {s.take}(x{s.first}, x{s.second})" for s in network.steps]
    body += [f"result[i + U({k * lines})] = x{wire}" for k, wire in enumerate(network.medians)]
    return "\n".join(
        [
            "from numpy import uintp as U",
            "",
            "",
            f"def median_of_{width}(x, result):",
            f"    for first in range(U(0), U(len(result)), U({len(network.medians) * lines})):",
            f"        for i in range(first, first + U({lines})):",
            *(f"            {statement}" for statement in body),
            "",
        ]
    )


@functools.cache
def _compiled(width: int, lines: int) -> Callable[[np.ndarray, np.ndarray], None]:
    """The network as a kernel. Its source is kept beside what numba makes of it."""
    path = cache_folder() / f"median_of_{width}_in_{lines}_lines.py"
    source = network_source(width, lines)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            file.write(source)
        Path(file.name).replace(path)
    # numba, when it loads a kernel, imports the module that it belongs to.
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, path, "exec"), namespace)
    return kernel(relaxed=True)(namespace[f"median_of_{width}"])


class RunningMedian:
    """Median of `width` neighbouring rows, in each column, for as many arrays as one likes.

    Parameters
    ----------
    n : int > 0
        rows of which the median is taken
    columns : int > 0
    width : int, odd
        of the window

    Attributes
    ----------
    around : int
        rows beyond each end that the windows reach into
    rows : np.ndarray [shape=(around + n + around, columns), dtype=float32]
        for the caller to fill, with finite numbers

    See Also
    --------
    scipy.ndimage.median_filter : equal, with ``size=(width, 1)``, where its mode fills the ends
    """

    def __init__(self, n: int, *, columns: int, width: int = 31) -> None:
        self._network = _compiled(width, columns)
        together = len(median_network(width).medians)
        n_padded = -(-n // together) * together
        self.around = width // 2
        self._padded = np.zeros((n_padded + width - 1, columns), np.float32)
        self._medians = np.empty((n_padded, columns), np.float32)
        self.rows = self._padded[: n + width - 1]
        self._n = n

    def medians(self) -> np.ndarray:
        """Medians of the windows around each of the n rows.

        Returns
        -------
        np.ndarray [shape=(n, columns), dtype=float32]
            written over by the next call
        """
        self._network(self._padded.reshape(-1), self._medians.reshape(-1))
        return self._medians[: self._n]
