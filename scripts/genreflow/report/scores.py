"""The leaderboards, the published figures beside them, and what a leak between parts is worth."""

from statistics import median

import polars as pl

from genreflow.report import numbers
from genreflow.report.axis import Axis, axis_around
from genreflow.report.material import Material
from genreflow.report.numbers import counted, metric_named

SECONDARY = ["accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_ovr"]
METHODS = {
    "fixed": "by hash",
    "stratified": "stratified",
    "stratified_kfold": "stratified k-fold",
    "group": "by artist",
    "stratified_group_kfold": "stratified k-fold by artist",
    "given": "given list",
    "published": "as published scripts draw it",
}
PROTOCOLS = {
    "artist": "No artist is on both sides.",
    "random": "Clips of one artist may be on both sides.",
    "given": "The sides come from a published list.",
}


def leaderboards(material: Material) -> list[dict]:
    """Return what the page shows of each split: one table, best run first."""
    # A split none of whose runs could be done has no table, but its reasons are shown.
    others = sorted(set(material.runs["split"]) - set(material.split_names))
    return [_leaderboard(material, split) for split in [*material.split_names, *others]]


def describe_split(material: Material, split: str) -> str:
    """Say how a split is made: ``exact · stratified k-fold by artist · 5 folds · seed 0``."""
    settings = material.study["splits"].get(split, {})
    method = settings.get("method", "unknown")
    kinds = material.runs.filter(pl.col("split") == split)["kind"].drop_nulls()
    words = [kinds[0] if len(kinds) else "fixed" if method == "fixed" else "exact"]
    words.append(METHODS.get(method, method.replace("_", " ")))
    if "list" in settings:
        words.append(settings["list"])
    if "folds" in settings:
        words.append(f"{settings['folds']} folds")
    if settings.get("repeats", 1) > 1:
        words.append(f"{settings['repeats']} repeats")
    words += [
        f"{100 * settings[part]:g}{numbers.NARROW}% {part}"
        for part in ("test", "validation")
        if settings.get(part)
    ]
    if "seed" in settings:
        words.append(f"seed {settings['seed']}")
    return " · ".join(words)


def _described(row: dict) -> str:
    """Say what a run of the runs table is trained and tested on.

    ``summary``, ``summary + stretch0.81``, or ``summary + 5 variants, tested on noise20``.
    """
    variants = row["variants"].split(", ") if row["variants"] else []
    words = row["features"]
    if variants:
        words += f" + {variants[0] if len(variants) == 1 else counted(len(variants), 'variant')}"
    if row["test_variant"]:
        words += f", tested on {row['test_variant']}"
    return words


def _leaderboard(material: Material, split: str) -> dict:
    metric, name = material.metric, material.metric_name
    ranked = material.ranked(split)
    published = _published(material, split)
    drawn = {p["run"]: p for p in reversed(published) if p["metric"] == name}
    scores = {row["run"]: material.score(split, row["run"], name) or {} for row in ranked}
    shown = [score.get(key) for score in scores.values() for key in ("value", "low", "high")]
    shown += [p["published"] for p in drawn.values()]
    axis = axis_around(shown, floor=0.0 if metric.ceiling else None, ceiling=metric.ceiling)
    columns = _secondary(material, split, ranked)
    features = {_described(row) for row in ranked}
    shared = features.pop() if len(features) == 1 and len(ranked) > 1 else ""
    rows = [
        _row(material, split, row, scores[row["run"]], drawn.get(row["run"]), axis, columns)
        | {
            "what": " · ".join(
                word
                for word in (material.model_title(row["run"], row["model"]), _described(row))
                if word not in (row["run"], shared)
            )
        }
        for row in ranked
    ]
    tested, sizes = _sizes(ranked, scores)
    return {
        "name": split,
        "how": describe_split(material, split),
        "protocol": PROTOCOLS[material.protocol(split)],
        "features": shared,
        "tested": tested,
        "sizes": sizes,
        "columns": [metric_named(column).title for column in columns],
        "ticks": _ticks(axis, metric),
        "folds": any(row["folds"] for row in rows),
        "validation": any(row["validation"]["text"] != numbers.UNKNOWN for row in rows),
        "published": published,
        "drawn": bool(drawn),
        "rows": rows,
        "skipped": _skipped(material, split),
    }


