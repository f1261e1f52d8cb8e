"""A dataset in a few figures, and its recordings that stand under several labels."""

import polars as pl

from genreflow.report import numbers
from genreflow.report.material import Material
from genreflow.report.numbers import count, counted, listed

EQUAL = "equal to another row of the table"
MOST_LABELS = 4
MOST_PAIRS = 12


def facts(material: Material, name: str) -> list[tuple[str, str]]:
    """Return pairs of what is counted, and the figure; an empty figure is not shown."""
    tracks, used = material.tracks[name], material.used[name]
    table = material.is_table(name)
    conflict = tracks["conflict"].is_not_null()
    copies = int((tracks["duplicate_of"].is_not_null() & ~conflict).sum())
    equal = int((tracks["reason"] == EQUAL).sum())
    states = [
        (equal, "equal to another row"),
        (int((tracks["status"] == "quarantined").sum()) - equal, "in quarantine"),
        (int((tracks["status"] == "warning").sum()), "used with a warning"),
        (copies, "copy of another track" if copies == 1 else "copies of other tracks"),
        (int(conflict.sum()), "under several labels" if table else "under two labels"),
        (
            int((tracks["labels"].list.len().fill_null(0) == 0).sum()) * material.has_labels(name),
            "without a label",
        ),
    ]
    labels = used.explode("labels")["labels"].drop_nulls().n_unique()
    targets = [
        t
        for s in material.split_names
        if material.split_dataset(s) == name
        for t in material.targets(s)
    ]
    return [
        ("Rows listed" if table else "Files listed", count(len(tracks))),
        ("Used by a split", count(len(used))),
        ("Set aside or noted", ", ".join(f"{count(n)} {what}" for n, what in states if n)),
        ("Labels", count(labels) if material.has_labels(name) else ""),
        ("Predicted", listed(list(dict.fromkeys(targets)))),
        ("Artists", _artists(used)),
        *_features(material, name),
        ("Music in all", "" if table else numbers.seconds(float(used["seconds"].sum()))),
    ]


def _artists(used: pl.DataFrame) -> str:
    known = used["artist"].drop_nulls()
    if known.is_empty():
        return "not known"
    unknown = len(used) - len(known)
    rest = f", unknown for {counted(unknown, 'track')}" if unknown else ""
    return count(known.n_unique()) + rest


def _features(material: Material, name: str) -> list[tuple[str, str]]:
    """How many features the sets of a table have, and how many of their values are missing."""
    pairs = []
    for (dataset, features), explored in material.explored.items():
        if dataset != name:
            continue
        missing = [int(number) for number in explored.missing]
        lacking = sum(number > 0 for number in missing)
        pairs += [
            (f"Features, set {features}", count(len(explored.names))),
            (
                "Missing values",
                f"{count(sum(missing))} in {counted(lacking, 'feature')}" if lacking else "none",
            ),
        ]
    return pairs


def shared_recordings(tracks: pl.DataFrame) -> dict | None:
    """Count the recordings that stand under several labels, and which labels share most.

    A recording is what tracks with equal samples, or rows with equal features, have in common.

    Returns
    -------
    dict or None
        None where each recording has one label. ``recordings`` in all and ``rows`` that they stand
        in; ``counts``, pairs of a number of labels and the recordings that have so many; and
        ``pairs`` of labels, those of most recordings first: label, other and recordings.
    """
    rows = tracks.filter(pl.col("status") != "quarantined", pl.col("digest").is_not_null())
    labels = (
        rows.select("digest", label="labels")
        .explode("label")
        .filter(pl.col("label").is_not_null())
        .unique()
    )
    each = labels.group_by("digest").len("labels")
    several = each.filter(pl.col("labels") > 1)
    if several.is_empty():
        return None
    sizes = several.group_by(pl.col("labels").clip(upper_bound=MOST_LABELS)).len().sort("labels")
    some = labels.join(several, on="digest", how="semi")
    pairs = (
        some.join(some, on="digest", suffix="_other")
        .filter(pl.col("label") < pl.col("label_other"))
        .group_by("label", other="label_other")
        .agg(recordings=pl.len())
        .sort(["recordings", "label", "other"], descending=[True, False, False])
        .head(MOST_PAIRS)
    )
    total = len(each)
    most = pairs["recordings"].max()
    return {
        "recordings": count(len(several)),
        "of": count(total),
        "share": numbers.metric_named("accuracy").value(len(several) / total),
        "rows": count(len(rows.join(several, on="digest", how="semi"))),
        "counts": [
            (f"{size}" + (" or more" if size == MOST_LABELS else ""), count(number))
            for size, number in sizes.iter_rows()
        ],
        "pairs": [
            row | {"width": round(100 * row["recordings"] / most, 1)}
            for row in pairs.iter_rows(named=True)
        ],
    }
