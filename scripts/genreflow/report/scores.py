"""The leaderboards: the runs of each split, best first."""

import polars as pl

from genreflow.report import numbers
from genreflow.report.axis import Axis, axis_around
from genreflow.report.material import Material
from genreflow.report.numbers import counted, listed, metric_named

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
    "regression": ["r2", "mse", "mae"],
}
SHORT = {"lrap": "LRAP"}
METHODS = {
    "fixed": "by hash",
    "kfold": "k-fold",
    "group_kfold": "k-fold by artist",
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
    """Return what the page shows of each split: one table, best run first.

    Where runs predict different numbers of a split, it is one for each number.
    """
    # A split none of whose runs could be done has no table, but its runs are named.
    others = sorted(set(material.runs["split"]) - set(material.split_names))
    return [
        _leaderboard(material, split, target)
        for split in [*material.split_names, *others]
        for target in material.rankings(split)
    ]


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


def _leaderboard(material: Material, split: str, target: str | None) -> dict:
    metric, name = material.metric_of(split), material.metric_name(split)
    ranked = material.ranked(split, target)
    drawn = _drawn(material, split, name, target)
    scores = {
        row["run"]: material.score(split, row["run"], name, target=target) or {} for row in ranked
    }
    shown = [score.get(key) for score in scores.values() for key in ("value", "low", "high")]
    shown += [published["published"] for run, published in drawn.items() if run in scores]
    axis = axis_around(shown, floor=metric.floor, ceiling=metric.ceiling)
    columns = _secondary(material, split, target, ranked)
    features = {_described(row) for row in ranked}
    shared = features.pop() if len(features) == 1 and len(ranked) > 1 else ""
    rows = [
        _row(material, split, target, row, scores[row["run"]], drawn.get(row["run"]), axis, columns)
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
        "target": target,
        "predicts": listed(material.predicted(split)) if target is None else "",
        "metric": metric,
        "how": describe_split(material, split),
        "protocol": PROTOCOLS[protocol] if known else NO_ARTISTS,
        "features": shared,
        "tested": tested(material, split),
        "columns": [SHORT.get(column) or metric_named(column).title for column in columns],
        "ticks": ticks(axis, metric),
        "folds": rounds(material, split) if any(row["folds"] for row in rows) else "",
        "validation": any(row["validation"]["text"] != numbers.UNKNOWN for row in rows),
        "published": any(row["published"] for row in rows),
        "behind": any(row["behind"] for row in rows),
        "rows": rows,
        "skipped": [row["run"] for row in material.skipped(split)],
    }


def _drawn(
    material: Material, split: str, metric: str, target: str | None = None
) -> dict[str, dict]:
    """The published figures of a metric by run; of several for one run the first.

    They are overall, so those of a single number are of the runs that predict no other.
    """
    rows = material.published.filter(pl.col("split") == split, pl.col("metric") == metric)
    text = metric_named(metric).value
    return {
        row["run"]: row | {"text": text(row["published"])}
        for row in reversed(rows.to_dicts())
        if target is None or material.targets_of(split, row["run"]) == [target]
    }


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


def waiting(material: Material) -> list[dict]:
    """Return what runs that were not done wait for: each reason once, with its runs.

    Those that were done on other splits are told with the splits on which they were not.
    """
    left = material.runs.filter(pl.col("status") != "done")
    left = left.with_columns(pl.col("reason").fill_null("no reason given"))
    every = dict(material.runs.group_by("run").agg(pl.col("split").n_unique()).iter_rows())
    found = []
    for (reason,), own in left.group_by("reason", maintain_order=True):
        runs = []
        for (run,), rows in own.group_by("run", maintain_order=True):
            splits = sorted(set(rows["split"]))
            runs.append({"run": run, "splits": [] if len(splits) == every[run] else splits})
        found.append({"reason": reason, "runs": sorted(runs, key=lambda row: row["run"])})
    return sorted(found, key=lambda row: (-len(row["runs"]), row["reason"]))


def _secondary(material: Material, split: str, target: str | None, ranked: list[dict]) -> list[str]:
    """The other metrics that were measured: at most four, of several labels six."""
    task = material.task_of(split)
    return [
        metric
        for metric in SECONDARY[task]
        if metric != material.metric_name(split)
        and any(material.score(split, row["run"], metric, target=target) for row in ranked)
        # Different numbers have no error in common.
        and (metric != "mae" or target is not None or len(material.predicted(split)) == 1)
    ][: 4 if task == "single_label" else 6]


def _cell(metric_name: str, score: dict) -> dict:
    """A figure; of regression, whose publications give it so, with what it is over folds."""
    metric, value = metric_named(metric_name), score.get("value")
    cell = {"text": metric.value(value), "key": "" if value is None else value, "folds": ""}
    if metric_name == "mse" and score.get("fold_std") is not None:
        cell["folds"] = f"{metric.number(score['fold_mean'])} ± {metric.number(score['fold_std'])}"
        cell["folds_interval"] = metric.interval(score["fold_low"], score["fold_high"])
    return cell


def _row(
    material: Material,
    split: str,
    target: str | None,
    row: dict,
    score: dict,
    published: dict | None,
    axis: Axis,
    columns: list[str],
) -> dict:
    metric, name, run = material.metric_of(split), material.metric_name(split), row["run"]
    others = [
        _cell(column, material.score(split, run, column, target=target) or {}) for column in columns
    ]
    validation = material.score(split, run, name, "validation", target) or {}
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
        "behind": _behind(metric, material.behind(split, run, target)),
        "published": published,
        "published_at": axis.place(published["published"]) if published else None,
        "folds": folds,
        "folds_key": score.get("fold_mean", ""),
        "folds_interval": metric.interval(score.get("fold_low"), score.get("fold_high")),
        "folds_range": _range(metric, score.get("fold_min"), score.get("fold_max")),
        "validation": _cell(name, validation),
        "others": others,
        "seconds": numbers.seconds(row["seconds"]),
        "seconds_key": "" if row["seconds"] is None else row["seconds"],
        "memory": numbers.megabytes(row["peak_memory_mb"]),
        "memory_key": "" if row["peak_memory_mb"] is None else row["peak_memory_mb"],
        "dropped": row.get("dropped") or 0,
        "floor": str(row["model"]).startswith("dummy"),
    }


def _behind(metric: numbers.Metric, row: dict | None) -> dict | None:
    """How far a run is from the best, and whether it is clear that it is not as good."""
    if not row or row["difference"] is None:
        return None
    return {
        "text": metric.difference(row["difference"]).removesuffix(" points"),
        "interval": metric.interval(row["low"], row["high"]),
        "certain": is_clear(row),
    }


def is_clear(difference: dict) -> bool:
    """Tell whether the interval of a difference holds no 0; False where there is none."""
    low, high = difference["low"], difference["high"]
    return low is not None and high is not None and (low > 0 or high < 0)


def _range(metric: numbers.Metric, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{metric.number(low)} to {metric.number(high)}"


def ticks(axis: Axis, metric: numbers.Metric) -> list[dict]:
    """Return place and text of an axis' ticks."""
    return [
        {"at": axis.place(tick), "text": f"{100 * tick if metric.percent else tick:g}"}
        for tick in axis.ticks
    ]
