"""The numbers that runs of regression predicted, beside the true ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.evaluation.predictions import KEY, check_rows, read_columns, rows_of
from genreflow.evaluation.tables import Sample
from genreflow.parts import PARTS

STALE = "has other values in its split (delete the predictions and run again)"
VALUES = pl.Schema(
    {
        "repeat": pl.Int32,
        "fold": pl.Int32,
        "track_id": pl.String,
        "target": pl.String,
        "truth": pl.Float64,
        "predicted": pl.Float64,
    }
)


@dataclass(frozen=True)
class TrueValues:
    """What there is to predict on a split.

    Attributes
    ----------
    targets : tuple[str, ...]
        in the order of the split
    values : np.ndarray [shape=(n, n_targets)]
        of each track of each fold, in the unit of the target; float64
    ranges : np.ndarray [shape=(n_targets,)]
        greatest less least value of each target, of all tracks that train, validate or test;
        float64
    """

    targets: tuple[str, ...]
    values: np.ndarray
    ranges: np.ndarray


@dataclass(frozen=True)
class PredictedValues:
    """Numbers that one run predicted, a row for each track of each fold.

    Attributes
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; n rows
    truth, predicted : np.ndarray [shape=(n, n_targets)]
        in the unit of each target; float64
    ranges : np.ndarray [shape=(n_targets,)]
        as in `TrueValues`
    targets : tuple[str, ...]
        those of the run, in the order of the split
    """

    keys: pl.DataFrame
    truth: np.ndarray
    predicted: np.ndarray
    ranges: np.ndarray
    targets: tuple[str, ...]


def true_values(keys: pl.DataFrame, split: pl.DataFrame, name: str) -> TrueValues:
    """The targets of a split, and their values on its tracks.

    Parameters
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; n rows
    split : pl.DataFrame
        track_id, repeat, fold, part, labels (the names of the targets), values (list[f64])
    name : str
        the split's name

    Raises
    ------
    GenreflowError
        where a track lacks a value
    """
    own = split.select(*KEY, "labels", "values").cast({"repeat": pl.Int32, "fold": pl.Int32})
    targets = tuple(own["labels"].drop_nulls()[0])
    values = _matrix(own["values"], len(targets))
    known = values[rows_of(keys, own)]
    check_rows(keys, np.isfinite(known).all(axis=1), f"split {name}", "lacks a value")
    used = own["part"].is_in(PARTS).to_numpy()
    return TrueValues(targets, known, np.ptp(values[used], axis=0))


def _matrix(lists: pl.Series, n_targets: int) -> np.ndarray:
    """Lists of numbers as float64 [shape=(n, n_targets)], NaN where they are null."""
    columns = [lists.list.get(at, null_on_oob=True).to_numpy() for at in range(n_targets)]
    return np.column_stack(columns).astype(np.float64)


def read_values(
    path: str | Path,
    name: str,
    targets: Sequence[str] | None,
    keys: pl.DataFrame,
    true: TrueValues,
) -> PredictedValues:
    """Read the numbers that a run predicted, those rows that `keys` names.

    Parameters
    ----------
    path : str or Path
        a parquet file of repeat, fold, part, track_id, target, truth, score
    name : str
        what errors call the run
    targets : sequence of str or None
        those that the run shall have predicted; None for all of the split's
    keys : pl.DataFrame
        repeat, fold, part, track_id
    true : TrueValues
        of these rows

    Raises
    ------
    GenreflowError
        where it predicted other targets, a prediction stands there twice or is no number, a track
        lacks a target, or the truth is not that of the split
    """
    found, known, (truth, predicted) = read_columns(path, name, ["truth", "score"])
    wished = tuple(target for target in true.targets if targets is None or target in targets)
    if set(known) != set(wished):
        raise GenreflowError(
            f"{name}: it predicts {', '.join(known)}, and not {', '.join(wished)}: delete the "
            "predictions and run again"
        )
    rows = rows_of(keys, found)
    order = [known.index(target) for target in wished]
    truth, predicted = (values[rows][:, order] for values in (truth, predicted))
    columns = [true.targets.index(target) for target in wished]
    own = true.values[:, columns]
    same = np.isclose(truth, own, rtol=1e-6, atol=0).all(axis=1)
    check_rows(keys, same, name, STALE)
    check_rows(keys, np.isfinite(predicted).all(axis=1), name, "has predictions that are no number")
    return PredictedValues(keys, own, predicted, true.ranges[columns], wished)


def values_table(predictions: PredictedValues, sample: Sample) -> pl.DataFrame:
    """True and predicted numbers, a line for each track of each fold and each target.

    Returns
    -------
    pl.DataFrame
        the columns of `VALUES`
    """
    keys = predictions.keys[sample.rows]
    tables = [
        keys.select("repeat", "fold", "track_id").with_columns(
            target=pl.lit(target),
            truth=pl.Series(predictions.truth[sample.rows, at]),
            predicted=pl.Series(predictions.predicted[sample.rows, at]),
        )
        for at, target in enumerate(predictions.targets)
    ]
    return pl.concat(tables).cast(VALUES)
