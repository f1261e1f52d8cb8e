"""What the page shows of a dataset: its labels, parts, lengths, formats and levels."""

import numpy as np
import polars as pl

from genreflow.report import numbers
from genreflow.report.axis import axis_around
from genreflow.report.facts import facts, shared_recordings
from genreflow.report.material import Material
from genreflow.report.numbers import counted
from genreflow.report.problems import problems

PARTS = ["train", "validation", "test", "duplicate", "excluded"]
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
# Where so many tracks are this near to the median length, a histogram would be one bar.
MOST_TRACKS = 0.9
SAME_LENGTH = 0.05


def datasets(material: Material) -> list[dict]:
    """Return what the page shows of each dataset of the study."""
    return [_dataset(material, name, tracks) for name, tracks in material.tracks.items()]


def part_counts(split: pl.DataFrame) -> pl.DataFrame:
    """Count the tracks of each label in each part of a split, as a mean over folds and repeats.

    Returns
    -------
    pl.DataFrame
        label, then one f64 column for each of `PARTS`
    """
    rounds = max(split.select("repeat", "fold").unique().height, 1)
    counts = (
        split.select("part", label="labels")
        .explode("label")
        .filter(pl.col("label").is_not_null())
        .group_by("label", "part")
        .agg(count=pl.len() / rounds)
    )
    columns = [
        pl.col("count").filter(pl.col("part") == part).sum().cast(pl.Float64).alias(part)
        for part in PARTS
    ]
    return counts.group_by("label").agg(columns).sort("label")


def _dataset(material: Material, name: str, tracks: pl.DataFrame) -> dict:
    used = material.used[name]
    splits = [s for s in material.split_names if material.split_dataset(s) == name]
    of_numbers = [s for s in splits if material.task_of(s) == "regression"]
    own = [s for s in splits if not material.is_of_clusters(s) and s not in of_numbers]
    title, citation = material.about_dataset(name)
    sound = None if material.is_table(name) else _sound(used)
    labels = tracks.explode("labels")["labels"].drop_nulls().unique().to_list()
    return {
        "name": name,
        "title": "" if title == name else title,
        "citation": citation,
        "facts": facts(material, name),
        "shared": shared_recordings(tracks) if material.has_labels(name) else None,
        "artists": tracks["artist"].null_count() < len(tracks),
        "folded": any(material.splits[s]["fold"].max() for s in splits),
        "legend": _legend(material, splits),
        "splits": own,
        "labels": _labels(material, used, labels, own, sound) if material.has_labels(name) else [],
        "clusters": [
            {"split": s, "labels": _parts(material, [s])}
            for s in splits
            if material.is_of_clusters(s)
        ],
        "numbers": [{"split": s, "bar": _tracks(material.splits[s])} for s in of_numbers],
        "sound": sound,
        "problems": problems(material, name),
    }


def _sound(used: pl.DataFrame) -> dict:
    """What only audio has: lengths, formats, and levels by label."""
    seconds = used["seconds"].drop_nulls().to_numpy()
    levels = _levels(used)
    axis = axis_around([end for own in levels.values() for end in own], ticks=4)
    return {
        "levels": levels,
        "axis": axis,
        "level_ticks": [
            {"at": axis.place(t), "text": f"{t:g}".replace("-", "−")} for t in axis.ticks
        ],
        "same_length": same_length(seconds),
        "seconds": _histogram(seconds),
        "formats": _formats(used),
    }


def _legend(material: Material, splits: list[str]) -> list[tuple[str, str]]:
    """The parts that the splits use, each with the words for it."""
    used = {part for split in splits for part in material.splits[split]["part"].unique()}
    legend = [(part, part) for part in PARTS[:3] if part in used]
    rest = [part for part in PARTS[3:] if part in used]
    return [*legend, (rest[0], " or ".join(rest))] if rest else legend


def _levels(used: pl.DataFrame) -> dict[str, list[float]]:
    """`QUANTILES` of the RMS in decibel under full scale by label; silence has no level."""
    table = (
        used.filter(pl.col("rms") > 0)
        .explode("labels")
        .drop_nulls("labels")
        .group_by("labels")
        .agg((20 * pl.col("rms").log10()).quantile(q).alias(f"q{q}") for q in QUANTILES)
    )
    return {label: quantiles for label, *quantiles in table.iter_rows()}


