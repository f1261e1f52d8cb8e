"""Clusters of labels: which genres stand together by the mean of their training tracks, or by hand.

As in the study of 114 genres on Spotify's features [1]_: the features of each genre's tracks are
averaged, the averages scaled to 0..1, and clustered. Only tracks of the training part are averaged,
in every fold anew.

.. [1] Adzich, Koni, Mubeen (2024): Genre Classification using Feedforward Neural Networks.
"""

import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError, closest
from genreflow.features.means import Vectors, means_by_label, membership, read_vectors
from genreflow.threads import limit_threads

log = logging.getLogger("genreflow")

CLUSTERS = {
    "repeat": pl.Int32,
    "fold": pl.Int32,
    "label": pl.String,
    "cluster": pl.String,
    "x": pl.Float64,
    "y": pl.Float64,
}

# A column of a one-hot encoding, and the number that it stands for.
ONE_HOT = re.compile(r"(?P<name>.+)=(?P<number>-?\d+(\.\d+)?)")

# Affinity propagation is damped as by default, and more where that does not settle.
DAMPINGS = (0.5, 0.7, 0.9)
ROUNDS = 1000

Placed = dict[str, str | None]


def cluster_labels(
    tracks: pl.DataFrame,
    split: pl.DataFrame,
    features: Sequence[str],
    settings: Mapping[str, Any],
    *,
    seed: int,
) -> pl.DataFrame:
    """Put the labels of a split into clusters.

    Parameters
    ----------
    tracks : pl.DataFrame [columns: track_id, batch, ...]
        the tracks table
    split : pl.DataFrame [columns: track_id, repeat, fold, part, labels]
    features : sequence of str
        feature tables of the dataset's batches, of the set by which labels are compared
    settings : mapping
        ``algorithm`` (kmeans, spectral or affinity_propagation) and ``clusters``, their number,
        which affinity propagation finds by itself; or ``map``, with ``clusters``, the labels of
        each, and ``dropped``
    seed : int >= 0
        of the algorithm

    Returns
    -------
    pl.DataFrame [columns: repeat, fold, label, cluster, x, y]
        one row for each label of the training part, sorted. A cluster is called by its label
        nearest to its mean, or as the map calls it; it is null for labels that the map drops. x and
        y are the first two principal components of the scaled means.

    Raises
    ------
    GenreflowError
        if there are too few labels, a label is not in the map, or no track has features
    """
    # Threads are limited of the libraries that are loaded by then.
    import sklearn.cluster
    import sklearn.decomposition  # noqa: F401

    trained = split.filter(pl.col("part") == "train").sort("repeat", "fold", "track_id")
    wanted = tracks.join(trained, on="track_id", how="semi")
    if "map" in settings:
        _warn_of_unknown(settings["map"], split)
    found = [pl.DataFrame(schema=CLUSTERS)]
    with limit_threads(1):
        vectors = _undo_one_hot(read_vectors(features, wanted))
        for (repeat, fold), part in trained.group_by("repeat", "fold", maintain_order=True):
            where = f"repeat {repeat}, fold {fold}"
            labels, means = _scaled_means(vectors, part, where)
            if "map" in settings:
                placed = _placed_by_hand(labels, settings["map"])
            else:
                placed = _placed(labels, means, settings, seed, where)
            clusters = [placed[label] for label in labels]
            count, dropped = len({*clusters} - {None}), clusters.count(None)
            log.info("%s: %d clusters, %d labels dropped", where, count, dropped)
            x, y = _plane(means).T
            rows = {"label": labels, "cluster": clusters, "x": x, "y": y}
            found.append(pl.DataFrame({"repeat": repeat, "fold": fold} | rows, schema=CLUSTERS))
    return pl.concat(found)


def _undo_one_hot(vectors: Vectors) -> Vectors:
    """Give a number that is encoded in several columns, as a key is, back its single one.

    As published: a genre has a mean key. Twelve shares, each scaled to 0..1 by itself, would say
    more of a genre than all other features together, and little but chance.
    """
    columns: dict[str, dict[int, float]] = {}
    for at, name in enumerate(vectors.names):
        match = ONE_HOT.fullmatch(name)
        encoded = match and match["name"] not in vectors.names
        column = columns.setdefault(match["name"] if encoded else name, {})
        column[at] = float(match["number"]) if encoded else np.nan
    X = np.empty((len(vectors.X), len(columns)))
    for column, (name, parts) in enumerate(columns.items()):
        values = vectors.X[:, list(parts)]
        if name not in vectors.names:
            known = (values != 0).any(axis=1)
            values = np.where(known, values @ list(parts.values()), np.nan)[:, None]
        X[:, column] = values[:, 0]
    return Vectors(vectors.track_ids, tuple(columns), X)


