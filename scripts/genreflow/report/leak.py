"""Splits side by side: what copies and artists on both sides are worth."""

from statistics import median

from genreflow.report.axis import axis_around
from genreflow.report.material import Material
from genreflow.report.numbers import Metric, count, counted
from genreflow.report.scores import describe_split, ticks

MARKS = 4
REASONS = {
    "artist": "A random split lets models recognise artists, and this step estimates what that is "
    "worth.",
    "given": "The list keeps out what a random split lets slip from training to test.",
    "random": "Where copies of a recording are on both sides, a model need only remember them; "
    "this step estimates what that is worth.",
}


def comparisons(material: Material) -> list[dict]:
    """Set splits side by side by run; only those of one dataset, task and set of labels.

    Runs that were measured on one of the splits only are left out, and so are comparisons without
    a run. Differences are those from the first split that keeps least together, where the splits
    differ in this.
    """
    groups: dict[tuple, list[str]] = {}
    for split in sorted(material.split_names, key=material.hardness):
        settings = material.study["splits"].get(split, {})
        labels = settings.get("clustering") or tuple(settings.get("choose") or ())
        labels = labels or tuple(sorted(material.targets(split)))
        key = (material.split_dataset(split), material.task_of(split), labels)
        groups.setdefault(key, []).append(split)
    found = [_compared(material, splits) for splits in groups.values() if len(splits) > 1]
    return [comparison for comparison in found if comparison]


def _compared(material: Material, splits: list[str]) -> dict | None:
    metric, name = material.metric_of(splits[0]), material.metric_name(splits[0])
    hardest = max(splits, key=material.hardness)
    easy = splits[0] if material.hardness(splits[0]) < material.hardness(hardest) else None
    rows = []
    for run in dict.fromkeys(row["run"] for split in splits for row in material.ranked(split)):
        scores = {s: material.score(s, run, name) for s in splits}
        points = {
            split: score | {"difference": _difference(score, scores.get(easy))}
            for split, score in scores.items()
            if score and score["value"] is not None
        }
        if len(points) > 1:
            rows.append({"run": run, "points": points})
    if not rows:
        return None
    values = [point["value"] for row in rows for point in row["points"].values()]
    axis = axis_around(values, floor=metric.floor, ceiling=metric.ceiling)
    for row in rows:
        row["points"] = {
            split: {
                "mark": splits.index(split) % MARKS,
                "at": axis.place(point["value"]),
                "value": point["value"],
                "number": metric.value(point["value"]),
                "interval": metric.interval(point["low"], point["high"]),
                "difference": point["difference"],
                "difference_text": ""
                if point["difference"] is None or split == easy
                else metric.difference(point["difference"]),
            }
            for split, point in row["points"].items()
        }
        ends = [point["at"] for point in row["points"].values()]
        row |= {"from": min(ends), "to": max(ends)}
    order = {row["run"]: at for at, row in enumerate(material.ranked(hardest))}
    rows.sort(key=lambda row: order.get(row["run"], len(order)))
    return {
        "splits": [
            {"name": s, "mark": at % MARKS, "how": describe_split(material, s)}
            for at, s in enumerate(splits)
        ],
        "metric": metric,
        "easy": easy,
        "sentences": _sentences(material, metric, rows, splits, easy),
        "rows": rows,
        "ticks": ticks(axis, metric),
    }


def _difference(score: dict | None, easy: dict | None) -> float | None:
    """By how much a split scores higher than the easy one (mostly less than 0)."""
    pair = (score, easy)
    if not all(found and found["value"] is not None for found in pair):
        return None
    return score["value"] - easy["value"]


def _sentences(
    material: Material, metric: Metric, rows: list[dict], splits: list[str], easy: str | None
) -> list[str]:
    """Say what the step to the first split of each harder protocol does to runs that listen."""
    spec = material.study["runs"]
    told = [
        row for row in rows if not str(spec.get(row["run"], {}).get("model")).startswith("dummy")
    ]
    steps: dict[str, str] = {}
    for split in splits:
        if easy and material.hardness(split) > material.hardness(easy):
            steps.setdefault(material.protocol(split), split)
    sentences = []
    for protocol, split in steps.items():
        # An artist's step starts where recordings are kept whole already.
        start = steps.get("random", easy) if protocol != "random" else easy
        sizes = sorted(
            row["points"][split]["value"] - row["points"][start]["value"]
            for row in told
            if {split, start} <= row["points"].keys()
        )
        if sizes:
            change = _change(metric, sizes)
            tests = [_tests(material, s) for s in (start, split)]
            sentences.append(
                f"From split {start} ({tests[0]} test tracks) to split {split} ({tests[1]}), "
                f"{metric.phrase} changes by {change}. {REASONS[protocol]}"
            )
    return sentences or [f"{metric.title} of each run on each split."]


def _change(metric: Metric, sizes: list[float]) -> str:
    middle = metric.difference(median(sizes))
    if len(sizes) == 1:
        return middle
    ends = f"{metric.difference(sizes[0])} to {metric.difference(sizes[-1])}"
    ends = ends.replace(" points", "", 1)
    return f"{middle}, in the median over {counted(len(sizes), 'run')} ({ends})"


def _tests(material: Material, split: str) -> str:
    return count(max(row["test_tracks"] or 0 for row in material.ranked(split)))