def _labels(
    material: Material, used: pl.DataFrame, labels: list[str], splits: list[str], sound: dict | None
) -> list[dict]:
    """One row per label of a dataset: tracks, artists, parts of each split, lengths, levels."""
    by_label = (
        pl.DataFrame({"label": labels}, schema={"label": pl.String})
        .join(used.explode("labels").rename({"labels": "label"}), on="label", how="left")
        .group_by("label")
        .agg(
            tracks=pl.col("track_id").count(),
            artists=pl.col("artist").drop_nulls().n_unique(),
            unknown=(pl.col("track_id").is_not_null() & pl.col("artist").is_null()).sum(),
            seconds=pl.col("seconds").median(),
        )
        .sort("label")
    )
    parts = {row["label"]: row["parts"] for row in _parts(material, splits)}
    rows = []
    for row in by_label.iter_rows(named=True):
        level = sound and sound["levels"].get(row["label"])
        rows.append(
            row
            | {
                "seconds_text": numbers.seconds(row["seconds"]),
                "parts": parts.get(row["label"], [_bar([0] * len(PARTS), 1)] * len(splits)),
                "level": [sound["axis"].place(end) for end in level] if level else None,
                "level_text": f"{level[2]:.1f}".replace("-", "−") if level else "",
            }
        )
    return rows


def _parts(material: Material, splits: list[str]) -> list[dict]:
    """A bar for each label and split, drawn to one scale."""
    counts: dict[str, dict[str, list[float]]] = {}
    for split in splits:
        for label, *own in part_counts(material.splits[split]).iter_rows():
            counts.setdefault(label, {})[split] = own
    most = max((sum(own) for found in counts.values() for own in found.values()), default=1) or 1
    return [
        {
            "label": label,
            "parts": [_bar(counts[label].get(split, [0] * len(PARTS)), most) for split in splits],
        }
        for label in sorted(counts)
    ]


def _tracks(split: pl.DataFrame) -> dict:
    """A bar of the tracks in each part of a split, as a mean over folds and repeats."""
    rounds = max(split.select("repeat", "fold").unique().height, 1)
    found = dict(split.group_by("part").agg(pl.len() / rounds).iter_rows())
    counts = [found.get(part, 0) for part in PARTS]
    return _bar(counts, sum(counts) or 1)


def _bar(counts: list[float], most: float) -> dict:
    """A stacked bar: each part's name, place, width and count."""
    at, pieces = 0.0, []
    for part, number in zip(PARTS, counts, strict=True):
        width = 100 * number / most
        if number:
            pieces.append({"part": part, "x": round(at, 2), "width": round(width, 2)})
        at += width
    used = [p for p, n in zip(PARTS[:3], counts, strict=False) if n] or ["train"]
    text = " / ".join(_about(counts[PARTS.index(part)]) for part in used)
    title = ", ".join(f"{p} {_about(n)}" for p, n in zip(PARTS, counts, strict=True) if n)
    return {"pieces": pieces, "text": text, "title": title, "key": sum(counts[:3])}


def _about(number: float) -> str:
    return numbers.count(number) if number >= 10 or number == int(number) else f"{number:.1f}"


def same_length(seconds: np.ndarray) -> str:
    """Say how long the tracks are, where nearly all are of one length; nothing where they differ.

    Parameters
    ----------
    seconds : np.ndarray [shape=(n,), s]
    """
    if not len(seconds):
        return "No track counts."
    near = np.abs(seconds / np.median(seconds) - 1) <= SAME_LENGTH
    if near.mean() < MOST_TRACKS:
        return ""
    within = f"to within {100 * SAME_LENGTH:g}{numbers.NARROW}%"
    length, rest = numbers.seconds(float(np.median(seconds))), seconds[~near]
    if not len(rest):
        return f"All tracks last {length}, {within}."
    ends = list(dict.fromkeys(numbers.seconds(float(end)) for end in (rest.min(), rest.max())))
    others = "the other lasts" if len(rest) == 1 else f"the other {numbers.count(len(rest))} last"
    return (
        f"{numbers.count(int(near.sum()))} of {counted(len(seconds), 'track')} last {length}, "
        f"{within}; {others} {' to '.join(ends)}."
    )


def _histogram(seconds: np.ndarray) -> dict | None:
    """Lengths in about twenty bins; the last one holds the longest per cent too."""
    if not len(seconds):
        return None
    top = float(np.quantile(seconds, 0.99)) if len(seconds) > 200 else float(seconds.max())
    axis = axis_around([float(seconds.min()), top], ticks=20, floor=0.0)
    counts, _ = np.histogram(np.minimum(seconds, axis.high), bins=np.array(axis.ticks))
    return {
        "bars": [
            {
                "x": axis.place(low),
                "width": round(100 * axis.step / (axis.high - axis.low), 2),
                "height": round(100 * int(n) / int(counts.max()), 2),
                "title": f"{low:g} to {low + axis.step:g} s: {counted(int(n), 'track')}",
            }
            for low, n in zip(axis.ticks, counts, strict=False)
            if n
        ],
        "ticks": [
            {"at": axis.place(t), "text": f"{t:g}"}
            for at, t in enumerate(axis.ticks)
            if at % max(len(axis.ticks) // 6, 1) == 0
        ],
        "over": int((seconds > axis.high).sum()),
    }


def _formats(used: pl.DataFrame) -> list[dict]:
    return (
        used.group_by("format", "rate", "channels")
        .agg(tracks=pl.len())
        .sort(["tracks", "format", "rate", "channels"], descending=[True, False, False, False])
        .head(30)
        .to_dicts()
    )
