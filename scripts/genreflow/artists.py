"""Artists: how their names are compared, and which tracks belong together because of them."""

import unicodedata
from collections.abc import Iterable

import polars as pl

from genreflow.parts import PARTS


def artist_key(name: str | None) -> str | None:
    """Artist's name as it is compared: case, width, accents' encoding and spaces do not count.

    Returns
    -------
    str or None
        None where the artist is not known, or the name is blank
    """
    if name is None:
        return None
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split()) or None


def add_artist_key(tracks: pl.DataFrame) -> pl.DataFrame:
    """Add the column ``artist_key`` [str, null where unknown] to tracks with an ``artist``."""
    names = tracks["artist"].unique().to_list()
    keys = pl.DataFrame(
        {"artist": names, "artist_key": [artist_key(name) for name in names]},
        schema={"artist": pl.String, "artist_key": pl.String},
    )
    return tracks.join(keys, on="artist", how="left", nulls_equal=True, maintain_order="left")


def artist_groups(rows: pl.DataFrame) -> pl.DataFrame:
    """Whom to keep on one side: the artist, or the recording where nobody knows the artist.

    A copy tells the artist of the track that counts, and a recording that stands under several
    artists makes one group of all their tracks.

    Parameters
    ----------
    rows : pl.DataFrame
        track_id, digest, artist_key, and part: null for tracks that count, duplicate for copies
        of them; others are passed over

    Returns
    -------
    pl.DataFrame
        track_id and ``group`` [str] of the tracks that count, in their order
    """
    counted = rows.filter(pl.col("part").is_null())
    copies = rows.filter(pl.col("part") == "duplicate")
    artists = (
        pl.concat([counted, copies])
        .filter(pl.col("artist_key").is_not_null())
        .group_by("digest")
        .agg(artists=pl.col("artist_key").unique().sort())
    )
    heads = _merge(artists.filter(pl.col("artists").list.len() > 1)["artists"])
    recordings = counted.group_by("digest").agg(first=pl.col("track_id").min())
    names = (
        counted.join(artists, on="digest", how="left", maintain_order="left")
        .join(recordings, on="digest", how="left", maintain_order="left")
        .select(pl.coalesce("first", "track_id"), "artists")
    )
    groups = [
        f"artist {heads.get(known[0], known[0])}" if known is not None else f"track {first}"
        for first, known in names.iter_rows()
    ]
    return counted.select("track_id", group=pl.Series(groups, dtype=pl.String))


def split_groups(tracks: pl.DataFrame, split: pl.DataFrame) -> pl.DataFrame:
    """Groups of the tracks of a split: what must stay together inside its parts, too.

    The inner folds of a training part keep them together, and the bootstrap draws them whole.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table; of its columns track_id, artist and digest count
    split : pl.DataFrame
        track_id, repeat, fold, part

    Returns
    -------
    pl.DataFrame
        track_id and ``group`` [str], as `artist_groups` says, of all tracks that are in train,
        validation or test of any fold; sorted by track_id
    """
    used = pl.col("part").is_in(PARTS)
    parts = split.group_by("track_id").agg(
        part=pl.when(~used.any()).then(pl.col("part").sort().first())
    )
    return artist_groups(add_artist_key(tracks.join(parts, on="track_id")).sort("track_id"))


def _merge(sets: Iterable[list[str]]) -> dict[str, str]:
    """The first name of everything that is connected through the sets, for every name."""
    above: dict[str, str] = {}

    def head(name: str) -> str:
        while name in above:
            name = above[name]
        return name

    for names in sets:
        heads = sorted({head(name) for name in names})
        above.update(dict.fromkeys(heads[1:], heads[0]))
    return {name: head(name) for name in above}
