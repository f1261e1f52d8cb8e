"""All folds of one run on one split."""

import json
import logging
import resource
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.journal import progress
from genreflow.models.build import STRATEGIES, build_estimator
from genreflow.threads import limit_threads
from genreflow.training.fit import fit_model
from genreflow.training.fold import train_fold
from genreflow.training.table import TrainingTable, read_table, require_same_features
from genreflow.training.targets import read_targets

log = logging.getLogger("genreflow")

# Those that are installed are named in run.json.
PACKAGES = (
    "genreflow",
    "numpy",
    "polars",
    "safetensors",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
    "torch",
    "transformers",
    "xgboost",
    "xgboost-cpu",
)


def train_run(
    *,
    tracks: str | Path,
    split: str | Path,
    features: Mapping[str, Sequence[str]],
    copies: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    test_features: Mapping[str, Sequence[str]] | None = None,
    model: Mapping[str, Any],
    run: str,
    seed: int,
    provenance: Mapping[str, Any],
    targets: Sequence[str] | None = None,
    preparation: Mapping[str, Any] | None = None,
    thresholds: float | str | None = None,
    predictions: str | Path,
    models: str | Path,
    history: str | Path,
    record: str | Path,
    checkpoints: str | Path,
    threads: int = 1,
) -> None:
    """Train a run on every fold of a split, and predict the tracks that it was not fitted on.

    A track is fitted with all its segments and copies. It is predicted as it is, never as a copy,
    and its probabilities, or numbers, are the means of those of its segments.

    Parameters
    ----------
    tracks, split : str or Path
        tables of the dataset's tracks and of the parts that they are in
    features : mapping of str to sequence of str
        by feature set, feature tables of the dataset's batches
    copies : mapping of str to mapping, optional
        by variant, in the order of the study, and then as `features`, feature tables of the copies
        that are trained on, too
    test_features : mapping of str to sequence of str, optional
        as `features`, of the variant that stands for the tracks of the test part
    model : mapping
        the model as in config/models, with the schema's defaults filled in; with ``takes: arrays``
        nothing is read of the arrays before the model asks for them
    run : str
        name of the run
    seed : int >= 0
        each fold has a seed of its own, derived from this one
    provenance : mapping
        what run.json says beyond what is known here: study, dataset, split, split_method, task
        (``"single_label"``, ``"multi_label"`` or ``"regression"``), snapshot, feature_code (digests
        of what made the features), and test_variant (None where the test part is tested as it is)
    targets : sequence of str, optional
        which of the split's numbers a regression tells; all where absent
    preparation : mapping, optional
        what the dataset's columns need before any model takes them, as `build_estimator` says
    thresholds : float, ``"validation"`` or None
        the probability from which on a track gets a label, as `fit_model` says; None where tracks
        have one label, or numbers
    predictions, models, history, record : str or Path
        predictions.parquet, the folder of the models, history.parquet (the epochs of networks) and
        run.json, to be written
    checkpoints : str or Path
        folder of this run's own, in which the networks of a killed job go on; it is gone when the
        run is done
    threads : int > 0
        a constant, since results differ in the last bits with the number of threads

    Raises
    ------
    GenreflowError
        if the data or the model cannot be used
    """
    started = time.perf_counter()
    where = f"run {run}, split {provenance['split']}"
    parts = pl.read_parquet(split)
    known = pl.read_parquet(tracks)
    task, takes = provenance["task"], model.get("takes", "vectors")
    if task == "regression" and thresholds is not None:
        raise GenreflowError(f"{where}: thresholds are for labels, and the split is of numbers")
    learned = read_targets(parts, task, where=where, names=targets)
    table = tested = read_table(known, parts, features, copies, takes=takes)
    if test_features is not None:
        variant = provenance["test_variant"]
        tested = _read_tested(table, known, parts, test_features, takes=takes, variant=variant)
    _require_values(table, preparation or {}, where)
    variants = [*(copies or {}), *([provenance["test_variant"]] if test_features else [])]
    if task == "regression" and variants:
        log.warning(
            "%s: %s are told the numbers of the tracks as they are; leave out what changes a "
            "number, as stretch does a tempo, and gain a loudness",
            where,
            ", ".join(variants),
        )
    prepared = {"features": table.features, "preparation": preparation}
    # Libraries must be loaded before their threads can be limited.
    build_estimator(model, seed=seed, threads=threads, task=task, where=where, **prepared)

    fit = partial(fit_model, model, thresholds=thresholds, threads=threads, **prepared)
    trained = []
    pairs = parts.select("repeat", "fold").unique().sort("repeat", "fold").rows()
    with limit_threads(threads):
        for repeat, fold in progress(pairs, "folds trained"):
            name = f"r{repeat}f{fold}"
            made = train_fold(
                table,
                tested,
                learned,
                parts.filter(pl.col("repeat") == repeat, pl.col("fold") == fold),
                repeat,
                fold,
                fit=partial(
                    fit,
                    seed=fold_seed(seed, repeat, fold),
                    checkpoint=Path(checkpoints) / f"{name}.pt",
                ),
                folder=Path(models) / name,
                where=f"{where}, repeat {repeat}, fold {fold}",
            )
            trained.append(made)
    folds, scores, epochs = zip(*trained, strict=True)
    order = ["repeat", "fold", "part", "track_id", "target"]
    pl.concat(scores).sort(order).write_parquet(predictions)
    pl.concat(epochs).write_parquet(history)
    text = {
        **_origin(provenance, table, features, copies or {}),
        "run": run,
        "model": dict(model),
        "preparation": preparation,
        "thresholds": thresholds,
        "data_digest": table.digest(learned),
        "missing_copies": table.missing_copies,
        "seed": seed,
        "classes": list(learned.classes),
        "folds": [asdict(fold) for fold in folds],
        "seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": round(_peak_memory(), 1),
        "versions": _versions(),
        "threads": threads,
    }
    Path(record).write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(checkpoints, ignore_errors=True)


