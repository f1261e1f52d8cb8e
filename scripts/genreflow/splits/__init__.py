"""Splits: which tracks train, which validate, which test, and why the others do not count."""

import logging
from collections.abc import Mapping
from typing import Any

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.splits import check, exact, fixed
from genreflow.splits.eligible import Division, find_eligible

log = logging.getLogger("genreflow")

METHODS = {
    "fixed": fixed.fixed,
    "stratified": exact.stratified,
    "stratified_kfold": exact.stratified_kfold,
    "group": exact.group,
    "stratified_group_kfold": exact.stratified_group_kfold,
    "given": exact.given,
    "published": exact.published,
}


def make_split(
    tracks: pl.DataFrame,
    settings: Mapping[str, Any],
    *,
    min_seconds: float,
    task: str = "single_label",
) -> pl.DataFrame:
    """Divide the tracks of a dataset by one of the methods.

    Quarantined and unlabelled tracks, tracks that stand under two labels, that are too short,
    or have several labels where the task wants one, are ``excluded``. Of several tracks with the
    same samples the one with the smallest track_id counts, the others are ``duplicate``. Only
    the method published departs from this (see there), and given looks for copies among the
    tracks of its list alone. The result does not depend on the order of the rows.

    Parameters
    ----------
    tracks : pl.DataFrame
        the tracks table
    settings : mapping
        ``method`` and its keys, see the functions of `METHODS`; ``dataset`` is passed over
    min_seconds : number >= 0 [s]
        what the feature sets of the study need
    task : str
        single_label: tracks with several labels are excluded

    Returns
    -------
    pl.DataFrame
        track_id, repeat i32, fold i32, part (train, validation, test, duplicate or excluded)
        and reason (null for the first three); every track for every (repeat, fold), sorted by
        repeat, fold, track_id

    Raises
    ------
    GenreflowError
        where a class is too small, or missing from a part; the message says why other tracks
        of the class fell out, and which seeds work
    """
    keys = {k: v for k, v in settings.items() if k not in ("method", "dataset")}
    method = settings["method"]
    rows = find_eligible(
        tracks,
        min_seconds=min_seconds,
        single_label=task == "single_label",
        listed=keys.get("list"),
        keep_conflicts=method == "published",
    )
    check.check_classes(rows)
    division = _draw(rows, method, keys)
    empty = check.empty_cells(division)
    if empty:
        raise GenreflowError(
            check.explain_empty(division, empty, method, keys, _working_seeds(rows, method, keys))
        )
    _log(division, method)
    return _every_track(division)


def _draw(rows: pl.DataFrame, method: str, keys: Mapping[str, Any]) -> Division:
    try:
        return METHODS[method](rows, **keys)
    except ValueError as error:
        raise GenreflowError(
            f"the method {method!r} cannot divide these tracks: {error}\n{check.class_table(rows)}"
        ) from error


def _working_seeds(rows: pl.DataFrame, method: str, keys: Mapping[str, Any]) -> check.Seeds | None:
    """Look for seeds without an empty cell; None where the method has no seed."""
    if method == "given":
        return None
    start = keys.get("seed", 0)
    tried = range(start + 1, start + 1 + max(10, min(300, 3_000_000 // max(1, len(rows)))))
    found = []
    for seed in tried:
        try:
            if not check.empty_cells(_draw(rows, method, {**keys, "seed": seed})):
                found.append(seed)
        except GenreflowError:
            continue
        if len(found) == 3:
            break
    return check.Seeds(found, tried[-1])


def _every_track(division: Division) -> pl.DataFrame:
    counted = division.counted["track_id"]
    base = division.rows.select("track_id", "part", "reason")
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
            )
        )
    return pl.concat(tables).sort("repeat", "fold", "track_id")


def _log(division: Division, method: str) -> None:
    for repeat, fold, parts in division.folds:
        counts = pl.Series("part", parts, dtype=pl.String).value_counts().sort("part").rows()
        shown = ", ".join(f"{count} {part}" for part, count in counts)
        log.info("%s, repeat %d, fold %d: %s", method, repeat, fold, shown)
    for kind, count in check.fallen(division.rows):
        log.info("%d tracks do not count: %s", count, kind)
    for line in check.thin_parts(division):
        log.warning("%s", line)
