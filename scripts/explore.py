"""Compute the statistics of a feature set over a dataset."""

from collections.abc import Sequence

import polars as pl

from genreflow.explore import explore_features, save_explored
from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.threads import limit_threads


def explore(tracks: str, features: Sequence[str], output: str) -> None:
    """Write the statistics of a feature set.

    Parameters
    ----------
    tracks : str
        path of the tracks table
    features : sequence of str
        paths of the feature tables of the dataset's batches
    output : str
        the npz file to write
    """
    save_explored(output, explore_features(pl.read_parquet(tracks), features))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__), limit_threads(1):
        explore(
            tracks=snakemake.input.tracks,
            features=snakemake.input.features,
            output=snakemake.output[0],
        )
