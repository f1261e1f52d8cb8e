"""Learning curves: loss and accuracy (or R²) of every epoch of a network, and its learning rate."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from genreflow.report import numbers
from genreflow.report.axis import Axis, axis_around
from genreflow.report.drawing import BLUE, GREEN, LINE, MUTED, ORANGE, plain
from genreflow.report.material import Material
from genreflow.report.numbers import Metric, counted, metric_named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = {"train": GREEN, "validation": BLUE}
LOSS = Metric("Loss", percent=False, higher_is_better=False, floor=None, ceiling=None)
Fold = tuple[int, int]
Line = tuple[np.ndarray, np.ndarray]


def section(material: Material) -> dict | None:
    """Return the charts of all runs that learn in epochs; None where there is none."""
    charts = [_chart(material, *pair) for pair in in_order(material, material.history)]
    if not charts:
        return None
    return {
        "charts": charts,
        "folded": any(chart["folds"] > 1 for chart in charts),
        "kept": any(chart["kept"] for chart in charts),
        "published": any(chart["published"] for chart in charts),
    }


def in_order(material: Material, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Sort pairs of a split and a run as the page orders splits, and the study its runs."""
    splits, runs = material.split_names, list(material.study["runs"])

    def place(names: list[str], name: str) -> int:
        return names.index(name) if name in names else len(names)

    return sorted(pairs, key=lambda pair: (place(splits, pair[0]), place(runs, pair[1]), pair))


def fold_lines(history: pl.DataFrame, part: str, column: str) -> dict[Fold, Line]:
    """Return the epochs and the values of one column on one part, fold by fold.

    Parameters
    ----------
    history : pl.DataFrame
        repeat, fold, epoch, part, loss, accuracy, r2, learning_rate
    part : str
        train or validation
    column : str
        epochs where it is unknown are left out

    Returns
    -------
    dict of (int, int) to (np.ndarray [shape=(epochs,)], np.ndarray [shape=(epochs,)])
        by repeat and fold
    """
    known = history.filter(pl.col("part") == part, pl.col(column).is_finite()).sort("epoch")
    return {
        (repeat, fold): (own["epoch"].to_numpy(), own[column].to_numpy())
        for (repeat, fold), own in sorted(known.group_by("repeat", "fold", maintain_order=True))
    }


def mean_line(lines: dict[Fold, Line]) -> Line:
    """Return the mean over folds, for those epochs that every fold has."""
    common = set.intersection(*(set(epochs.tolist()) for epochs, _ in lines.values()))
    kept = np.array(sorted(common), dtype=np.int64)
    values = [values[np.isin(epochs, kept)] for epochs, values in lines.values()]
    return kept, np.mean(values, axis=0)


def kept_epochs(material: Material, split: str, run: str) -> dict[Fold, int]:
    """Return the epoch of each fold whose weights were kept; empty where the run does not say."""
    found = next((f for f in material.run_files if (f["split"], f["run"]) == (split, run)), None)
    return {
        (fold["repeat"], fold["fold"]): fold["best_epoch"]
        for fold in (found["folds"] if found else [])
        if fold.get("best_epoch") is not None
    }


def _measure(material: Material, split: str) -> tuple[str, str]:
    """The column of the history beside the loss, and the metric that it holds."""
    # Of several labels, all must be right.
    measures = {"multi_label": ("accuracy", "exact_match"), "regression": ("r2", "r2")}
    return measures.get(material.task_of(split), ("accuracy", "accuracy"))


def _published(material: Material, split: str, run: str) -> float | None:
    """The published accuracy, or R², of a run on a split."""
    rows = material.published.filter(
        pl.col("split") == split,
        pl.col("run") == run,
        pl.col("metric") == _measure(material, split)[1],
    )
    return rows["published"][0] if len(rows) else None


def _chart(material: Material, split: str, run: str) -> dict:
    history, kept = material.history[split, run], kept_epochs(material, split, run)
    published = _published(material, split, run)
    column, name = _measure(material, split)
    metric = metric_named(name)
    last = int(history["epoch"].max())
    epochs = axis_around([1, last], ticks=5, floor=1, ceiling=last)
    epochs = Axis(min(1, last - 1), last, max(epochs.step, 1))
    return {
        "split": split,
        "run": run,
        "folds": history.select("repeat", "fold").unique().height,
        "kept": kept,
        "published": metric.value(published) if published is not None else "",
        "facts": _facts(material, split, run, kept, published),
        "panels": [
            _panel(history, "loss", LOSS, epochs, kept),
            _panel(history, column, metric, epochs, kept, published),
        ],
        "rate": _rate(history, epochs),
    }


