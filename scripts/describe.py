"""Compute the pictures of one example track per label of a dataset."""

import polars as pl

from genreflow.audio.settings import DecodeSettings
from genreflow.describe import (
    RATE,
    count_labels,
    describe_samples,
    file_loader,
    find_examples,
    save_examples,
)
from genreflow.features.kernel import compile_once
from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.threads import limit_threads


def describe(tracks: str, root: str, output: str, audio: dict) -> None:
    """Write the examples of a dataset.

    Parameters
    ----------
    tracks : str
        path of the tracks table
    root : str
        the dataset's folder of audio
    output : str
        the npz file to write
    audio : dict
        how the files are decoded
    """
    compile_once("describe", describe_samples, n=2 * RATE)
    table = pl.read_parquet(tracks)
    load = file_loader(root, DecodeSettings(**audio))
    save_examples(output, find_examples(table, load), classes=count_labels(table))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__), limit_threads(snakemake.threads):
        describe(
            tracks=snakemake.input.tracks,
            root=snakemake.params.root,
            output=snakemake.output[0],
            audio=snakemake.params.audio,
        )
