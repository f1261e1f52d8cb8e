"""What several feature sets tell of the same tracks, put together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs, Picked
from genreflow.features.table import Arrays, as_matrix, count_segments, holds_arrays, load_vectors

PLACED = ["track_id", "segment"]


class Described(NamedTuple):
    """Tracks by some feature sets; all of them describe each row.

    Attributes
    ----------
    rows : pl.DataFrame [columns: track_id, segment]
        what the rows of `X` describe, sorted by track_id and segment
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
        NaN where a value of a vector is missing; arrays of `Inputs` are read when they are asked
        for, and a vector among them is float32 of one axis
    names : tuple of str
        the columns of vectors, those of several sets as ``"{set}: {name}"``; arrays have none
    failed : dict
        tracks without a row, and why
    """

    rows: pl.DataFrame
    X: np.ndarray | Inputs
    names: tuple[str, ...]
    failed: dict[str, str]


def describe_tracks(
    features: Mapping[str, Sequence[str]], wanted: pl.DataFrame, *, takes: str = "vectors"
) -> Described:
    """Put together what some feature sets tell of the tracks that are wanted.

    Parameters
    ----------
    features : mapping of str to sequence of str
        by feature set, the feature tables of the dataset's batches; the array files stand beside
        them, and nothing of them is read here
    wanted : pl.DataFrame [columns: track_id, batch, ...]
        the tracks, one row each
    takes : {"vectors", "arrays"}
        what is made of them: a matrix, its sets side by side, or `Inputs`

    Returns
    -------
    Described

    Raises
    ------
    GenreflowError
        if a set of arrays is to be in a matrix, batches have different features, a vector among
        arrays misses a value, or the sets describe different segments
    """
    read = _read_vectors if takes == "vectors" else _read_any
    sets = {name: read(name, paths, wanted) for name, paths in features.items()}
    failed = _failures(sets)
    if len(sets) == 1:
        (only,) = sets.values()
        rows, chosen = only.rows, [np.arange(len(only.rows))]
    else:
        _require_same_segments(features, sets, wanted)
        rows, chosen = _common_rows(sets)
        left = set(wanted["track_id"]) - set(rows["track_id"]) - failed.keys()
        failed |= dict.fromkeys(left, "no segment is described by all of its feature sets")
    # A set of which no track could be described knows no features.
    known = all(len(one.rows) for one in sets.values())
    names = tuple(_column_names(sets)) if known else ()
    if takes == "vectors":
        blocks = [one.values[own] for one, own in zip(sets.values(), chosen, strict=True)]
        X = blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
    else:
        X = Inputs(
            {
                name: Picked([one.values], np.zeros_like(own), own)
                for (name, one), own in zip(sets.items(), chosen, strict=True)
            }
        )
    return Described(rows, X, names, dict(sorted(failed.items())))


class _Set(NamedTuple):
    """Tracks by one feature set: a vector or an array for each row, and tracks without a row."""

    rows: pl.DataFrame
    values: np.ndarray | Arrays
    names: tuple[str, ...]
    failed: dict[str, str]


def _read_vectors(name: str, paths: Sequence[str], wanted: pl.DataFrame) -> _Set:
    if holds_arrays(paths):
        raise GenreflowError(
            f"the feature set {name!r} gives arrays, and the model takes vectors; choose a set of "
            "vectors, or a model with 'takes: arrays'"
        )
    vectors = load_vectors(paths, wanted)
    known = vectors.filter(pl.col("reason").is_null())
    failed = vectors.filter(pl.col("reason").is_not_null()).select("track_id", "reason")
    names, X = as_matrix(known)
    return _Set(known.select(PLACED), X, names, dict(failed.iter_rows()))


def _read_any(name: str, paths: Sequence[str], wanted: pl.DataFrame) -> _Set:
    """Arrays as they lie in their files, or vectors as arrays of one axis."""
    if holds_arrays(paths):
        arrays = Arrays(paths, wanted)
        return _Set(arrays.tracks.select(PLACED), arrays, (), arrays.reasons)
    vectors = _read_vectors(name, paths, wanted)
    missing = np.isnan(vectors.values).any(axis=0)
    if missing.any():
        column = vectors.names[np.argmax(missing)]
        raise GenreflowError(
            f"the feature set {name!r}: values of {column} are missing, and a model that takes "
            "arrays has them replaced by nothing; say 'missing: exclude' in the dataset's file"
        )
    return vectors._replace(values=vectors.values.astype(np.float32))


def _failures(sets: Mapping[str, _Set]) -> dict[str, str]:
    """Why tracks are not described, by the first set that does not; several are named."""
    failed: dict[str, str] = {}
    for name, one in sets.items():
        for track_id, reason in one.failed.items():
            failed.setdefault(track_id, f"{name}: {reason}" if len(sets) > 1 else reason)
    return failed


def _column_names(sets: Mapping[str, _Set]) -> list[str]:
    return [
        f"{name}: {column}" if len(sets) > 1 else column
        for name, one in sets.items()
        for column in one.names
    ]


def _common_rows(sets: Mapping[str, _Set]) -> tuple[pl.DataFrame, list[np.ndarray]]:
    """What all sets describe, and which rows those are in each set."""
    numbered = [one.rows.with_row_index(f"row {k}") for k, one in enumerate(sets.values())]
    common = numbered[0]
    for rows in numbered[1:]:
        common = common.join(rows, on=PLACED, validate="1:1")
    common = common.sort(PLACED)
    return common.select(PLACED), [common[f"row {k}"].to_numpy() for k in range(len(sets))]


def _require_same_segments(
    features: Mapping[str, Sequence[str]], sets: Mapping[str, _Set], wanted: pl.DataFrame
) -> None:
    """Refuse sets that cut tracks differently: their segments are not of the same music.

    At another sampling rate rounding may leave out the last segment, but never more.
    """
    (first, known), *others = (
        (name, count_segments(features[name], wanted.join(one.rows, on="track_id", how="semi")))
        for name, one in sets.items()
    )
    for name, found in others:
        for track_id in sorted(known.keys() & found.keys()):
            one, other = known[track_id], found[track_id]
            if abs(one - other) > 1 or min(one, other) == 1 < max(one, other):
                raise GenreflowError(
                    f"the feature sets {first} and {name} cannot be combined: they describe "
                    f"{track_id} in {one} and in {other} segments; choose sets with the same "
                    "'segment_seconds'"
                )
