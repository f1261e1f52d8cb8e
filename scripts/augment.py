"""Make a variant of the tracks of one batch, and describe it by one feature set."""

import numpy as np

from genreflow.features.extract import Vary
from genreflow.features.job import describe_batch
from genreflow.features.kernel import compile_once
from genreflow.features.sets import FeatureSet
from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.variants.make import make
from genreflow.variants.names import STEPS


def maker(variant: str, *, sr: int) -> Vary:
    """What makes a variant of a track, its kernels being compiled.

    Parameters
    ----------
    variant : str
        its name, see `genreflow.variants.names`
    sr : int > 0 [Hz]
        sampling rate of the audio
    """

    def vary(y: np.ndarray, seed: int) -> np.ndarray:
        return make(y, variant, sr=sr, seed=seed)

    steps = "_".join(step for step in STEPS if step in variant)
    compile_once(f"genreflow.variants.{steps}", lambda y: vary(y, 0), n=2 * sr)
    return vary


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        feature_set = FeatureSet(snakemake.wildcards.set, **snakemake.params.settings)
        describe_batch(
            batch=snakemake.input.batch,
            decoded=snakemake.input.decoded,
            pcm=snakemake.input.pcm,
            index=snakemake.input.index,
            table=snakemake.output.table,
            arrays=snakemake.output.arrays,
            root=snakemake.params.root,
            audio=snakemake.params.audio,
            feature_set=feature_set,
            vary=maker(snakemake.wildcards.variant, sr=feature_set.rate),
        )
