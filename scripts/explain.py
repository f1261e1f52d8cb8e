"""Explain the model of a run's first fold."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from genreflow.explain import explain_model
from genreflow.importing import load
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
        the model as in config/models; what it names is trusted: its estimator, its scaler, and
        the functions that make the module of a network
    statistics : mapping
        confidence and resamples of the intervals
    seed : int >= 0
    shap, importance : str
        the parquet files to write
    """
    pipeline, classes = load_model(Path(models) / "r0f0", trusted=_trusted(spec))
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


def _trusted(spec: Mapping[str, Any]) -> list[str]:
    """Types and functions that a model names, by the names under which its files hold them."""
    made = [type(load(spec[key], needed_by=key)()) for key in ("estimator", "scaler") if spec[key]]
    modules = [spec["parameters"].get("module")]
    modules += spec.get("search", {}).get("space", {}).get("module", [])
    return [f"{one.__module__}.{one.__name__}" for one in made] + list(filter(None, modules))


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