def fold_seed(seed: int, repeat: int, fold: int) -> int:
    """Seed of a fold, below 2**31: the same wherever and whenever it is derived."""
    return int(np.random.SeedSequence([seed, repeat, fold]).generate_state(1)[0] >> 1)


def _read_tested(
    table: TrainingTable,
    tracks: pl.DataFrame,
    split: pl.DataFrame,
    features: Mapping[str, Sequence[str]],
    *,
    takes: str,
    variant: str,
) -> TrainingTable:
    """The tracks that any fold tests, as a variant of theirs; those that `table` knows."""
    known = split.filter(pl.col("part") == "test", ~pl.col("track_id").is_in(list(table.dropped)))
    tested = read_table(tracks, known, features, takes=takes, variant=variant)
    require_same_features(tested.features, table.features, variant)
    return tested


def _require_values(table: TrainingTable, preparation: Mapping[str, Any], where: str) -> None:
    """Refuse missing values that nothing replaces: some models take them, and some do not.

    Arrays have none: what is not finite is not kept.
    """
    if isinstance(table.X, Inputs):
        return
    missing = np.isnan(table.X).any(axis=0)
    if missing.any() and preparation.get("missing") not in STRATEGIES:
        names = [name for name, some in zip(table.features, missing, strict=True) if some]
        raise GenreflowError(
            f"{where}: values of {', '.join(names[:5])} are missing. Say in the dataset's file how "
            f"they are replaced, as 'missing: {STRATEGIES[0]}'"
        )


def _origin(
    provenance: Mapping[str, Any],
    table: TrainingTable,
    sets: Iterable[str],
    variants: Iterable[str],
) -> dict[str, Any]:
    """What the workflow knows of the run, with the features as run.json has them."""
    known = dict(provenance)
    features = {
        "sets": list(sets),
        # Arrays have no columns that could be counted.
        **({} if isinstance(table.X, Inputs) else {"names": list(table.features)}),
        "code": known.pop("feature_code"),
        "variants": list(variants),
        "test_variant": known.pop("test_variant", None),
    }
    return known | {"features": features}


def _versions() -> dict[str, str]:
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _peak_memory() -> float:
    """Most memory that this process has held, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
