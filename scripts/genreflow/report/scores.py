"""The leaderboards: the runs of each split, best first."""

import polars as pl

from genreflow.report import numbers
from genreflow.report.axis import Axis, axis_around
from genreflow.report.material import Material
from genreflow.report.numbers import counted, metric_named

SECONDARY = {
    "single_label": ["accuracy", "balanced_accuracy", "f1_macro", "log_loss", "roc_auc_ovr"],
    "multi_label": [
        "exact_match",
        "hamming_loss",
        "f1_macro",
        "f1_micro",
        "roc_auc_macro",
        "pr_auc_macro",
        "lrap",
    ],
}
SHORT = {"lrap": "LRAP"}
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
    "random": "Tracks of one artist may be on both sides.",
    "given": "The sides come from a published list.",
    "copies": "Every row counts, so copies of a recording may be on both sides.",
}
NO_ARTISTS = "No artist is known; copies of a recording stay on one side."


def leaderboards(material: Material) -> list[dict]:
    """Return what the page shows of each split: one table, best run first."""
    # A split none of whose runs could be done has no table, but its reasons are shown.
    others = sorted(set(material.runs["split"]) - set(material.split_names))
    return [_leaderboard(material, split) for split in [*material.split_names, *others]]


def describe_split(material: Material, split: str) -> str:
    """Say how a split is made: ``exact · stratified k-fold by artist · 5 folds · seed 0``."""
    settings = material.study["splits"].get(split, {})
    method = settings.get("method", "unknown")
    if method == "clusters":
        words = [f"split {settings['of']}", f"labels replaced by clusters {settings['clustering']}"]
    else:
        kinds = material.runs.filter(pl.col("split") == split)["kind"].drop_nulls()
        words = [kinds[0] if len(kinds) else "fixed" if method == "fixed" else "exact"]
        words.append(METHODS.get(method, method.replace("_", " ")))
        if not material.knows_artists(split):
            words[-1] = words[-1].replace("by artist", "by recording")
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
    if settings.get("choose"):
        words.append(f"{len(settings['choose'])} chosen labels")
    if settings.get("several") == "rarest":
        words.append("of several labels the rarest")
    if settings.get("conflicts") == "keep":
        words.append("recordings under several labels count under each")
    if settings.get("sample"):
        most = settings["sample"]
        words.append(
            "as many tracks of each label as of the rarest"
            if most == "smallest"
            else f"at most {counted(most, 'track')} of each label"
        )
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
    metric, name = material.metric_of(split), material.metric_name(split)
    ranked = material.ranked(split)
    drawn = _drawn(material, split, name)
    scores = {row["run"]: material.score(split, row["run"], name) or {} for row in ranked}
    shown = [score.get(key) for score in scores.values() for key in ("value", "low", "high")]
    shown += [published["published"] for run, published in drawn.items() if run in scores]
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
    protocol = material.protocol(split)
    known = protocol != "random" or material.knows_artists(split)
    return {
        "name": split,
        "metric": metric,
        "several": material.task_of(split) == "multi_label",
        "how": describe_split(material, split),
        "protocol": PROTOCOLS[protocol] if known else NO_ARTISTS,
        "features": shared,
        "tested": tested(material, split),
        "columns": [SHORT.get(column) or metric_named(column).title for column in columns],
        "ticks": ticks(axis, metric),
        "folds": rounds(material, split) if any(row["folds"] for row in rows) else "",
        "validation": any(row["validation"]["text"] != numbers.UNKNOWN for row in rows),
        "published": any(row["published"] for row in rows),
        "rows": rows,
        "skipped": _skipped(material, split),
    }


def _drawn(material: Material, split: str, metric: str) -> dict[str, dict]:
    """The published figures of a metric by run; of several for one run the first."""
    rows = material.published.filter(pl.col("split") == split, pl.col("metric") == metric)
    text = metric_named(metric).value
    return {row["run"]: row | {"text": text(row["published"])} for row in reversed(rows.to_dicts())}


def rounds(material: Material, split: str) -> str:
    """Say what a split is made of several times: folds, repeats, or both."""
    settings = material.study["splits"].get(split, {})
    settings = material.study["splits"].get(settings.get("of"), settings)
    repeated = settings.get("repeats", 1) > 1
    if "kfold" in settings.get("method", "kfold"):
        return "folds and repeats" if repeated else "folds"
    return "repeats" if repeated else "folds"


def tested(material: Material, split: str) -> str:
    """Say how many tracks, by how many artists where these are known, are tested."""
    ranked = material.ranked(split)
    tests = [row["test_tracks"] for row in ranked if row["test_tracks"] is not None]
    if not tests:
        return ""
    words = counted(max(tests), "test track")
    scores = [material.score(split, row["run"], material.metric_name(split)) for row in ranked]
    artists = [s["clusters"] for s in scores if s and s.get("clusters") is not None]
    if artists:
        who = "artist" if material.knows_artists(split) else "recording"
        words += f" of {counted(min(artists), who)}"
    return words


def _skipped(material: Material, split: str) -> list[dict]:
    """The reasons why runs were not done, each with its runs."""
    reasons: dict[str, list[str]] = {}
    for row in material.skipped(split):
        reasons.setdefault(row["reason"] or "no reason given", []).append(row["run"])
    return [{"runs": runs, "reason": reason} for reason, runs in reasons.items()]


def _secondary(material: Material, split: str, ranked: list[dict]) -> list[str]:
    """The other metrics that were measured: at most four, of several labels six."""
    task = material.task_of(split)
    return [
        metric
        for metric in SECONDARY[task]
        if metric != material.metric_name(split)
        and any(material.score(split, row["run"], metric) for row in ranked)
    ][: 4 if task == "single_label" else 6]


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
    metric, name, run = material.metric_of(split), material.metric_name(split), row["run"]
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
        "folds_range": _range(metric, score.get("fold_min"), score.get("fold_max")),
        "validation": _cell(name, validation),
        "others": [_cell(*pair) for pair in zip(columns, others, strict=True)],
        "seconds": numbers.seconds(row["seconds"]),
        "seconds_key": "" if row["seconds"] is None else row["seconds"],
        "memory": numbers.megabytes(row["peak_memory_mb"]),
        "memory_key": "" if row["peak_memory_mb"] is None else row["peak_memory_mb"],
        "dropped": row.get("dropped") or 0,
        "floor": str(row["model"]).startswith("dummy"),
    }


def _range(metric: numbers.Metric, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{metric.number(low)} to {metric.number(high)}"


def ticks(axis: Axis, metric: numbers.Metric) -> list[dict]:
    """Return place and text of an axis' ticks."""
    return [
        {"at": axis.place(tick), "text": f"{100 * tick if metric.percent else tick:g}"}
        for tick in axis.ticks
    ]
