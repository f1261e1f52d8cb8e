"""The report's figures as files: SVG and PNG, equal bytes for equal tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from genreflow.journal import progress
from genreflow.report import clusterings, curves, explained, explored, regression
from genreflow.report.confusions import matrix, similar_order
from genreflow.report.corpus import PARTS, part_counts
from genreflow.report.drawing import (
    BLUE,
    FONT,
    GREEN,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    STRONG_LINE,
    new_figure,
    plain,
)
from genreflow.report.leak import comparisons
from genreflow.report.material import Material
from genreflow.report.numbers import Metric
from genreflow.report.pictures import scaled_mel, scaled_mfcc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PART_COLOURS = dict(zip(PARTS, ("#9fb6cd", "#e3b04b", BLUE, "#c9ced6", "#e1e4e9"), strict=True))
NUMBERED = 16


def write_figures(material: Material, folder: str | Path) -> None:
    """Write every figure of the study as SVG and PNG.

    Parameters
    ----------
    material : Material
    folder : str or Path
        made where it is not there
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with _style():
        for name, figure in progress(_figures(material), "figures drawn"):
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})
            figure.savefig(folder / f"{name}.png", metadata={"Software": None})


def _figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    for split in material.split_names:
        for target in material.rankings(split) if material.ranked(split) else ():
            name = f"leaderboard_{target}_{split}" if target else f"leaderboard_{split}"
            yield name, _leaderboard(material, split, target)
    for at, compared in enumerate(comparisons(material)):
        yield "splits_compared" + (f"_{at + 1}" if at else ""), _splits_compared(compared)
    for split in material.split_names:
        if material.task_of(split) == "regression":
            continue
        if material.task_of(split) == "multi_label":
            yield from _label_counts(material, split)
        else:
            yield from _confusions(material, split)
        yield f"tracks_{split}", _counts(material, split)
    for dataset, (examples, _) in material.examples.items():
        if examples:
            yield f"examples_{dataset}", _examples(examples)
    for part in (regression, curves, explored, clusterings, explained):
        yield from part.figures(material)


@contextmanager
def _style() -> Iterator[None]:
    """Settings under which equal figures are equal bytes, and names are never read as formulas."""
    from matplotlib import rc_context

    with rc_context(
        {
            "svg.hashsalt": "genreflow",
            "svg.fonttype": "path",
            "text.parse_math": False,
            "axes.unicode_minus": True,
            "font.family": FONT,
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": MUTED,
            "xtick.color": MUTED,
            "ytick.left": False,
            "axes.axisbelow": True,
            "savefig.dpi": 144,
        }
    ):
        yield


def _value_axis(axes: "Axes", metric: Metric, names: list[str]) -> None:
    """Runs from top to bottom, the metric from left to right."""
    from matplotlib.ticker import FuncFormatter

    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    if metric.percent:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.set_xlabel(metric.title)
    axes.grid(axis="x", color=LINE)
    axes.spines["left"].set_visible(False)


def _leaderboard(material: Material, split: str, target: str | None) -> "Figure":
    metric, name = material.metric_of(split), material.metric_name(split)
    runs = [row["run"] for row in material.ranked(split, target)]
    figure, axes = new_figure(7, 1.2 + 0.3 * len(runs))
    _value_axis(axes, metric, runs)
    for y, run in enumerate(runs):
        score = material.score(split, run, name, target=target) or {}
        if score.get("value") is None:
            continue
        if score["low"] is not None and score["high"] is not None:
            axes.plot([score["low"], score["high"]], [y, y], color=BLUE, linewidth=1.6)
        axes.plot([score["value"]], [y], "o", color=BLUE, markersize=6)
    told = [run for run in runs if target is None or material.targets_of(split, run) == [target]]
    if metric.floor and axes.get_xlim()[0] < metric.floor:
        axes.set_xlim(left=metric.floor)
    published = material.published.filter(
        pl.col("split") == split,
        pl.col("metric") == name,
        pl.col("run").is_in(told),
    )
    for same, label in ((True, "published, same protocol"), (False, "published, other protocol")):
        own = published.filter(pl.col("same_protocol") == same)
        if len(own):
            places = [runs.index(run) for run in own["run"]]
            face = ORANGE if same else "white"
            axes.plot(
                own["published"], places, "D", color=ORANGE, mfc=face, markersize=5, label=label
            )
    if len(published):
        figure.legend(loc="outside lower right", ncols=2, frameon=False, fontsize=8)
    axes.set_title(plain(f"Split {split}" + (f": {target}" if target else ""), 60), loc="left")
    return figure


def _splits_compared(compared: dict) -> "Figure":
    rows = compared["rows"]
    figure, axes = new_figure(7, 1.5 + 0.3 * len(rows))
    _value_axis(axes, compared["metric"], [row["run"] for row in rows])
    colours, markers = (BLUE, ORANGE, GREEN, PURPLE), "os^D"
    for y, row in enumerate(rows):
        ends = [point["value"] for point in row["points"].values()]
        axes.plot([min(ends), max(ends)], [y, y], color=STRONG_LINE, linewidth=1.8, zorder=1)
    for split in compared["splits"]:
        found = [
            (row["points"][split["name"]]["value"], y)
            for y, row in enumerate(rows)
            if split["name"] in row["points"]
        ]
        if not found:
            continue
        axes.plot(
            *zip(*found, strict=True),
            markers[split["mark"]],
            color=colours[split["mark"]],
            label=plain(split["name"]),
        )
    figure.legend(loc="outside upper left", ncols=4, frameon=False)
    return figure


