"""Numbers that runs predicted: how near they come, and what they said beside the truth."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from genreflow.report.axis import Axis, axis_around
from genreflow.report.drawing import BLUE, LINE, MUTED, plain
from genreflow.report.material import Material
from genreflow.report.numbers import METRICS, count, counted, significant
from genreflow.report.scores import ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Dots of one drawing: more would hide each other.
MOST_DOTS = 700
MOST_DOTS_DRAWN = 4000
# Dots of one path do not darken each other, those of several do.
LAYERS = 6
COLUMNS = 4
R2, MSE, MAE = (METRICS[name] for name in ("r2", "mse", "mae"))


def section(material: Material) -> list[dict]:
    """Return the figures and drawings of each number that is predicted, split by split."""
    return [_target(material, *pair) for pair in _targets(material)]


def _targets(material: Material) -> list[tuple[str, str]]:
    """Pairs of a split and a number, in the order of the page."""
    return [(s, target) for s in material.split_names for target in material.predicted(s)]


def _target(material: Material, split: str, target: str) -> dict:
    runs = [row["run"] for row in material.ranked(split, target)]
    scores = {
        run: {m: material.score(split, run, m, target=target) or {} for m in ("r2", "mse", "mae")}
        for run in runs
    }
    ends = [own["r2"].get(key) for own in scores.values() for key in ("value", "low", "high")]
    axis = axis_around(ends, floor=R2.floor, ceiling=R2.ceiling)
    values = {run: _values(material, split, run, target) for run in runs}
    truth = next(iter(values.values()))["truth"].to_numpy()
    frame = _frame(truth, [own["predicted"].to_numpy() for own in values.values()])
    return {
        "split": split,
        "target": target,
        "facts": _facts(material, split, target, truth),
        "ticks": ticks(axis, R2),
        "zero": axis.place(0.0) if axis.low <= 0 <= axis.high else None,
        "folded": any(own["mse"].get("fold_mean") is not None for own in scores.values()),
        "rows": [_row(run, own, axis) for run, own in scores.items()],
        "panels": [_panel(run, values[run], frame, scores[run]["r2"]) for run in runs],
        "outside": any(_outside(own, frame) for own in values.values()),
    }


def _values(material: Material, split: str, run: str, target: str) -> pl.DataFrame:
    """True and predicted values of the test part, sorted by fold and track."""
    return material.values.filter(
        pl.col("split") == split, pl.col("run") == run, pl.col("target") == target
    ).sort("repeat", "fold", "track_id")


def _facts(material: Material, split: str, target: str, truth: np.ndarray) -> list[str]:
    """What the true values are like."""
    at = material.targets(split).index(target)
    every = material.splits[split]["values"].list.get(at, null_on_oob=True).drop_nulls()
    ends = f"{significant(every.min())} to {significant(every.max())}"
    return [
        counted(len(truth), "prediction", "predictions of test tracks"),
        f"true values {ends} in the split, on test tracks {significant(float(truth.mean()))} ± "
        f"{significant(float(truth.std()))}",
    ]


def _row(run: str, scores: dict[str, dict], axis: Axis) -> dict:
    r2, mse, mae = (scores[name] for name in ("r2", "mse", "mae"))
    folds = ""
    if mse.get("fold_mean") is not None and mse.get("fold_std") is not None:
        folds = f"{MSE.number(mse['fold_mean'])} ± {MSE.number(mse['fold_std'])}"
    return {
        "run": run,
        "at": axis.place(r2.get("value")),
        "low": axis.place(r2.get("low")),
        "high": axis.place(r2.get("high")),
        "folds": folds,
        "folds_key": _key(mse.get("fold_mean")),
        "folds_interval": MSE.interval(mse.get("fold_low"), mse.get("fold_high")),
        "cells": [
            {
                "text": metric.value(score.get("value")),
                "interval": metric.interval(score.get("low"), score.get("high")),
                "key": _key(score.get("value")),
            }
            for metric, score in ((R2, r2), (MSE, mse), (MAE, mae))
        ],
    }


def _key(value: float | None) -> float | str:
    return "" if value is None else value


def _frame(truth: np.ndarray, predicted: list[np.ndarray]) -> Axis:
    """Both axes of a number's drawings: all true values, and nearly all that is predicted.

    What a run predicts farther than half the range beyond the true values is left outside.
    """
    low, high = float(truth.min()), float(truth.max())
    beyond = (high - low) / 2 or abs(high) or 1.0
    ends = np.quantile(np.concatenate(predicted), [0.01, 0.99])
    return axis_around([low, high, *np.clip(ends, low - beyond, high + beyond).tolist()], ticks=4)


def _outside(values: pl.DataFrame, frame: Axis) -> int:
    return int((~values["predicted"].is_between(frame.low, frame.high)).sum())


def _some(values: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most so many rows, the same ones of every run."""
    if len(values) <= most:
        return values
    return values[np.sort(np.random.default_rng(0).choice(len(values), most, replace=False))]


