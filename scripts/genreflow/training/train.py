"""All folds of one run on one split."""

import json
import logging
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.journal import progress
from genreflow.models.build import build_estimator
from genreflow.models.files import save_model
from genreflow.models.predict import predict_probabilities
from genreflow.parts import PARTS
from genreflow.threads import limit_threads
from genreflow.training.fit import fit_model
from genreflow.training.table import TrainingTable, read_table, require_same_features

log = logging.getLogger("genreflow")

PREDICTIONS = {
    "track_id": pl.String,
    "repeat": pl.Int32,
    "fold": pl.Int32,
    "part": pl.String,
    "target": pl.String,
    "truth": pl.Float64,
    "score": pl.Float64,
}
# Those that are installed are named in run.json.
PACKAGES = (
    "genreflow",
    "numpy",
    "polars",
    "scikit-learn",
    "scipy",
    "skops",
    "threadpoolctl",
    "xgboost",
    "xgboost-cpu",
)


@dataclass(frozen=True)
class Fold:
    """What run.json says of a fold."""

    repeat: int
    fold: int
    train_tracks: int
    validation_tracks: int
    test_tracks: int
    train_rows: int
    seconds_fit: float
    seconds_predict: float
    best_parameters: dict[str, Any] | None = None
    dropped: dict[str, str] = field(default_factory=dict)


def train_run(
    *,
    tracks: str | Path,
    split: str | Path,
    features: Sequence[str],
    copies: Mapping[str, Sequence[str]] | None = None,
    test_features: Sequence[str] | None = None,
    model: Mapping[str, Any],
    run: str,
    seed: int,
    task: str,
    provenance: Mapping[str, Any],
    predictions: str | Path,
    models: str | Path,
    record: str | Path,
    threads: int = 1,
) -> None:
    """Train a run on every fold of a split, and predict the tracks that it was not fitted on.

    A track is fitted with all its segments and copies. It is predicted as it is, never as a copy,
    and its probabilities are the means of those of its segments.

    Parameters
    ----------
    tracks, split : str or Path
        tables of the dataset's tracks and of the parts that they are in
    features : sequence of str
        feature tables of the dataset's batches
    copies : mapping of str to sequence of str, optional
        by variant, in the order of the study, feature tables of the copies that are trained on, too
    test_features : sequence of str, optional
        feature tables of the variant that stands for the tracks of the test part
    model : mapping
        the model as in config/models, with the schema's defaults filled in
    run : str
        name of the run
    seed : int >= 0
        each fold has a seed of its own, derived from this one
    task : str
        ``"single_label"``
    provenance : mapping
        what run.json says beyond what is known here: study, dataset, split, split_method, snapshot,
        features (the set's name), feature_code (digests of what made them), and test_variant (None
        where the test part is tested as it is)
    predictions, models, record : str or Path
        predictions.parquet, the folder of the models and run.json, to be written
    threads : int > 0
        a constant, since results differ in the last bits with the number of threads

    Raises
    ------
    GenreflowError
        if the data or the model cannot be used
    """
    started = time.perf_counter()
    if task != "single_label":
        raise GenreflowError(f"run {run}: the task {task!r} is not known here, only 'single_label'")
    where = f"run {run}, split {provenance['split']}"
    parts = pl.read_parquet(split)
    known = pl.read_parquet(tracks)
    table = tested = read_table(known, parts, features, copies)
    if test_features is not None:
        tested = _read_tested(table, known, parts, test_features, provenance["test_variant"])
    # Libraries must be loaded before their threads can be limited.
    build_estimator(model, seed=seed, threads=threads, where=where)

    folds, scores = [], []
    pairs = parts.select("repeat", "fold").unique().sort("repeat", "fold").rows()
    with limit_threads(threads):
        for repeat, fold in progress(pairs, "folds trained"):
            chosen = parts.filter(pl.col("repeat") == repeat, pl.col("fold") == fold)
            described, predicted = _train_fold(
                table,
                tested,
                chosen,
                repeat,
                fold,
                model=model,
                seed=fold_seed(seed, repeat, fold),
                threads=threads,
                where=f"{where}, repeat {repeat}, fold {fold}",
                folder=Path(models) / f"r{repeat}f{fold}",
            )
            folds.append(described)
            scores.append(predicted)
    order = ["repeat", "fold", "part", "track_id", "target"]
    pl.concat(scores).sort(order).write_parquet(predictions)
    text = {
        **_origin(provenance, table, copies or {}),
        "run": run,
        "task": task,
        "model": dict(model),
        "data_digest": table.digest(),
        "missing_copies": table.missing_copies,
        "seed": seed,
        "classes": list(table.classes),
        "folds": [asdict(fold) for fold in folds],
        "seconds": round(time.perf_counter() - started, 3),
        "peak_memory_mb": round(_peak_memory(), 1),
        "versions": _versions(),
        "threads": threads,
    }
    Path(record).write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def fold_seed(seed: int, repeat: int, fold: int) -> int:
    """Seed of a fold, below 2**31: the same wherever and whenever it is derived."""
    return int(np.random.SeedSequence([seed, repeat, fold]).generate_state(1)[0] >> 1)


