"""What the features of a dataset look like: their statistics, how they go together, label by label.

Every recording counts once, under all labels that it stands under. Nothing here is used in
training.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.features.means import means_by_label, membership, read_vectors

# Share of a sum of squares that rounding leaves where all values are equal.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Explored:
    """Statistics of the features of a dataset's tracks; missing values are left out of all.

    Attributes
    ----------
    tracks : int
        recordings that are described
    names : np.ndarray [shape=(n_features,), dtype=str]
    missing : np.ndarray [shape=(n_features,), dtype=int64]
        tracks without a value
    mean, std, min, max : np.ndarray [shape=(n_features,)]
        in the feature's unit, std with n - 1 in the denominator; NaN where too few values are known
    constant : np.ndarray [shape=(n_features,), dtype=bool]
        features that have no two values, whose correlations are not defined
    correlation : np.ndarray [shape=(n_features, n_features)]
        Pearson's r, of each pair over the tracks that know both, -1..1; 0 where it is not defined,
        also on the diagonal
    covariance : np.ndarray [shape=(n_features, n_features)]
        of the features scaled to 0..1 by their least and largest value, over the same tracks; 0
        where it is not defined
    order : np.ndarray [shape=(n_features,), dtype=int64]
        the features, like beside like: leaves of the average linkage of 1 - abs(r)
    labels : np.ndarray [shape=(n_labels,), dtype=str]
        sorted
    label_tracks : np.ndarray [shape=(n_labels,), dtype=int64]
        recordings under each label
    label_means : np.ndarray [shape=(n_labels, n_features)]
        mean of the label's tracks, in standard deviations of all tracks from their mean; 0 for a
        constant feature, and for a label of whose tracks none has a value
    label_order : np.ndarray [shape=(n_labels,), dtype=int64]
        the labels, like beside like: leaves of the average linkage of the label_means' distances
    """

    tracks: int
    names: np.ndarray
    missing: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    min: np.ndarray
    max: np.ndarray
    constant: np.ndarray
    correlation: np.ndarray
    covariance: np.ndarray
    order: np.ndarray
    labels: np.ndarray
    label_tracks: np.ndarray
    label_means: np.ndarray
    label_order: np.ndarray


def explore_features(tracks: pl.DataFrame, paths: Sequence[str]) -> Explored:
    """Describe a set of vectors over a dataset.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table: track_id, batch, status, duplicate_of and all_labels
    paths : sequence of str
        feature tables of the dataset's batches

    Raises
    ------
    GenreflowError
        if no track has features
    """
    usable = tracks.filter(pl.col("status") != "quarantined", pl.col("duplicate_of").is_null())
    vectors = read_vectors(paths, usable)
    by_id = dict(usable.select("track_id", "all_labels").iter_rows())
    own = [by_id[track_id] for track_id in vectors.track_ids]
    labels = sorted({label for some in own for label in some or ()})
    return explore(vectors.X, vectors.names, membership(own, labels), labels)


def explore(
    X: np.ndarray, names: Sequence[str], members: np.ndarray, labels: Sequence[str]
) -> Explored:
    """Describe the features of tracks.

    Parameters
    ----------
    X : np.ndarray [shape=(n_tracks, n_features)]
        NaN where a value is missing
    names : sequence of str
        the features
    members : np.ndarray [shape=(n_tracks, n_labels), dtype=bool]
        which tracks stand under which labels
    labels : sequence of str
    """
    known = ~np.isnan(X)
    counts = known.sum(axis=0)
    values = np.where(known, X, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = values.sum(axis=0) / counts
        deviations = np.where(known, X - mean, 0.0)
        std = np.sqrt((deviations**2).sum(axis=0) / np.where(counts > 1, counts - 1, np.nan))
    low = np.where(counts, np.where(known, X, np.inf).min(axis=0), np.nan)
    high = np.where(counts, np.where(known, X, -np.inf).max(axis=0), np.nan)
    constant = ~(high > low)
    covariance, correlation = _together(deviations, known)
    span = np.where(constant, 1.0, high - low)
    covariance[constant] = covariance[:, constant] = 0.0
    correlation[constant] = correlation[:, constant] = 0.0
    scale = np.where(constant, 1.0, std)
    label_means = np.where(constant, 0.0, (means_by_label(X, members) - mean) / scale)
    label_means = np.nan_to_num(label_means)
    return Explored(
        tracks=len(X),
        names=np.array(names, dtype=str),
        missing=len(X) - counts,
        mean=mean,
        std=std,
        min=low,
        max=high,
        constant=constant,
        correlation=correlation,
        covariance=covariance / np.outer(span, span),
        order=_leaves(1 - np.abs(correlation)),
        labels=np.array(labels, dtype=str),
        label_tracks=members.sum(axis=0),
        label_means=label_means,
        label_order=_leaves(_distances(label_means)),
    )


def save_explored(path: str | Path, explored: Explored) -> None:
    """Write to an npz file without pickles."""
    arrays = {field.name: np.asarray(getattr(explored, field.name)) for field in fields(Explored)}
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_explored(path: str | Path) -> Explored:
    """Read what `save_explored` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {field.name: stored[field.name] for field in fields(Explored)}
    return Explored(**arrays | {"tracks": int(arrays["tracks"])})


def _together(deviations: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance and correlation of each pair of features, over the tracks that know both.

    Deviations are from the means of all known values, which keeps the sums of squares small; what
    a pair's own means differ from these is taken off. 0 where a pair has fewer than two tracks, or
    one of its features the same value in all of them.
    """
    mask = known.astype(np.float64)
    n = mask.T @ mask
    sums = deviations.T @ mask  # of the row's feature, over the tracks that the column's knows
    squares = (deviations**2).T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        products = deviations.T @ deviations - sums * sums.T / n
        spread = squares - sums**2 / n
        covariance = products / np.where(n > 1, n - 1, np.nan)
        varies = spread > ROUNDING * squares
        spread = np.where(varies, spread, np.nan)
        correlation = np.clip(products / np.sqrt(spread * spread.T), -1.0, 1.0)
    return np.nan_to_num(covariance), np.nan_to_num(correlation)


def _distances(X: np.ndarray) -> np.ndarray:
    """Euclidean distances between rows, as a square matrix."""
    from scipy.spatial.distance import cdist

    return cdist(X, X)


def _leaves(distances: np.ndarray) -> np.ndarray:
    """Order that puts like beside like; the diagonal of the square matrix is passed over."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(distances) < 3:
        return np.arange(len(distances))
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return leaves_list(tree).astype(np.int64)
