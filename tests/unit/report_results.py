"""Made-up results of runs, for the tests of the report."""

import json
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.evaluation.closeness import AGREEMENT, CLOSENESS, CLUSTERS
from genreflow.evaluation.differences import DIFFERENCES
from genreflow.evaluation.values import VALUES

OVERALL = [
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "precision_weighted",
    "recall_weighted",
    "f1_weighted",
    "log_loss",
    "roc_auc_ovr",
]
PER_CLASS = ["precision", "recall", "f1", "roc_auc"]
METRICS = {
    **dict.fromkeys(["run", "split", "part", "target", "metric"], pl.String),
    **dict.fromkeys(
        ["value", "low", "high", "fold_mean", "fold_std", "fold_low", "fold_high"], pl.Float64
    ),
    **dict.fromkeys(["fold_min", "fold_max"], pl.Float64),
    **dict.fromkeys(["folds", "tracks", "clusters", "support"], pl.Int32),
}

LABEL_CONFUSION = pl.Schema(
    dict.fromkeys(["run", "split", "label"], pl.String)
    | dict.fromkeys(["tp", "fp", "fn", "tn"], pl.Int64)
)


def guesses(rng, split, names, skill, run, name) -> pl.DataFrame:
    """Guesses that are right with the given skill, and else mostly the neighbouring label."""
    table = split.filter(pl.col("part").is_in(["validation", "test"])).with_columns(
        truth=pl.col("labels").list.first()
    )
    truth = np.searchsorted(np.sort(names), table["truth"].to_numpy().astype(str))
    n, k = len(table), len(names)
    far = np.where(rng.random(n) < 0.6, truth ^ 1, rng.integers(0, k, n)) % k
    guess = np.where(rng.random(n) < skill, truth, far)
    return table.select(
        run=pl.lit(run),
        split=pl.lit(name),
        repeat="repeat",
        fold="fold",
        part="part",
        track_id="track_id",
        truth="truth",
        predicted=pl.Series(np.sort(names)[guess]),
        probability=pl.Series(rng.uniform(0.3, 0.95, n)),
    )


