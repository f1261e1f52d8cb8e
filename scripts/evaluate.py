"""Measure the runs of a study, with the uncertainty of every figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from genreflow.evaluation.runs import Run
from genreflow.evaluation.study import evaluate_study
from genreflow.evaluation.tables import write_tables
from genreflow.journal import log_to
from genreflow.provenance import made_by


def evaluate(
    runs: Sequence[Mapping],
    *,
    predictions: Sequence[str],
    records: Sequence[str],
    splits: Sequence[str],
    tracks: Sequence[str],
    clusterings: Sequence[Mapping],
    clusters: Sequence[str],
    published: Sequence[Mapping],
    metric: str | None = None,
    confidence: float,
    resamples: int,
    seed: int,
    folder: str | Path,
) -> None:
    """Write the tables of `evaluate_study`, as parquet and CSV.

    Parameters
    ----------
    runs : sequence of mappings
        run, split, model, features, variants, test_variant, kind, method, task, targets of
        regression, and a reason where the run was skipped
    predictions, records, splits, tracks : sequence of str
        for each run without a reason, in the order of `runs`: its predictions.parquet and run.json,
        the table of its split, the tracks table of its dataset
    clusterings : sequence of mappings
        clustering, and the split whose labels it clusters
    clusters : sequence of str
        their tables, in the same order
    published : sequence of mappings
        figures from the literature, as in the study
    metric : str or None
        by which runs are ranked, where their task has it
    confidence, resamples, seed
        of the intervals
    folder : str or Path
        where the tables go
    """
    done = [run for run in runs if not run.get("reason")]
    described = [Run(**run) for run in runs if run.get("reason")]
    described += [
        Run(**run, predictions=predicted, record=record, split_table=split, tracks=table)
        for run, predicted, record, split, table in zip(
            done, predictions, records, splits, tracks, strict=True
        )
    ]
    named = [(entry["clustering"], entry["split"]) for entry in clusterings]
    tables = evaluate_study(
        described,
        published,
        dict(zip(named, clusters, strict=True)),
        metric=metric,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    write_tables(tables, folder)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        evaluate(
            snakemake.params.runs,
            predictions=snakemake.input.predictions,
            records=snakemake.input.records,
            splits=snakemake.input.splits,
            tracks=snakemake.input.tracks,
            clusterings=snakemake.params.clusterings,
            clusters=snakemake.input.clusters,
            published=snakemake.params.published,
            metric=snakemake.params.statistics.get("metric"),
            confidence=snakemake.params.statistics["confidence"],
            resamples=snakemake.params.statistics["resamples"],
            seed=snakemake.params.seed,
            folder=Path(snakemake.output[0]).parent,
        )
