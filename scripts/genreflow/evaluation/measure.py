"""The measurement of one run, on what it shares with the other runs of its split."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from genreflow.artists import split_groups
from genreflow.evaluation.bootstrap import FEW_CLUSTERS
from genreflow.evaluation.closeness import closeness_table
from genreflow.evaluation.differences import Resampled
from genreflow.evaluation.metrics import Figures, Scorer
from genreflow.evaluation.multilabel import MultiLabelScorer
from genreflow.evaluation.predictions import common_keys, read_predictions, restrict, true_labels
from genreflow.evaluation.regression import RegressionScorer
from genreflow.evaluation.runs import Run, done_row
from genreflow.evaluation.singlelabel import SingleLabelScorer
from genreflow.evaluation.tables import (
    Sample,
    confusion_table,
    guesses_table,
    label_confusion_table,
    make_samples,
    metrics_table,
)
from genreflow.evaluation.values import TrueValues, read_values, true_values, values_table

log = logging.getLogger("genreflow")

SCORERS = {"single_label": SingleLabelScorer, "multi_label": MultiLabelScorer}
CONFUSIONS = {
    "single_label": ("confusion", confusion_table),
    "multi_label": ("label_confusion", label_confusion_table),
}


@dataclass(frozen=True)
class Shared:
    """What the runs of one split share.

    Attributes
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id of what all runs predicted; n rows
    true : (tuple[str, ...], np.ndarray [shape=(n, n_labels)]) or TrueValues
        labels, and which of them the tracks have; or what regression is to predict
    samples : list[Sample]
        one for each part
    dropped : int
        test tracks that are left out
    """

    keys: pl.DataFrame
    true: "tuple[tuple[str, ...], np.ndarray] | TrueValues"
    samples: list[Sample]
    dropped: int

    @property
    def test(self) -> Sample:
        """The test part."""
        return next(sample for sample in self.samples if sample.part == "test")


@dataclass(frozen=True)
class _Read:
    """The predictions of a run, ready to be measured.

    Attributes
    ----------
    labels : sequence of str
        or the numbers that it predicts
    own : np.ndarray [shape=(n, n_labels)]
        which tracks count for a label; bool
    scorer_of : callable
        of a sample: the scorer of its tracks
    tables : dict[str, pl.DataFrame]
        of single tracks and labels
    """

    labels: Sequence[str]
    own: np.ndarray
    scorer_of: Callable[[Sample], Scorer]
    tables: dict[str, pl.DataFrame]


def prepare(runs: Sequence[Run], resamples: int, seed: int) -> Shared:
    """Find what the runs of one split share: what all of them predicted, and the draws."""
    name = runs[0].split
    paths = {run.run: run.predictions for run in runs}
    split = pl.read_parquet(runs[0].split_table)
    keys, dropped = common_keys(paths, split, name)
    if runs[0].task == "regression":
        true = true_values(keys, split, name)
    else:
        true = true_labels(keys, split, paths.values())
    tracks = pl.read_parquet(runs[0].tracks, columns=["track_id", "artist", "digest"])
    groups = dict(split_groups(tracks, split).iter_rows())
    samples = make_samples(keys, groups, resamples, seed)
    n_clusters = min(len(sample.draws) for sample in samples)
    if n_clusters < FEW_CLUSTERS:
        log.warning(
            "split %s: only %d artists, so the intervals are too narrow to trust", name, n_clusters
        )
    return Shared(keys, true, samples, dropped)


def measure(
    run: Run, shared: Shared, clusters: pl.DataFrame, confidence: float, metric: str
) -> tuple[dict[str, pl.DataFrame], dict[str | None, Resampled]]:
    """Measure one run on its split.

    Parameters
    ----------
    run : Run
    shared : Shared
        as from `prepare`
    clusters : pl.DataFrame
        as from `clusters_table`
    confidence : float in (0, 1)
        level of all intervals
    metric : str
        by which runs are ranked

    Returns
    -------
    tables : dict[str, pl.DataFrame]
        by name; those that its task has
    resampled : dict[str or None, Resampled]
        the metric on the test part: overall (None) and, of regression, of each target
    """
    name = f"run {run.run}, split {run.split} ({run.predictions})"
    own = clusters.filter(pl.col("split") == run.split)
    read = (
        _read_values(run, shared, name)
        if run.task == "regression"
        else _read_labels(run, shared, name, own, confidence)
    )
    metrics, resampled = [], {}
    for sample in shared.samples:
        marks = read.own[sample.rows]
        table, drawn = metrics_table(read.labels, marks, read.scorer_of(sample), sample, confidence)
        metrics.append(table)
        if sample.part == "test":
            resampled = _resampled(read.labels, table, drawn, metric)
    tables = {"metrics": pl.concat(metrics), "runs": done_row(run, shared.keys, shared.dropped)}
    return tables | read.tables, resampled


def _read_labels(
    run: Run, shared: Shared, name: str, clusters: pl.DataFrame, confidence: float
) -> _Read:
    """The labels that a run gave."""
    labels, truth = shared.true
    read = read_predictions(run.predictions, name, run.task)
    predictions = restrict(read, shared.keys, labels, truth, name)
    confusion, confusion_of = CONFUSIONS[run.task]
    tables = {
        confusion: confusion_of(predictions, shared.test),
        "guesses": guesses_table(predictions),
    }
    if run.task == "single_label" and clusters.height:
        tables["closeness"] = closeness_table(predictions, shared.test, clusters, confidence)
    columns = (predictions.truth, predictions.guess, predictions.scores)

    def scorer_of(sample: Sample) -> Scorer:
        return SCORERS[run.task](*(column[sample.rows] for column in columns))

    return _Read(labels, truth, scorer_of, tables)


def _read_values(run: Run, shared: Shared, name: str) -> _Read:
    """The numbers that a run of regression predicted."""
    read = read_values(run.predictions, name, run.targets, shared.keys, shared.true)

    def scorer_of(sample: Sample) -> Scorer:
        rows = sample.rows
        return RegressionScorer(read.truth[rows], read.predicted[rows], read.ranges)

    own = np.ones(read.truth.shape, dtype=bool)
    return _Read(read.targets, own, scorer_of, {"values": values_table(read, shared.test)})


def _resampled(
    labels: Sequence[str], table: pl.DataFrame, drawn: Figures, metric: str
) -> dict[str | None, Resampled]:
    """A metric overall, and of each target where these have it, with each resample's."""
    known = {None: drawn.overall[metric]}
    known |= dict(zip(labels, drawn.classes.get(metric, []), strict=False))
    rows = table.filter(pl.col("metric") == metric).select("target", "value", "clusters")
    return {
        # Of one artist, all resamples are the same.
        target: Resampled(
            np.nan if value is None else value,
            known[target] if n_clusters > 1 else np.full(len(known[target]), np.nan),
        )
        for target, value, n_clusters in rows.iter_rows()
    }
