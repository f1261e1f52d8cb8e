"""The table that a run is trained on: features and artists of the tracks of a split.

A track has one row, or one for each of its segments; where it is trained on, so has each of its
augmented copies.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from genreflow.artists import split_groups
from genreflow.errors import GenreflowError
from genreflow.features.combine import Described, describe_tracks
from genreflow.features.inputs import Inputs
from genreflow.training.targets import Targets

log = logging.getLogger("genreflow")


@dataclass(frozen=True)
class TrainingTable:
    """Rows of the tracks of a split whose features are known.

    Sorted by track_id, then variant (the original, then the copies in the order in which they were
    given), then segment.

    Attributes
    ----------
    track_ids, groups : np.ndarray [shape=(n,), dtype=str]
        a group is what an artist split keeps on one side
    copied : np.ndarray [shape=(n,), dtype=bool]
        whether a row describes a copy of its track, not the track as it is
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
        NaN where a value is missing; arrays are read when they are asked for
    features : tuple of str
        names of the columns of a matrix, or of the vectors among arrays
    dropped : dict
        tracks of the split that have no features, and why
    missing_copies : dict
        by variant, how many copies of tracks that are trained on have no features
    """

    track_ids: np.ndarray
    groups: np.ndarray
    copied: np.ndarray
    X: np.ndarray | Inputs
    features: tuple[str, ...]
    dropped: dict[str, str]
    missing_copies: dict[str, int] = field(default_factory=dict)

    def digest(self, targets: Targets) -> str:
        """Digest of what a model can learn from.

        Returns
        -------
        str
            SHA-256, in hexadecimal digits, of a line of JSON, ``[features, track_ids, truth]``,
            truth being what `targets` tells of the tracks, followed by the numbers of the copies'
            rows where there are copies, and of the bytes of a matrix as little-endian float64, row
            by row, or of the digest of arrays
        """
        truth = targets.told(np.unique(self.track_ids).tolist())
        head = [list(self.features), self.track_ids.tolist(), truth]
        if self.copied.any():
            head.append(np.flatnonzero(self.copied).tolist())
        digest = hashlib.sha256(json.dumps(head).encode() + b"\n")
        if isinstance(self.X, Inputs):
            digest.update(self.X.digest().encode())
        else:
            digest.update(np.ascontiguousarray(self.X, dtype="<f8").tobytes())
        return digest.hexdigest()

    def rows(self, track_ids: Sequence[str], *, copies: bool = False) -> np.ndarray:
        """Rows of those of the tracks that have features, in ascending order.

        Those of the tracks as they are, or with `copies` those of their copies, too.
        """
        chosen = np.isin(self.track_ids, np.asarray(track_ids, dtype=str))
        return np.flatnonzero(chosen if copies else chosen & ~self.copied)


def read_table(
    tracks: pl.DataFrame,
    split: pl.DataFrame,
    features: Mapping[str, Sequence[str]],
    copies: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    *,
    takes: str = "vectors",
    variant: str | None = None,
) -> TrainingTable:
    """Put together what a run is trained and tested on.

    Parameters
    ----------
    tracks : pl.DataFrame [columns: track_id, batch, artist, digest, ...]
        all tracks of the dataset
    split : pl.DataFrame [columns: track_id, repeat, fold, part, ...]
        tracks that are in none of the parts train, validation and test of any fold are not used
    features : mapping of str to sequence of str
        by feature set, the feature tables of the dataset's batches
    copies : mapping of str to mapping, optional
        by variant, and then as `features`, the feature tables of the tracks' copies. Only tracks
        that some fold trains on get copies; a copy that one of the sets does not describe is left
        out, and its track stays.
    takes : {"vectors", "arrays"}
        what the model takes, as `describe_tracks` says
    variant : str, optional
        what `features` describe, where it is not the tracks as they are; named in reasons

    Returns
    -------
    TrainingTable

    Raises
    ------
    GenreflowError
        if the tracks are not known, none has features, copies have other features than their
        tracks, or the feature sets do not go together
    """
    wanted = _wanted(tracks, split)
    original = _describe(features, wanted, variant, takes)
    for track_id, reason in original.failed.items():
        log.warning("%s is left out: %s", track_id, reason)
    if original.rows.is_empty():
        reason = next(iter(original.failed.values()), "there are no tracks")
        raise GenreflowError(
            f"none of the split's {len(wanted)} tracks has features; the first is left out "
            f"because: {reason}"
        )
    trained = split.filter(pl.col("part") == "train").join(original.rows, on="track_id", how="semi")
    described, missing = [original], {}
    for name, paths in (copies or {}).items():
        made = _describe(paths, wanted.join(trained, on="track_id", how="semi"), name, takes)
        for track_id, reason in made.failed.items():
            log.warning("%s is trained on without a copy %s", track_id, reason)
        require_same_features(made.names, original.names, name)
        missing[name] = len(made.failed)
        described.append(made)
    rows = _ordered([made.rows for made in described])
    rows = rows.join(wanted, on="track_id", maintain_order="left")
    return TrainingTable(
        track_ids=np.array(rows["track_id"].to_list(), dtype=str),
        groups=np.array(rows["group"].to_list(), dtype=str),
        copied=(rows["variant"] > 0).to_numpy(),
        X=_stack([made.X for made in described])[rows["row"].to_numpy()],
        features=original.names,
        dropped=original.failed,
        missing_copies=missing,
    )


def require_same_features(found: Sequence[str], expected: Sequence[str], variant: str) -> None:
    """Refuse a variant that is described by other features than the tracks as they are.

    Parameters
    ----------
    found, expected : sequence of str
        features of the variant, none where none of its tracks could be described, and of the tracks
    variant : str
        for the message

    Raises
    ------
    GenreflowError
        naming the features that only one of them has
    """
    if found and tuple(found) != tuple(expected):
        odd = ", ".join(sorted({*found} ^ {*expected})) or "their order"
        raise GenreflowError(
            f"the variant {variant} has other features than the original tracks; different: {odd}. "
            "Delete its feature tables and run again"
        )


def _wanted(tracks: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """The tracks of a split's parts: track_id, batch and group, sorted by track_id."""
    lost = split.join(tracks, on="track_id", how="anti")["track_id"].n_unique()
    if lost:
        raise GenreflowError(
            f"the split names {lost} tracks that the tracks table does not know; "
            "delete the split's file and run again"
        )
    batches = tracks.select("track_id", "batch")
    rows = split_groups(tracks, split).join(batches, on="track_id", validate="1:1")
    return rows.select("track_id", "batch", "group").sort("track_id")


def _describe(
    features: Mapping[str, Sequence[str]], wanted: pl.DataFrame, variant: str | None, takes: str
) -> Described:
    """What the feature tables of a variant tell of the tracks that are wanted."""
    described = describe_tracks(features, wanted, takes=takes)
    if variant is None:
        return described
    failed = {track: f"as {variant}: {reason}" for track, reason in described.failed.items()}
    return described._replace(failed=failed)


def _stack(parts: Sequence[np.ndarray | Inputs]) -> np.ndarray | Inputs:
    """The rows of all variants, one behind the other."""
    if isinstance(parts[0], Inputs):
        return Inputs.concatenate(parts)
    return np.concatenate([X for X in parts if len(X)])


def _ordered(heads: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of all variants in the order of a training table; ``row`` is where they stood before."""
    numbered = [
        head.with_columns(variant=pl.lit(number, pl.Int32)) for number, head in enumerate(heads)
    ]
    return pl.concat(numbered).with_row_index("row").sort("track_id", "variant", "segment")
