"""Why the models guess as they do: SHAP values of single tracks, and what each feature is worth."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from genreflow.report.axis import Axis, axis_around
from genreflow.report.curves import in_order
from genreflow.report.drawing import BLUE, DIVERGING, LINE, MUTED, STRONG_LINE, new_figure, plain
from genreflow.report.explored import map_figure
from genreflow.report.heatmap import Wording, heat_map
from genreflow.report.material import Material
from genreflow.report.numbers import Metric, count, metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# So many features have a row; so many labels have a drawing of their own, and a colour if there
# are no more.
MOST_FEATURES = 15
MOST_LABELS = 6
# SHAP values are probabilities, written in points as shares are.
POINTS = 100
# A row of dots: its height, and how many dots one beside the other fill its width.
HALF, STEP, BINS, SHADES = 13.0, 1.6, 130, 8


def section(material: Material) -> dict | None:
    """Return what the page shows of the explained runs; None where none was explained."""
    runs = [_run(material, *pair) for pair in in_order(material, material.explained)]
    return {"runs": runs} if runs else None


def mean_shap(shap: pl.DataFrame) -> pl.DataFrame:
    """Return the mean magnitude of the SHAP values of each label and feature, in points.

    Returns
    -------
    pl.DataFrame
        label, feature, size; sorted by label, then by size, the largest first
    """
    # In the order of the rows: the same bits, whatever the number of threads.
    groups = shap.group_by("label", "feature", maintain_order=True)
    sizes = groups.agg(size=POINTS * pl.col("shap").abs().mean())
    return sizes.sort(["label", "size", "feature"], descending=[False, True, False])


def feature_order(sizes: pl.DataFrame) -> list[str]:
    """Return the features by their mean SHAP over all labels, the largest first."""
    totals = sizes.group_by("feature", maintain_order=True).agg(pl.col("size").sum())
    return totals.sort(["size", "feature"], descending=[True, False])["feature"].to_list()


def shown_labels(sizes: pl.DataFrame) -> list[str]:
    """Return the labels that have drawings: those on which features tell most, sorted."""
    totals = sizes.group_by("label", maintain_order=True).agg(pl.col("size").sum())
    largest = totals.sort(["size", "label"], descending=[True, False]).head(MOST_LABELS)
    return sorted(largest["label"])


def swarm(places: np.ndarray) -> np.ndarray:
    """Return how far each dot of a row is moved aside, so that few cover others.

    Parameters
    ----------
    places : np.ndarray [shape=(dots,)]
        where the dots lie along the row, 0..1

    Returns
    -------
    np.ndarray [shape=(dots,)]
        steps of one dot to one side or the other, nearest the middle first
    """
    bins = np.clip(places * BINS, 0, BINS - 1).astype(int)
    order = np.argsort(bins, kind="stable")
    starts = np.searchsorted(bins[order], bins[order])
    rank = np.empty(len(places), dtype=int)
    rank[order] = np.arange(len(places)) - starts
    return np.where(rank % 2, 1, -1) * ((rank + 1) // 2)


def value_shares(values: np.ndarray) -> np.ndarray:
    """Bring the values of a feature to 0..1 between their 5th and 95th percentile; NaN stays.

    Parameters
    ----------
    values : np.ndarray [shape=(tracks,)]
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    low, high = np.quantile(known, [0.05, 0.95])
    if high <= low:
        low, high = known.min(), known.max()
    if high <= low:
        return np.where(np.isfinite(values), 0.5, np.nan)
    return np.clip((values - low) / (high - low), 0, 1)


def _run(material: Material, split: str, run: str) -> dict:
    shap, importance = material.explained[split, run]
    sizes = mean_shap(shap)
    order, shown = feature_order(sizes), shown_labels(sizes)
    labels = sizes["label"].unique().sort().to_list()
    return {
        "split": split,
        "run": run,
        "tracks": count(shap["track_id"].n_unique()),
        "labels": labels,
        "shown": shown,
        "features": len(order),
        "most": MOST_FEATURES,
        "bars": _bars(sizes, importance, order, labels),
        "importance": _importance_title(importance),
        "map": _map(sizes, order, labels) if len(labels) > MOST_LABELS else None,
        "swarms": [_swarm(shap.filter(pl.col("label") == label), label) for label in shown],
    }


def _importance_metric(importance: pl.DataFrame) -> Metric:
    return metric_named(importance["metric"][0] if len(importance) else "accuracy")


