"""The tables that the report is made of, from checked predictions.

Values are null where they are not defined: a label without test tracks has no figures, an interval
takes two artists, a spread over folds two folds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.evaluation.bootstrap import (
    draw,
    percentile_interval,
    resample,
    t_interval,
    value_range,
)
from genreflow.evaluation.metrics import Figures, Scorer
from genreflow.evaluation.predictions import Predictions

METRICS = pl.Schema(
    {
        "run": pl.String,
        "split": pl.String,
        "part": pl.String,
        "target": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "fold_mean": pl.Float64,
        "fold_std": pl.Float64,
        "fold_low": pl.Float64,
        "fold_high": pl.Float64,
        "fold_min": pl.Float64,
        "fold_max": pl.Float64,
        "folds": pl.Int32,
        "tracks": pl.Int32,
        "clusters": pl.Int32,
        "support": pl.Int32,
    }
)
CONFUSION = pl.Schema(
    {"truth": pl.String, "predicted": pl.String, "count": pl.Float64, "share": pl.Float64}
)
LABEL_CONFUSION = pl.Schema(
    {"label": pl.String, "tp": pl.Int64, "fp": pl.Int64, "fn": pl.Int64, "tn": pl.Int64}
)
GUESSES = pl.Schema(
    {
        "repeat": pl.Int32,
        "fold": pl.Int32,
        "part": pl.String,
        "track_id": pl.String,
        "truth": pl.String,
        "predicted": pl.String,
        "probability": pl.Float64,
    }
)
PUBLISHED = pl.Schema(
    {
        "run": pl.String,
        "split": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "source": pl.String,
        "protocol": pl.String,
        "same_protocol": pl.Boolean,
        "note": pl.String,
    }
)


@dataclass(frozen=True)
class Sample:
    """The tracks of one part of a split, which all of its runs predicted.

    Attributes
    ----------
    part : str
        test or validation
    rows : np.ndarray [shape=(n,)]
        where they stand in the keys of the split; int
    tracks : np.ndarray [shape=(n,)]
        numbers of the tracks: one that several repeats predicted stands there several times
    members : np.ndarray [shape=(n,)]
        numbers of their artists
    folds : np.ndarray [shape=(n, n_folds)]
        1 for the rows of a fold; uint16
    draws : np.ndarray [shape=(n_clusters, resamples)]
        how often each artist is drawn; the same for all runs, so that they can be compared in pairs
    """

    part: str
    rows: np.ndarray
    tracks: np.ndarray
    members: np.ndarray
    folds: np.ndarray
    draws: np.ndarray


def make_samples(
    keys: pl.DataFrame, groups: Mapping[str, str], resamples: int, seed: int
) -> list[Sample]:
    """Parts of a split, with the draws of the bootstrap.

    Parameters
    ----------
    keys : pl.DataFrame
        repeat, fold, part, track_id; sorted
    groups : mapping of str to str
        by track_id: what is drawn as one, the artist where he is known
    resamples : int > 0
    seed : int >= 0
    """
    samples = []
    for part in keys["part"].unique().sort():
        rows = np.flatnonzero(keys["part"] == part)
        chosen = keys[rows]
        ids = chosen["track_id"].to_list()
        # In the order of their names, so that the order of the rows does not matter.
        members = np.unique([groups[track] for track in ids], return_inverse=True)[1]
        fold = (chosen["repeat"].cast(pl.Int64) * 2**31 + chosen["fold"]).to_numpy()
        samples.append(
            Sample(
                part=part,
                rows=rows,
                tracks=np.unique(ids, return_inverse=True)[1],
                members=members,
                folds=(fold[:, np.newaxis] == np.unique(fold)).astype(np.uint16),
                draws=draw(int(members.max()) + 1, resamples, seed),
            )
        )
    return samples


def metrics_table(
    labels: Sequence[str], own: np.ndarray, scorer: Scorer, sample: Sample, confidence: float
) -> tuple[pl.DataFrame, Figures]:
    """Every figure of a run on one part, overall (target null) and per label, with its intervals.

    ``clusters``, ``tracks`` and ``support`` count different artists and tracks; those of a label
    have it. Run and split stay null.

    Parameters
    ----------
    labels : sequence of str
        or the numbers that regression predicts
    own : np.ndarray [shape=(n, n_labels)]
        which tracks count for a label; bool
    scorer : Scorer
        of the tracks
    sample : Sample
        the part
    confidence : float in (0, 1)
        level of all intervals

    Returns
    -------
    table : pl.DataFrame
        the columns of `METRICS`
    drawn : Figures
        of each resample
    """
    n, n_folds = sample.folds.shape
    plain = scorer(np.column_stack([np.ones(n, dtype=np.uint16), sample.folds]))
    drawn = resample(scorer, sample.members, sample.draws)

    n_tracks = len(np.unique(sample.tracks))
    everything = np.ones(n, dtype=bool)
    figures = [
        (None, everything, name, values, drawn.overall[name])
        for name, values in plain.overall.items()
    ]
    figures += [
        (label, own[:, k], name, values[k], drawn.classes[name][k])
        for k, label in enumerate(labels)
        for name, values in plain.classes.items()
    ]
    rows = []
    for label, counted, name, values, resampled in figures:
        n_clusters, support = (len(np.unique(x[counted])) for x in (sample.members, sample.tracks))
        interval = percentile_interval(resampled, confidence) if n_clusters > 1 else (None, None)
        spread = (*t_interval(values[1:], confidence), *value_range(values[1:]))
        described = (None, None, sample.part, label, name)
        sizes = (n_folds, n_tracks, n_clusters, support)
        rows.append((*described, values[0], *interval, *spread, *sizes))
    table = pl.DataFrame(rows, schema=METRICS, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None)), drawn


def confusion_table(predictions: Predictions, sample: Sample) -> pl.DataFrame:
    """Truth by guess, of single labels: how often, and which share of the tracks of that label.

    All repeats and folds together: a track that is tested in r repeats counts r times. All
    n_labels x n_labels cells are there.
    """
    labels = predictions.labels
    k = len(labels)
    truth = predictions.truth[sample.rows].argmax(axis=1)
    guess = predictions.guess[sample.rows].argmax(axis=1)
    count = np.bincount(truth * k + guess, minlength=k * k).astype(np.float64)
    total = np.repeat(count.reshape(k, k).sum(axis=1), k)
    share = np.divide(count, total, out=np.full(k * k, np.nan), where=total > 0)
    columns = (np.repeat(labels, k), np.tile(labels, k), count, share)
    return pl.DataFrame(dict(zip(CONFUSION, columns, strict=True)), schema=CONFUSION).with_columns(
        pl.col("share").fill_nan(None)
    )


def label_confusion_table(predictions: Predictions, sample: Sample) -> pl.DataFrame:
    """How often each label was given rightly (tp), wrongly (fp), missed (fn), and neither (tn).

    All repeats and folds together, as in `confusion_table`.
    """
    truth, guess = predictions.truth[sample.rows], predictions.guess[sample.rows]
    cells = (truth & guess, ~truth & guess, truth & ~guess, ~truth & ~guess)
    columns = (predictions.labels, *(cell.sum(axis=0) for cell in cells))
    return pl.DataFrame(dict(zip(LABEL_CONFUSION, columns, strict=True)), schema=LABEL_CONFUSION)


def guesses_table(predictions: Predictions) -> pl.DataFrame:
    """The labels of each predicted track, those that it is given, and its highest probability.

    Several labels are joined by ``", "``; null where none is given.
    """
    return predictions.keys.with_columns(
        truth=_joined(predictions.truth, predictions.labels),
        predicted=_joined(predictions.guess, predictions.labels),
        probability=pl.Series(predictions.scores.max(axis=1)),
    )


def _joined(marks: np.ndarray, labels: Sequence[str]) -> pl.Series:
    """The marked labels of each row as one text, null where there is none."""
    rows, columns = marks.nonzero()
    marked = pl.DataFrame({"row": rows, "text": np.array(labels)[columns]})
    texts = marked.group_by("row", maintain_order=True).agg(pl.col("text").str.join(", "))
    every = pl.DataFrame({"row": np.arange(len(marks))})
    return every.join(texts, on="row", how="left", maintain_order="left")["text"]


def published_table(published: Sequence[Mapping], metrics: pl.DataFrame) -> pl.DataFrame:
    """Figures from the literature beside those measured here, in the order of the study.

    Parameters
    ----------
    published : sequence of mappings
        run, split, metric, value, source, protocol, same_protocol, note; the last three may
        be missing
    metrics : pl.DataFrame
        of all runs; one that is not there leaves measured, low and high null
    """
    rows = [{"protocol": "", "same_protocol": False, "note": "", **entry} for entry in published]
    measured = metrics.filter(pl.col("part") == "test", pl.col("target").is_null()).select(
        "run", "split", "metric", pl.col("value").alias("measured"), "low", "high"
    )
    return (
        pl.DataFrame(rows, schema=PUBLISHED)
        .rename({"value": "published"})
        .join(measured, on=["run", "split", "metric"], how="left", maintain_order="left")
    )


def write_tables(tables: Mapping[str, pl.DataFrame], folder: str | Path) -> None:
    """Write each table as NAME.parquet and NAME.csv."""
    for name, table in tables.items():
        table.write_parquet(Path(folder, f"{name}.parquet"))
        table.write_csv(Path(folder, f"{name}.csv"))
