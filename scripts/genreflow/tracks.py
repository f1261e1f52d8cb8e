"""The tracks table: what the catalogue lists, what decoding found, and who is a copy of whom."""

import logging
from collections.abc import Sequence

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.measured import MEASURED, TAGS

log = logging.getLogger("genreflow")


def build_tracks(
    snapshot: pl.DataFrame, decoded: pl.DataFrame, *, sources: Sequence[str]
) -> pl.DataFrame:
    """Join a snapshot of the catalogue with the decoded tables of its batches.

    Parameters
    ----------
    snapshot : pl.DataFrame
        track_id, batch, labels, labels_from, artist, title, and given_* and target_* columns;
        batch is null for a row of the user's table whose file is not there
    decoded : pl.DataFrame
        the decoded tables of all batches, one below the other; rows of files that have been
        removed or replaced since are not used
    sources : sequence of str
        where labels come from, in order of preference: folder, table, tags. Artist and title
        are read from the tags where tags are among them and the table does not know.

    Returns
    -------
    pl.DataFrame
        One row per track of the snapshot, as `complete_tracks` gives them

    Raises
    ------
    GenreflowError
        where a file of the snapshot has no row in the decoded tables
    """
    given, targets = _named(snapshot, "given_"), _named(snapshot, "target_")
    measured = decoded.select(
        pl.col(name).cast(kind)
        for name, kind in {"track_id": pl.String, "batch": pl.String, **MEASURED, **TAGS}.items()
    )
    rows = snapshot.select(
        pl.col("track_id", "batch").cast(pl.String),
        _filled(pl.col("labels").cast(pl.List(pl.String))),
        pl.col("labels_from", "artist", "title", *given).cast(pl.String),
        pl.col(targets).cast(pl.Float64),
    ).join(measured, on=["track_id", "batch"], how="left", validate="1:1")
    lost = rows.filter(pl.col("batch").is_not_null() & pl.col("status").is_null())["track_id"]
    if len(lost):
        raise GenreflowError(
            f"{len(lost)} files of the snapshot have not been decoded, the first is {lost.min()}; "
            "delete the dataset's folder decoded/ under results/ and run again"
        )
    absent = pl.col("batch").is_null()
    rows = rows.with_columns(
        status=pl.when(absent).then(pl.lit("quarantined")).otherwise("status"),
        reason=pl.when(absent)
        .then(pl.lit("named in the table, but not in the folder"))
        .otherwise("reason"),
    )
    if "tags" in sources:
        rows = _resolve_tags(rows, sources)
    return complete_tracks(rows)


def complete_tracks(rows: pl.DataFrame) -> pl.DataFrame:
    """Find who is a copy of whom, and put the columns of the tracks table into their order.

    Parameters
    ----------
    rows : pl.DataFrame
        track_id, batch, labels (null where there are none), artist, title, given_*, target_* and
        the columns of `MEASURED`. Two usable rows of one digest are copies of one recording.

    Returns
    -------
    pl.DataFrame
        Sorted by track_id: track_id, batch, labels, all_labels, artist, title, given_*, target_*,
        status, reason, digest, seconds [s], rate [Hz], channels, format, peak, rms,
        mean_amplitude, clipped, silent, duplicate_of and conflict.
        ``all_labels`` are those of all usable copies of the recording, sorted.
        ``duplicate_of`` is the smallest track_id of the usable copies, labelled ones first;
        ``conflict`` says under which other label the recording stands too. Each copy keeps its
        own numbers (``target_*``, Float64, null where they are not known).
    """
    known = [*_named(rows, "given_"), *_named(rows, "target_")]
    rows = _add_copies(rows.sort("track_id"))
    log.info(
        "%d tracks: %d quarantined, %d unlabelled, %d copies of another, %d under two labels",
        len(rows),
        (rows["status"] == "quarantined").sum(),
        rows["labels"].null_count(),
        rows["duplicate_of"].count(),
        rows["conflict"].count(),
    )
    order = ["track_id", "batch", "labels", "all_labels", "artist", "title", *known, *MEASURED]
    return rows.select(*order, "duplicate_of", "conflict")


