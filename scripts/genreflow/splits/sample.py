"""As many tracks of each label: drawn by hash, so that the draw stays as data comes and goes."""

import polars as pl

from genreflow.splits.eligible import counted, set_aside
from genreflow.splits.hashing import place

NOT_DRAWN = "not in the sample"


def draw_sample(
    rows: pl.DataFrame, size: int | str, seed: int, *, copies: bool = False
) -> pl.DataFrame:
    """Exclude tracks, until no label has more than so many.

    Tracks stand in the order of a hash of seed and recording; the first of each label are taken.
    A track with several labels is taken where it is among the first of each of them.

    Parameters
    ----------
    rows : pl.DataFrame
        as `genreflow.splits.eligible.find_eligible` returns
    size : int > 0, or "smallest"
        most tracks of a label; smallest: as many as the rarest label has
    seed : int
    copies : bool
        whether every copy of a recording counts; see `places`
    """
    each = (
        counted(rows)
        .with_columns(place=places(counted(rows), seed, copies=copies))
        .sort("place", "track_id")
        .explode("labels")
        .with_columns(rank=pl.int_range(pl.len()).over("labels"))
    )
    if size == "smallest":
        size = each.group_by("labels").len()["len"].min()
    out = each.group_by("track_id").agg(pl.col("rank").max()).filter(pl.col("rank") >= size)
    return set_aside(rows, out.select("track_id", reason=pl.lit(NOT_DRAWN)), "excluded", NOT_DRAWN)


def places(rows: pl.DataFrame, seed: int, *, copies: bool) -> pl.Series:
    """Where tracks stand in the order of the draw; it has nothing to do with a split's hash.

    Recordings are drawn, so that paths and labels do not matter. Where copies count and may stand
    on both sides, tracks are: copies would be drawn together, and the sample have more of them than
    all tracks have.
    """
    names = rows["track_id" if copies else "digest"]
    return pl.Series([place(seed, f"sample {name}") for name in names], dtype=pl.Float64)
