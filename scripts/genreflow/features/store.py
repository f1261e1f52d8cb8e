"""The two files that describe the tracks of a batch: a table, and an array file.

The table has one row for each track, or for each segment of each track. Its first columns are
`HEAD`; where there is a reason, all others are null. A set of vectors has a column for each
feature, and an array file with nothing in it. A set of arrays has the columns `PLACE`, which say
where in the array file an array stands: that is a one-dimensional npy, all arrays one behind the
other in C order. It is written as they come, so that a batch never has to fit into memory.
"""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from numbers import Real
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.sets import FeatureSet
from genreflow.npy import write_header

log = logging.getLogger("genreflow")

HEAD = {"track_id": pl.String, "batch": pl.String, "segment": pl.Int32, "reason": pl.String}

# What a set's function gave, or the reason why it gave nothing.
Outcome = tuple[Any, str | None]

# Where an array begins, in items, and its shape.
PLACE = {"start": pl.Int64, "shape": pl.List(pl.Int64)}


def writer_of(
    feature_set: FeatureSet, path_to_table: str | Path, path_to_arrays: str | Path
) -> "BatchWriter":
    """The writer of a batch's files, a context manager: both are complete when it ends.

    Parameters
    ----------
    feature_set : FeatureSet
    path_to_table, path_to_arrays : str or Path
        the parquet table, sorted by track and segment, and the npy file
    """
    kind = ArrayWriter if feature_set.gives == "array" else VectorWriter
    return kind(feature_set, path_to_table, path_to_arrays)


class BatchWriter(ABC):
    """What the writers of vectors and of arrays have in common: see `writer_of`."""

    def __init__(
        self, feature_set: FeatureSet, path_to_table: str | Path, path_to_arrays: str | Path
    ) -> None:
        self._set = feature_set
        self._path_to_table, self._path_to_arrays = path_to_table, Path(path_to_arrays)
        self._head: list[tuple[str, str, int, str | None]] = []
        self._kept: list[Any] = []
        self._dtype = np.dtype(feature_set.dtype or np.float32)
        self._length = 0

    def __enter__(self) -> "BatchWriter":
        self._file = self._path_to_arrays.open("wb")
        write_header(self._file, self._dtype, 0)
        return self

    def write(self, track_id: str, batch: str, outcomes: Iterable[Outcome]) -> None:
        """Add a track. What is not finite gets a reason too, and the log has them all.

        Parameters
        ----------
        track_id, batch : str
        outcomes : iterable of (described, reason)
            for each segment, or once for the whole track, what the set's function gave, or why it
            gave nothing

        Raises
        ------
        GenreflowError
            if it did not give what the set promises
        """
        for segment, (described, reason) in enumerate(outcomes):
            kept = None
            if not reason:
                kept, reason = self._keep(described, f"{self._set}, track {track_id!r}")
            if reason:
                log.warning("%s: no %s: %s", track_id, self._set.name, reason)
            self._head.append((track_id, batch, segment, reason))
            self._kept.append(kept)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            self._file.seek(0)
            write_header(self._file, self._dtype, self._length)
        if kind is None:
            head = pl.DataFrame(self._head, schema=HEAD, orient="row")
            table = pl.concat([head, self._columns()], how="horizontal")
            table.sort("track_id", "segment").write_parquet(self._path_to_table)

    @abstractmethod
    def _keep(self, described: Any, where: str) -> Outcome:
        """What `_columns` needs of a description, or the reason why it is not kept."""

    @abstractmethod
    def _columns(self) -> pl.DataFrame:
        """The columns behind the head, one row for each of `_kept`, null where that is None."""


class VectorWriter(BatchWriter):
    """Named numbers, the same names for all: columns of the table."""

    _names: tuple[str, ...] = ()

    def _keep(self, described: Any, where: str) -> Outcome:
        vector = _as_vector(described, where)
        self._names = self._names or tuple(vector)
        if vector.keys() != set(self._names):
            odd = ", ".join(sorted(vector.keys() ^ set(self._names)))
            raise GenreflowError(
                f"{self._set}: tracks have different features; not in all of them: {odd}"
            )
        wrong = [feature for feature, value in vector.items() if not math.isfinite(value)]
        if wrong:
            return None, f"not finite: {', '.join(wrong)}"
        return np.array([vector[name] for name in self._names]), None

    def _columns(self) -> pl.DataFrame:
        columns = np.full((len(self._kept), len(self._names)), np.nan)
        for row, vector in zip(columns, self._kept, strict=True):
            if vector is not None:
                row[:] = vector
        return pl.DataFrame(columns, schema=list(self._names), orient="row").fill_nan(None)


class ArrayWriter(BatchWriter):
    """Arrays of any shape, one behind the other in the array file."""

    _begun = False

    def _keep(self, described: Any, where: str) -> Outcome:
        array = _as_array(described, where)
        if self._set.dtype:
            with np.errstate(over="ignore"):
                array = array.astype(self._dtype, copy=False)
        elif self._begun and array.dtype != self._dtype:
            raise GenreflowError(
                f"{where}: an array of {array.dtype}, where other tracks have {self._dtype}; "
                "name a dtype in config/features.yaml"
            )
        # NaN is the minimum of an array that has one.
        if not (math.isfinite(array.min()) and math.isfinite(array.max())):
            return None, f"not finite as {array.dtype}"
        self._dtype, self._begun = array.dtype, True
        self._file.write(np.ascontiguousarray(array).data)
        start = self._length
        self._length += array.size
        return (start, list(array.shape)), None

    def _columns(self) -> pl.DataFrame:
        places = [place or (None, None) for place in self._kept]
        return pl.DataFrame(places, schema=PLACE, orient="row")


def _as_vector(described: Any, where: str) -> dict[str, float]:
    """The vector that a function gave, as a dictionary of floats."""
    if not isinstance(described, Mapping) or not described:
        raise GenreflowError(
            f"{where}: expected a dictionary of named numbers, got {_kind(described)}"
        )
    for feature, value in described.items():
        if not isinstance(feature, str) or feature in HEAD:
            raise GenreflowError(f"{where}: {feature!r} cannot be the name of a feature")
        if not isinstance(value, Real):
            raise GenreflowError(
                f"{where}: feature {feature!r} is not a number but {type(value).__name__}"
            )
    return {feature: float(value) for feature, value in described.items()}


def _as_array(described: Any, where: str) -> np.ndarray:
    """The array that a function gave, if it holds numbers."""
    if not isinstance(described, np.ndarray) or not described.size:
        raise GenreflowError(f"{where}: expected an array, got {_kind(described)}")
    if described.dtype.kind not in "biuf":
        raise GenreflowError(f"{where}: expected an array of numbers, got one of {described.dtype}")
    return described


def _kind(described: Any) -> str:
    """What a function gave, with what is to be done where it is of the other kind of sets."""
    if isinstance(described, np.ndarray) and described.size:
        return "an array; say `gives: array` in config/features.yaml"
    if isinstance(described, Mapping) and described:
        return "a dictionary; say `gives: vector` in config/features.yaml"
    empty = isinstance(described, np.ndarray | Mapping)
    return ("an empty " if empty else "") + type(described).__name__
