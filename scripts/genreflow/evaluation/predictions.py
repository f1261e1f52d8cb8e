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
STALE = "has other labels in its split (delete the predictions and run again)"


@dataclass(frozen=True)
class Predictions:
    """Scores of one run, a row for each predicted track of each fold.

    Attributes
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; sorted, n rows
    truth, guess : np.ndarray [shape=(n, n_labels)]
        which labels a track has, and which ones it is given; bool
    scores : np.ndarray [shape=(n, n_labels)]
        probabilities; float64
    labels : tuple[str, ...]
        sorted
    """

    keys: pl.DataFrame
    truth: np.ndarray
    guess: np.ndarray
    scores: np.ndarray
    labels: tuple[str, ...]


def read_predictions(path: str | Path, name: str, task: str) -> Predictions:
    """Read a run's predictions, in whatever order the rows stand.

    Single-label, the guess is the label with the highest score; of equal ones the first, as with
    `numpy.argmax`. Multi-label, those are guessed whose score reaches their threshold.

    Parameters
    ----------
    path : str or Path
        a parquet file of repeat, fold, part, track_id, target, truth, score, threshold
    name : str
        what errors call the run
    task : str
        single_label or multi_label

    Raises
    ------
    GenreflowError
        when a prediction stands there twice or a track lacks a target; single-label, when a track
        does not have exactly one true label, or has scores that do not sum to 1 within 1e-6;
        multi-label, when it has scores outside of 0..1, or a label has no threshold
    """
    keys, labels, (truth, scores, thresholds) = read_columns(
        path, name, ["truth", "score", "threshold"]
    )
    truth = truth == 1
    if task == "single_label":
        near = np.abs(scores.sum(axis=1) - 1) <= TOLERANCE
        check_rows(keys, truth.sum(axis=1) == 1, name, "does not have exactly one true label")
        check_rows(keys, near, name, "has scores that do not sum to 1")
        guess = scores.argmax(axis=1)[:, np.newaxis] == np.arange(len(labels))
    else:
        inside, known = (scores >= 0) & (scores <= 1), ~np.isnan(thresholds)
        check_rows(keys, inside.all(axis=1), name, "has scores outside of 0..1")
        check_rows(keys, known.all(axis=1), name, "has labels without a threshold")
        guess = scores >= thresholds
    return Predictions(keys, truth, guess, scores, labels)


def read_columns(
    path: str | Path, name: str, columns: Sequence[str]
) -> tuple[pl.DataFrame, tuple[str, ...], list[np.ndarray]]:
    """Columns of a predictions table, in whatever order its rows stand.

    Parameters
    ----------
    path : str or Path
        a parquet file of repeat, fold, part, track_id, target and the columns
    name : str
        what errors call the run
    columns : sequence of str

    Returns
    -------
    keys : pl.DataFrame
        repeat, fold, part, track_id; sorted, n rows
    targets : tuple[str, ...]
        sorted
    values : list of np.ndarray [shape=(n, n_targets)]
        of each column; float64, NaN where it is null

    Raises
    ------
    GenreflowError
        when a prediction stands there twice, or a track lacks a target
    """
    frame = pl.read_parquet(path, columns=[*KEY, "target", *columns])
    targets = tuple(sorted(frame["target"].unique()))
    tracks = pl.Enum(sorted(frame["track_id"].unique()))
    # As numbers in the same order, since text sorts slowly.
    frame = frame.with_columns(
        pl.col("repeat", "fold").cast(pl.Int32),
        pl.col("track_id").cast(tracks),
        pl.col("target").cast(pl.Enum(targets)),
    ).sort(*KEY, "target")
    _check_complete(frame, targets, name)
    keys = frame.select(KEY).gather_every(len(targets)).with_columns(pl.col("track_id").cast(str))
    values = [
        frame[column].cast(pl.Float64).to_numpy().reshape(-1, len(targets)) for column in columns
    ]
    return keys, targets, values


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


def restrict(
    predictions: Predictions,
    keys: pl.DataFrame,
    labels: Sequence[str],
    truth: np.ndarray,
    name: str,
) -> Predictions:
    """The rows that `keys` names, with a column for each of `labels`, and the split's own truth.

    A label that a run does not know gets the score 0 from it, and is never guessed.

    Raises
    ------
    GenreflowError
        when the run was trained with other labels than those of the split
    """
    rows = rows_of(keys, predictions.keys)
    columns = np.searchsorted(labels, predictions.labels)
    same = (predictions.truth[rows] == truth[:, columns]).all(axis=1)
    check_rows(keys, same, name, STALE)
    guess = np.zeros(truth.shape, dtype=bool)
    guess[:, columns] = predictions.guess[rows]
    scores = np.zeros(truth.shape)
    scores[:, columns] = predictions.scores[rows]
    return Predictions(keys, truth, guess, scores, tuple(labels))


def rows_of(keys: pl.DataFrame, among: pl.DataFrame) -> np.ndarray:
    """Where each of some keys stands among others, which hold it; int [shape=(n,)]."""
    index = among.with_row_index("row")
    return keys.join(index, on=KEY, how="left", maintain_order="left")["row"].to_numpy()


def true_labels(
    keys: pl.DataFrame, split: pl.DataFrame, paths: Iterable[str | Path]
) -> tuple[tuple[str, ...], np.ndarray]:
    """The labels of a split, and which of them its tracks have.

    Parameters
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; n rows
    split : pl.DataFrame
        track_id, repeat, fold, part, labels
    paths : iterable of str or Path
        predictions, whose targets are labels of the split too

    Returns
    -------
    labels : tuple[str, ...]
        sorted
    truth : np.ndarray [shape=(n, n_labels)]
        bool
    """
    own = split.select(*KEY, "labels").cast({"repeat": pl.Int32, "fold": pl.Int32})
    marks = (
        keys.with_row_index("row")
        .join(own, on=KEY, how="left")
        .select("row", "labels")
        .explode("labels")
        .drop_nulls()
    )
    found = set(marks["labels"])
    for path in paths:
        found.update(pl.scan_parquet(path).select("target").unique().collect()["target"])
    labels = tuple(sorted(found))
    truth = np.zeros((keys.height, len(labels)), dtype=bool)
    truth[marks["row"].to_numpy(), np.searchsorted(labels, marks["labels"].to_list())] = True
    return labels, truth


def _check_complete(frame: pl.DataFrame, labels: tuple[str, ...], name: str) -> None:
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
    counts = frame.group_by(KEY).len().filter(pl.col("len") != len(labels)).sort(KEY)
    if counts.height:
        row = counts.row(0, named=True)
        raise GenreflowError(
            f"{name}: {counts.height} tracks lack a target, the first {row['track_id']} "
            f"({row['part']}, repeat {row['repeat']}, fold {row['fold']}) with {row['len']} "
            f"of {len(labels)}"
        )


def check_rows(keys: pl.DataFrame, good: np.ndarray, name: str, what: str) -> None:
    """Raise a `GenreflowError` that names the first track that is not good, and says what it is."""
    bad = keys.filter(~good)
    if bad.height:
        row = bad.row(0, named=True)
        raise GenreflowError(
            f"{name}: track {row['track_id']} ({row['part']}, repeat {row['repeat']}, fold "
            f"{row['fold']}) {what}, and so for {bad.height} predicted tracks in all"
        )
