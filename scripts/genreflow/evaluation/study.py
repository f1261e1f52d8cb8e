"""A whole study: from the predictions of its runs to the tables of the report."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.artists import split_groups
from genreflow.errors import GenreflowError
from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.evaluation.closeness import (
    CLOSENESS,
    agreement_table,
    closeness_table,
    clusters_table,
)
from genreflow.evaluation.multilabel import MultiLabelScorer
from genreflow.evaluation.predictions import (
    common_keys,
    read_predictions,
    restrict,
    true_labels,
)
from genreflow.evaluation.singlelabel import SingleLabelScorer
from genreflow.evaluation.tables import (
    CONFUSION,
    GUESSES,
    LABEL_CONFUSION,
    METRICS,
    Sample,
    confusion_table,
    guesses_table,
    label_confusion_table,
    make_samples,
    metrics_table,
    published_table,
)
from genreflow.journal import progress

log = logging.getLogger("genreflow")

NAMED = {"run": pl.String, "split": pl.String}
SCORERS = {"single_label": SingleLabelScorer, "multi_label": MultiLabelScorer}
CONFUSIONS = {
    "single_label": ("confusion", confusion_table),
    "multi_label": ("label_confusion", label_confusion_table),
}
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

# Columns, and the order of the lines of a run on a split.
TABLES = {
    "metrics": (METRICS, ["part", "target", "metric"]),
    "confusion": (CONFUSION, ["truth", "predicted"]),
    "label_confusion": (LABEL_CONFUSION, ["label"]),
    "guesses": (GUESSES, ["repeat", "fold", "part", "track_id"]),
    "runs": (RUNS, []),
    "closeness": (CLOSENESS, ["clustering", "metric"]),
}


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
    task : str
        task of the split: single_label or multi_label
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
    reason: str | None = None
    predictions: str | None = None
    record: str | None = None
    split_table: str | None = None
    tracks: str | None = None


def evaluate_study(
    runs: Sequence[Run],
    published: Sequence[Mapping] = (),
    clusterings: Mapping[tuple[str, str], str] | None = None,
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
        run, split, metric, value, source, protocol, same_protocol, note
    clusterings : mapping of (str, str) to str
        by clustering and split, the table of the clusters of the split's labels
    confidence : float in (0, 1)
        level of all intervals
    resamples : int > 0
        of the bootstrap
    seed : int >= 0
        of the bootstrap

    Returns
    -------
    dict[str, pl.DataFrame]
        metrics, confusion (of single labels), label_confusion (of several), guesses, published,
        runs, closeness, clusters, agreement; sorted by run and split, but published, which keeps
        the order of the study

    Raises
    ------
    GenreflowError
        where no run was done, or predictions are incomplete, stand there twice, are no
        probabilities or do not fit the split
    """
    done = sorted((run for run in runs if run.reason is None), key=lambda r: (r.split, r.run))
    if not done:
        raise GenreflowError("nothing to evaluate: all runs of the study were skipped")
    of_split: dict[str, list[Run]] = {}
    for run in done:
        of_split.setdefault(run.split, []).append(run)
    clusters = clusters_table(clusterings or {})
    found = {
        name: [pl.DataFrame(schema={**NAMED, **schema})] for name, (schema, _) in TABLES.items()
    }
    shared = {}
    for run in progress(done, "runs evaluated"):
        if run.split not in shared:
            # One split at a time, as its draws may be large.
            shared = {run.split: _prepare(of_split[run.split], resamples, seed)}
        for table, rows in _measure(run, shared[run.split], clusters, confidence).items():
            named = rows.with_columns(run=pl.lit(run.run), split=pl.lit(run.split))
            found[table].append(named.select(*NAMED, pl.exclude(*NAMED)))
    skipped = [_run_row(run, status="skipped") for run in runs if run.reason is not None]
    found["runs"].append(pl.DataFrame(skipped, schema=RUNS))
    tables = {name: pl.concat(rows).sort(*NAMED, *TABLES[name][1]) for name, rows in found.items()}
    tables["published"] = published_table(published, tables["metrics"])
    return tables | {"clusters": clusters, "agreement": agreement_table(clusters)}


@dataclass(frozen=True)
class _Shared:
    """What the runs of one split share.

    Attributes
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id of what all runs predicted; n rows
    labels : tuple[str, ...]
    truth : np.ndarray [shape=(n, n_labels)]
        bool
    samples : list[Sample]
        one for each part
    dropped : int
        test tracks that are left out
    """

    keys: pl.DataFrame
    labels: tuple[str, ...]
    truth: np.ndarray
    samples: list[Sample]
    dropped: int


def _prepare(runs: Sequence[Run], resamples: int, seed: int) -> _Shared:
    name = runs[0].split
    paths = {run.run: run.predictions for run in runs}
    split = pl.read_parquet(runs[0].split_table)
    keys, dropped = common_keys(paths, split, name)
    labels, truth = true_labels(keys, split, paths.values())
    tracks = pl.read_parquet(runs[0].tracks, columns=["track_id", "artist", "digest"])
    groups = dict(split_groups(tracks, split).iter_rows())
    samples = make_samples(keys, groups, resamples, seed)
    n_clusters = min(len(sample.draws) for sample in samples)
    if n_clusters < FEW_CLUSTERS:
        log.warning(
            "split %s: only %d artists, so the intervals are too narrow to trust", name, n_clusters
        )
    return _Shared(keys, labels, truth, samples, dropped)


def _measure(
    run: Run, shared: _Shared, clusters: pl.DataFrame, confidence: float
) -> dict[str, pl.DataFrame]:
    """The tables of one run on its split."""
    name = f"run {run.run}, split {run.split} ({run.predictions})"
    read = read_predictions(run.predictions, name, run.task)
    predictions = restrict(read, shared.keys, shared.labels, shared.truth, name)
    metrics = [
        metrics_table(predictions, sample, SCORERS[run.task], confidence)
        for sample in shared.samples
    ]
    test = next(sample for sample in shared.samples if sample.part == "test")
    confusion, confusion_of = CONFUSIONS[run.task]
    tables = {
        "metrics": pl.concat(metrics),
        confusion: confusion_of(predictions, test),
        "guesses": guesses_table(predictions),
        "runs": _run_table(run, shared),
    }
    own = clusters.filter(pl.col("split") == run.split)
    if run.task == "single_label" and own.height:
        tables["closeness"] = closeness_table(predictions, test, own, confidence)
    return tables


def _run_table(run: Run, shared: _Shared) -> pl.DataFrame:
    """The line of a finished run; train_tracks is the mean over its folds."""
    record = json.loads(Path(run.record).read_text(encoding="utf-8"))
    trained = [fold["train_tracks"] for fold in record["folds"]]
    test = shared.keys.filter(pl.col("part") == "test")
    row = _run_row(
        run,
        status="done",
        train_tracks=round(sum(trained) / len(trained)),
        test_tracks=test["track_id"].n_unique(),
        dropped=shared.dropped,
        folds=test.select("repeat", "fold").n_unique(),
        seconds=record["seconds"],
        peak_memory_mb=record["peak_memory_mb"],
    )
    return pl.DataFrame([row], schema=RUNS)


def _run_row(run: Run, **values) -> dict:
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