def _scaled_means(vectors: Vectors, part: pl.DataFrame, where: str) -> tuple[list[str], np.ndarray]:
    """The labels of a training part, and the mean of each label's tracks, every column in 0..1."""
    own = dict(part.select("track_id", "labels").iter_rows())
    labels = sorted({label for some in own.values() for label in some or ()})
    members = membership([own.get(track_id) for track_id in vectors.track_ids], labels)
    means = means_by_label(vectors.X, members)
    known = ~np.isnan(means).all(axis=1)
    if not known.any():
        raise GenreflowError(f"{where}: the training part has no labelled track with features")
    for label in np.array(labels)[~known]:
        log.warning("%s: %s is in no cluster: none of its tracks has features", where, label)
    labels, means = np.array(labels)[known].tolist(), means[known]
    means = means[:, ~np.isnan(means).all(axis=0)]
    low, high = np.nanmin(means, axis=0), np.nanmax(means, axis=0)
    scaled = (means - low) / np.where(high > low, high - low, 1.0)
    # Where all tracks of a label lack a value, it stands in the middle of the others.
    return labels, np.where(np.isnan(scaled), np.nanmean(scaled, axis=0), scaled)


def _placed(
    labels: list[str], means: np.ndarray, settings: Mapping[str, Any], seed: int, where: str
) -> Placed:
    """The cluster of each label, found by an algorithm."""
    algorithm, count = settings["algorithm"], settings.get("clusters")
    if count is not None and count >= len(labels):
        raise GenreflowError(
            f"{where}: {algorithm}: {count} clusters of {len(labels)} labels; ask for fewer"
        )
    numbers = ALGORITHMS[algorithm](means, count, seed)
    if (numbers < 0).any():
        raise GenreflowError(f"{where}: {algorithm} finds no clusters among these labels")
    placed: Placed = {}
    for number in np.unique(numbers):
        inside = np.flatnonzero(numbers == number)
        far = ((means[inside] - means[inside].mean(axis=0)) ** 2).sum(axis=1)
        # Two labels alone are equally far: the first counts, not what rounding makes of it.
        name = labels[inside[far.round(12).argmin()]]
        placed |= {labels[at]: name for at in inside}
    return placed


def _kmeans(means: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    return KMeans(count, n_init=10, random_state=seed).fit_predict(means)


def _spectral(means: np.ndarray, count: int, seed: int) -> np.ndarray:
    from sklearn.cluster import SpectralClustering

    return SpectralClustering(count, random_state=seed).fit_predict(means)


def _affinity_propagation(means: np.ndarray, count: None, seed: int) -> np.ndarray:
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    for damping in DAMPINGS:
        algorithm = AffinityPropagation(damping=damping, max_iter=ROUNDS, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            numbers = algorithm.fit_predict(means)
        if algorithm.n_iter_ < ROUNDS:
            return numbers
        log.info("affinity propagation does not settle with a damping of %s", damping)
    return numbers


ALGORITHMS: dict[str, Callable[[np.ndarray, Any, int], np.ndarray]] = {
    "kmeans": _kmeans,
    "spectral": _spectral,
    "affinity_propagation": _affinity_propagation,
}


def _placed_by_hand(labels: list[str], given: Mapping[str, Any]) -> Placed:
    known: Placed = {label: name for name, own in given["clusters"].items() for label in own}
    known |= dict.fromkeys(given["dropped"])
    for label in labels:
        if label not in known:
            raise GenreflowError(
                f"the map of labels does not place {label!r}: put it into a cluster or under "
                f"'dropped'{closest(label, known)}"
            )
    return known


def _warn_of_unknown(given: Mapping[str, Any], split: pl.DataFrame) -> None:
    there = set(split["labels"].explode().drop_nulls())
    for label in sorted({*chain(*given["clusters"].values(), given["dropped"])} - there):
        log.warning("the map of labels places %r, which no track has", label)


def _plane(means: np.ndarray) -> np.ndarray:
    """The first two principal components of the means, 0 where there are fewer."""
    from sklearn.decomposition import PCA

    found = min(2, *means.shape)
    places = PCA(found, svd_solver="full").fit_transform(means)
    return np.pad(places, ((0, 0), (0, 2 - found)))
