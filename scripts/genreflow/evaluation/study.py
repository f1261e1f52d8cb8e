"""A whole study: from the predictions of its runs to the tables of the report."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from genreflow.artists import split_groups
from genreflow.errors import GenreflowError
from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.evaluation.predictions import (
    common_keys,
    known_classes,
    read_predictions,
    restrict,
)
from genreflow.evaluation.tables import (
    confusion_table,
    guesses_table,
    make_samples,
    metrics_table,
    published_table,
)
from genreflow.journal import progress

log = logging.getLogger("genreflow")

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
        names of its model and feature set
    variants : sequence of str
        names of the variants that it is trained on beside the original
    test_variant : str or None
        the variant that it is tested on, where that is not the original
    kind : str
        kind of the split: fixed or exact
    method : str
        method of the split
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
    variants: Sequence[str] = ()
    test_variant: str | None = None
    reason: str | None = None
    predictions: str | None = None
    record: str | None = None
    split_table: str | None = None
    tracks: str | None = None


def evaluate_study(
    runs: Sequence[Run],
    published: Sequence[Mapping] = (),
    *,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, pl.DataFrame]:
    """Measure all runs of a study.

    The runs of a split are measured on the same tracks, those that all of them predicted, and with
    the same draws of artists.

    Parameters
    ----------
    runs : sequence of Run
        in any order
    published : sequence of mappings
        run, split, metric, value, source, protocol, same_protocol
    confidence : float in (0, 1)
        level of all intervals
    resamples : int > 0
        of the bootstrap
    seed : int >= 0
        of the bootstrap

    Returns
    -------
    dict[str, pl.DataFrame]
        metrics, confusion, guesses, published, runs; sorted by run and split, but published, which
        keeps the order of the study

    Raises
    ------
    GenreflowError
        where no run was done, or predictions are incomplete, stand there twice, do not sum to 1
        or do not fit the split
    """
    done = sorted((run for run in runs if run.reason is None), key=lambda r: (r.split, r.run))
    if not done:
        raise GenreflowError("nothing to evaluate: all runs of the study were skipped")
    of_split: dict[str, list[Run]] = {}
    for run in done:
        of_split.setdefault(run.split, []).append(run)
    shared = {}
    found: dict[str, list[pl.DataFrame]] = {
        name: [] for name in ("metrics", "confusion", "guesses", "runs")
    }
    for run in progress(done, "runs evaluated"):
        if run.split not in shared:
            # One split at a time, as its draws may be large.
            shared = {run.split: _prepare(of_split[run.split], resamples, seed)}
        keys, classes, samples, dropped = shared[run.split]
        name = f"run {run.run}, split {run.split} ({run.predictions})"
        predictions = restrict(read_predictions(run.predictions, name), keys, classes)
        tables = {
            "metrics": pl.concat([metrics_table(predictions, s, confidence) for s in samples]),
            "confusion": next(confusion_table(predictions, s) for s in samples if s.part == "test"),
            "guesses": guesses_table(predictions),
            "runs": _run_table(run, keys, dropped),
        }
        for table, rows in tables.items():
            found[table].append(
                rows.with_columns(run=pl.lit(run.run), split=pl.lit(run.split)).select(
                    "run", "split", pl.exclude("run", "split")
                )
            )
    skipped = [_run_row(run, status="skipped") for run in runs if run.reason is not None]
    found["runs"].append(pl.DataFrame(skipped, schema=RUNS))
    metrics = pl.concat(found["metrics"])
    return {
        "metrics": metrics.sort("run", "split", "part", "target", "metric"),
        "confusion": pl.concat(found["confusion"]).sort("run", "split", "truth", "predicted"),
        "guesses": pl.concat(found["guesses"]).sort(
            "run", "split", "repeat", "fold", "part", "track_id"
        ),
        "published": published_table(published, metrics),
        "runs": pl.concat(found["runs"]).sort("run", "split"),
    }


def _prepare(runs: Sequence[Run], resamples: int, seed: int):
    """What the runs of one split share: keys, classes, samples, number of dropped tracks."""
    name = runs[0].split
    paths = {run.run: run.predictions for run in runs}
    split = pl.read_parquet(runs[0].split_table)
    keys, dropped = common_keys(paths, split, name)
    tracks = pl.read_parquet(runs[0].tracks, columns=["track_id", "artist", "digest"])
    groups = dict(split_groups(tracks, split).iter_rows())
    samples = make_samples(keys, groups, resamples, seed)
    n_clusters = min(len(sample.draws) for sample in samples)
    if n_clusters < FEW_CLUSTERS:
        log.warning(
            "split %s: only %d artists, so the intervals are too narrow to trust", name, n_clusters
        )
    return keys, known_classes(paths.values()), samples, dropped


def _run_table(run: Run, keys: pl.DataFrame, dropped: int) -> pl.DataFrame:
    """The line of a finished run; train_tracks is the mean over its folds."""
    record = json.loads(Path(run.record).read_text(encoding="utf-8"))
    trained = [fold["train_tracks"] for fold in record["folds"]]
    test = keys.filter(pl.col("part") == "test")
    row = _run_row(
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


def _run_row(run: Run, **values) -> dict:
    named = ("run", "split", "model", "features", "test_variant", "reason", "kind", "method")
    known = {name: getattr(run, name) for name in named}
    known["variants"] = ", ".join(run.variants) or None
    return {**dict.fromkeys(RUNS), **known, **values}
