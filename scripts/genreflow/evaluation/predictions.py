"""What a run predicted: read, checked, and cut down to what all runs of a split predicted."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError

log = logging.getLogger("genreflow")

KEY = ["repeat", "fold", "part", "track_id"]
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Predictions:
    """Scores of one run, a row for each predicted track of each fold.

    Attributes
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; sorted, n rows
    truth : np.ndarray [shape=(n,)]
        number of each row's label in `classes`; int64
    scores : np.ndarray [shape=(n, n_classes)]
        probabilities; float64
    classes : tuple[str, ...]
        the labels, sorted
    """

    keys: pl.DataFrame
    truth: np.ndarray
    scores: np.ndarray
    classes: tuple[str, ...]


def read_predictions(path: str | Path, name: str) -> Predictions:
    """Read a run's predictions, in whatever order the rows stand.

    Parameters
    ----------
    path : str or Path
        a parquet file of repeat, fold, part, track_id, target, truth, score
    name : str
        what errors call the run

    Raises
    ------
    GenreflowError
        when a prediction stands there twice, a track lacks a target, does not have exactly one true
        label, or has scores that do not sum to 1 within 1e-6
    """
    frame = pl.read_parquet(path, columns=[*KEY, "target", "truth", "score"])
    classes = tuple(sorted(frame["target"].unique()))
    tracks = pl.Enum(sorted(frame["track_id"].unique()))
    # As numbers in the same order, since text sorts slowly.
    frame = frame.with_columns(
        pl.col("repeat", "fold").cast(pl.Int32),
        pl.col("track_id").cast(tracks),
        pl.col("target").cast(pl.Enum(classes)),
    ).sort(*KEY, "target")
    _check_complete(frame, classes, name)

    keys = frame.select(KEY).gather_every(len(classes)).with_columns(pl.col("track_id").cast(str))
    scores = frame["score"].to_numpy().reshape(-1, len(classes))
    truth = frame["truth"].to_numpy().reshape(-1, len(classes))
    _check_rows(keys, (truth == 1).sum(axis=1) == 1, name, "does not have exactly one true label")
    near = np.abs(scores.sum(axis=1) - 1) <= TOLERANCE
    _check_rows(keys, near, name, "has scores that do not sum to 1")
    return Predictions(keys, truth.argmax(axis=1), scores, classes)


def common_keys(
    paths: Mapping[str, str | Path], split: pl.DataFrame, name: str
) -> tuple[pl.DataFrame, int]:
    """The predictions that every run of a split made.

    Parameters
    ----------
    paths : mapping of str to path
        the predictions by run
    split : pl.DataFrame
        track_id, repeat, fold, part
    name : str
        the split's name

    Returns
    -------
    keys : pl.DataFrame
        repeat, fold, part, track_id; sorted
    dropped : int
        tracks of the test part that are left out, since a run did not predict them

    Raises
    ------
    GenreflowError
        when a run predicted a track in a part that it is not in, or no track is left
    """
    parts = split.select(pl.col("repeat", "fold").cast(pl.Int32), "part", "track_id")
    parts = parts.filter(pl.col("part").is_in(["test", "validation"]))
    found = []
    for run, path in paths.items():
        keys = pl.scan_parquet(path).select(KEY).unique().collect()
        keys = keys.with_columns(pl.col("repeat", "fold").cast(pl.Int32))
        strays = keys.join(parts, on=KEY, how="anti")
        if strays.height:
            repeat, fold, part, track = strays.sort(KEY).row(0)
            raise GenreflowError(
                f"run {run}, split {name}: {strays.height} predictions are of tracks that the "
                f"split has not put there, the first of {track} as {part} in repeat {repeat}, "
                f"fold {fold}. Predictions and split do not belong together: delete {path} and "
                "run again."
            )
        found.append(keys)
    keys = reduce(lambda left, right: left.join(right, on=KEY, how="semi"), found).sort(KEY)
    if not (keys["part"] == "test").any():
        raise GenreflowError(
            f"split {name}: no test track was predicted by all of the runs {', '.join(paths)}"
        )
    missing = parts.filter(pl.col("part") == "test").join(keys, on=KEY, how="anti")
    dropped = missing["track_id"].n_unique()
    if dropped:
        log.warning(
            "split %s: %d test tracks are left out, since a run did not predict them", name, dropped
        )
    return keys, dropped


def restrict(predictions: Predictions, keys: pl.DataFrame, classes: Sequence[str]) -> Predictions:
    """The rows that `keys` names, with a column for each of `classes`.

    A class that a run does not know gets the score 0 from it.
    """
    index = predictions.keys.with_row_index("row")
    rows = keys.join(index, on=KEY, how="left", maintain_order="left")["row"].to_numpy()
    columns = np.searchsorted(classes, predictions.classes)
    scores = np.zeros((len(rows), len(classes)))
    scores[:, columns] = predictions.scores[rows]
    return Predictions(keys, columns[predictions.truth[rows]], scores, tuple(classes))


def known_classes(paths: Iterable[str | Path]) -> tuple[str, ...]:
    """Labels that any of the predictions has as a target, sorted."""
    found: set[str] = set()
    for path in paths:
        found.update(pl.scan_parquet(path).select("target").unique().collect()["target"])
    return tuple(sorted(found))


def _check_complete(frame: pl.DataFrame, classes: tuple[str, ...], name: str) -> None:
    """Every track of every fold has every target once; the frame is sorted."""
    same = pl.all_horizontal(pl.col(*KEY, "target") == pl.col(*KEY, "target").shift())
    twice = frame.filter(same)
    if twice.height:
        row = twice.row(0, named=True)
        raise GenreflowError(
            f"{name}: {twice.height} predictions stand there more than once, the first for "
            f"{row['track_id']} ({row['part']}, repeat {row['repeat']}, fold {row['fold']}, "
            f"target {row['target']})"
        )
    counts = frame.group_by(KEY).len().filter(pl.col("len") != len(classes)).sort(KEY)
    if counts.height:
        row = counts.row(0, named=True)
        raise GenreflowError(
            f"{name}: {counts.height} tracks lack a target, the first {row['track_id']} "
            f"({row['part']}, repeat {row['repeat']}, fold {row['fold']}) with {row['len']} "
            f"of {len(classes)}"
        )


def _check_rows(keys: pl.DataFrame, good: np.ndarray, name: str, what: str) -> None:
    bad = keys.filter(~good)
    if bad.height:
        row = bad.row(0, named=True)
        raise GenreflowError(
            f"{name}: track {row['track_id']} ({row['part']}, repeat {row['repeat']}, fold "
            f"{row['fold']}) {what}, and so for {bad.height} predicted tracks in all"
        )
