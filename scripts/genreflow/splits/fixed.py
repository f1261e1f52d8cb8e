"""The fixed split: the side of a track is a hash, and never changes when data comes and goes."""

from hashlib import blake2b

import polars as pl

from genreflow.splits.check import require
from genreflow.splits.eligible import Division, counted, mark_duplicates, set_aside
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
    usable = counted(rows).select("track_id", "digest", group=own)
    groups = usable["group"].unique().to_list()
    sides = [_side(name, test=test, validation=validation, seed=seed) for name in groups]
    usable = usable.with_columns(
        side=pl.col("group").replace_strict(groups, sides, return_dtype=pl.String)
    )
    torn = other_copy(usable, "side").select(
        "track_id",
        reason=pl.format("same recording as {}, whose artist falls on another side", "other"),
    )
    rows = set_aside(rows, torn, "excluded", "same recording by artists on different sides")
    rows = mark_duplicates(rows)
    final = counted(rows).select("track_id").join(usable, on="track_id", maintain_order="left")
    needed = ("train", "validation", "test") if validation > 0 else ("train", "test")
    unit = "artists" if group == "artist" else "recordings"
    require(rows, final["group"].to_numpy(), len(needed), "fixed", unit)
    return Division(rows, [(0, 0, final["side"].to_numpy())], needed)


def _side(group: str, *, test: float, validation: float, seed: int) -> str:
    digest = blake2b(f"{seed} {group}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    place = (int.from_bytes(digest, "big") >> 11) / 2**53
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"
