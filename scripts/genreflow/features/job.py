"""What the jobs that describe a batch have in common, be it of tracks or of variants of them."""

from typing import Any

import polars as pl

from genreflow.audio.decode import iterate_pcm
from genreflow.audio.settings import DecodeSettings
from genreflow.features.extract import Vary, extract_batch
from genreflow.features.sets import FeatureSet


def describe_batch(
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
    vary: Vary | None = None,
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
    vary : callable or None
        as for `genreflow.features.extract.extract_batch`
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
        vary=vary,
    )
