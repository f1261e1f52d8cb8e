"""Describe the tracks of one batch by one feature set."""

from typing import Any

import polars as pl

from genreflow.audio.decode import iterate_pcm
from genreflow.audio.settings import DecodeSettings
from genreflow.features.extract import extract_batch
from genreflow.journal import log_to
from genreflow.provenance import made_by


def extract(
    *,
    batch: str,
    decoded: str,
    pcm: str,
    index: str,
    output: str,
    root: str,
    audio: dict[str, Any],
    name: str,
    settings: dict[str, Any],
) -> None:
    """Write the feature table of a batch.

    Parameters
    ----------
    batch, decoded, pcm, index : str
        the batch's list, its decoded table, and its audio with its index; where the audio was not
        kept, it is decoded from the files again
    output : str
        the feature table to write
    root : str
        folder of the audio files
    audio : dict
        how the files are decoded
    name : str
        name of the feature set
    settings : dict
        its entry in config/features.yaml: function, rate, parameters, min_seconds
    """
    tracks = iterate_pcm(
        batch, root, settings["rate"], DecodeSettings(**audio), decoded, pcm, index
    )
    extract_batch(tracks, pl.read_parquet(decoded), name=name, **settings).write_parquet(output)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        extract(
            batch=snakemake.input.batch,
            decoded=snakemake.input.decoded,
            pcm=snakemake.input.pcm,
            index=snakemake.input.index,
            output=snakemake.output[0],
            root=snakemake.params.root,
            audio=snakemake.params.audio,
            name=snakemake.wildcards.set,
            settings=snakemake.params.settings,
        )
