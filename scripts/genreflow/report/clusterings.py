"""Clusterings of the labels: who stands together, how far they agree, and what they are worth."""

from collections.abc import Iterator
from colorsys import hls_to_rgb
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from genreflow.report import closeness, numbers
from genreflow.report.cluster_map import cluster_map
from genreflow.report.drawing import MUTED, STRONG_LINE, plain
from genreflow.report.explored import map_figure
from genreflow.report.heatmap import Wording, heat_map
from genreflow.report.material import Material
from genreflow.report.numbers import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALGORITHMS = {
    "kmeans": "k-means",
    "spectral": "spectral clustering",
    "affinity_propagation": "affinity propagation",
}


def section(material: Material) -> dict | None:
    """Return what the page shows of the clusterings of labels; None where there is none."""
    if material.clusters.is_empty():
        return None
    tables = closeness.tables(material)
    return {
        "closeness": tables,
        "published": any(row["published"] for table in tables for row in table["rows"]),
        "trained": any(row["trained"] for table in tables for row in table["rows"]),
        "sampled": any("sample" in split for split in material.study["splits"].values()),
        "confidence": material.confidence,
        "splits": [_split(material, split) for split in splits_of(material)],
    }


def splits_of(material: Material) -> list[str]:
    """Return the splits whose labels were clustered, in the order of the page."""
    there = set(material.clusters["split"])
    return [*(s for s in material.split_names if s in there), *sorted(there - set(material.splits))]


def clusterings_of(material: Material, split: str) -> list[str]:
    """Return the clusterings of a split, in the order of the study."""
    there = set(material.clusters.filter(pl.col("split") == split)["clustering"])
    listed = [name for name in material.study.get("clusterings", {}) if name in there]
    return [*listed, *sorted(there - set(listed))]


def first_fold(material: Material, split: str, clustering: str) -> pl.DataFrame:
    """Return label, cluster, x and y of a clustering in a split's first fold, sorted by label."""
    own = material.clusters.filter(pl.col("split") == split, pl.col("clustering") == clustering)
    first = own.select("repeat", "fold").unique().sort("repeat", "fold").head(1)
    own = own.join(first, on=["repeat", "fold"], how="semi")
    return own.select("label", "cluster", "x", "y").sort("label")


def describe(material: Material, clustering: str) -> str:
    """Say how a clustering is made: ``k-means``, ``made by hand``."""
    settings = material.study.get("clusterings", {}).get(clustering, {})
    algorithm = settings.get("algorithm")
    return ALGORITHMS.get(algorithm, algorithm) if algorithm else "made by hand"


def _split(material: Material, split: str) -> dict:
    names = clusterings_of(material, split)
    tables = {name: first_fold(material, split, name) for name in names}
    rounds = material.clusters.filter(pl.col("split") == split)
    return {
        "name": split,
        "folded": rounds.select("repeat", "fold").unique().height > 1,
        "maps": [
            {"name": name, "how": describe(material, name)} | _clustering(tables[name])
            for name in names
        ],
        "bands": _bands(tables),
        "names": names,
        "together": _together_map(tables) if len(names) > 1 else None,
        "agreement": _agreement(material, split, names),
    }


def cluster_order(table: pl.DataFrame) -> list[str]:
    """Return the clusters of a clustering, the largest first, ties by name."""
    sizes = table.drop_nulls("cluster").group_by("cluster").len()
    return sizes.sort(["len", "cluster"], descending=[True, False])["cluster"].to_list()


def _clustering(table: pl.DataFrame) -> dict:
    """One clustering: its clusters with their labels, and its map."""
    order = cluster_order(table)
    rows = [
        {
            "name": cluster,
            "hue": hue(at),
            "labels": table.filter(pl.col("cluster") == cluster)["label"].to_list(),
        }
        for at, cluster in enumerate(order)
    ]
    dropped = table.filter(pl.col("cluster").is_null())["label"].to_list()
    sizes = [len(row["labels"]) for row in rows]
    about = counted(len(rows), "cluster")
    if rows:
        ends = str(sizes[0]) if sizes[0] == sizes[-1] else f"{sizes[-1]} to {sizes[0]}"
        about += f" of {ends} " + ("label" if sizes[0] == 1 else "labels")
    if dropped:
        about += f", {counted(len(dropped), 'label')} dropped"
    return {
        "about": about,
        "rows": rows,
        "dropped": dropped,
        "map": cluster_map(table, order),
    }


def hue(at: int) -> int:
    """Return a hue for the cluster at a place: neighbours lie a golden angle apart."""
    return round(250 + 137.508 * at) % 360


def _bands(tables: dict[str, pl.DataFrame]) -> list[dict]:
    """One row per label: its cluster under each clustering."""
    places = {name: dict(table.select("label", "cluster").rows()) for name, table in tables.items()}
    orders = {name: {c: at for at, c in enumerate(cluster_order(t))} for name, t in tables.items()}
    labels = sorted({label for own in places.values() for label in own})
    return [
        {
            "label": label,
            "cells": [
                {"cluster": cluster, "hue": hue(orders[name][cluster])}
                if (cluster := own.get(label)) is not None
                else {"cluster": "", "hue": 0}
                for name, own in places.items()
            ],
        }
        for label in labels
    ]


