"""Explain the model of a run's first fold."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from genreflow.explain import explain_model
from genreflow.journal import log_to
from genreflow.models.files import load_model
from genreflow.provenance import made_by


def explain(
    *,
    models: str,
    record: str,
    tracks: str,
    split: str,
    features: Sequence[str],
    spec: Mapping[str, Any],
    statistics: Mapping[str, Any],
    seed: int,
    shap: str,
    importance: str,
) -> None:
    """Write Shapley values and permutation importance.

    Parameters
    ----------
    models, record : str
        the folder of the run's models, and its run.json
    tracks, split : str
        paths of the tracks table and of the split
    features : sequence of str
        paths of the feature tables of the dataset's batches
    spec : mapping
        the model as in config/models; its estimator and its scaler are trusted
    statistics : mapping
        confidence and resamples of the intervals
    seed : int >= 0
    shap, importance : str
        the parquet files to write
    """
    trusted = [name for name in (spec["estimator"], spec["scaler"]) if name]
    pipeline, classes = load_model(Path(models) / "r0f0", trusted=trusted)
    folds = json.loads(Path(record).read_text(encoding="utf-8"))["folds"]
    first = next(fold for fold in folds if (fold["repeat"], fold["fold"]) == (0, 0))
    values, drops = explain_model(
        pipeline,
        classes,
        tracks=pl.read_parquet(tracks),
        split=pl.read_parquet(split),
        features=features,
        thresholds=first.get("thresholds"),
        confidence=statistics["confidence"],
        resamples=statistics["resamples"],
        seed=seed,
    )
    values.write_parquet(shap)
    drops.write_parquet(importance)


if __name__ == "__main__":
    log_to(snakemake.log[0])
    with made_by(snakemake.params.code, __file__):
        explain(
            models=snakemake.input.model,
            record=snakemake.input.run,
            tracks=snakemake.input.tracks,
            split=snakemake.input.split,
            features=snakemake.input.features,
            spec=snakemake.params.model,
            statistics=snakemake.params.statistics,
            seed=snakemake.params.seed,
            shap=snakemake.output.shap,
            importance=snakemake.output.importance,
        )