def _sizes(ranked: list[dict], scores: dict[str, dict]) -> tuple[str, str]:
    """How many tracks of how many artists are tested, and how many train (in one fold) and test."""
    tests = [row["test_tracks"] for row in ranked if row["test_tracks"] is not None]
    trains = [row["train_tracks"] for row in ranked if row["train_tracks"] is not None]
    artists = [s["clusters"] for s in scores.values() if s.get("clusters") is not None]
    if not tests:
        return "", ""
    tested = counted(max(tests), "test track")
    if artists:
        tested += f" of {counted(min(artists), 'artist')}"
    if not trains:
        return tested, ""
    folds = max(row["folds"] or 1 for row in ranked)
    train = counted(max(trains), "track") + (" of each fold" if folds > 1 else "")
    verb = "trains" if max(trains) == 1 else "train"
    return tested, f"{train} {verb} and {numbers.count(max(tests))} test"


def _skipped(material: Material, split: str) -> list[dict]:
    """The reasons why runs were not done, each with its runs."""
    reasons: dict[str, list[str]] = {}
    for row in material.skipped(split):
        reasons.setdefault(row["reason"] or "no reason given", []).append(row["run"])
    return [{"runs": runs, "reason": reason} for reason, runs in reasons.items()]


def _secondary(material: Material, split: str, ranked: list[dict]) -> list[str]:
    """The other metrics that were measured, the usual ones first, at most four."""
    return [
        metric
        for metric in SECONDARY
        if metric != material.metric_name
        and any(material.score(split, row["run"], metric) for row in ranked)
    ][:4]


def _cell(metric_name: str, value: float | None) -> dict:
    metric = metric_named(metric_name)
    return {"text": metric.value(value), "key": "" if value is None else value}


def _row(
    material: Material,
    split: str,
    row: dict,
    score: dict,
    published: dict | None,
    axis: Axis,
    columns: list[str],
) -> dict:
    metric, name, run = material.metric, material.metric_name, row["run"]
    others = [(material.score(split, run, column) or {}).get("value") for column in columns]
    validation = (material.score(split, run, name, "validation") or {}).get("value")
    folds = ""
    if score.get("fold_mean") is not None:
        folds = metric.value(score["fold_mean"])
        if score.get("fold_std") is not None:
            folds += f" ± {metric.number(score['fold_std'])}"
    return {
        "run": run,
        "key": score.get("value", ""),
        "value": metric.value(score.get("value")),
        "interval": metric.interval(score.get("low"), score.get("high")),
        "at": axis.place(score.get("value")),
        "low": axis.place(score.get("low")),
        "high": axis.place(score.get("high")),
        "published": published,
        "published_at": axis.place(published["published"]) if published else None,
        "folds": folds,
        "folds_key": score.get("fold_mean", ""),
        "folds_interval": metric.interval(score.get("fold_low"), score.get("fold_high")),
        "validation": _cell(name, validation),
        "others": [_cell(*pair) for pair in zip(columns, others, strict=True)],
        "seconds": numbers.seconds(row["seconds"]),
        "seconds_key": "" if row["seconds"] is None else row["seconds"],
        "memory": numbers.megabytes(row["peak_memory_mb"]),
        "memory_key": "" if row["peak_memory_mb"] is None else row["peak_memory_mb"],
        "dropped": row.get("dropped") or 0,
        "floor": str(row["model"]).startswith("dummy"),
    }


def _published(material: Material, split: str) -> list[dict]:
    """The published figures of a split, in the order of the study."""
    rows = []
    for row in material.published.filter(pl.col("split") == split).iter_rows(named=True):
        metric = metric_named(row["metric"])
        measured = metric.value(row["measured"])
        inside = (
            None
            if row["low"] is None or row["high"] is None
            else row["low"] <= row["published"] <= row["high"]
        )
        rows.append(
            row
            | {
                "title": metric.title,
                "text": metric.value(row["published"]),
                "measured_text": "not run" if row["measured"] is None else measured,
                "interval": metric.interval(row["low"], row["high"]),
                "inside": inside,
            }
        )
    return rows


