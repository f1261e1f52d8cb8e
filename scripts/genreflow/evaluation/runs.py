"""The runs of a study: what they are called, where their files are, and a line for each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

RUNS = pl.Schema(
    {
        "run": pl.String,
        "split": pl.String,
        "model": pl.String,
        "features": pl.String,
        "variants": pl.String,
        "test_variant": pl.String,
        "status": pl.String,
        "reason": pl.String,
        "kind": pl.String,
        "method": pl.String,
        "task": pl.String,
        "train_tracks": pl.Int32,
        "test_tracks": pl.Int32,
        "dropped": pl.Int32,
        "folds": pl.Int32,
        "seconds": pl.Float64,
        "peak_memory_mb": pl.Float64,
    }
)


@dataclass(frozen=True)
class Run:
    """A run on a split: what it is called and where its files are.

    Attributes
    ----------
    run, split : str
    model, features : str
        names of its model and of its feature set, or sets joined by ``" + "``
    variants : sequence of str
        names of the variants that it is trained on beside the original
    test_variant : str or None
        the variant that it is tested on, where that is not the original
    kind : str
        kind of the split: fixed or exact
    method : str
        method of the split
    task : str
        task of the split: single_label, multi_label or regression
    targets : sequence of str or None
        the numbers of a split of regression that it predicts; None for all
    reason : str or None
        why the run was skipped; the files below are None then
    predictions, record : str or None
        its predictions.parquet and run.json
    split_table, tracks : str or None
        the split's table and the tracks table of its dataset
    """

    run: str
    split: str
    model: str
    features: str
    kind: str
    method: str
    task: str = "single_label"
    variants: Sequence[str] = ()
    test_variant: str | None = None
    targets: Sequence[str] | None = None
    reason: str | None = None
    predictions: str | None = None
    record: str | None = None
    split_table: str | None = None
    tracks: str | None = None


def done_row(run: Run, keys: pl.DataFrame, dropped: int) -> pl.DataFrame:
    """The line of a finished run; train_tracks is the mean over its folds.

    Parameters
    ----------
    run : Run
    keys : pl.DataFrame
        repeat, fold, part, track_id that count
    dropped : int
        test tracks that do not
    """
    record = json.loads(Path(run.record).read_text(encoding="utf-8"))
    trained = [fold["train_tracks"] for fold in record["folds"]]
    test = keys.filter(pl.col("part") == "test")
    row = _row(
        run,
        status="done",
        train_tracks=round(sum(trained) / len(trained)),
        test_tracks=test["track_id"].n_unique(),
        dropped=dropped,
        folds=test.select("repeat", "fold").n_unique(),
        seconds=record["seconds"],
        peak_memory_mb=record["peak_memory_mb"],
    )
    return pl.DataFrame([row], schema=RUNS)


def skipped_rows(runs: Sequence[Run]) -> pl.DataFrame:
    """The lines of the runs that were skipped."""
    rows = [_row(run, status="skipped") for run in runs if run.reason is not None]
    return pl.DataFrame(rows, schema=RUNS)


def _row(run: Run, **values) -> dict:
    named = (
        "run",
        "split",
        "model",
        "features",
        "test_variant",
        "reason",
        "kind",
        "method",
        "task",
    )
    known = {name: getattr(run, name) for name in named}
    known["variants"] = ", ".join(run.variants) or None
    return {**dict.fromkeys(RUNS), **known, **values}