def _read_tested(
    table: TrainingTable,
    tracks: pl.DataFrame,
    split: pl.DataFrame,
    features: Sequence[str],
    variant: str,
) -> TrainingTable:
    """The tracks that any fold tests, as a variant of theirs; those that `table` knows."""
    known = split.filter(pl.col("part") == "test", ~pl.col("track_id").is_in(list(table.dropped)))
    tested = read_table(tracks, known, features, variant=variant)
    require_same_features(tested.features, table.features, variant)
    return tested


def _train_fold(
    table: TrainingTable,
    tested: TrainingTable,
    parts: pl.DataFrame,
    repeat: int,
    fold: int,
    *,
    model: Mapping[str, Any],
    seed: int,
    threads: int,
    where: str,
    folder: Path,
) -> tuple[Fold, pl.DataFrame]:
    """Fit on the training part, keep the model, predict the other parts."""
    members = {part: parts.filter(pl.col("part") == part)["track_id"].to_list() for part in PARTS}
    rows = table.rows(members["train"], copies=True)
    known, y = np.unique(table.labels[rows], return_inverse=True)
    sizes = {"train": len(np.unique(table.track_ids[rows]))}
    if len(known) < 2:
        raise GenreflowError(
            f"{where}: the training part has {sizes['train']} tracks with features and "
            f"{len(known)} labels; at least 2 labels are needed"
        )
    begun = time.perf_counter()
    pipeline, best = fit_model(
        model,
        table.X[rows],
        y,
        table.groups[rows],
        tracks=table.track_ids[rows],
        copied=table.copied[rows],
        seed=seed,
        threads=threads,
        where=where,
    )
    fitted = time.perf_counter()
    # A label that the training part lacks keeps the probability 0.
    columns = np.searchsorted(table.classes, known)
    predicted = [pl.DataFrame(schema=PREDICTIONS)]
    for part, source in (("validation", table), ("test", tested)):
        asked = source.rows(members[part])
        tracks, firsts = np.unique(source.track_ids[asked], return_index=True)
        sizes[part] = len(tracks)
        if len(tracks):
            scores = np.zeros((len(tracks), len(table.classes)))
            scores[:, columns] = _pooled(predict_probabilities(pipeline, source.X[asked]), firsts)
            labels = source.labels[asked][firsts]
            keys = {"repeat": repeat, "fold": fold, "part": part}
            predicted.append(_long(tracks, labels, scores, table.classes, **keys))
    done = time.perf_counter()
    save_model(pipeline, known.tolist(), folder)
    dropped = _dropped(table, set().union(*members.values())) | _dropped(tested, members["test"])
    described = Fold(
        repeat=repeat,
        fold=fold,
        **{f"{part}_tracks": sizes[part] for part in PARTS},
        train_rows=len(rows),
        seconds_fit=round(fitted - begun, 3),
        seconds_predict=round(done - fitted, 3),
        best_parameters=best,
        dropped=dict(sorted(dropped.items())),
    )
    return described, pl.concat(predicted)


def _dropped(table: TrainingTable, track_ids: Iterable[str]) -> dict[str, str]:
    """Which of the tracks have no features, and why."""
    return {name: table.dropped[name] for name in table.dropped.keys() & set(track_ids)}


def _pooled(scores: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Mean probabilities of each track, whose segments begin at `firsts` and stand together."""
    counts = np.diff(firsts, append=len(scores))
    return np.add.reduceat(scores, firsts) / counts[:, np.newaxis]


def _long(
    track_ids: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    classes: tuple[str, ...],
    **keys: int | str,
) -> pl.DataFrame:
    """One row for each track and label; `keys` are the same in all of them."""
    return pl.DataFrame(
        {
            "track_id": np.repeat(track_ids, len(classes)).tolist(),
            **keys,
            "target": np.tile(classes, len(track_ids)).tolist(),
            "truth": (labels[:, None] == np.asarray(classes)).astype(np.float64).ravel(),
            "score": scores.ravel(),
        },
        schema=PREDICTIONS,
    )


def _origin(
    provenance: Mapping[str, Any], table: TrainingTable, variants: Iterable[str]
) -> dict[str, Any]:
    """What the workflow knows of the run, with the features as run.json has them."""
    known = dict(provenance)
    features = {
        "sets": [known.pop("features")],
        "names": list(table.features),
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