def _confusions(material: Material, split: str) -> Iterator[tuple[str, "Figure"]]:
    """The matrix of each run, similar labels together: of one figure only the data change."""
    from matplotlib.figure import Figure

    order = similar_order(material, split)
    classes = [plain(material.classes[split][at], 20) for at in order]
    size = len(classes)
    if not size:
        return
    font = 9 if size <= 20 else 6 if size <= 50 else 4
    side = max(3.6, size * (0.45 if size <= 20 else 0.16 if size <= 50 else 0.075))
    # Fixed margins: a computed layout would measure some hundreds of names for each figure.
    left, top = 0.2 + max(map(len, classes)) * font * 0.0092, 0.4
    width, height = left + side + 1.1, left + side + top
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, left / height, side / width, side / height))
    image = axes.imshow(
        np.zeros((size, size)), cmap="Blues", vmin=0, vmax=1, interpolation="nearest"
    )
    axes.set_axis_off()
    for at, label in enumerate(classes):
        axes.text(-0.7, at, label, fontsize=font, ha="right", va="center")
        axes.text(at, size - 0.3, label, fontsize=font, ha="center", va="top", rotation=90)
    colour_bar = figure.add_axes(
        ((left + side + 0.15) / width, left / height, 0.12 / width, side / height)
    )
    bar = figure.colorbar(image, cax=colour_bar)
    bar.set_ticks(np.sqrt([0, 0.05, 0.25, 0.5, 1]), labels=["0", "5 %", "25 %", "50 %", "100 %"])
    bar.set_label("Share of the row", color=MUTED)
    bar.outline.set_visible(False)
    title = figure.text(left / width, 1 - 0.12 / height, "", va="top")
    names = len(axes.texts)
    for row in material.ranked(split):
        counts = matrix(material, split, row["run"])[np.ix_(order, order)]
        totals = counts.sum(axis=1, keepdims=True)
        strength = np.sqrt(counts / np.where(totals > 0, totals, 1))
        image.set_data(strength)
        title.set_text(plain(f"{row['run']}, split {split} (rows true, columns predicted)", 80))
        for text in axes.texts[names:]:
            text.remove()
        for y, x in zip(*np.nonzero(counts), strict=True) if size <= NUMBERED else ():
            ink = "white" if strength[y, x] > 0.6 else "black"
            number = f"{counts[y, x]:g}"
            axes.text(x, y, number, color=ink, ha="center", va="center", fontsize=8)
        yield f"confusion_{row['run']}_{split}", figure


def _label_counts(material: Material, split: str) -> Iterator[tuple[str, "Figure"]]:
    """For each run on several labels, how often each was right, missed and wrong."""
    for row in material.ranked(split):
        own = material.label_confusion.filter(
            pl.col("split") == split, pl.col("run") == row["run"]
        ).sort("label")
        if own.is_empty():
            continue
        labels = [plain(label) for label in own["label"]]
        many = len(labels) > 40
        figure, axes = new_figure(7, 1.6 + (0.12 if many else 0.28) * len(labels))
        right, missed, wrong = (own[name].to_numpy() for name in ("tp", "fn", "fp"))
        places = range(len(labels))
        axes.barh(places, right, color=BLUE, label="given rightly")
        axes.barh(places, missed, left=right, color=PART_COLOURS["train"], label="missed")
        axes.barh(places, -wrong, color=ORANGE, label="given wrongly")
        axes.set_yticks(places, labels, fontsize=5 if many else 9)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axes.set_xlabel("Tracks")
        axes.set_title(plain(f"{row['run']}, split {split}", 80), loc="left")
        figure.legend(loc="outside lower left", ncols=3, frameon=False)
        yield f"labels_{row['run']}_{split}", figure


def _counts(material: Material, split: str) -> "Figure":
    table = part_counts(material.splits[split])
    labels = table["label"].to_list()
    figure, axes = new_figure(7, 1.6 + (0.28 if len(labels) <= 40 else 0.12) * len(labels))
    at = np.zeros(len(labels))
    for part in PARTS:
        width = table[part].to_numpy()
        if width.any():
            axes.barh(range(len(labels)), width, left=at, color=PART_COLOURS[part], label=part)
            at = at + width
    axes.set_yticks(
        range(len(labels)),
        [plain(label) for label in labels],
        fontsize=9 if len(labels) <= 40 else 5,
    )
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlabel("Tracks")
    axes.set_title(plain(f"Split {split}", 60), loc="left")
    if labels:
        figure.legend(loc="outside lower left", ncols=5, frameon=False)
    return figure


def _examples(examples: list) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.15 * len(examples) + 0.4), layout="constrained")
    grid = figure.subplots(len(examples), 4, squeeze=False)
    for row, example in zip(grid, examples, strict=True):
        columns = np.arange(example.envelope.shape[1])
        row[0].fill_between(columns, *example.envelope, color=BLUE, linewidth=0)
        row[0].set(ylim=(-1, 1), xlim=(0, len(columns)))
        pictures = [
            (scaled_mel(example.mel), "magma"),
            (scaled_mfcc(example.mfcc), "PuOr_r"),
            (example.chroma, "cividis"),
        ]
        for axes, (values, colours) in zip(row[1:], pictures, strict=True):
            axes.imshow(
                values,
                aspect="auto",
                origin="lower",
                cmap=colours,
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
        for axes in row:
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(plain(example.label, 16), rotation=0, ha="right", va="center")
    for axes, title in zip(grid[0], ("Waveform", "Mel", "MFCC", "Chroma"), strict=True):
        axes.set_title(title, fontsize=9)
    return figure
