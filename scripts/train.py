"""Train one run on one split."""

from collections.abc import Iterable
from pathlib import Path

from genreflow.journal import log_to
from genreflow.provenance import made_by
from genreflow.training.train import train_run


def by_variant(paths: Iterable[str]) -> dict[str, list[str]]:
    """Feature tables by the variant that they describe, the folder in which they stand.

    Parameters
    ----------
    paths : iterable of str
        ``.../{variant}/{batch}.parquet``

    Returns
    -------
    dict
        in the order in which the variants come
    """
    tables: dict[str, list[str]] = {}
    for path in paths:
        tables.setdefault(Path(path).parent.name, []).append(path)
    return tables


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        train_run(
            tracks=snakemake.input.tracks,
            split=snakemake.input.split,
            features=snakemake.input.features,
            copies=by_variant(snakemake.input.copies),
            test_features=snakemake.input.test_features or None,
            model=snakemake.params.model,
            run=snakemake.wildcards.run,
            seed=snakemake.params.seed,
            provenance=snakemake.params.provenance,
            preparation=snakemake.params.preparation,
            thresholds=snakemake.params.thresholds,
            predictions=snakemake.output.predictions,
            models=snakemake.output.model,
            history=snakemake.output.history,
            record=snakemake.output.run,
            checkpoints=snakemake.params.checkpoints,
        )
