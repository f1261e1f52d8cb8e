"""Join a snapshot with the decoded tables of its batches into the tracks table."""

from collections.abc import Sequence

import polars as pl

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.tracks import build_tracks


def tracks(
    path_to_snapshot: str,
    paths_to_decoded: Sequence[str],
    sources: Sequence[str],
    path_to_tracks: str,
) -> None:
    """Write the tracks table of a snapshot.

    Parameters
    ----------
    path_to_snapshot : str
    paths_to_decoded : sequence of str
        decoded tables of all batches of the snapshot
    sources : sequence of str
        of labels: folder, table, tags, in order of preference
    path_to_tracks : str
        the parquet file to write
    """
    decoded = pl.concat([pl.read_parquet(path) for path in paths_to_decoded])
    table = build_tracks(pl.read_parquet(path_to_snapshot), decoded, sources=sources)
    table.write_parquet(path_to_tracks)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        tracks(
            path_to_snapshot=snakemake.input.snapshot,
            paths_to_decoded=snakemake.input.decoded,
            sources=snakemake.params.labels,
            path_to_tracks=snakemake.output[0],
        )