def _importance_title(importance: pl.DataFrame) -> dict | None:
    if importance.is_empty():
        return None
    metric = _importance_metric(importance)
    ends = importance.select(pl.col("low", "mean", "high")).to_numpy().ravel()
    axis = _importance_axis(importance)
    scale = 100 if metric.percent else 1
    return {
        "title": f"{metric.title} lost" + (", points" if metric.percent else ""),
        "phrase": metric.phrase,
        "ticks": [{"at": axis.place(t), "text": _signed(scale * t)} for t in axis.ticks],
        "zero": axis.place(0.0),
        "known": bool(np.isfinite(ends.astype(float)).any()),
    }


def _importance_axis(importance: pl.DataFrame) -> Axis:
    ends = importance.select("low", "mean", "high").to_numpy().ravel().tolist()
    return axis_around([0.0, *ends], ticks=4)


def _unsigned(value: float | None) -> float | None:
    """Round a share as it is written, so that what rounds to 0 has no sign."""
    return None if value is None else round(value, 3) + 0.0


def _signed(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def _bars(
    sizes: pl.DataFrame, importance: pl.DataFrame, order: list[str], labels: list[str]
) -> dict:
    """One row per feature: its mean SHAP summed over labels, and its permutation importance."""
    of = {(label, feature): size for label, feature, size in sizes.iter_rows()}
    lost = {row["feature"]: row for row in importance.iter_rows(named=True)}
    metric, axis = _importance_metric(importance), _importance_axis(importance)
    totals = {f: sum(of.get((label, f), 0.0) for label in labels) for f in order}
    most = axis_around([0.0, *totals.values()], ticks=4, floor=0.0)
    rows = []
    for feature in order[:MOST_FEATURES]:
        parts = {label: of.get((label, feature), 0.0) for label in labels}
        found = lost.get(feature, {})
        low, middle, high = (found.get(key) for key in ("low", "mean", "high"))
        rows.append(
            {
                "feature": feature,
                "total": round(totals[feature], 6),
                "text": f"{totals[feature]:.2f}",
                "pieces": _pieces(parts, totals[feature], most),
                "key": "" if middle is None else round(middle, 6),
                "lost": metric.number(_unsigned(middle)),
                "interval": metric.interval(_unsigned(low), _unsigned(high)),
                "low": axis.place(low),
                "at": axis.place(middle),
                "high": axis.place(high),
            }
        )
    return {
        "rows": rows,
        "ticks": [{"at": most.place(t), "text": f"{t:g}"} for t in most.ticks],
    }


def _pieces(parts: dict[str, float], total: float, axis: Axis) -> list[dict]:
    """A bar of one piece per label; of one for all where there are more labels than colours."""
    if len(parts) > MOST_LABELS:
        return [{"at": 0, "x": 0.0, "width": axis.place(total), "title": f"{total:.3f}"}]
    at, pieces = 0.0, []
    for place, (label, size) in enumerate(parts.items()):
        width = axis.place(size)
        title = f"{label}: {size:.3f}"
        pieces.append({"at": place, "x": round(at, 2), "width": width, "title": title})
        at += width
    return pieces


def _map(sizes: pl.DataFrame, order: list[str], labels: list[str]) -> dict | None:
    """Mean SHAP of every label and the first features, as a heat map."""
    table = _size_table(sizes, order[:MOST_FEATURES], labels)
    return heat_map(
        table,
        order[:MOST_FEATURES],
        labels,
        "Mean magnitude of the SHAP values by feature and label",
        root=True,
        wording=Wording(after=" points", decimals=3),
        highest=18,
    )


def _size_table(sizes: pl.DataFrame, features: list[str], labels: list[str]) -> np.ndarray:
    of = {(label, feature): size for label, feature, size in sizes.iter_rows()}
    return np.array([[of.get((label, f), 0.0) for label in labels] for f in features])


def _swarm(shap: pl.DataFrame, label: str) -> dict:
    """The drawing of one label: a row of dots for each of its first features."""
    order = mean_shap(shap)
    axis = axis_around([0.0, *(POINTS * shap["shap"])], ticks=5)
    rows = []
    for feature, size in order.select("feature", "size").head(MOST_FEATURES).iter_rows():
        own = shap.filter(pl.col("feature") == feature).sort("track_id")
        rows.append({"feature": feature, "text": f"{size:.2f}", "dots": _dots(own, axis)})
    return {
        "label": label,
        "rows": rows,
        "zero": axis.place(0.0),
        "ticks": [{"at": axis.place(t), "text": _signed(t)} for t in axis.ticks],
        "half": HALF,
    }


def _dots(own: pl.DataFrame, axis: Axis) -> list[dict]:
    """The dots of a row as one SVG path for each shade of the feature's value."""
    places = np.clip((POINTS * own["shap"].to_numpy() - axis.low) / (axis.high - axis.low), 0, 1)
    aside = swarm(places)
    step = min(STEP, (HALF - 2) / max(np.abs(aside).max(initial=0), 1))
    shares = value_shares(own["value"].cast(pl.Float64).fill_null(np.nan).to_numpy())
    shades = np.where(np.isnan(shares), -1, np.round(np.nan_to_num(shares) * SHADES)).astype(int)
    dots = []
    for shade in np.unique(shades):
        where = np.flatnonzero(shades == shade)
        # A line of no length is drawn by its round ends: a dot.
        path = "".join(f"M{1000 * places[at]:.0f} {step * aside[at]:.1f}h0" for at in where)
        dots.append({"share": None if shade < 0 else round(100 * int(shade) / SHADES), "d": path})
    return dots


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw for each explained run its SHAP values by label, and its permutation importance."""
    for split, run in in_order(material, material.explained):
        shap, importance = material.explained[split, run]
        sizes = mean_shap(shap)
        yield (
            f"shap_{run}_{split}",
            _swarm_figure(shap, shown_labels(sizes), f"{run}, split {split}"),
        )
        labels = sizes["label"].unique().sort().to_list()
        order = feature_order(sizes)
        title = f"Mean magnitude of SHAP values in points, {run}, split {split}"
        table = _size_table(sizes, order, labels)
        yield (
            f"shap_means_{run}_{split}",
            map_figure(table, order, labels, title, colours="Blues"),
        )
        if len(importance):
            yield f"importance_{run}_{split}", _importance_figure(importance, run, split)


def _swarm_figure(shap: pl.DataFrame, labels: list[str], title: str) -> "Figure":
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    colours = LinearSegmentedColormap.from_list(
        "values", (DIVERGING[0], "#b9b3c9", DIVERGING[2]), bad=STRONG_LINE
    )
    features = min(shap["feature"].n_unique(), MOST_FEATURES)
    across = min(len(labels), 2)
    down = -(-len(labels) // across)
    figure = Figure(figsize=(5 * across, down * (0.9 + 0.27 * features)), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes, label in zip(grid, labels, strict=False):
        own = shap.filter(pl.col("label") == label)
        order = mean_shap(own)["feature"].head(MOST_FEATURES).to_list()
        low, high = POINTS * own["shap"].min(), POINTS * own["shap"].max()
        for y, feature in enumerate(order):
            rows = own.filter(pl.col("feature") == feature).sort("track_id")
            values = POINTS * rows["shap"].to_numpy()
            aside = swarm((values - low) / ((high - low) or 1.0))
            aside = aside * min(0.06, 0.4 / max(np.abs(aside).max(initial=0), 1))
            shares = value_shares(rows["value"].cast(pl.Float64).fill_null(np.nan).to_numpy())
            axes.scatter(
                values, y + aside, c=shares, s=5, cmap=colours, vmin=0, vmax=1, linewidths=0
            )
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(range(len(order)), [plain(feature, 24) for feature in order])
        axes.set_ylim(len(order) - 0.4, -0.6)
        axes.set_title(plain(label), loc="left", fontsize=9)
        axes.set_xlabel("SHAP value, points")
        axes.grid(axis="x", color=LINE)
    for axes in grid[len(labels) :]:
        axes.set_axis_off()
    figure.suptitle(plain(title, 80), x=0.01, ha="left")
    return figure


def _importance_figure(importance: pl.DataFrame, run: str, split: str) -> "Figure":
    metric = _importance_metric(importance)
    rows = importance.sort(["mean", "feature"], descending=[True, False])
    figure, axes = new_figure(7, 1.2 + 0.26 * len(rows))
    for y, row in enumerate(rows.iter_rows(named=True)):
        axes.plot([row["low"], row["high"]], [y, y], color=BLUE, linewidth=1.6)
        axes.plot([row["mean"]], [y], "o", color=BLUE, markersize=5)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [plain(feature) for feature in rows["feature"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(f"{metric.title} lost when the feature's values are shuffled")
    axes.grid(axis="x", color=LINE)
    axes.spines["left"].set_visible(False)
    axes.set_title(plain(f"{run}, split {split}", 60), loc="left")
    return figure
