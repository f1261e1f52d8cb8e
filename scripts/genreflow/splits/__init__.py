"""Splits: which tracks train, which validate, which test, and why the others do not count."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.splits import balanced, check, exact, fixed, numbers
from genreflow.splits.division import Division
from genreflow.splits.eligible import find_eligible
from genreflow.splits.sample import draw_sample

log = logging.getLogger("genreflow")

METHODS = {
    "fixed": fixed.fixed,
    "stratified": exact.stratified,
    "stratified_kfold": exact.stratified_kfold,
    "group": exact.group,
    "stratified_group_kfold": exact.stratified_group_kfold,
    "kfold": exact.kfold,
    "group_kfold": exact.group_kfold,
    "given": exact.given,
    "published": exact.published,
}

# Those that take the place of scikit-learn's where a recording may stand under several labels.
BALANCED = {
    "stratified": balanced.stratified,
    "stratified_kfold": balanced.stratified_kfold,
    "stratified_group_kfold": balanced.stratified_group_kfold,
}

# What a track is taken for; the other keys of a split are its method's.
VIEW = ("task", "choose", "several", "conflicts", "targets")


def make_split(
    tracks: pl.DataFrame, settings: Mapping[str, Any], *, min_seconds: float
) -> pl.DataFrame:
    """Divide the tracks of a dataset by one of the methods.

    Quarantined and unlabelled tracks, and tracks that are too short, are ``excluded``. Where the
    task wants one label, so are tracks with several and recordings that stand under two, unless
    the settings say otherwise; where it wants numbers (regression), labels do not matter, and
    tracks are excluded that lack one of the numbers. Of several tracks with the same samples, or
    the same features, the one with the smallest track_id counts, the others are ``duplicate``;
    where copies have other numbers, those of the one that counts are taken. Only the method
    published departs from this (see there), and given looks for copies among the tracks of its
    list alone. The result does not depend on the order of the rows.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    settings : mapping
        ``method`` and its keys, see the functions of `METHODS`; ``task``, ``choose``,
        ``several``, ``conflicts`` and ``targets``, see `find_eligible`; ``sample``, see
        `draw_sample`; ``dataset`` is passed over
    min_seconds : number >= 0 [s]
        what the feature sets of the study need

    Returns
    -------
    pl.DataFrame
        track_id, repeat i32, fold i32, part (train, validation, test, duplicate or excluded),
        reason (null for the first three) and labels [list of str], those that this split gives
        the track, null where it has none; every track for every (repeat, fold), sorted by
        repeat, fold, track_id. For regression, the labels are the names of the numbers, the same
        for all tracks, and a further column ``values`` [list of f64] has the numbers in their
        order, null where they are not known.

    Raises
    ------
    GenreflowError
        where a class is too small, or missing from a part; the message says why other tracks
        of the class fell out, and which seeds work. With several labels for each track, a label
        is only required in the training part; with numbers, no part may be empty.
    """
    passed = ("method", "dataset", "sample", *VIEW)
    keys = {key: value for key, value in settings.items() if key not in passed}
    view = {key: settings[key] for key in VIEW if key in settings}
    method = settings["method"]
    rows = find_eligible(
        tracks,
        min_seconds=min_seconds,
        listed=keys.get("list"),
        copies=method == "published",
        **view,
    )
    checks = _checks(settings)
    if "values" in rows.columns:
        numbers.log_copies(rows)
    checks.check_left(rows, view.get("choose", ()))
    division = _draw(rows, settings, keys)
    if empty := checks.empty_cells(division):
        seeds = _working_seeds(rows, settings, keys, len(rows) * len(division.folds))
        raise GenreflowError(checks.explain_empty(division, empty, method, keys, seeds))
    _log(division, method, checks.thin_parts(division))
    return _every_track(division)


def _checks(settings: Mapping[str, Any]) -> ModuleType:
    """The module that knows when a part, or what is in it, is too small."""
    return numbers if settings.get("task") == "regression" else check


def _draw(rows: pl.DataFrame, settings: Mapping[str, Any], keys: Mapping[str, Any]) -> Division:
    method, several = settings["method"], settings.get("task") == "multi_label"
    kept, checks = settings.get("conflicts") == "keep", _checks(settings)
    if "sample" in settings:
        copies = method == "published"
        rows = draw_sample(rows, settings["sample"], keys.get("seed", 0), copies=copies)
    try:
        division = (METHODS | BALANCED if several or kept else METHODS)[method](rows, **keys)
    except ValueError as error:
        raise GenreflowError(
            f"the method {method!r} cannot divide these tracks: {error}\n{checks.summary(rows)}"
        ) from error
    if units := division.units:
        least = units.least_of_several if several else units.least
        checks.require(division.rows, units.names, units.called, least, method)
    if several:
        others = tuple(part for part in division.needed + division.wanted if part != "train")
        return replace(division, needed=("train",), wanted=others)
    return division


def _working_seeds(
    rows: pl.DataFrame, settings: Mapping[str, Any], keys: Mapping[str, Any], cost: int
) -> check.Seeds | None:
    """Look for seeds without an empty cell, for a while; None where the method has no seed."""
    if settings["method"] == "given":
        return None
    start = keys.get("seed", 0)
    tried = range(start + 1, start + 1 + max(10, min(300, 3_000_000 // cost)))
    found = []
    for seed in tried:
        try:
            if not _checks(settings).empty_cells(_draw(rows, settings, {**keys, "seed": seed})):
                found.append(seed)
        except GenreflowError:
            continue
        if len(found) == 3:
            break
    return check.Seeds(found, tried[-1])


def _every_track(division: Division) -> pl.DataFrame:
    counted = division.counted["track_id"]
    targets = ["values"] if "values" in division.rows.columns else []
    base = division.rows.select("track_id", "part", "reason", "labels", *targets)
    tables = []
    for repeat, fold, parts in division.folds:
        drawn = pl.DataFrame({"track_id": counted, "drawn": pl.Series(parts, dtype=pl.String)})
        tables.append(
            base.join(drawn, on="track_id", how="left", maintain_order="left").select(
                "track_id",
                pl.lit(repeat, pl.Int32).alias("repeat"),
                pl.lit(fold, pl.Int32).alias("fold"),
                pl.coalesce("drawn", "part").alias("part"),
                "reason",
                "labels",
                *targets,
            )
        )
    return pl.concat(tables).sort("repeat", "fold", "track_id")


def _log(division: Division, method: str, thin: Sequence[str]) -> None:
    for repeat, fold, parts in division.folds:
        counts = pl.Series("part", parts, dtype=pl.String).value_counts().sort("part").rows()
        shown = ", ".join(f"{count} {part}" for part, count in counts)
        log.info("%s, repeat %d, fold %d: %s", method, repeat, fold, shown)
    for kind, count in check.fallen(division.rows):
        log.info("%d tracks do not count: %s", count, kind)
    for line in thin:
        log.warning("%s", line)