def label_set() -> pl.Expr:
    """The labels of a track as one text, whatever their order; null where there are none."""
    return pl.col("labels").list.unique().list.sort().list.join("\x1f")


def other_copy(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Find copies of one recording that differ in something.

    Parameters
    ----------
    rows : pl.DataFrame
        track_id, ``digest`` and the column `key`
    key : str
        what should be equal among the rows of one digest

    Returns
    -------
    pl.DataFrame
        track_id, and ``other``: the first track of the same digest whose `key`, which is never
        null there, differs. Only rows that have one.
    """
    known = rows.filter(pl.col("digest").is_not_null(), pl.col(key).is_not_null())
    first = known.group_by("digest").agg(
        first=pl.col("track_id").min(), first_key=pl.col(key).sort_by("track_id").first()
    )
    second = (
        known.join(first, on="digest")
        .filter(pl.col(key) != pl.col("first_key"))
        .group_by("digest")
        .agg(second=pl.col("track_id").min())
    )
    same_as_first = pl.col(key).eq_missing(pl.col("first_key"))
    return (
        rows.join(first.join(second, on="digest"), on="digest")
        .select("track_id", other=pl.when(same_as_first).then("second").otherwise("first"))
        .sort("track_id")
    )


def conflicts(rows: pl.DataFrame) -> pl.DataFrame:
    """Recordings that stand under two labels.

    Parameters
    ----------
    rows : pl.DataFrame
        usable tracks: track_id, ``digest`` and ``labels``

    Returns
    -------
    pl.DataFrame
        track_id and ``conflict``, which names another copy and its label; all copies of such a
        recording, and no others
    """
    named = rows.select("track_id", other_labels=pl.col("labels").list.join(", "))
    return (
        other_copy(rows.with_columns(label_set=label_set()), "label_set")
        .join(named, left_on="other", right_on="track_id")
        .select(
            "track_id",
            conflict=pl.format(
                "same recording as {}, which is labelled {}", "other", "other_labels"
            ),
        )
    )


def _named(rows: pl.DataFrame, start: str) -> list[str]:
    """Columns whose names begin with something, in order of their names."""
    return sorted(name for name in rows.columns if name.startswith(start))


def _filled(labels: pl.Expr) -> pl.Expr:
    return pl.when(labels.list.len() > 0).then(labels)


def _resolve_tags(rows: pl.DataFrame, sources: Sequence[str]) -> pl.DataFrame:
    """Take labels, artist and title from the tags where nothing preferred to them is known."""
    preferred = sources[: sources.index("tags")]
    tagged = pl.coalesce(_filled(pl.col("tag_labels")), "labels")
    return rows.with_columns(
        labels=pl.when(pl.col("labels_from").is_in(preferred)).then("labels").otherwise(tagged),
        artist=pl.coalesce("artist", "tag_artist"),
        title=pl.coalesce("title", "tag_title"),
    )


def _add_copies(rows: pl.DataFrame) -> pl.DataFrame:
    """Add all_labels, duplicate_of and conflict to rows sorted by track_id."""
    usable = rows.filter(pl.col("status") != "quarantined", pl.col("digest").is_not_null())
    united = usable.group_by("digest").agg(
        all_labels=pl.col("labels").explode().drop_nulls().unique().sort()
    )
    labelled = pl.col("track_id").filter(pl.col("labels").is_not_null())
    chosen = (
        usable.group_by("digest")
        .agg(
            duplicate_of=pl.coalesce(labelled.min(), pl.col("track_id").min()),
            copies=pl.len(),
        )
        .filter(pl.col("copies") > 1)
    )
    copies = (
        usable.join(chosen, on="digest")
        .filter(pl.col("track_id") != pl.col("duplicate_of"))
        .select("track_id", "duplicate_of")
    )
    of_copies = usable.select("track_id", "digest").join(united, on="digest").drop("digest")
    for found in (of_copies, copies, conflicts(usable)):
        rows = rows.join(found, on="track_id", how="left", maintain_order="left")
    own = pl.col("labels").list.unique().list.sort()
    return rows.with_columns(all_labels=_filled(pl.coalesce("all_labels", own)))
