"""Is a wrong guess at least near? Guesses scored by the cluster that holds the true label."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from genreflow.report.axis import Axis, axis_around
from genreflow.report.drawing import BLUE, GREEN, LINE, MUTED, ORANGE, plain
from genreflow.report.material import Material
from genreflow.report.numbers import counted, metric_named

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACCURACY = metric_named("accuracy")


def tables(material: Material) -> list[dict]:
    """Return one table per split and clustering: its runs, the nearest first, on one axis."""
    found = material.closeness.select("split", "clustering").unique().rows()
    order = list(material.study.get("clusterings", {}))
    splits = material.split_names
    pairs = sorted(
        found,
        key=lambda pair: (
            splits.index(pair[0]) if pair[0] in splits else len(splits),
            order.index(pair[1]) if pair[1] in order else len(order),
            pair,
        ),
    )
    rows = {pair: _rows(material, *pair) for pair in pairs}
    shown = [value for own in rows.values() for row in own for value in row["shown"]]
    axis = axis_around(shown, floor=0.0, ceiling=1.0)
    return [_table(material, *pair, own, axis) for pair, own in rows.items()]


def clustered_splits(material: Material, split: str, clustering: str) -> list[str]:
    """Return the splits that put a clustering's names in the place of a split's labels."""
    return [
        name
        for name, settings in material.study["splits"].items()
        if settings.get("method") == "clusters"
        and settings.get("of") == split
        and settings.get("clustering") == clustering
    ]


def _rows(material: Material, split: str, clustering: str) -> list[dict]:
    """The figures of each run, unwritten."""
    own = material.closeness.filter(
        pl.col("split") == split, pl.col("clustering") == clustering
    ).to_dicts()
    balanced = {row["run"]: row for row in own if row["metric"] == "balanced_accuracy"}
    rows = []
    for near in own:
        if near["metric"] != "accuracy" or near["value"] is None:
            continue
        run = near["run"]
        trained = published = None
        for other in clustered_splits(material, split, clustering):
            trained = trained or material.score(other, run, "accuracy")
            published = published or _published(material, other, run)
        exact = material.score(split, run, "accuracy") or {}
        row = {
            "run": run,
            "near": near,
            "balanced": balanced.get(run, {}),
            "exact": exact.get("value"),
            "trained": trained if trained and trained["value"] is not None else None,
            "published": published,
        }
        row["shown"] = [near["value"], near["low"], near["high"], near["floor"], row["exact"]]
        if row["trained"]:
            row["shown"] += [row["trained"][key] for key in ("value", "low", "high")]
        if published:
            row["shown"].append(published["published"])
        rows.append(row)
    return sorted(rows, key=lambda row: (-row["near"]["value"], row["run"]))


def _published(material: Material, split: str, run: str) -> dict | None:
    rows = material.published.filter(
        pl.col("split") == split, pl.col("run") == run, pl.col("metric") == "accuracy"
    )
    return rows.row(0, named=True) if len(rows) else None


def _table(material: Material, split: str, clustering: str, rows: list[dict], axis: Axis) -> dict:
    first = rows[0]["near"] if rows else {}
    floor = first.get("floor")
    about = []
    if rows:
        about = [
            counted(first["clusters"], "cluster"),
            counted(first["tracks"], "test track") + " whose label is in one",
            f"always the commonest cluster: {ACCURACY.value(floor)}",
        ]
    return {
        "split": split,
        "clustering": clustering,
        "about": about,
        "rows": [_written(material, row, axis) for row in rows],
        "floor": axis.place(floor),
        "ticks": [{"at": axis.place(t), "text": f"{100 * t:g}"} for t in axis.ticks],
    }


def _written(material: Material, row: dict, axis: Axis) -> dict:
    model = material.study["runs"].get(row["run"], {}).get("model", "")
    published = row["published"]
    return {
        "run": row["run"],
        "floor": str(model).startswith("dummy"),
        "exact": _figure({"value": row["exact"]}, axis),
        "near": _figure(row["near"], axis),
        "balanced": _figure(row["balanced"], axis),
        "trained": _figure(row["trained"], axis) if row["trained"] else None,
        "published": published
        and {
            "text": ACCURACY.value(published["published"]),
            "key": published["published"],
            "at": axis.place(published["published"]),
            "same_protocol": published["same_protocol"],
        },
    }


def _figure(score: dict, axis: Axis) -> dict:
    value, low, high = (score.get(key) for key in ("value", "low", "high"))
    return {
        "key": "" if value is None else value,
        "text": ACCURACY.value(value),
        "interval": ACCURACY.interval(low, high),
        "at": axis.place(value),
        "low": axis.place(low),
        "high": axis.place(high),
    }


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw one figure per split: each clustering with its runs."""
    from matplotlib.figure import Figure

    pairs = [(t["split"], t["clustering"]) for t in tables(material) if t["rows"]]
    for split in dict.fromkeys(split for split, _ in pairs):
        names = [clustering for own, clustering in pairs if own == split]
        rows = {name: _rows(material, split, name) for name in names}
        heights = [len(own) + 1.5 for own in rows.values()]
        figure = Figure(figsize=(7.5, 0.9 + 0.26 * sum(heights)), layout="constrained")
        grid = figure.subplots(len(names), 1, sharex=True, height_ratios=heights, squeeze=False)
        for axes, (name, own) in zip(grid[:, 0], rows.items(), strict=True):
            _draw(axes, own)
            axes.set_title(plain(f"{name}, split {split}", 80), loc="left", fontsize=9)
        axes.set_xlabel("Accuracy")
        handles = {}
        for axes in grid[:, 0]:
            handles |= dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        figure.legend(handles.values(), handles, loc="outside lower left", ncols=3, frameon=False)
        yield f"closeness_{split}", figure


def _draw(axes, rows: list[dict]) -> None:
    axes.set_yticks(range(len(rows)), [plain(row["run"]) for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.grid(axis="x", color=LINE)
    axes.spines["left"].set_visible(False)
    axes.axvline(rows[0]["near"]["floor"], color=MUTED, linestyle=":", label="commonest cluster")
    for y, row in enumerate(rows):
        kinds = [
            (row["near"], -0.14, "o", BLUE, "guesses of labels, by cluster"),
            (row["trained"], 0.14, "s", GREEN, "trained on the clusters"),
        ]
        for score, shift, marker, colour, label in kinds:
            if score is None:
                continue
            if score["low"] is not None and score["high"] is not None:
                axes.plot([score["low"], score["high"]], [y + shift] * 2, color=colour)
            axes.plot(
                score["value"], y + shift, marker, color=colour, markersize=5, label=label, ls=""
            )
        if row["exact"] is not None:
            axes.plot(row["exact"], y, "|", color=MUTED, markersize=9, label="exact label", ls="")
        if row["published"]:
            face = ORANGE if row["published"]["same_protocol"] else "white"
            axes.plot(
                row["published"]["published"],
                y + 0.14,
                "D",
                color=ORANGE,
                mfc=face,
                markersize=5,
                label="published, trained on the clusters",
                ls="",
            )
