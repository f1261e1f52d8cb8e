"""Replace the labels of a split by the clusters of a clustering."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.splits.relabel import relabel_split


def relabel(
    path_to_split: str,
    path_to_clusters: str,
    path_to_tracks: str,
    settings: Mapping[str, Any],
    copies: bool,
    path_to_relabelled: str,
) -> None:
    """Write a split of clusters.

    Parameters
    ----------
    path_to_split : str
        the split whose tracks and parts it takes
    path_to_clusters : str
        the clusters of that split's labels
    path_to_tracks : str
        the tracks table
    settings : mapping
        the new split's part of the study
    copies : bool
        whether every copy of a recording counts in the split that it takes
    path_to_relabelled : str
        the parquet file to write
    """
    table = relabel_split(
        pl.read_parquet(path_to_split),
        pl.read_parquet(path_to_clusters),
        pl.read_parquet(path_to_tracks),
        sample=settings.get("sample"),
        seed=settings["seed"],
        copies=copies,
    )
    table.write_parquet(path_to_relabelled)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        relabel(
            path_to_split=snakemake.input.split,
            path_to_clusters=snakemake.input.clusters,
            path_to_tracks=snakemake.input.tracks,
            settings=snakemake.params.settings,
            copies=snakemake.params.copies,
            path_to_relabelled=snakemake.output[0],
        )
