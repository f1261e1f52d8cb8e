"""Divide the tracks of a dataset into training, validation and test."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.splits import make_split


def split(
    path_to_tracks: str,
    settings: Mapping[str, Any],
    min_seconds: float,
    path_to_split: str,
) -> None:
    """Write a split.

    Parameters
    ----------
    path_to_tracks : str
        the tracks table
    settings : mapping
        the split's part of the study
    min_seconds : number >= 0 [s]
        what the feature sets of the study need
    path_to_split : str
        the parquet file to write
    """
    table = make_split(pl.read_parquet(path_to_tracks), settings, min_seconds=min_seconds)
    table.write_parquet(path_to_split)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        split(
            path_to_tracks=snakemake.input.tracks,
            settings=snakemake.params.settings,
            min_seconds=snakemake.params.min_seconds,
            path_to_split=snakemake.output[0],
        )
