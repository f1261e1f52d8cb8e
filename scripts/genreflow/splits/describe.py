"""What stands in the parts of a split: counts per label, artists, and what leaks."""

import polars as pl

from genreflow.artists import add_artist_key
from genreflow.parts import PARTS


def describe_split(tracks: pl.DataFrame, split: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Count the tracks and artists of a split's parts.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    split : pl.DataFrame
        as `genreflow.splits.make_split` returns

    Returns
    -------
    dict
        ``labels``: repeat, fold, label (of those that the split gives; null: none), part,
        tracks, artists (known ones), unknown_artists (tracks whose artist is unknown); sorted
        by these. In splits of numbers, which have no labels, it is null for all.

        ``folds``: repeat, fold, the number of tracks in train, validation, test, duplicate and
        excluded; and of those in train, validation and test: artists (known ones),
        unknown_artists, shared_artists (known artists both in test and in train or validation),
        shared_tracks (test tracks by them) and shared_recordings (recordings both in test and in
        train or validation).
    """
    rows = split.join(
        add_artist_key(tracks).select("track_id", "digest", "artist_key"), on="track_id"
    )
    key = ["repeat", "fold"]
    known, unknown = pl.col("artist_key").drop_nulls().n_unique(), pl.col("artist_key").null_count()
    if "values" in split.columns:
        rows = rows.with_columns(labels=pl.lit(None, pl.List(pl.String)))
    labels = (
        rows.explode("labels")
        .group_by(*key, pl.col("labels").alias("label"), "part")
        .agg(tracks=pl.len(), artists=known, unknown_artists=unknown)
        .sort(*key, "label", "part")
    )
    sides = pl.col("part").is_in(PARTS)
    tested = pl.col("part") == "test"
    used = rows.filter(sides).with_columns(
        shared=_shared("artist_key"), shared_recording=_shared("digest")
    )
    counts = rows.group_by(key).agg(
        (pl.col("part") == part).sum().alias(part) for part in (*PARTS, "duplicate", "excluded")
    )
    leaks = used.group_by(key).agg(
        artists=known,
        unknown_artists=unknown,
        shared_artists=pl.col("artist_key").filter("shared").n_unique(),
        shared_tracks=(pl.col("shared") & tested).sum(),
        shared_recordings=pl.col("digest").filter("shared_recording").n_unique(),
    )
    return {"labels": labels, "folds": counts.join(leaks, on=key, how="left").sort(key)}


def _shared(name: str) -> pl.Expr:
    """Whether a row's artist or recording is found both in test and outside of it."""
    tested = pl.col("part") == "test"
    both = tested.any() & (~tested).any()
    return both.over("repeat", "fold", name) & pl.col(name).is_not_null()