def _facts(
    material: Material, split: str, run: str, kept: dict[Fold, int], published: float | None
) -> list[str]:
    """What the curves end at, in short phrases."""
    history, (column, name) = material.history[split, run], _measure(material, split)
    metric, rounds = metric_named(name), history.select("repeat", "fold").unique().height
    lengths = history.group_by("repeat", "fold").agg(pl.col("epoch").max())["epoch"]
    ends = {
        part: np.mean([values[-1] for _, values in lines.values()])
        for part in PARTS
        if (lines := fold_lines(history, part, column))
    }
    over = f", mean over {rounds} folds" if rounds > 1 else ""
    facts = [_spread("epoch", lengths.to_list(), many=True), *_speed(history)]
    if ends:
        last = ", ".join(f"{metric.value(value)} {part}" for part, value in ends.items())
        facts.append(f"{metric.phrase} after the last: {last}{over}")
    if kept:
        facts.append(f"keeps the weights of {_spread('epoch', list(kept.values()))}")
    score = material.score(split, run, name)
    if score and score["value"] is not None:
        interval = metric.interval(score["low"], score["high"])
        facts.append(f"test tracks: {metric.value(score['value'])} {interval}".strip())
    if published is not None:
        facts.append(f"published: {metric.value(published)}")
    return facts


def _speed(history: pl.DataFrame) -> list[str]:
    """Say how long an epoch takes, all its parts together, and how much of it is loading data."""
    epochs = history.group_by("repeat", "fold", "epoch").agg(
        pl.col("seconds").sum(), pl.col("seconds_loading").sum()
    )
    median, total = epochs["seconds"].median(), epochs["seconds"].sum()
    if not median:
        return []
    said = f"{numbers.seconds(median)} per epoch"
    if history["seconds_loading"].null_count() == 0:
        share = 100 * epochs["seconds_loading"].sum() / total
        said += f", {'under 1' if 0 < share < 1 else f'{share:.0f}'}{numbers.NARROW}% of it loading"
    return [said]


def _spread(noun: str, epochs: list[int], *, many: bool = False) -> str:
    """Write ``20 epochs``, ``9 to 16 epochs``, ``epoch 14`` or ``epochs 9 to 16``."""
    low, high = min(epochs), max(epochs)
    ends = numbers.count(low) if low == high else f"{low} to {high}"
    if many:
        return counted(low, noun) if low == high else f"{ends} {noun}s"
    return f"{noun} {ends}" if low == high else f"{noun}s {ends}"


def _panel(
    history: pl.DataFrame,
    column: str,
    metric: Metric,
    epochs: Axis,
    kept: dict[Fold, int],
    published: float | None = None,
) -> dict:
    """One drawing: its lines, the kept epochs on the validation part, and its axes."""
    parts = {part: fold_lines(history, part, column) for part in PARTS}
    shown = [v for lines in parts.values() for _, values in lines.values() for v in values]
    scale = 100 if metric.percent else 1
    ends = [*(scale * v for v in shown), published and scale * published]
    axis = axis_around(ends, ticks=4, floor=metric.floor)
    lines, marks = [], []
    for part, folds in parts.items():
        if len(folds) > 1:
            lines += [_line(part, line, epochs, axis, scale, thin=True) for line in folds.values()]
        if folds:
            lines.append(_line(part, mean_line(folds), epochs, axis, scale))
    # Without a validation part, the kept epoch is one of the training curve.
    for fold, (there, values) in (parts["validation"] or parts["train"]).items():
        if fold in kept and len(at := np.flatnonzero(there == kept[fold])):
            value = axis.place(scale * values[at[0]])
            marks.append({"x": epochs.place(kept[fold]), "y": round(100 - value, 2)})
    return {
        "title": metric.title + (" in %" if metric.percent else ""),
        "lines": lines,
        "marks": marks,
        "published": None if published is None else round(100 - axis.place(scale * published), 2),
        "x_ticks": _epoch_ticks(epochs),
        "y_ticks": _value_ticks(axis),
    }


