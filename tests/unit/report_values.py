"""A made-up study of regression, measured as a real one is."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import report_results as results
from report_fixtures import SCHEMA, Made

from genreflow.evaluation.runs import Run
from genreflow.evaluation.study import evaluate_study

TARGETS = {"tempo": (120.0, 25.0), "energy": (0.55, 0.2)}
# How much of a number a run hears, by target.
SKILL = {
    "dummy": (0.0, 0.0),
    "ridge": (0.5, 0.35),
    "cnn": (0.85, 0.5),
    "lstm": (0.84, 0.2),
}
REASON = (
    "the weights 'vgg16' are missing: put vgg16-397923af.pth "
    "(https://download.pytorch.org/models/vgg16-397923af.pth) into data/weights"
)
PUBLISHED = [
    ("cnn", "folds", "mse", 0.0347, "five folds, one draw"),
    ("cnn", "folds", "r2", -0.06007, ""),
    ("vgg16_mel", "folds", "mse", 0.0298, ""),
]


def make_values_study(
    folder: Path, *, n: int = 240, targets=tuple(TARGETS), only: dict | None = None, labels=False
) -> Made:
    """Write every table of a study that predicts numbers, and return what the report takes.

    Parameters
    ----------
    targets : sequence of str
        those of the splits
    only : dict of str to list of str
        runs that predict some of them
    labels : bool
        whether a split of genres stands beside those of numbers
    """
    rng = np.random.default_rng(3)
    folder.mkdir(parents=True, exist_ok=True)
    tracks, values = _tracks(rng, n)
    tracks.write_parquet(folder / "tracks.parquet")
    study = _study(targets, only or {})
    splits = _splits(rng, tracks, values, targets)
    if labels:
        study["splits"]["genre"] = {"method": "stratified", "task": "single_label", "seed": 0}
        splits["genre"] = (
            splits["random"]
            .drop("values")
            .with_columns(labels=pl.Series([["slow" if v < 120 else "fast"] for v in values[:, 0]]))
        )
    runs, files = [], []
    for split, table in splits.items():
        table.write_parquet(folder / f"{split}.parquet")
        task = study["splits"][split].get("task", study["task"])
        for run, skill in SKILL.items():
            own = list((only or {}).get(run, targets))
            predicted = (
                _numbers(rng, table, values, skill, own)
                if task == "regression"
                else _genres(rng, table, skill[0])
            )
            runs.append(_run(folder, run, split, task, own, predicted))
            files.append(results.run_file(folder, study, run, split, [], tracks))
        for run in ("vgg16_mel", "vgg16_waveform"):
            described = {"model": "vgg16", "features": "mel", "kind": "exact", "method": "kfold"}
            runs.append(Run(run=run, split=split, task=task, reason=REASON, **described))
    told = [
        {"run": r, "split": s, "metric": m, "value": v, "source": "a paper", "note": note}
        for r, s, m, v, note in PUBLISHED
    ]
    paths = {}
    for name, table in evaluate_study(runs, told, resamples=200).items():
        paths[name] = str(folder / f"{name}.parquet")
        table.write_parquet(paths[name])
    _history().write_parquet(folder / "history.parquet")
    return Made(
        folder,
        study,
        paths
        | {
            "splits": {name: str(folder / f"{name}.parquet") for name in splits},
            "tracks": {"mine": str(folder / "tracks.parquet")},
            "run_files": files,
            "examples": {},
            "histories": {("folds", "cnn"): str(folder / "history.parquet")},
            "explained": {},
            "explored": {},
        },
    )


def _study(targets, only) -> dict:
    runs = {
        run: {
            "model": "dummy_mean" if run == "dummy" else run,
            "features": ["mel", "chroma"] if run == "cnn" else ["summary"],
            **({"targets": only[run]} if run in only else {}),
        }
        for run in [*SKILL, "vgg16_mel", "vgg16_waveform"]
    }
    return {
        "study": "numbers",
        "title": "Numbers of songs",
        "description": "Tempo and energy, predicted from the sound.",
        "task": "regression",
        "dataset": "mine",
        "seed": 0,
        "runs": runs,
        "splits": {
            "random": {"method": "fixed", "group": "none", "targets": list(targets), "seed": 0},
            "folds": {"method": "group_kfold", "folds": 5, "targets": list(targets), "seed": 0},
        },
        "statistics": {"confidence": 0.95, "resamples": 200},
    }


def _tracks(rng, n: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Tracks of 40 artists, most of whom keep to a tempo; none of them has a label."""
    artist = rng.integers(0, 40, n)
    middle = rng.normal(0, 0.8, (40, 2))[artist] + rng.normal(0, 0.6, (n, 2))
    middles, widths = np.array(list(TARGETS.values())).T
    rows = [
        {
            "track_id": f"{at:04d}.wav",
            "artist": f"artist {artist[at]}",
            "title": f"Song {at}",
            "status": "ok",
            "digest": f"{at:08x}",
            "seconds": 30.0,
            "rate": 22050,
            "channels": 1,
            "format": "WAV PCM_16",
            "rms": 0.1,
        }
        for at in range(n)
    ]
    return pl.DataFrame(rows, schema=SCHEMA), middles + widths * middle