def leak(material: Material) -> dict | None:
    """Set the splits side by side by run; None where no run was measured on two of them.

    The difference is that of the first split that holds artists apart (or else of the first given
    list) from the first random one.
    """
    metric, name = material.metric, material.metric_name
    splits = sorted(material.split_names, key=lambda s: material.protocol(s) != "random")
    kinds = {kind: [s for s in splits if material.protocol(s) == kind] for kind in PROTOCOLS}
    easy = next(iter(kinds["random"]), None)
    hard = next(iter(kinds["artist"] + kinds["given"]), None)
    rows = []
    for run in dict.fromkeys(row["run"] for split in splits for row in material.ranked(split)):
        found = {s: material.score(s, run, name) for s in splits}
        points = [
            {
                "split": split,
                "mark": splits.index(split) % 4,
                "score": score,
                "number": metric.value(score["value"]),
                "interval": metric.interval(score["low"], score["high"]),
            }
            for split, score in found.items()
            if score and score["value"] is not None
        ]
        if len(points) > 1:
            rows.append(
                {"run": run, "points": points, "difference": _difference(found, easy, hard)}
            )
    if not rows:
        return None
    values = [point["score"]["value"] for row in rows for point in row["points"]]
    axis = axis_around(values, floor=0.0 if metric.ceiling else None, ceiling=metric.ceiling)
    for row in rows:
        for point in row["points"]:
            score = point.pop("score")
            point |= {"at": axis.place(score["value"]), "value": score["value"]}
            point["text"] = f"{point['number']} {point['interval']}"
        ends = [point["at"] for point in row["points"]]
        row |= {"from": min(ends), "to": max(ends)}
        size = row["difference"]
        row["difference_text"] = "" if size is None else metric.difference(size)
    order = {row["run"]: at for at, row in enumerate(material.ranked(hard or splits[-1]))}
    rows.sort(key=lambda row: order.get(row["run"], len(order)))
    return {
        "splits": [
            {"name": s, "mark": at % 4, "how": describe_split(material, s)}
            for at, s in enumerate(splits)
        ],
        "easy": easy,
        "hard": hard if easy else None,
        "sentence": _leak_sentence(material, rows, easy, hard),
        "rows": rows,
        "ticks": _ticks(axis, metric),
    }


def _leak_sentence(material: Material, rows: list[dict], easy: str | None, hard: str | None) -> str:
    """Say what the step from the easy split to the hard one does to the runs that listen."""
    metric, spec = material.metric, material.study["runs"]
    sizes = sorted(
        row["difference"]
        for row in rows
        if row["difference"] is not None
        and not str(spec.get(row["run"], {}).get("model")).startswith("dummy")
    )
    if not sizes or easy is None or hard is None:
        return f"{metric.title} of each run on each split."
    middle = metric.difference(median(sizes))
    over = ""
    if len(sizes) > 1:
        ends = f"{metric.difference(sizes[0])} to {metric.difference(sizes[-1])}"
        over = (
            f", in the median over {counted(len(sizes), 'run')} ({ends.replace(' points', '', 1)})"
        )
    reason = (
        "A random split lets models recognise artists, and this step estimates what that is worth."
        if material.protocol(hard) == "artist"
        else "The list keeps out what a random split lets slip from training to test."
    )
    what = f"{metric.phrase} changes by {middle}{over}"
    sizes = [
        numbers.count(max(row["test_tracks"] or 0 for row in material.ranked(split)))
        for split in (easy, hard)
    ]
    return (
        f"From split {easy} ({sizes[0]} test tracks) to split {hard} ({sizes[1]}), {what}. {reason}"
    )


def _difference(found: dict, easy: str | None, hard: str | None) -> float | None:
    """By how much the hard split scores higher than the easy one (mostly less than 0)."""
    pair = [found.get(split) for split in (hard, easy)]
    if not all(score and score["value"] is not None for score in pair):
        return None
    return pair[0]["value"] - pair[1]["value"]


def _ticks(axis: Axis, metric: numbers.Metric) -> list[dict]:
    return [
        {"at": axis.place(tick), "text": f"{100 * tick if metric.percent else tick:g}"}
        for tick in axis.ticks
    ]
