"""Put the labels of a split into clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from genreflow.clusters import cluster_labels
from genreflow.journal import log_to
from genreflow.provenance import made_by


def cluster(
    tracks: str,
    split: str,
    features: Sequence[str],
    settings: Mapping[str, Any],
    seed: int,
    output: str,
) -> None:
    """Write which label stands in which cluster.

    Parameters
    ----------
    tracks, split : str
        paths of the tracks table and of the split
    features : sequence of str
        paths of the feature tables of the dataset's batches
    settings : mapping
        the clustering's part of the study
    seed : int >= 0
        of the algorithm
    output : str
        the parquet file to write
    """
    table = cluster_labels(
        pl.read_parquet(tracks), pl.read_parquet(split), features, settings, seed=seed
    )
    table.write_parquet(output)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        cluster(
            tracks=snakemake.input.tracks,
            split=snakemake.input.split,
            features=snakemake.input.features,
            settings=snakemake.params.settings,
            seed=snakemake.params.seed,
            output=snakemake.output[0],
        )
