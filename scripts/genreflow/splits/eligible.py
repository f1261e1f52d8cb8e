"""Which tracks a split may use, and which of several copies counts."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from genreflow.artists import add_artist_key
from genreflow.errors import GenreflowError
from genreflow.parts import PARTS
from genreflow.tracks import conflicts, label_set


@dataclass
class Division:
    """What a method makes of the rows of `find_eligible`.

    Attributes
    ----------
    rows : pl.DataFrame
        all tracks; ``part`` is null for those that count
    folds : list of (repeat, fold, parts)
        parts : np.ndarray [shape=(n_counted,)] of str, in the order of `counted`
    needed : tuple of str
        the parts in which every class must be found
    wanted : tuple of str
        those in which it is worth a warning where it is not
    """

    rows: pl.DataFrame
    folds: list[tuple[int, int, np.ndarray]]
    needed: tuple[str, ...]
    wanted: tuple[str, ...] = field(default=())

    @property
    def counted(self) -> pl.DataFrame:
        """The rows that stand in train, validation or test."""
        return counted(self.rows)


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are neither excluded nor duplicates."""
    return rows.filter(pl.col("part").is_null())


def find_eligible(
    tracks: pl.DataFrame,
    *,
    min_seconds: float,
    single_label: bool,
    listed: str | None = None,
    keep_conflicts: bool = False,
) -> pl.DataFrame:
    """Say of every track whether a split may use it.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    min_seconds : number >= 0 [s]
    single_label : bool
        exclude tracks with several labels
    listed : str or None
        name of a given list; only its tracks count. Where it names one of two copies under
        different labels, it has settled their conflict.
    keep_conflicts : bool
        let tracks count that stand under two labels

    Returns
    -------
    pl.DataFrame
        track_id, digest, labels, label (all labels as one text), artist_key, side (of the given
        list), part (excluded, or null where the track may be used), reason, and kind, the reason
        without names; sorted by track_id

    Raises
    ------
    GenreflowError
        where there is no such list
    """
    if listed is not None and f"given_{listed}" not in tracks.columns:
        known = [name.removeprefix("given_") for name in tracks.columns if name[:6] == "given_"]
        raise GenreflowError(
            f"the dataset has no list {listed!r}, it has {', '.join(sorted(known)) or 'none'}; "
            "lists are named in the dataset's file, under columns: given:"
        )
    rows = add_artist_key(tracks.sort("track_id")).with_columns(label=label_set())
    side = pl.col(f"given_{listed}") if listed is not None else pl.lit(PARTS[0])
    rows = rows.with_columns(side=side.cast(pl.String)).with_columns(
        known=pl.col("side").is_in(PARTS)
    )
    if listed is not None:
        usable = rows.filter(pl.col("status") != "quarantined", "known")
        rows = rows.drop("conflict").join(
            conflicts(usable), on="track_id", how="left", maintain_order="left"
        )
    several, short = pl.col("labels").list.n_unique() > 1, pl.col("seconds") < min_seconds
    seconds = (pl.col("seconds") * 1000).floor() / 1000
    unlisted = f"not in the list {listed}"
    too_short = f"shorter than the {min_seconds} s that the feature sets need"
    grounds = [
        (pl.col("status") == "quarantined", pl.col("reason"), pl.col("reason")),
        (pl.col("label").is_null(), pl.lit("no label"), pl.lit("no label")),
        (~pl.col("known").fill_null(False), pl.lit(unlisted), pl.lit(unlisted)),
        (
            pl.col("conflict").is_not_null() & (not keep_conflicts),
            pl.col("conflict"),
            pl.lit("same recording as a track with another label"),
        ),
        (
            several & single_label,
            pl.format("several labels: {}", pl.col("labels").list.join(", ")),
            pl.lit("several labels"),
        ),
        (short, pl.format("{} s, {}", seconds, pl.lit(too_short)), pl.lit(too_short)),
    ]
    return rows.select(
        "track_id",
        "digest",
        "labels",
        "label",
        "artist_key",
        "side",
        part=pl.when(pl.any_horizontal(mask for mask, _, _ in grounds)).then(pl.lit("excluded")),
        reason=pl.coalesce(pl.when(mask).then(reason) for mask, reason, _ in grounds),
        kind=pl.coalesce(pl.when(mask).then(kind) for mask, _, kind in grounds),
    )


def set_aside(rows: pl.DataFrame, out: pl.DataFrame, part: str, kind: str) -> pl.DataFrame:
    """Take tracks out of those that count.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    out : pl.DataFrame
        track_id and the new ``reason``
    part, kind : str
        what `rows` shall say of them
    """
    new = out.select("track_id", new="reason")
    hit = pl.col("new").is_not_null()
    return (
        rows.join(new, on="track_id", how="left", maintain_order="left")
        .with_columns(
            part=pl.when(hit).then(pl.lit(part)).otherwise("part"),
            reason=pl.coalesce("new", "reason"),
            kind=pl.when(hit).then(pl.lit(kind)).otherwise("kind"),
        )
        .drop("new")
    )


def mark_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Let the smallest track_id of each recording count, and mark the others as duplicates."""
    usable = counted(rows)
    first = usable.group_by("digest").agg(first=pl.col("track_id").min())
    copies = usable.join(first, on="digest").filter(pl.col("track_id") != pl.col("first"))
    return set_aside(
        rows,
        copies.select("track_id", reason=pl.format("same recording as {}", "first")),
        "duplicate",
        "same recording as another track",
    )
