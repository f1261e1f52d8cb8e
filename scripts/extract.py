"""Describe the tracks of one batch by one feature set."""

from genreflow.features.job import describe_batch
from genreflow.features.sets import FeatureSet
from genreflow.journal import log_to
from genreflow.provenance import made_by

if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        describe_batch(
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