def _splits(rng, tracks, values, targets) -> dict[str, pl.DataFrame]:
    columns = [list(TARGETS).index(target) for target in targets]
    base = tracks.select("track_id", "artist").with_columns(
        labels=pl.Series([list(targets)] * len(tracks)),
        values=pl.Series(values[:, columns].tolist()),
    )

    def split(fold: int, part) -> pl.DataFrame:
        return base.select(
            "track_id",
            repeat=pl.lit(0, pl.Int32),
            fold=pl.lit(fold, pl.Int32),
            part=pl.Series(part),
            reason=pl.lit(None, pl.String),
            labels="labels",
            values="values",
        )

    artist = base["artist"].str.extract(r"(\d+)").cast(int).to_numpy()
    folds = [split(k, np.where(artist % 5 == k, "test", "train")) for k in range(5)]
    random = split(0, np.where(rng.random(len(base)) < 0.4, "test", "train"))
    return {"random": random, "folds": pl.concat(folds)}


def _keys(table: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    keys = table.filter(pl.col("part") == "test").select("track_id", "repeat", "fold", "part")
    return keys, keys["track_id"].str.slice(0, 4).cast(int).to_numpy()


def _numbers(rng, table, values, skill, targets) -> pl.DataFrame:
    keys, rows = _keys(table)
    tables = []
    for target in targets:
        at = list(TARGETS).index(target)
        truth, own = values[rows, at], skill[at]
        noise = rng.normal(0, 0.4 * own * np.std(truth), len(rows))
        score = truth.mean() + own * (truth - truth.mean()) + noise
        tables.append(
            keys.with_columns(
                target=pl.lit(target),
                truth=pl.Series(truth),
                score=pl.Series(score),
                threshold=pl.lit(None, pl.Float64),
            )
        )
    return pl.concat(tables)


def _genres(rng, table, skill) -> pl.DataFrame:
    keys, _ = _keys(table)
    fast = keys.join(table, on=keys.columns)["labels"].list.first().to_numpy() == "fast"
    score = np.clip(0.5 + (fast - 0.5) * skill + rng.normal(0, 0.2, len(fast)), 0, 1)
    return pl.concat(
        keys.with_columns(
            target=pl.lit(label),
            truth=pl.Series((fast == marks).astype(float)),
            score=pl.Series(score if marks else 1 - score),
            threshold=pl.lit(None, pl.Float64),
        )
        for label, marks in (("fast", True), ("slow", False))
    )


def _run(folder, run, split, task, targets, predicted) -> Run:
    path = folder / f"{run}.{split}.parquet"
    predicted.write_parquet(path)
    record = folder / f"{run}.{split}.record.json"
    measured = {"folds": [{"train_tracks": 100}], "seconds": 12.5, "peak_memory_mb": 480.0}
    record.write_text(json.dumps(measured), encoding="utf-8")
    return Run(
        run=run,
        split=split,
        model="dummy_mean" if run == "dummy" else run,
        features="mel + chroma" if run == "cnn" else "summary",
        kind="exact",
        method="kfold",
        task=task,
        targets=targets if task == "regression" else None,
        predictions=str(path),
        record=str(record),
        split_table=str(folder / f"{split}.parquet"),
        tracks=str(folder / "tracks.parquet"),
    )


def _history() -> pl.DataFrame:
    rows = [
        {
            "repeat": 0,
            "fold": fold,
            "epoch": epoch,
            "part": part,
            "loss": 0.05 * np.exp(-epoch / 8) + 0.004 * (part == "validation"),
            "accuracy": None,
            "r2": 0.8 - 1.1 * np.exp(-epoch / 8) - 0.1 * (part == "validation"),
            "learning_rate": 1e-3,
            "seconds": 1.1 if part == "train" else 0.2,
            "seconds_loading": 0.04 if part == "train" else 0.012,
        }
        for fold in range(5)
        for epoch in range(1, 31)
        for part in ("train", "validation")
    ]
    return pl.DataFrame(rows, schema_overrides={"accuracy": pl.Float64})