def _rate(history: pl.DataFrame, epochs: Axis) -> dict:
    """The learning rate: a drawing, or a phrase where it is constant or unknown."""
    lines = fold_lines(history, "train", "learning_rate")
    values = {float(v) for _, own in lines.values() for v in own}
    if len(values) < 2:
        return {"constant": f"{values.pop():g}" if values else "", "panel": None}
    axis = axis_around([0.0, max(values)], ticks=3, floor=0.0)
    longest = max(lines.values(), key=lambda line: len(line[0]))
    panel = {
        "title": "Learning rate",
        "lines": [_line("rate", longest, epochs, axis, 1)],
        "marks": [],
        "published": None,
        "x_ticks": _epoch_ticks(epochs),
        "y_ticks": _value_ticks(axis),
    }
    return {"constant": "", "panel": panel}


def _line(
    kind: str, line: Line, epochs: Axis, axis: Axis, scale: float, *, thin: bool = False
) -> dict:
    """A line as an SVG path in a square of 100 units."""
    points = [
        f"{epochs.place(int(epoch)):g} {100 - axis.place(scale * float(value)):.1f}"
        for epoch, value in zip(*line, strict=True)
    ]
    # A line of one point is drawn by its round end.
    path = "M" + "L".join(points) if len(points) > 1 else f"M{points[0]}h0.01"
    return {"kind": kind, "thin": thin, "path": path}


def _epoch_ticks(axis: Axis) -> list[dict]:
    """The first and the last epoch, and round ones between that stand clear of the last."""
    first, last, step = round(axis.low), round(axis.high), round(axis.step)
    between = [at for at in range(step, last, step) if at > first and last - at > step / 2]
    return [{"at": axis.place(at), "text": str(at)} for at in (max(first, 1), *between, last)]


def _value_ticks(axis: Axis) -> list[dict]:
    return [
        {"at": round(100 - axis.place(tick), 2), "text": f"{tick:g}".replace("-", "−")}
        for tick in axis.ticks
    ]


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw the learning curves of every run: loss, accuracy (or R²), learning rate."""
    from matplotlib.figure import Figure

    for split, run in in_order(material, material.history):
        history, kept = material.history[split, run], kept_epochs(material, split, run)
        figure = Figure(figsize=(9, 3), layout="constrained")
        loss, right, rate = figure.subplots(1, 3, width_ratios=(3, 3, 2))
        column, metric = _measure(material, split)[0], metric_named(_measure(material, split)[1])
        _draw(loss, history, "loss", kept)
        _draw(right, history, column, kept)
        published = _published(material, split, run)
        if published is not None:
            right.axhline(published, color=ORANGE, linestyle="--", label="published")
        if metric.floor and right.get_ylim()[0] < metric.floor:
            right.set_ylim(bottom=metric.floor)
        if metric.percent:
            right.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        lines = fold_lines(history, "train", "learning_rate").values()
        for epochs, values in lines:
            rate.plot(epochs, values, color=MUTED, linewidth=1)
        rate.set_ylim(bottom=0)
        titles = ("Loss", metric.title, "Learning rate")
        for axes, title in zip((loss, right, rate), titles, strict=True):
            axes.set_title(title, loc="left", fontsize=9)
            axes.set_xlabel("Epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y", color=LINE)
        handles = dict(zip(*right.get_legend_handles_labels()[::-1], strict=True))
        if handles:
            figure.legend(
                handles.values(), handles, loc="outside lower left", ncols=4, frameon=False
            )
        figure.suptitle(plain(f"{run}, split {split}", 80), x=0.01, ha="left")
        yield f"curves_{run}_{split}", figure


def _draw(axes: "Axes", history: pl.DataFrame, column: str, kept: dict[Fold, int]) -> None:
    """The mean of each part with its folds as thin lines, and the kept epochs as rings."""
    for part, colour in PARTS.items():
        lines = fold_lines(history, part, column)
        if not lines:
            continue
        for epochs, values in lines.values() if len(lines) > 1 else ():
            axes.plot(epochs, values, color=colour, linewidth=0.6, alpha=0.4)
        marker = "o" if len(mean_line(lines)[0]) == 1 else None
        axes.plot(*mean_line(lines), color=colour, linewidth=1.6, marker=marker, label=part)
        for fold, (epochs, values) in lines.items():
            if part == "validation" and fold in kept:
                at = epochs == kept[fold]
                axes.plot(epochs[at], values[at], "o", color=colour, mfc="white", markersize=5)