def together(tables: dict[str, pl.DataFrame]) -> tuple[list[str], np.ndarray]:
    """Count for each two labels how many of the clusterings put them into one cluster.

    Returns
    -------
    labels : list of str
        in the order of a hierarchical clustering by these counts (average linkage)
    counts : np.ndarray [shape=(labels, labels), int]
        on the diagonal: how many clusterings keep the label
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    labels = sorted({label for table in tables.values() for label in table["label"]})
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for table in tables.values():
        places = dict(table.select("label", "cluster").rows())
        own = np.array([places.get(label) or "" for label in labels], dtype=object)
        counts += (own[:, None] == own[None, :]) & (own != "")
    if len(labels) < 3:
        return labels, counts
    distance = len(tables) - counts.astype(float)
    np.fill_diagonal(distance, 0)
    order = leaves_list(linkage(squareform(distance), "average", optimal_ordering=True))
    return [labels[at] for at in order], counts[np.ix_(order, order)]


def _together_map(tables: dict[str, pl.DataFrame]) -> dict | None:
    labels, counts = together(tables)
    most = len(tables)
    return heat_map(
        counts,
        labels,
        labels,
        "How many clusterings put two labels together",
        top=most,
        wording=Wording(before="together in ", after=f" of {most} clusterings", decimals=0),
    )


def _agreement(material: Material, split: str, names: list[str]) -> list[dict]:
    """The adjusted Rand index of each pair of clusterings, as the rows of a square."""
    found = rand_indices(material, split)
    if not found:
        return []
    return [
        {
            "name": name,
            "cells": [_rand(1.0 if name == other else found.get((name, other))) for other in names],
        }
        for name in names
    ]


def rand_indices(material: Material, split: str) -> dict[tuple[str, str], float]:
    """Return the adjusted Rand index by pair of clusterings, both ways round."""
    own = material.agreement.filter(pl.col("split") == split)
    pairs = own.select("clustering", "other", "adjusted_rand").drop_nulls().rows()
    return {pair: value for a, b, value in pairs for pair in ((a, b), (b, a))}


def _rand(value: float | None) -> dict:
    text = numbers.UNKNOWN if value is None else f"{value:.2f}".replace("-", "−")
    return {"text": text, "share": round(100 * min(max(value or 0, 0), 1))}


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw the map of each clustering, who stands together, and what the clusters are worth."""
    for split in splits_of(material):
        names = clusterings_of(material, split)
        tables = {name: first_fold(material, split, name) for name in names}
        for name, table in tables.items():
            title = f"{name} ({describe(material, name)}), split {split}"
            drawn = cluster_map(table, cluster_order(table))
            if drawn:
                yield f"clusters_{name}_{split}", _map_figure(drawn, title)
        if len(names) > 1:
            labels, counts = together(tables)
            title = f"How many of {len(names)} clusterings put two labels together, split {split}"
            figure = map_figure(counts, labels, labels, title, top=len(names), colours="Blues")
            yield f"together_{split}", figure
    yield from closeness.figures(material)


def _map_figure(drawn: dict, title: str) -> "Figure":
    """The map of the page, on which names without room are small."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    width, height = drawn["width"] / 100, drawn["height"] / 100 + 0.4
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1 - 0.4 / height))
    axes.set_axis_off()
    axes.set(xlim=(0, drawn["width"]), ylim=(drawn["height"], 0))
    dots = drawn["dots"]
    colours = [STRONG_LINE if dot["to"] is None else _colour(dot["at"]) for dot in dots]
    spokes = [((dot["x"], dot["y"]), dot["to"] or (dot["x"], dot["y"])) for dot in dots]
    axes.add_collection(LineCollection(spokes, colors=colours, linewidths=0.7, alpha=0.5))
    places = [[dot[axis] for dot in dots] for axis in "xy"]
    axes.scatter(*places, s=16, c=colours, linewidths=0)
    for dot, colour in zip(dots, colours, strict=True):
        ink = MUTED if dot["to"] is None else colour
        if dot["name"] is None:
            axes.text(dot["x"] + 5, dot["y"], plain(dot["text"]), color=ink, fontsize=4)
        else:
            _name(axes, dot, color=ink, fontsize=7.6)
    for middle in drawn["middles"]:
        _name(axes, middle, fontsize=8, fontweight="bold")
    figure.text(0.02, 1 - 0.12 / height, plain(title, 90), va="top")
    return figure


def _name(axes: "Axes", named: dict, **style) -> None:
    """Write a name where the map has room for it."""
    anchor = {"start": "left", "middle": "center", "end": "right"}[named["name"]["anchor"]]
    axes.text(named["name"]["x"], named["name"]["y"], plain(named["text"]), ha=anchor, **style)


def _colour(at: int) -> tuple[float, float, float]:
    """The colour of a cluster in a figure, its hue about that of the page."""
    return hls_to_rgb(hue(at) / 360 % 1, 0.38, 0.6)
