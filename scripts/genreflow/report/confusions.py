"""Confusions and scores per label, packed for the page's script."""

import numpy as np
import polars as pl

from genreflow.report.material import Material
from genreflow.report.numbers import metric_named

PER_CLASS = {
    "single_label": ["precision", "recall", "f1", "roc_auc"],
    "multi_label": ["precision", "recall", "f1", "roc_auc", "pr_auc"],
}
NAME_BYTES = 1_200_000
MOST_NAMES = 12
NAME_LENGTH = 90
# Pairs of a true and a guessed set of labels that are listed for a run.
MOST_SETS = 40
LABEL_COUNTS = ("label", "tp", "fp", "fn", "tn")


def matrix(material: Material, split: str, run: str) -> np.ndarray:
    """Return the counts of one run.

    Returns
    -------
    np.ndarray [shape=(labels, labels), float64]
        rows are the true labels, columns the predicted ones, both as in ``material.classes``
    """
    classes = material.classes.get(split, [])
    own = material.confusion_of(split, run)
    counts = np.zeros((len(classes), len(classes)))
    places = np.searchsorted(classes, own["truth"].to_list())
    counts[places, np.searchsorted(classes, own["predicted"].to_list())] = own["count"].to_numpy()
    return counts


def similar_order(material: Material, split: str) -> list[int]:
    """Return an order of the labels in which those that are taken for each other stand together.

    It is the order of the leaves of an average-linkage clustering, as scipy arranges them best
    (Bar-Joseph et al. 2001). Two labels are the nearer, the larger the mean of the shares of each
    that are taken for the other, over all runs but dummies.

    Returns
    -------
    list of int
        places in ``material.classes``
    """
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    size = len(material.classes.get(split, []))
    ranked = material.ranked(split)
    telling = [row for row in ranked if not str(row["model"]).startswith("dummy")] or ranked
    if size < 3 or not telling:
        return list(range(size))
    shares = np.zeros((size, size))
    for row in telling:
        counts = matrix(material, split, row["run"])
        shares += counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    near = shares + shares.T
    np.fill_diagonal(near, 0)
    distances = squareform(near.max() - near, checks=False)
    return leaves_list(linkage(distances, "average", optimal_ordering=True)).tolist()


def explorer(material: Material, *, name_bytes: int = NAME_BYTES) -> dict:
    """Return the confusions and the scores per label of all runs for the page's script.

    ``order`` of a split of single labels is that of `similar_order`. A matrix is the flat list
    ``step, count, step, count, ...`` of its cells that are not empty: each step leads from one
    cell, ``row * labels + column``, to the next, the first from 0. `tracks` are the names of each
    cell's tracks as places in `names`, most confident guess first.

    A run on several labels has `counts`, per label how often it was given rightly, given wrongly,
    missed, and neither; `right` of `tested` guesses are exactly right; and `sets` are the most
    frequent wrong ones: true labels, guessed ones (None where there are none), how often, and the
    names of tracks.

    Names are kept as far as they fit into `name_bytes`: first one for each cell, the most frequent
    cells before others, then a second one, up to `MOST_NAMES`. Scores are in thousandths.
    """
    cells, right = _cells(material, name_bytes)
    of_run = cells.partition_by("split", "run", as_dict=True)
    places: dict[str, int] = {}
    splits = []
    for split in material.split_names:
        if material.task_of(split) == "regression":
            continue
        classes = material.classes.get(split, [])
        several = material.task_of(split) == "multi_label"
        runs = []
        for row in material.ranked(split):
            key = (split, row["run"])
            own = _with_places(of_run.get(key, cells.clear()), places)
            packed = (
                _sets(material, *key, own) | {"right": right.get(key, 0)}
                if several
                else _matrix(material, *key, own)
            )
            scores = _per_class(material, *key)
            runs.append({"name": row["run"], "scores": scores} | packed)
        if runs and classes:
            order = {} if several else {"order": similar_order(material, split)}
            splits.append(
                {"name": split, "task": material.task_of(split), "classes": classes, "runs": runs}
                | order
            )
    return {"splits": splits, "names": list(places), "metrics": _metrics()}


def _metrics() -> dict[str, list[dict]]:
    """By task: how the scores per label are written."""
    return {
        task: [{"title": metric_named(m).title, "percent": metric_named(m).percent} for m in own]
        for task, own in PER_CLASS.items()
    }


def _with_places(cells: pl.DataFrame, places: dict[str, int]) -> list[tuple]:
    """Truth, guess, count, and the names as numbers, new ones in `places`."""
    rows = cells.select("truth", "predicted", "count", "names").iter_rows()
    return [
        (*cell, [places.setdefault(name, len(places)) for name in names]) for *cell, names in rows
    ]


