"""Train one run on one split."""

from genreflow.features.paths import by_set, by_variant
from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.training.train import train_run
from genreflow.weights import verify

if __name__ == "__main__":
    log_to(snakemake.log[0])
    sets = snakemake.params.sets
    copies, tested = by_variant(snakemake.input.copies), snakemake.input.test_features
    with made_by(snakemake.params.code, __file__):
        if weights := snakemake.params.model.get("weights"):
            verify(weights)
        train_run(
            tracks=snakemake.input.tracks,
            split=snakemake.input.split,
            features=by_set(snakemake.input.features, sets),
            copies={variant: by_set(paths, sets) for variant, paths in copies.items()},
            test_features=by_set(tested, sets) if tested else None,
            model=snakemake.params.model,
            run=snakemake.wildcards.run,
            seed=snakemake.params.seed,
            provenance=snakemake.params.provenance,
            targets=snakemake.params.targets,
            preparation=snakemake.params.preparation,
            thresholds=snakemake.params.thresholds,
            predictions=snakemake.output.predictions,
            models=snakemake.output.model,
            history=snakemake.output.history,
            record=snakemake.output.run,
            checkpoints=snakemake.params.checkpoints,
        )
