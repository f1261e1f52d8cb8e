"""One fold of a run: fitted, kept, and asked for its predictions."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.models.build import ESTIMATOR
from genreflow.models.files import save_model
from genreflow.parts import PARTS
from genreflow.training.coding import Coding, code_targets
from genreflow.training.fit import Fitted
from genreflow.training.rows import Rows
from genreflow.training.table import TrainingTable
from genreflow.training.targets import NumberTargets, Targets

PREDICTIONS = {
    "track_id": pl.String,
    "repeat": pl.Int32,
    "fold": pl.Int32,
    "part": pl.String,
    "target": pl.String,
    "truth": pl.Float64,
    "score": pl.Float64,
    "threshold": pl.Float64,
}
HISTORY = {
    "repeat": pl.Int32,
    "fold": pl.Int32,
    "epoch": pl.Int32,
    "part": pl.String,
    "loss": pl.Float64,
    "accuracy": pl.Float64,
    "r2": pl.Float64,
    "learning_rate": pl.Float64,
    "seconds": pl.Float64,
    "seconds_loading": pl.Float64,
}


@dataclass(frozen=True)
class Fold:
    """What run.json says of a fold; None is what its model does not have."""

    repeat: int
    fold: int
    train_tracks: int
    validation_tracks: int
    test_tracks: int
    train_rows: int
    seconds_fit: float
    seconds_predict: float
    best_parameters: dict[str, Any] | None
    n_parameters: int | None
    best_epoch: int | None
    device: str | None
    thresholds: dict[str, float] | None
    ranges: dict[str, list[float]] | None
    dropped: dict[str, str]


class Trained(NamedTuple):
    """A fold that is done: what run.json says of it, its predictions, and its epochs."""

    fold: Fold
    predictions: pl.DataFrame
    history: pl.DataFrame


def train_fold(
    table: TrainingTable,
    tested: TrainingTable,
    targets: Targets | NumberTargets,
    parts: pl.DataFrame,
    repeat: int,
    fold: int,
    *,
    fit: Callable[..., Fitted],
    folder: Path,
    where: str,
) -> Trained:
    """Fit on the training part, keep the model, predict the other parts.

    Parameters
    ----------
    table, tested : TrainingTable
        the tracks, and as what those of the test part are tested
    targets : Targets or NumberTargets
    parts : pl.DataFrame [columns: track_id, part, ...]
        of this fold
    repeat, fold : int
    fit : callable
        `fit_model` that knows the model and its seed
    folder : Path
        of the model, made here
    where : str
        what messages call the fold

    Returns
    -------
    Trained
        predictions [columns: `PREDICTIONS`] and history [columns: `HISTORY`]

    Raises
    ------
    GenreflowError
        if the training part has fewer than 2 labels, or one value of a number for all tracks, or
        the model cannot be used
    """
    members = {part: parts.filter(pl.col("part") == part)["track_id"].to_list() for part in PARTS}
    rows = table.rows(members["train"], copies=True)
    truth = targets.truth(repeat, fold, table.track_ids[rows])
    sizes = {"train": len(np.unique(table.track_ids[rows]))}
    coding = code_targets(targets, truth, tracks=sizes["train"], where=where)
    begun = time.perf_counter()
    fitted = fit(
        table.X[rows],
        coding.encode(truth),
        table.groups[rows],
        tracks=table.track_ids[rows],
        copied=table.copied[rows],
        labels=coding.names,
        validation=_validation(table, coding, members["validation"], repeat, fold),
        where=where,
    )
    done_fitting = time.perf_counter()
    thresholds = told = None
    if fitted.thresholds is not None:
        thresholds = coding.spread(fitted.thresholds, 0.5)
        told = dict(zip(coding.names, fitted.thresholds.tolist(), strict=True))
    predicted = [pl.DataFrame(schema=PREDICTIONS)]
    for part, source in (("validation", table), ("test", tested)):
        asked = source.rows(members[part])
        sizes[part] = 0
        if len(asked):
            own = source.track_ids[asked]
            try:
                firsts, scores = coding.predict(fitted.pipeline, source.X[asked], own)
            except (GenreflowError, ValueError) as error:
                message = f"{where}: the {part} part cannot be predicted: {error}"
                raise GenreflowError(message) from error
            tracks = own[firsts]
            sizes[part] = len(tracks)
            keys = {"repeat": repeat, "fold": fold, "part": part}
            predicted.append(_long(tracks, targets, scores, thresholds, **keys))
    done = time.perf_counter()
    save_model(fitted.pipeline, coding.names, folder, targets=coding.ranges)
    dropped = _dropped(table, set().union(*members.values())) | _dropped(tested, members["test"])
    estimator = fitted.pipeline[ESTIMATOR]
    described = Fold(
        repeat=repeat,
        fold=fold,
        **{f"{part}_tracks": sizes[part] for part in PARTS},
        train_rows=len(rows),
        seconds_fit=round(done_fitting - begun, 3),
        seconds_predict=round(done - done_fitting, 3),
        best_parameters=fitted.best,
        n_parameters=getattr(estimator, "n_parameters_", None),
        best_epoch=getattr(estimator, "best_epoch_", None),
        device=getattr(estimator, "device_", None),
        thresholds=told,
        ranges=coding.ranges,
        dropped=dict(sorted(dropped.items())),
    )
    epochs = [{"repeat": repeat, "fold": fold} | epoch for epoch in fitted.history]
    return Trained(described, pl.concat(predicted), pl.DataFrame(epochs, schema=HISTORY))


def _validation(
    table: TrainingTable, coding: Coding, track_ids: list[str], repeat: int, fold: int
) -> Rows | None:
    """The validation part, without tracks of which the model cannot be told."""
    rows = table.rows(track_ids)
    truth = coding.targets.truth(repeat, fold, table.track_ids[rows])
    known = coding.is_known(truth)
    rows, truth = rows[known], truth[known]
    if not len(rows):
        return None
    return Rows(
        table.X[rows],
        coding.encode(truth),
        table.groups[rows],
        table.track_ids[rows],
        table.copied[rows],
    )


def _dropped(table: TrainingTable, track_ids: Iterable[str]) -> dict[str, str]:
    """Which of the tracks have no features, and why."""
    return {name: table.dropped[name] for name in table.dropped.keys() & set(track_ids)}


def _long(
    track_ids: np.ndarray,
    targets: Targets | NumberTargets,
    scores: np.ndarray,
    thresholds: np.ndarray | None,
    **keys: Any,
) -> pl.DataFrame:
    """One row for each track and target; `keys` are the same in all of them."""
    truth = targets.truth(keys["repeat"], keys["fold"], track_ids)
    return pl.DataFrame(
        {
            "track_id": np.repeat(track_ids, len(targets.classes)).tolist(),
            **keys,
            "target": list(targets.classes) * len(track_ids),
            "truth": truth.astype(np.float64).ravel(),
            "score": scores.ravel(),
            "threshold": None if thresholds is None else np.tile(thresholds, len(track_ids)),
        },
        schema=PREDICTIONS,
    )
