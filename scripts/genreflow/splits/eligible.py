"""Which tracks a split may use, and which of several copies counts."""

from collections.abc import Sequence

import polars as pl

from genreflow.artists import add_artist_key
from genreflow.errors import GenreflowError
from genreflow.parts import PARTS
from genreflow.splits.labels import take_rarest, view_labels, view_targets
from genreflow.tracks import conflicts as find_conflicts
from genreflow.tracks import label_set

OTHER_LABEL = "same recording as a track with another label"


def counted(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are neither excluded nor duplicates."""
    return rows.filter(pl.col("part").is_null())


def find_eligible(
    tracks: pl.DataFrame,
    *,
    min_seconds: float,
    task: str = "single_label",
    choose: Sequence[str] | None = None,
    several: str = "exclude",
    conflicts: str = "exclude",
    targets: Sequence[str] | None = None,
    listed: str | None = None,
    copies: bool = False,
) -> pl.DataFrame:
    """Say of every track whether a split may use it.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    min_seconds : number >= 0 [s]
    task : str
        single_label: each track has one label; multi_label: as many as its recording has;
        regression: labels do not matter, numbers do
    choose : sequence of str or None
        labels that count; tracks without one of them are excluded
    several : str
        single_label: tracks with several labels are excluded (exclude), or get the one that is
        rarest among the tracks that can be used (rarest)
    conflicts : str
        single_label: recordings under several labels are excluded (exclude), or count once under
        each of them (keep)
    targets : sequence of str or None
        regression: the numbers that a track must have, its own ones
    listed : str or None
        name of a given list; only its tracks count. Where it names one of two copies under
        different labels, it has settled their conflict.
    copies : bool
        let every copy of a recording count, under whatever label

    Returns
    -------
    pl.DataFrame
        track_id, digest, labels (that count), label (all of them as one text), artist_key, side
        (of the given list), part (excluded, duplicate, or null where the track may be used),
        reason, and kind, the reason without names; sorted by track_id. For regression the labels
        are the targets, the same for all, and the column values has their numbers.

    Raises
    ------
    GenreflowError
        where there is no such list or number, or no track has one of the chosen labels
    """
    if task == "regression":
        viewed = view_targets(tracks, targets or ())
    else:
        viewed = view_labels(tracks, task=task, choose=choose)
    rows = _add_side(viewed, listed)
    short = (pl.col("seconds") < min_seconds).fill_null(False)
    usable = (pl.col("status") != "quarantined") & pl.col("known")
    single = task == "single_label"
    if single and several == "rarest":
        rows = take_rarest(rows, usable & ~short)
    rows = add_artist_key(rows.sort("track_id")).with_columns(label=label_set())
    rows = rows.drop("conflict").join(
        find_conflicts(rows.filter(usable)), on="track_id", how="left", maintain_order="left"
    )
    many = single & (pl.col("labels").list.len() > 1)
    torn = pl.col("conflict").is_not_null() & (single and conflicts == "exclude" and not copies)
    seconds = (pl.col("seconds") * 1000).floor() / 1000
    unlisted = f"not in the list {listed}"
    too_short = f"shorter than the {min_seconds} s that the feature sets need"
    grounds = [
        (pl.col("status") == "quarantined", pl.col("reason"), pl.col("reason")),
        (pl.col("unchosen"), *[pl.lit("none of the chosen labels")] * 2),
        (pl.col("label").is_null(), *[pl.lit("no label")] * 2),
        (pl.col("lacking").is_not_null(), *[pl.format("no value of {}", "lacking")] * 2),
        (~pl.col("known"), *[pl.lit(unlisted)] * 2),
        (torn, pl.col("conflict"), pl.lit(OTHER_LABEL)),
        (
            many,
            pl.format("several labels: {}", pl.col("labels").list.join(", ")),
            pl.lit("several labels"),
        ),
        (short, pl.format("{} s, {}", seconds, pl.lit(too_short)), pl.lit(too_short)),
    ]
    rows = rows.select(
        "track_id",
        "digest",
        "labels",
        "label",
        "artist_key",
        "side",
        *(["values"] if task == "regression" else []),
        part=pl.when(pl.any_horizontal(mask for mask, _, _ in grounds)).then(pl.lit("excluded")),
        reason=pl.coalesce(pl.when(mask).then(reason) for mask, reason, _ in grounds),
        kind=pl.coalesce(pl.when(mask).then(kind) for mask, _, kind in grounds),
    )
    return rows if copies else _mark_duplicates(rows)


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


def _add_side(tracks: pl.DataFrame, listed: str | None) -> pl.DataFrame:
    """Add ``side``, the part in a list, and ``known``, whether the list names the track."""
    if listed is None:
        return tracks.with_columns(side=pl.lit(PARTS[0]), known=pl.lit(True))
    if f"given_{listed}" not in tracks.columns:
        known = [name.removeprefix("given_") for name in tracks.columns if name[:6] == "given_"]
        raise GenreflowError(
            f"the dataset has no list {listed!r}, it has {', '.join(sorted(known)) or 'none'}; "
            "lists are named in the dataset's file, under columns: given:"
        )
    side = pl.col(f"given_{listed}").cast(pl.String)
    return tracks.with_columns(side=side, known=side.is_in(PARTS).fill_null(False))


def _mark_duplicates(rows: pl.DataFrame) -> pl.DataFrame:
    """Let the smallest track_id of each recording under each label count, not the others."""
    usable = counted(rows)
    first = usable.group_by("digest", "label").agg(first=pl.col("track_id").min())
    copies = usable.join(first, on=["digest", "label"]).filter(
        pl.col("track_id") != pl.col("first")
    )
    return set_aside(
        rows,
        copies.select("track_id", reason=pl.format("same recording as {}", "first")),
        "duplicate",
        "same recording as another track",
    )
