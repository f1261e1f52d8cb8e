"""One vector for each track, and means of vectors in which values are missing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.table import as_matrix, load_vectors


@dataclass(frozen=True)
class Vectors:
    """What describes the tracks of a dataset, one row each.

    Attributes
    ----------
    track_ids : list of str
        sorted; tracks without features are left out
    names : tuple of str
        the features
    X : np.ndarray [shape=(n_tracks, n_features), dtype=float64]
        NaN where a value is missing
    """

    track_ids: list[str]
    names: tuple[str, ...]
    X: np.ndarray


def read_vectors(paths: Sequence[str], wanted: pl.DataFrame) -> Vectors:
    """Read the features of tracks; a track of several segments has their means.

    Parameters
    ----------
    paths : sequence of str
        feature tables of batches, of one feature set
    wanted : pl.DataFrame [columns: track_id, batch, ...]
        the tracks, one row each

    Raises
    ------
    GenreflowError
        if the batches have different features, or none of the tracks has any
    """
    rows = load_vectors(paths, wanted).filter(pl.col("reason").is_null())
    if rows.is_empty():
        raise GenreflowError(
            f"none of the {len(wanted)} tracks has features: there is nothing to compare"
        )
    names, X = as_matrix(rows)
    ids, firsts = np.unique(rows["track_id"].to_numpy(), return_index=True)
    if len(ids) < len(rows):
        X = mean_of_known(X, firsts)
    return Vectors(ids.tolist(), names, X)


def mean_of_known(X: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Means of rows that stand together, over the values that are known.

    Parameters
    ----------
    X : np.ndarray [shape=(n, n_features)]
        NaN where a value is missing
    firsts : np.ndarray [shape=(n_groups,), dtype=int]
        where each group of rows begins

    Returns
    -------
    np.ndarray [shape=(n_groups, n_features)]
        NaN where a group knows no value
    """
    known = ~np.isnan(X)
    sums = np.add.reduceat(np.where(known, X, 0.0), firsts)
    return _divide(sums, np.add.reduceat(known.astype(np.float64), firsts))


def means_by_label(X: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Mean vector of each label's tracks, over the values that are known.

    Parameters
    ----------
    X : np.ndarray [shape=(n, n_features)]
        NaN where a value is missing
    members : np.ndarray [shape=(n, n_labels), dtype=bool]
        a track may stand under several labels

    Returns
    -------
    np.ndarray [shape=(n_labels, n_features)]
        NaN where no track of a label has a value
    """
    known = ~np.isnan(X)
    weights = members.T.astype(np.float64)
    return _divide(weights @ np.where(known, X, 0.0), weights @ known)


def membership(labels: Sequence[Sequence[str] | None], names: Sequence[str]) -> np.ndarray:
    """Which tracks stand under which labels.

    Parameters
    ----------
    labels : sequence of sequences of str
        of each track; None where it has none
    names : sequence of str
        the labels that are asked for; others are passed over

    Returns
    -------
    np.ndarray [shape=(n_tracks, n_labels), dtype=bool]
    """
    columns = {name: column for column, name in enumerate(names)}
    members = np.zeros((len(labels), len(names)), dtype=bool)
    for row, own in enumerate(labels):
        for name in own or ():
            if name in columns:
                members[row, columns[name]] = True
    return members


def _divide(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
