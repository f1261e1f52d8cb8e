"""Describe the tracks of one batch by one feature set."""

from typing import Any

import polars as pl

from genreflow.audio.decode import iterate_pcm
from genreflow.audio.settings import DecodeSettings
from genreflow.features.extract import extract_batch
from genreflow.features.sets import FeatureSet
from genreflow.journal import log_to
from genreflow.provenance import made_by


def extract(
    *,
    batch: str,
    decoded: str,
    pcm: str,
    index: str,
    table: str,
    arrays: str,
    root: str,
    audio: dict[str, Any],
    feature_set: FeatureSet,
) -> None:
    """Write the files that describe a batch.

    Parameters
    ----------
    batch, decoded, pcm, index : str
        the batch's list, its decoded table, and its audio with its index; where the audio was not
        kept, it is decoded from the files again
    table, arrays : str
        the files to write, see `genreflow.features.store`
    root : str
        folder of the audio files
    audio : dict
        how the files are decoded
    feature_set : FeatureSet
    """
    tracks = iterate_pcm(
        batch, root, feature_set.rate, DecodeSettings(**audio), decoded, pcm, index
    )
    extract_batch(
        tracks,
        pl.read_parquet(decoded),
        feature_set,
        path_to_table=table,
        path_to_arrays=arrays,
    )


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        extract(
            batch=snakemake.input.batch,
            decoded=snakemake.input.decoded,
            pcm=snakemake.input.pcm,
            index=snakemake.input.index,
            table=snakemake.output.table,
            arrays=snakemake.output.arrays,
            root=snakemake.params.root,
            audio=snakemake.params.audio,
            feature_set=FeatureSet(snakemake.wildcards.set, **snakemake.params.settings),
        )
