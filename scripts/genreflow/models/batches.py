"""Batches of rows for a network: of a matrix that lies on the device, or read from files.

What is read from files passes through memory batch by batch, so that it does not matter how much
there is. Threads read a bounded number of batches ahead, in order; the batches are the same
whether they do or not.
"""

import copy
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from genreflow.features.inputs import Inputs
from genreflow.models.arrays import Form

Batch = tuple[Tensor, ...]
Item, Made = TypeVar("Item"), TypeVar("Made")

# Types that are brought to the device as they are and become float32 there.
COMPACT = tuple(np.dtype(name) for name in ("float16", "float32", "uint8", "int8", "int16"))


class Source(ABC):
    """Rows from which batches are made: for each feature set, float32 [shape=(n, ...)]."""

    # How many windows each row is predicted from, where there are windows.
    windows: Sequence[int] | None = None
    # How long batches were waited for until now, in seconds.
    waited: float = 0.0

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def chosen(self, batches: Sequence[Tensor], random: np.random.Generator) -> Iterator[Batch]:
        """Batches of chosen rows, for training.

        Parameters
        ----------
        batches : sequence of Tensor [dtype=int64]
            the numbers of the rows of each batch, on the CPU
        random : np.random.Generator
            chooses the windows, where there are any
        """

    @abstractmethod
    def in_order(self, size: int) -> Iterator[Batch]:
        """All rows, in batches of a size; where there are windows, all of them, row by row."""


@dataclass(frozen=True)
class Matrix(Source):
    """Rows of a matrix that is on the device as a whole.

    Attributes
    ----------
    X : Tensor [shape=(n, n_features), dtype=float32]
    """

    X: Tensor

    def __len__(self) -> int:
        return len(self.X)

    def chosen(self, batches: Sequence[Tensor], random: np.random.Generator) -> Iterator[Batch]:
        """Batches of chosen rows."""
        rows = torch.cat(list(batches)).to(self.X.device)
        return ((self.X[some],) for some in rows.split([len(batch) for batch in batches]))

    def in_order(self, size: int) -> Iterator[Batch]:
        """All rows in batches."""
        return ((rows,) for rows in self.X.split(size))


class Reader(Source):
    """Rows of arrays, read when their turn comes.

    Arrays are cut at the end to the length of their shape; those that are shorter are filled up at
    the end with zeros, which is the mean where there is a scaling.

    Parameters
    ----------
    inputs : Inputs
    form : Form
        what they are brought to
    device : torch.device
        where the batches go
    windowed : bool
        whether arrays, of one axis, are read in windows of the shape's length instead of cut: for
        training one of each row, anywhere in it; else all, one behind the other, of which the last
        one ends with the array
    threads : int >= 0
        how many read ahead; 0: batches are read when they are asked for
    """

    def __init__(
        self,
        inputs: Inputs,
        form: Form,
        device: torch.device,
        *,
        windowed: bool = False,
        threads: int = 0,
    ) -> None:
        self._inputs, self._shapes = inputs, form.shapes
        self._scaling = None if form.scaling is None else copy.deepcopy(form.scaling).to(device)
        self._device, self._threads = device, threads
        self._room: np.ndarray | None = None
        if windowed:
            # How many samples a row has beyond a window, of the shortest of its arrays.
            beyond = [
                [own[-1] - shape[-1] for own in rows]
                for rows, shape in zip(inputs.shapes(), form.shapes, strict=True)
            ]
            self._room = np.maximum(np.min(beyond, axis=0), 0)
            self.windows = [len(self._starts(row)) for row in range(len(inputs))]

    def __len__(self) -> int:
        return len(self._inputs)

    def chosen(self, batches: Sequence[Tensor], random: np.random.Generator) -> Iterator[Batch]:
        """Batches of chosen rows."""
        starts = np.zeros(len(self), dtype=np.int64)
        if self._room is not None:
            starts = random.integers(self._room, endpoint=True)
        return self._read([(row, int(starts[row])) for row in rows.tolist()] for rows in batches)

    def in_order(self, size: int) -> Iterator[Batch]:
        """All rows in batches."""
        places = ((row, start) for row in range(len(self)) for start in self._starts(row))
        return self._read(_cut(places, size))

    def _starts(self, row: int) -> list[int]:
        """Where the windows of a row begin; 0 where there are none."""
        if self._room is None:
            return [0]
        room = int(self._room[row])
        return [*range(0, room, self._shapes[0][-1]), room]

    def _read(self, batches: Iterable[list[tuple[int, int]]]) -> Iterator[Batch]:
        ready = read_ahead(self._fill, batches, self._threads)
        while (filled := self._next(ready)) is not None:
            x = [
                values.to(self._device, non_blocking=True).to(torch.float32) for values, _ in filled
            ]
            if self._scaling is not None:
                x = self._scaling(*x)
                for values, (_, lengths) in zip(x, filled, strict=True):
                    _clear_behind(values, lengths)
            yield tuple(x)

    def _next(self, ready: Iterator[Made]) -> Made | None:
        begun = time.perf_counter()
        try:
            return next(ready, None)
        finally:
            self.waited += time.perf_counter() - begun

    def _fill(self, places: list[tuple[int, int]]) -> list[tuple[Tensor, np.ndarray]]:
        """Raw values of a batch, and their lengths. No thread computes anything with torch."""
        rows = [self._inputs.row(row) for row, _ in places]
        filled = []
        for number, shape in enumerate(self._shapes):
            arrays = [
                row[number][..., start : start + shape[-1]]
                for row, (_, start) in zip(rows, places, strict=True)
            ]
            dtypes = {array.dtype for array in arrays}
            dtype = dtypes.pop() if len(dtypes) == 1 else np.dtype(np.float32)
            if dtype not in COMPACT:
                dtype = np.dtype(np.float32)
            values = torch.empty(
                (len(arrays), *shape),
                dtype=getattr(torch, dtype.name),
                pin_memory=self._device.type == "cuda",
            )
            lengths = np.array([array.shape[-1] for array in arrays])
            for to, array, length in zip(values.numpy(), arrays, lengths, strict=True):
                to[..., :length] = array
                to[..., length:] = 0
            filled.append((values, lengths))
        return filled


def read_ahead(make: Callable[[Item], Made], items: Iterable[Item], threads: int) -> Iterator[Made]:
    """Call a function for each item, in threads, and give what it made in the items' order.

    Parameters
    ----------
    make : function of an item
    items : iterable
    threads : int >= 0
        at most two more than so many are made ahead; 0: each is made when it is asked for

    Yields
    ------
    what `make` gave
    """
    if not threads:
        yield from map(make, items)
        return
    pool, waiting = ThreadPoolExecutor(threads, "genreflow-read"), deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > threads + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _cut(places: Iterable[Item], size: int) -> Iterator[list[Item]]:
    batch = []
    for place in places:
        batch.append(place)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _clear_behind(values: Tensor, lengths: np.ndarray) -> None:
    """Set what lies behind the end of each array to zero."""
    length = values.shape[-1]
    if lengths.min() == length:
        return
    ends = torch.from_numpy(lengths).to(values.device).view(-1, *[1] * (values.dim() - 1))
    values.masked_fill_(torch.arange(length, device=values.device) >= ends, 0)