def _panel(run: str, values: pl.DataFrame, frame: Axis, r2: dict) -> dict:
    """One drawing: paths of dots in a square of 100 units, and the ticks of both axes."""
    shown = _some(values, MOST_DOTS).select("truth", "predicted")
    dots = [f"M{frame.place(x):.1f} {100 - frame.place(y):.1f}h0" for x, y in shown.iter_rows()]
    facts = [f"R² {R2.value(r2.get('value'))}", f"n = {count(len(values))}"]
    if len(shown) < len(values):
        facts.append(f"{count(len(shown))} drawn")
    if outside := _outside(values, frame):
        facts.append(f"{count(outside)} outside")
    return {
        "run": run,
        "dots": ["".join(dots[at::LAYERS]) for at in range(min(LAYERS, len(dots)))],
        "facts": ", ".join(facts),
        "x_ticks": [{"at": frame.place(t), "text": _tick(t)} for t in frame.ticks],
        "y_ticks": [{"at": round(100 - frame.place(t), 2), "text": _tick(t)} for t in frame.ticks],
    }


def _tick(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw predicted against true values of every number, a small drawing for each run."""
    from matplotlib.figure import Figure

    for split, target in _targets(material):
        runs = [row["run"] for row in material.ranked(split, target)]
        values = {run: _values(material, split, run, target) for run in runs}
        truth = values[runs[0]]["truth"].to_numpy()
        frame = _frame(truth, [own["predicted"].to_numpy() for own in values.values()])
        columns = min(COLUMNS, len(runs))
        rows = -(-len(runs) // columns)
        figure = Figure(figsize=(2.6 * columns + 0.4, 2.9 * rows + 0.5), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for axes, run in zip(grid, runs, strict=False):
            some = _some(values[run], MOST_DOTS_DRAWN)
            axes.axline((frame.low, frame.low), slope=1, color=MUTED, linewidth=1)
            inside = some["predicted"].clip(frame.low, frame.high)
            axes.plot(
                some["truth"], inside, ".", color=BLUE, markersize=4, alpha=0.5, markeredgewidth=0
            )
            score = material.score(split, run, "r2", target=target) or {}
            told = f"{plain(run, 26)}\nR² {R2.value(score.get('value'))}, n = {len(values[run]):,}"
            axes.set_title(told, loc="left", fontsize=8)
            axes.set(xlim=(frame.low, frame.high), ylim=(frame.low, frame.high), aspect="equal")
            axes.grid(color=LINE)
        for axes in grid[len(runs) :]:
            axes.set_visible(False)
        figure.supxlabel(f"True {plain(target)}", fontsize=9)
        figure.supylabel(f"Predicted {plain(target)}", fontsize=9)
        figure.suptitle(plain(f"{target}, split {split}", 80), x=0.01, ha="left")
        yield f"values_{target}_{split}", figure
