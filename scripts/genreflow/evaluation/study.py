"""A whole study: from the predictions of its runs to the tables of the report."""

from collections.abc import Mapping, Sequence

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.evaluation.closeness import CLOSENESS, agreement_table, clusters_table
from genreflow.evaluation.differences import Resampled, differences_table
from genreflow.evaluation.measure import measure, prepare
from genreflow.evaluation.names import ranking_metric
from genreflow.evaluation.runs import RUNS, Run, skipped_rows
from genreflow.evaluation.tables import (
    CONFUSION,
    GUESSES,
    LABEL_CONFUSION,
    METRICS,
    published_table,
)
from genreflow.evaluation.values import VALUES
from genreflow.journal import progress

NAMED = {"run": pl.String, "split": pl.String}

# Columns, and the order of the lines of a run on a split.
TABLES = {
    "metrics": (METRICS, ["part", "target", "metric"]),
    "confusion": (CONFUSION, ["truth", "predicted"]),
    "label_confusion": (LABEL_CONFUSION, ["label"]),
    "guesses": (GUESSES, ["repeat", "fold", "part", "track_id"]),
    "values": (VALUES, ["repeat", "fold", "track_id", "target"]),
    "runs": (RUNS, []),
    "closeness": (CLOSENESS, ["clustering", "metric"]),
}


def evaluate_study(
    runs: Sequence[Run],
    published: Sequence[Mapping] = (),
    clusterings: Mapping[tuple[str, str], str] | None = None,
    *,
    metric: str | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, pl.DataFrame]:
    """Measure all runs of a study.

    The runs of a split are measured on the same tracks, those that all of them predicted, and with
    the same draws of artists.

    Parameters
    ----------
    runs : sequence of Run
        in any order
    published : sequence of mappings
        run, split, metric, value, source, protocol, same_protocol, note
    clusterings : mapping of (str, str) to str
        by clustering and split, the table of the clusters of the split's labels
    metric : str or None
        by which runs are ranked, where their task has it
    confidence : float in (0, 1)
        level of all intervals
    resamples : int > 0
        of the bootstrap
    seed : int >= 0
        of the bootstrap

    Returns
    -------
    dict[str, pl.DataFrame]
        metrics, confusion (of single labels), label_confusion (of several), guesses, values (of
        regression, those of the test part), differences, published, runs, closeness, clusters,
        agreement; sorted by run and split, but published, which keeps the order of the study

    Raises
    ------
    GenreflowError
        where no run was done, or predictions are incomplete, stand there twice, are no
        probabilities or do not fit the split
    """
    done = sorted((run for run in runs if run.reason is None), key=lambda r: (r.split, r.run))
    if not done:
        raise GenreflowError("nothing to evaluate: all runs of the study were skipped")
    of_split: dict[str, list[Run]] = {}
    for run in done:
        of_split.setdefault(run.split, []).append(run)
    clusters = clusters_table(clusterings or {})
    found = {
        name: [pl.DataFrame(schema={**NAMED, **schema})] for name, (schema, _) in TABLES.items()
    }
    ranked_by = {name: ranking_metric(own[0].task, metric) for name, own in of_split.items()}
    shared = {}
    resampled: dict[str, dict[str, dict[str | None, Resampled]]] = {}
    for run in progress(done, "runs evaluated"):
        if run.split not in shared:
            # One split at a time, as its draws may be large.
            shared = {run.split: prepare(of_split[run.split], resamples, seed)}
        measured, drawn = measure(
            run, shared[run.split], clusters, confidence, ranked_by[run.split]
        )
        resampled.setdefault(run.split, {})[run.run] = drawn
        for table, rows in measured.items():
            named = rows.with_columns(run=pl.lit(run.run), split=pl.lit(run.split))
            found[table].append(named.select(*NAMED, pl.exclude(*NAMED)))
    found["runs"].append(skipped_rows(runs))
    tables = {name: pl.concat(rows).sort(*NAMED, *TABLES[name][1]) for name, rows in found.items()}
    tables["published"] = published_table(published, tables["metrics"])
    tables["differences"] = differences_table(resampled, ranked_by, confidence)
    return tables | {"clusters": clusters, "agreement": agreement_table(clusters)}
