"""Train one run on one split."""

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.training.train import train_run

if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        train_run(
            tracks=snakemake.input.tracks,
            split=snakemake.input.split,
            features=snakemake.input.features,
            model=snakemake.params.model,
            run=snakemake.wildcards.run,
            seed=snakemake.params.seed,
            task=snakemake.params.task,
            provenance=snakemake.params.provenance,
            predictions=snakemake.output.predictions,
            models=snakemake.output.model,
            record=snakemake.output.run,
        )
