"""What describes the tracks of a dataset, put together from the files of its batches."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.store import HEAD, PLACE

KEYS = ["track_id", "batch"]


def load_vectors(paths: Sequence[str], wanted: pl.DataFrame) -> pl.DataFrame:
    """Features of the tracks that are wanted.

    Parameters
    ----------
    paths : sequence of str
        feature tables of batches, of one feature set
    wanted : pl.DataFrame [columns: track_id, batch, ...]
        the tracks, one row each. The batch says which version of a file is meant.

    Returns
    -------
    pl.DataFrame [columns: track_id, batch, segment, reason, then one Float64 per feature]
        sorted by track_id and segment: one row for each segment of a track that is described, or
        a single row with the `reason`, in which the features are null, for each that is not

    Raises
    ------
    GenreflowError
        if the batches have different features
    """
    tables = [pl.read_parquet(path) for path in paths]
    names: list[str] = []
    for path, table in zip(paths, tables, strict=True):
        found = [column for column in table.columns if column not in HEAD]
        # A batch of which no track could be described knows no features.
        if names and found and found != names:
            odd = ", ".join(sorted(set(found) ^ set(names))) or "their order"
            raise GenreflowError(
                f"{path}: its features are not those of the other batches; different: {odd}. "
                "Delete the file and run again"
            )
        names = names or found
    return _of_wanted(tables, wanted, dict.fromkeys(names, pl.Float64))


def as_matrix(rows: pl.DataFrame) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values of the features in rows of `load_vectors`.

    Returns
    -------
    names : tuple of str
    X : np.ndarray [shape=(n, n_features), dtype=float64]
        contiguous; NaN where a value is missing
    """
    described = rows.drop(HEAD)
    return tuple(described.columns), np.ascontiguousarray(described.to_numpy(), dtype=np.float64)


def holds_arrays(paths: Sequence[str]) -> bool:
    """Whether the feature tables of a set say where arrays stand, not what features are."""
    # Only a list can be a shape: a feature may have the name.
    return any(pl.read_parquet_schema(path).get("shape") == PLACE["shape"] for path in paths)


def count_segments(paths: Sequence[str], wanted: pl.DataFrame) -> dict[str, int]:
    """How many segments the tracks that are wanted were cut into, described or not.

    Parameters
    ----------
    paths : sequence of str
        feature tables of batches, of one feature set
    wanted : pl.DataFrame [columns: track_id, batch, ...]

    Returns
    -------
    dict
        by track, 1 where it was not cut
    """
    tables = [pl.read_parquet(path, columns=KEYS) for path in paths]
    found = pl.concat([wanted.select(KEYS).clear(), *tables])
    counted = found.join(wanted, on=KEYS, how="semi").group_by("track_id").len()
    return dict(counted.iter_rows())


class Arrays(Sequence[np.ndarray]):
    """Arrays of the tracks that are wanted, read from their files when they are asked for.

    Parameters
    ----------
    paths : sequence of str
        feature tables of batches, of one feature set; the array files stand beside them
    wanted : pl.DataFrame [columns: track_id, batch, ...]
        the tracks, one row each

    Attributes
    ----------
    tracks : pl.DataFrame [columns: track_id, batch, segment]
        what the arrays describe, sorted by track_id and segment
    reasons : dict
        tracks that are not described, and why
    """

    def __init__(self, paths: Sequence[str], wanted: pl.DataFrame) -> None:
        tables = [
            pl.read_parquet(path).with_columns(file=pl.lit(number, pl.Int64))
            for number, path in enumerate(paths)
        ]
        rows = _of_wanted(tables, wanted, {**PLACE, "file": pl.Int64})
        left_out = rows.filter(pl.col("reason").is_not_null())
        rows = rows.filter(pl.col("reason").is_null())
        self.reasons = dict(left_out.select("track_id", "reason").iter_rows())
        self.tracks = rows.select(*KEYS, "segment")
        self._places = rows.select("file", *PLACE).rows()
        self._paths = [Path(path).with_suffix(".npy") for path in paths]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, number: int) -> np.ndarray:
        """The array of a row of `tracks`: a read-only view of the mapped file."""
        file, start, shape = self._places[number]
        path = self._paths[file]
        mapped = _map(path, path.stat().st_mtime_ns)
        return np.asarray(mapped[start : start + math.prod(shape)]).reshape(shape)

    def shape_of(self, number: int) -> tuple[int, ...]:
        """Shape of the array of a row of `tracks`; no array file is opened."""
        return tuple(self._places[number][2])


# All feature sets and variants together have more files than a process may have open.
@functools.lru_cache(maxsize=256)
def _map(path: Path, changed: int) -> np.ndarray:
    """A file as it is in memory; `changed` is when it was written."""
    return np.load(path, mmap_mode="r")


def _of_wanted(
    tables: Sequence[pl.DataFrame], wanted: pl.DataFrame, columns: dict[str, pl.DataType]
) -> pl.DataFrame:
    """Rows of the tracks that are wanted: those described, or one with the reason."""
    schema = pl.Schema(HEAD | columns)
    found = pl.concat([schema.to_frame(), *tables], how="diagonal")
    there = pl.col("segment").is_not_null()
    missing = pl.lit("no features were extracted")
    described = pl.col("reason").is_null()
    return (
        wanted.select(KEYS)
        .join(found, on=KEYS, how="left", validate="1:m")
        .with_columns(
            segment=pl.col("segment").fill_null(0),
            reason=pl.when(there).then("reason").otherwise(missing),
        )
        .filter(described | ~described.any().over("track_id") & (pl.col("segment") == 0))
        .select(schema.names())
        .sort("track_id", "segment")
    )