def several_guesses(rng, split, names, skill, run, name) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Guesses at several labels, and how often each label was right, wrong and missed."""
    table = split.filter(pl.col("part") == "test")
    truth = np.array([[label in own for label in names] for own in table["labels"].to_list()])
    guess = np.where(truth, rng.random(truth.shape) < skill, rng.random(truth.shape) < 0.01)

    def joined(marks: np.ndarray) -> pl.Series:
        own = [", ".join(np.array(names)[row]) or None for row in marks]
        return pl.Series(own, dtype=pl.String)

    guesses = table.select(
        run=pl.lit(run),
        split=pl.lit(name),
        repeat="repeat",
        fold="fold",
        part="part",
        track_id="track_id",
        truth=joined(truth),
        predicted=joined(guess),
        probability=pl.Series(rng.uniform(0.3, 0.95, len(table))),
    )
    cells = {"tp": truth & guess, "fp": ~truth & guess, "fn": truth & ~guess, "tn": ~truth & ~guess}
    counts = pl.DataFrame(
        {"run": run, "split": name, "label": names}
        | {cell: marks.sum(axis=0) for cell, marks in cells.items()},
        schema=LABEL_CONFUSION,
    )
    return guesses, counts


def several_metrics(guesses, counts, run, split) -> pl.DataFrame:
    tp, fp, fn = (counts[name].to_numpy() for name in ("tp", "fp", "fn"))
    f1 = 2 * tp / np.maximum(2 * tp + fp + fn, 1)
    exact = float(guesses["truth"].eq_missing(guesses["predicted"]).mean())
    overall = {
        "exact_match": exact,
        "hamming_loss": float((fp + fn).sum() / (len(guesses) * len(f1))),
        "f1_macro": float(f1.mean()),
        "f1_micro": float(2 * tp.sum() / max((2 * tp + fp + fn).sum(), 1)),
        "roc_auc_macro": 0.8,
        "pr_auc_macro": 0.2,
        "lrap": 0.4,
    }
    size = len(guesses)
    rows = [
        metric_row(run, split, "test", None, metric, value, size, None, 1)
        for metric, value in overall.items()
    ]
    for at, label in enumerate(counts["label"]):
        support = int(tp[at] + fn[at])
        own = {"f1": f1[at], "recall": tp[at] / max(support, 1)}
        own |= {"precision": tp[at] / max(tp[at] + fp[at], 1), "roc_auc": 0.8, "pr_auc": 0.2}
        rows += [
            metric_row(run, split, "test", label, metric, float(value), size, support, 1)
            for metric, value in own.items()
        ]
    return pl.DataFrame(rows, schema=METRICS)


def confusion(guesses, names, run, split) -> pl.DataFrame:
    names = sorted(names)
    cells = pl.DataFrame({"truth": names}).join(pl.DataFrame({"predicted": names}), how="cross")
    counts = guesses.filter(pl.col("part") == "test").group_by("truth", "predicted").len("count")
    table = cells.join(counts, on=["truth", "predicted"], how="left", maintain_order="left")
    count = pl.col("count").fill_null(0).cast(pl.Float64)
    return table.select(
        run=pl.lit(run),
        split=pl.lit(split),
        truth="truth",
        predicted="predicted",
        count=count,
        share=count / count.sum().over("truth"),
    )


def metrics(rng, guesses, names, run, split) -> pl.DataFrame:
    """Points from the guesses; intervals as a binomial would have them."""
    rows = []
    for part in ("test", "validation"):
        some = guesses.filter(pl.col("part") == part)
        if some.is_empty():
            continue
        folds = some["fold"].n_unique()
        for metric in OVERALL:
            value = float((some["truth"] == some["predicted"]).mean())
            if metric != "accuracy":
                value = float(np.clip(value + rng.normal(0, 0.02), 0, 1))
            value = {"log_loss": 2.2 - 1.7 * value, "roc_auc_ovr": 0.5 + value / 2}.get(
                metric, value
            )
            rows.append(metric_row(run, split, part, None, metric, value, len(some), None, folds))
        for name in names:
            own = some.filter(pl.col("truth") == name)
            for metric in PER_CLASS:
                value = float((own["truth"] == own["predicted"]).mean() or 0) if len(own) else None
                rows.append(
                    metric_row(run, split, part, name, metric, value, len(some), len(own), folds)
                )
    return pl.DataFrame(rows, schema=METRICS)


def metric_row(run, split, part, target, metric, value, tracks, support, folds) -> dict:
    half = None
    if value is not None:
        half = 1.96 * max(value * (1 - value), 0.02) ** 0.5 / max(support or tracks, 1) ** 0.5
    top = 9.0 if metric == "log_loss" else 1.0
    row = {
        "run": run,
        "split": split,
        "part": part,
        "target": target,
        "metric": metric,
        "value": value,
        "low": None if half is None else max(value - half, 0.0),
        "high": None if half is None else min(value + half, top),
        "folds": folds,
        "tracks": tracks,
        "clusters": 14 if split == "artist" else 27,
        "support": support,
    }
    if folds > 1 and value is not None:
        row |= {
            "fold_mean": value - 0.004,
            "fold_std": half,
            "fold_low": value - 1.3 * half,
            "fold_high": min(value + 1.3 * half, top),
            "fold_min": max(value - 1.1 * half, 0),
            "fold_max": min(value + half, top),
        }
    return row


RUNS = {
    **dict.fromkeys(["run", "split", "model", "features", "status", "reason"], pl.String),
    **dict.fromkeys(["variants", "test_variant"], pl.String),
    **dict.fromkeys(["kind", "method", "task"], pl.String),
    **dict.fromkeys(["train_tracks", "test_tracks", "folds", "dropped"], pl.Int32),
    **dict.fromkeys(["seconds", "peak_memory_mb"], pl.Float64),
}


def run_row(rng, study, run, split, guesses) -> pl.DataFrame:
    tested = guesses.filter(pl.col("part") == "test")
    row = {
        "run": run,
        "split": split,
        "model": study["runs"][run]["model"],
        "features": "summary",
        "status": "done",
        "kind": "exact",
        "method": study["splits"][split]["method"],
        "train_tracks": 4 * len(tested),
        "test_tracks": len(tested),
        "folds": tested["fold"].n_unique(),
        "dropped": 0,
        "seconds": float(rng.uniform(0.2, 80)),
        "peak_memory_mb": float(rng.uniform(180, 1400)),
    }
    return pl.DataFrame([row], schema=RUNS)


def no_tables(folder: Path) -> dict[str, str]:
    """Paths of the tables that a study on single labels without clusterings leaves empty."""
    empty = {"label_confusion": LABEL_CONFUSION}
    empty |= {"closeness": CLOSENESS, "clusters": CLUSTERS, "agreement": AGREEMENT}
    empty |= {"values": {"run": pl.String, "split": pl.String, **VALUES}}
    for name, schema in empty.items():
        pl.DataFrame(schema=schema).write_parquet(folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in empty}


def differences(metrics: pl.DataFrame) -> pl.DataFrame:
    """Every run against the best of its split, with intervals that hold 0 for the nearest ones."""
    rows = []
    overall = metrics.filter(
        pl.col("target").is_null(), pl.col("part") == "test", pl.col("metric") == "accuracy"
    )
    for (split,), own in overall.group_by("split", maintain_order=True):
        ranked = own.sort(["value", "run"], descending=[True, False]).rows(named=True)
        for row in ranked[1:]:
            apart, half = row["value"] - ranked[0]["value"], 0.6 * (row["high"] - row["low"]) / 2
            ends = (apart - half, apart + half)
            rows.append((row["run"], split, None, "accuracy", ranked[0]["run"], apart, *ends))
    return pl.DataFrame(rows, schema=DIFFERENCES, orient="row")


def skipped(split: str) -> pl.DataFrame:
    row = {
        "run": "wav2vec2",
        "split": split,
        "model": "wav2vec2_frozen",
        "features": "wav2vec2",
        "status": "skipped",
        "reason": "weights are missing: put wav2vec2-base into data/pretrained/wav2vec2",
        "kind": "exact",
        "method": "stratified",
    }
    return pl.DataFrame([row], schema=RUNS)


def run_file(folder, study, run, split, names, tracks) -> str:
    folds = 5 if split == "artist" else 1
    content = {
        "run": run,
        "split": split,
        "study": "demo",
        "dataset": "mine",
        "task": "single_label",
        "model": {"estimator": "sklearn.ensemble.RandomForestClassifier", "parameters": {"n": 9}},
        "features": {
            "sets": ["summary"],
            "names": [f"f{i}" for i in range(57)],
            "code": {"summary": "9f" * 16},
            "variants": [],
            "test_variant": None,
        },
        "missing_copies": {},
        "snapshot": "5ca1ab1e" * 4,
        "data_digest": f"{len(run):02x}{len(split):02x}" * 16,
        "split_method": study["splits"][split]["method"],
        "seed": 0,
        "classes": sorted(names),
        "folds": [
            {
                "repeat": 0,
                "fold": fold,
                "train_tracks": 100,
                "validation_tracks": 10,
                "test_tracks": 30,
                "train_rows": 100,
                "seconds_fit": 1.5 + fold,
                "seconds_predict": 0.1,
                "best_parameters": {"max_depth": 5 + fold} if run == "xgboost_tuned" else None,
                "n_parameters": 195_826 if run == "svm" else None,
                "best_epoch": 11 + fold if run == "svm" else None,
                "thresholds": None,
                "dropped": {tracks["track_id"][7]: "summary: NaN"} if run == "knn" else {},
            }
            for fold in range(folds)
        ],
        "seconds": 10.5,
        "peak_memory_mb": 312.0,
        "versions": {"python": "3.11.9", "numpy": "2.4.6", "scikit-learn": "1.9.0"},
        "threads": 1,
    }
    path = folder / f"{run}.{split}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def published(metrics: pl.DataFrame) -> pl.DataFrame:
    measured = metrics.filter(
        pl.col("target").is_null(), pl.col("metric") == "accuracy", pl.col("part") == "test"
    )
    rows = []
    for run, split, published, same in [
        ("knn", "random", 0.645, True),
        ("forest", "random", 0.755, True),
        ("xgboost", "random", 0.775, True),
        ("xgboost_tuned", "random", 0.79, True),
        ("xgboost_tuned", "artist", 0.79, False),
        ("wav2vec2", "random", 0.61, False),
    ]:
        found = measured.filter(pl.col("run") == run, pl.col("split") == split)
        rows.append(
            {
                "run": run,
                "split": split,
                "metric": "accuracy",
                "published": published,
                "source": "Spectrogram and waveform features <2023>",
                "protocol": "random 80/20, one seed",
                "same_protocol": same,
                "note": "Theirs had one seed only." if run == "forest" else "",
                "measured": found["value"][0] if len(found) else None,
                "low": found["low"][0] if len(found) else None,
                "high": found["high"][0] if len(found) else None,
            }
        )
    floats = dict.fromkeys(["published", "measured", "low", "high"], pl.Float64)
    return pl.DataFrame(rows, schema_overrides=floats)


def examples(folder: Path, rng, tracks: pl.DataFrame, names: list[str]) -> str:
    from genreflow.describe import Example, save_examples

    time = np.arange(320)
    found = []
    for at, label in enumerate(names[:12]):
        loud = 0.2 + 0.7 * np.abs(np.sin(time / (7 + 4 * at)))
        envelope = np.stack([-loud * rng.uniform(0.6, 1, 320), loud * rng.uniform(0.6, 1, 320)])
        bands = np.linspace(1, 0, 128)[:, None]
        mel = -80 + 70 * bands * loud * rng.uniform(0.7, 1, (128, 320))
        chroma = rng.uniform(0, 1, (12, 320)) ** 3
        own = tracks.filter(pl.col("labels").list.contains(label))["track_id"][4]
        found.append(Example(label, own, 30.0, envelope, mel, rng.normal(0, 20, (20, 320)), chroma))
    path = folder / "examples.npz"
    save_examples(path, found, classes=len(names))
    return str(path)