def _matrix(material: Material, split: str, run: str, cells: list[tuple]) -> dict:
    classes = material.classes[split]
    counts = matrix(material, split, run)
    tracks = {(truth, predicted): own for truth, predicted, _, own in cells}
    flat, lists, before = [], [], 0
    for cell in np.flatnonzero(counts).tolist():
        count = float(counts.flat[cell])
        flat += [cell - before, int(count) if count.is_integer() else round(count, 3)]
        before = cell
        truth, predicted = divmod(cell, len(classes))
        lists.append(tracks.get((classes[truth], classes[predicted]), []))
    return {"cells": flat, "tracks": lists}


def _sets(material: Material, split: str, run: str, cells: list[tuple]) -> dict:
    own = material.label_confusion.filter(pl.col("split") == split, pl.col("run") == run)
    counts = {label: numbers for label, *numbers in own.select(LABEL_COUNTS).iter_rows()}
    tested = material.guesses.filter(
        pl.col("split") == split, pl.col("run") == run, pl.col("part") == "test"
    )
    return {
        "counts": [counts.get(label, [0] * 4) for label in material.classes[split]],
        "tested": len(tested),
        "sets": [list(cell) for cell in cells],
    }


def _cells(material: Material, name_bytes: int) -> tuple[pl.DataFrame, dict[tuple[str, str], int]]:
    """The cells of all runs with their tracks' names, and how many guesses at sets are right.

    The cells are split, run, truth, predicted, count and ``names``, the most confident guess
    first; of several labels only the `MOST_SETS` most frequent wrong guesses of each run.
    """
    datasets = {split: material.split_dataset(split) for split in material.splits}
    several = [split for split in datasets if material.task_of(split) == "multi_label"]
    run = ["split", "run"]
    cell = [*run, "truth", "predicted"]
    cells = (
        material.guesses.filter(pl.col("part") == "test", pl.col("split").is_in(list(datasets)))
        .sort(["probability", "track_id"], descending=[True, False], nulls_last=True)
        .group_by(cell, maintain_order=True)
        .agg(
            count=pl.len(), track_id=pl.col("track_id").unique(maintain_order=True).head(MOST_NAMES)
        )
        .sort("count", *cell, descending=[True, *[False] * len(cell)])
    )
    sets = pl.col("split").is_in(several)
    right = pl.col("truth").eq_missing(pl.col("predicted"))
    exact = cells.filter(sets & right).group_by(run).agg(pl.col("count").sum())
    wrong = cells.filter(sets & ~right).group_by(run, maintain_order=True).head(MOST_SETS)
    cells = pl.concat([wrong, cells.filter(~sets)], how="diagonal").with_row_index("cell")
    names = pl.concat(
        material.track_names(dataset).select(
            "track_id", pl.lit(dataset).alias("dataset"), name=_short(pl.col("name"))
        )
        for dataset in material.tracks
    )
    named = (
        cells.select("cell", "track_id", dataset=pl.col("split").replace(datasets))
        .explode("track_id")
        .join(names, on=["dataset", "track_id"], how="left", maintain_order="left")
        .select("cell", name=pl.coalesce("name", "track_id"))
    )
    kept = _within(named, name_bytes).group_by("cell", maintain_order=True).agg(names="name")
    cells = cells.join(kept, on="cell", how="left", maintain_order="left")
    return cells.with_columns(pl.col("names").fill_null([])), {
        (split, run): count for split, run, count in exact.iter_rows()
    }


def _within(named: pl.DataFrame, name_bytes: int) -> pl.DataFrame:
    """The names that fit into so many bytes: of each cell one, then a second one, and so on."""
    first = pl.col("name").is_first_distinct()
    # JSON writes a place in about 6 bytes.
    size = pl.when(first).then(pl.col("name").str.len_bytes() + 8).otherwise(0) + 6
    return (
        named.with_columns(rank=pl.int_range(pl.len()).over("cell"))
        .sort("rank", maintain_order=True)
        .filter(size.cum_sum() <= name_bytes)
    )


def _short(name: pl.Expr) -> pl.Expr:
    """A name that is not longer than a line: its end tells tracks apart."""
    cut = pl.lit("…") + name.str.tail(NAME_LENGTH - 1)
    return pl.when(name.str.len_chars() > NAME_LENGTH).then(cut).otherwise(name)


def _per_class(material: Material, split: str, run: str) -> list[list]:
    """Per label its support, and value, low and high of each metric, one after the other."""
    found = material.label_scores.get((split, run), {})
    rows = []
    for label in material.classes.get(split, []):
        metrics = PER_CLASS[material.task_of(split)]
        scores = [found.get((label, metric), (None,) * 4) for metric in metrics]
        support = next((s[-1] for s in scores if s[-1] is not None), None)
        rows.append([support, *(_thousandths(number) for s in scores for number in s[:3])])
    return rows


def _thousandths(value: float | None) -> int | None:
    return None if value is None or not np.isfinite(value) else round(1000 * value)
