"""The table that a run is trained on: features, labels and artists of the tracks of a split."""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from genreflow.artists import split_groups
from genreflow.errors import GenreflowError
from genreflow.features.table import load_vectors

log = logging.getLogger("genreflow")


@dataclass(frozen=True)
class TrainingTable:
    """Tracks of a split whose features are known, sorted by track_id.

    Attributes
    ----------
    track_ids, labels, groups : np.ndarray [shape=(n,), dtype=str]
        a group is what an artist split keeps on one side
    X : np.ndarray [shape=(n, n_features), dtype=float64]
    features : tuple of str
        names of the columns of `X`
    classes : tuple of str
        all labels of the split's tracks, sorted; those that `dropped` tracks alone have included
    dropped : dict
        tracks of the split that have no features, and why
    """

    track_ids: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    X: np.ndarray
    features: tuple[str, ...]
    classes: tuple[str, ...]
    dropped: dict[str, str]

    def digest(self) -> str:
        """Digest of what a model can learn from.

        Returns
        -------
        str
            SHA-256, in hexadecimal digits, of a line of JSON, ``[features, track_ids, labels]``,
            and of the bytes of `X` as little-endian float64, row by row
        """
        head = [list(self.features), self.track_ids.tolist(), self.labels.tolist()]
        digest = hashlib.sha256(json.dumps(head).encode() + b"\n")
        digest.update(np.ascontiguousarray(self.X, dtype="<f8").tobytes())
        return digest.hexdigest()

    def rows(self, track_ids: Sequence[str]) -> np.ndarray:
        """Rows of those of the tracks that have features, in ascending order."""
        return np.flatnonzero(np.isin(self.track_ids, np.asarray(track_ids, dtype=str)))


def read_table(tracks: pl.DataFrame, split: pl.DataFrame, features: Sequence[str]) -> TrainingTable:
    """Put together what a run is trained and tested on.

    Parameters
    ----------
    tracks : pl.DataFrame [columns: track_id, batch, labels, artist, ...]
        all tracks of the dataset
    split : pl.DataFrame [columns: track_id, repeat, fold, part, ...]
        tracks that are in none of the parts train, validation and test of any fold are not used
    features : sequence of str
        feature tables of the dataset's batches

    Returns
    -------
    TrainingTable

    Raises
    ------
    GenreflowError
        if a track does not have exactly one label, or no track has features
    """
    lost = split.join(tracks, on="track_id", how="anti")["track_id"].n_unique()
    if lost:
        raise GenreflowError(
            f"the split names {lost} tracks that the tracks table does not know; "
            "delete the split's file and run again"
        )
    rows = split_groups(tracks, split).join(tracks, on="track_id", validate="1:1").sort("track_id")
    odd = rows.filter(pl.col("labels").list.n_unique().fill_null(0) != 1)["track_id"]
    if len(odd):
        raise GenreflowError(
            f"{len(odd)} tracks of the split do not have exactly one label, the first is {odd[0]!r}"
        )
    rows = rows.select("track_id", "batch", "group", label=pl.col("labels").list.first())
    vectors = load_vectors(features, rows.select("track_id", "batch"))
    without = vectors.filter(pl.col("reason").is_not_null())
    dropped = dict(without.select("track_id", "reason").iter_rows())
    for track_id, reason in dropped.items():
        log.warning("%s is left out: %s", track_id, reason)
    known = vectors.filter(pl.col("reason").is_null())
    kept = rows.join(known, on=["track_id", "batch"], how="semi").sort("track_id")
    X = known.drop("track_id", "batch", "reason")
    if X.is_empty():
        raise GenreflowError(
            f"none of the split's {len(rows)} tracks has features; the first is left out because: "
            f"{next(iter(dropped.values()), 'there are no tracks')}"
        )
    return TrainingTable(
        track_ids=np.array(kept["track_id"].to_list(), dtype=str),
        labels=np.array(kept["label"].to_list(), dtype=str),
        groups=np.array(kept["group"].to_list(), dtype=str),
        X=np.ascontiguousarray(X.to_numpy(), dtype=np.float64),
        features=tuple(X.columns),
        classes=tuple(sorted(rows["label"].unique())),
        dropped=dropped,
    )
