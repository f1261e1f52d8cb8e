"""Whether a guess falls at least among its like: labels scored by the clusters they belong to.

A clustering says for each fold which labels stand together, from its training part; what it leaves
out is in no cluster.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
import polars as pl

from genreflow.evaluation.bootstrap import percentile_interval, resample
from genreflow.evaluation.metrics import (
    Counter,
    Figures,
    exact_weights,
    label_figures,
    mask,
    mean,
    ratio,
)
from genreflow.evaluation.predictions import Predictions
from genreflow.evaluation.tables import Sample

FOLD = ["repeat", "fold"]
CLUSTERS = pl.Schema(
    {
        "split": pl.String,
        "clustering": pl.String,
        "repeat": pl.Int32,
        "fold": pl.Int32,
        "label": pl.String,
        "cluster": pl.String,
        "x": pl.Float64,
        "y": pl.Float64,
    }
)
CLOSENESS = pl.Schema(
    {
        "run": pl.String,
        "split": pl.String,
        "clustering": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "tracks": pl.Int32,
        "clusters": pl.Int32,
        "floor": pl.Float64,
    }
)
AGREEMENT = pl.Schema(
    {
        "split": pl.String,
        "clustering": pl.String,
        "other": pl.String,
        "adjusted_rand": pl.Float64,
        "labels": pl.Int32,
    }
)


class ClusterScorer:
    """Accuracy by cluster (`Scorer`): overall, and the mean over the clusters.

    Parameters
    ----------
    truth, guess : np.ndarray [shape=(n, n_clusters)]
        one mark in each row of truth, at most one in those of guess; bool
    """

    def __init__(self, truth: np.ndarray, guess: np.ndarray) -> None:
        self._counter = Counter(truth, guess)
        self.size = len(truth)

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights, as `Scorer` says; NaN where none has a weight."""
        weights, total = exact_weights(weights)
        counts = self._counter(weights)
        accuracy = mask(ratio(counts.hit.sum(axis=0), total), total == 0)
        balanced = mean(label_figures(counts)["recall"])
        return Figures({"accuracy": accuracy, "balanced_accuracy": balanced}, {})


def clusters_table(paths: Mapping[tuple[str, str], str]) -> pl.DataFrame:
    """The clusters of the labels of all clusterings.

    Parameters
    ----------
    paths : mapping of (str, str) to str
        by clustering and split, a table of repeat, fold, label, cluster, x, y; cluster is null
        where the clustering leaves a label out

    Returns
    -------
    pl.DataFrame
        the columns of `CLUSTERS`, sorted
    """
    tables = [pl.DataFrame(schema=CLUSTERS)]
    for (clustering, split), path in paths.items():
        named = pl.read_parquet(path).with_columns(
            split=pl.lit(split), clustering=pl.lit(clustering)
        )
        tables.append(named.select(pl.col(column).cast(CLUSTERS[column]) for column in CLUSTERS))
    return pl.concat(tables).sort("split", "clustering", "repeat", "fold", "label")


def closeness_table(
    predictions: Predictions, sample: Sample, clusters: pl.DataFrame, confidence: float
) -> pl.DataFrame:
    """How often the guessed label stands in the cluster of the true one.

    Tracks whose true label is in no cluster are left out; a guess in no cluster is wrong. Over
    folds whose clusters differ, those of one name count as one.

    Parameters
    ----------
    predictions : Predictions
        single-label
    sample : Sample
        the test part
    clusters : pl.DataFrame
        of the split, as from `clusters_table`
    confidence : float in (0, 1)
        level of the intervals

    Returns
    -------
    pl.DataFrame
        the columns of `CLOSENESS`, two lines for each clustering; ``tracks`` and ``clusters``
        count different tracks, and clusters of labels, that are scored, and ``floor`` is the
        figure of always guessing the commonest cluster. Run and split stay null.
    """
    rows = [
        (None, None, clustering, *line)
        for (clustering,), own in clusters.partition_by("clustering", as_dict=True).items()
        for line in _closeness(predictions, sample, own, confidence)
    ]
    return pl.DataFrame(rows, schema=CLOSENESS, orient="row").with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def _closeness(
    predictions: Predictions, sample: Sample, clusters: pl.DataFrame, confidence: float
) -> Iterator[tuple]:
    """Metric, value, low, high, tracks, clusters and floor of one clustering."""
    folds = predictions.keys[sample.rows].select(FOLD)
    labels = np.array(predictions.labels)

    def cluster_of(marks: np.ndarray) -> np.ndarray:
        named = folds.with_columns(label=pl.Series(labels[marks[sample.rows].argmax(axis=1)]))
        found = named.join(clusters, on=[*FOLD, "label"], how="left", maintain_order="left")
        return found["cluster"].to_numpy()

    truth, guess = cluster_of(predictions.truth), cluster_of(predictions.guess)
    counted = np.flatnonzero([cluster is not None for cluster in truth])
    if not len(counted):
        return
    names = np.array(sorted(set(truth[counted])), dtype=object)
    truth, guess = (own[counted, np.newaxis] == names for own in (truth, guess))
    members = sample.members[counted]
    scorer = ClusterScorer(truth, guess)
    plain = scorer(np.ones((len(counted), 1), dtype=np.uint16))
    drawn = resample(scorer, members, sample.draws)
    floor = {"accuracy": truth.mean(axis=0).max(), "balanced_accuracy": 1 / len(names)}
    several = len(np.unique(members)) > 1
    n_tracks = len(np.unique(sample.tracks[counted]))
    for metric, values in plain.overall.items():
        resampled = drawn.overall[metric]
        interval = percentile_interval(resampled, confidence) if several else (None, None)
        yield metric, values[0], *interval, n_tracks, len(names), floor[metric]


def agreement_table(clusters: pl.DataFrame) -> pl.DataFrame:
    """How much the clusterings of a split agree, by the adjusted Rand index [1]_.

    Of the labels that both keep: 1 where they part them alike, about 0 by chance.

    .. [1] Hubert, Arabie (1985): Comparing partitions. Journal of Classification 2, 193-218.

    Parameters
    ----------
    clusters : pl.DataFrame
        as from `clusters_table`

    Returns
    -------
    pl.DataFrame
        the columns of `AGREEMENT`, a line for each pair of clusterings; the mean over the folds,
        and the fewest labels that both keep in one of them. Null where no fold has two of them.
    """
    rows = []
    kept = clusters.drop_nulls("cluster")
    for (split,), own in kept.partition_by("split", as_dict=True).items():
        by_name = own.partition_by("clustering", as_dict=True)
        for ((name,), left), ((other,), right) in combinations(by_name.items(), 2):
            both = left.join(right, on=[*FOLD, "label"]).partition_by(FOLD)
            indices = [_adjusted_rand(fold) for fold in both if fold.height > 1]
            labels = min((fold.height for fold in both), default=0)
            rows.append((split, name, other, np.mean(indices) if indices else None, labels))
    return pl.DataFrame(rows, schema=AGREEMENT, orient="row")


def _adjusted_rand(labels: pl.DataFrame) -> float:
    # Slow to import, and only of use where there are clusterings.
    from sklearn.metrics import adjusted_rand_score

    return adjusted_rand_score(labels["cluster"], labels["cluster_right"])
