"""The fixed split: the side of a track is a hash, and never changes when data comes and goes."""

import polars as pl

from genreflow.splits.division import Division, Units, needed_parts
from genreflow.splits.eligible import counted, set_aside
from genreflow.splits.hashing import place
from genreflow.tracks import other_copy


def fixed(
    rows: pl.DataFrame,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    seed: int = 0,
    group: str = "artist",
) -> Division:
    """Put every artist, or recording, on the side that a hash says.

    The hash is BLAKE2b of the seed and the artist's name as `genreflow.artists.artist_key`
    compares it, or of the digest of the samples where the artist is unknown; never of label or
    path. It is taken as a number in [0, 1): below `test` the track is tested, below
    `test` + `validation` it validates, else it trains. The shares hold in expectation.

    A recording that stands under two artists who fall on different sides is excluded, since one
    of its tracks would have to change sides otherwise.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    test, validation : number in [0, 1)
        shares
    seed : int
    group : str
        artist, or track: only copies of one recording are kept together
    """
    own = pl.format("recording {}", "digest")
    if group == "artist":
        own = pl.coalesce(pl.format("artist {}", "artist_key"), own)
    # A copy that does not count may still say that the recording has another artist.
    known = rows.filter(pl.col("part").is_null() | (pl.col("part") == "duplicate"))
    known = known.select("track_id", "digest", group=own)
    groups = known["group"].unique().to_list()
    sides = [_side(place(seed, name), test, validation) for name in groups]
    known = known.with_columns(
        side=pl.col("group").replace_strict(groups, sides, return_dtype=pl.String)
    )
    torn = other_copy(known, "side").select(
        "track_id",
        reason=pl.format("same recording as {}, whose artist falls on another side", "other"),
    )
    rows = set_aside(rows, torn, "excluded", "same recording by artists on different sides")
    final = counted(rows).select("track_id").join(known, on="track_id", maintain_order="left")
    needed = needed_parts(validation)
    unit = "artists" if group == "artist" else "recordings"
    units = Units(final["group"].to_numpy(), unit, len(needed))
    return Division(rows, [(0, 0, final["side"].to_numpy())], needed, units=units)


def _side(place: float, test: float, validation: float) -> str:
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"
