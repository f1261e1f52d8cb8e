"""Confusion matrices and per-class scores, packed for the page's script."""

import numpy as np
import polars as pl

from genreflow.report.material import Material
from genreflow.report.numbers import metric_named

PER_CLASS = ["precision", "recall", "f1", "roc_auc"]
NAME_BYTES = 4_000_000
MOST_NAMES = 12
NAME_LENGTH = 90


def classes_of(material: Material, split: str) -> list[str]:
    """Return the labels of a split in the order of its matrices."""
    return material.classes.get(split, [])


def matrix(material: Material, split: str, run: str) -> np.ndarray:
    """Return the counts of one run.

    Returns
    -------
    np.ndarray [shape=(labels, labels), float64]
        rows are the true labels, columns the predicted ones, both as in `classes_of`
    """
    classes = classes_of(material, split)
    own = material.confusion_of(split, run)
    counts = np.zeros((len(classes), len(classes)))
    places = np.searchsorted(classes, own["truth"].to_list())
    counts[places, np.searchsorted(classes, own["predicted"].to_list())] = own["count"].to_numpy()
    return counts


def explorer(material: Material, *, name_bytes: int = NAME_BYTES) -> dict:
    """Return all matrices and per-class scores for the page's script.

    A matrix is the flat list ``cell, count, cell, count, ...`` of its cells that are not empty,
    with ``cell = row * labels + column``, and a list of lists with the names of each cell's tracks
    as places in `names`, most confident guess first. So many names per cell are kept as fit into
    `name_bytes`, at most `MOST_NAMES`.
    """
    cells = _cells(material)
    most = _names_per_cell(cells, name_bytes)
    names: dict[str, int] = {}
    splits = []
    for split in material.split_names:
        classes = classes_of(material, split)
        if not classes:
            continue
        runs = []
        for row in material.ranked(split):
            run = row["run"]
            counts = matrix(material, split, run)
            own = cells.get((split, run), {})
            flat, tracks = [], []
            for cell in np.flatnonzero(counts).tolist():
                count = float(counts.flat[cell])
                flat += [cell, int(count) if count.is_integer() else round(count, 3)]
                truth, predicted = divmod(cell, len(classes))
                found = own.get((classes[truth], classes[predicted]), [])[:most]
                tracks.append([names.setdefault(_short(name), len(names)) for name in found])
            scores = _per_class(material, split, run, classes)
            runs.append({"name": run, "cells": flat, "tracks": tracks, "scores": scores})
        if runs:
            splits.append({"name": split, "classes": classes, "runs": runs})
    return {
        "splits": splits,
        "names": list(names),
        "most": most,
        "metrics": [
            {"title": metric_named(m).title, "percent": metric_named(m).percent} for m in PER_CLASS
        ],
    }


def _cells(material: Material) -> dict[tuple[str, str], dict[tuple[str, str], list[str]]]:
    """The tracks of each cell of each matrix, the most confident guess first."""
    table = (
        material.guesses.filter(pl.col("part") == "test")
        .sort(["probability", "track_id"], descending=[True, False], nulls_last=True)
        .group_by("split", "run", "truth", "predicted", maintain_order=True)
        .agg(pl.col("track_id").unique(maintain_order=True).head(MOST_NAMES))
    )
    cells: dict = {}
    for split, run, truth, predicted, tracks in table.iter_rows():
        cells.setdefault((split, run), {})[truth, predicted] = tracks
    return cells


def _names_per_cell(cells: dict, name_bytes: int) -> int:
    """How many names each cell may show so that all of them take no more than `name_bytes`."""
    lists = [tracks for own in cells.values() for tracks in own.values()]
    for most in range(MOST_NAMES, 0, -1):
        names = {_short(name) for tracks in lists for name in tracks[:most]}
        places = sum(min(len(tracks), most) for tracks in lists)
        # JSON writes a place in about 6 bytes, and characters under & < > as six.
        if sum(len(n.encode()) + 8 for n in names) + 6 * places <= name_bytes:
            return most
    return 0


def _short(name: str) -> str:
    """A name that is not longer than a line: its end tells tracks apart."""
    return name if len(name) <= NAME_LENGTH else "…" + name[1 - NAME_LENGTH :]


def _per_class(material: Material, split: str, run: str, classes: list[str]) -> list[list]:
    """Per label its support, and value, low and high of each metric, one after the other."""
    found = material.label_scores.get((split, run), {})
    rows = []
    for label in classes:
        scores = [found.get((label, metric), (None,) * 4) for metric in PER_CLASS]
        support = next((s[-1] for s in scores if s[-1] is not None), None)
        rows.append([support, *(_rounded(number) for s in scores for number in s[:3])])
    return rows


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, 4)
