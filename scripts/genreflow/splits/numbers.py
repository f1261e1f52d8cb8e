"""Splits of numbers, in which there are no classes: what counts, and when a part is too small.

The checks have the names of those in `genreflow.splits.check`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.splits.check import Empty, Seeds, fallen, say_seeds
from genreflow.splits.division import Division
from genreflow.splits.eligible import counted

log = logging.getLogger("genreflow")

# What else may help where luck leaves a part empty.
_EMPTY = {
    "fixed": "use kfold or group_kfold, which suit small sets",
    "group": "use group_kfold, which tests every artist once",
}


def check_left(rows: pl.DataFrame, chosen: Sequence[str] = ()) -> None:
    """Refuse to divide what leaves nothing to predict.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns for a split of numbers
    chosen : sequence of str
        passed over: there are no labels

    Raises
    ------
    GenreflowError
        where fewer than two tracks are left, or a number is the same for all of them
    """
    left = counted(rows)
    if len(left) < 2:
        found = "only one track" if len(left) else "no track"
        raise GenreflowError(f"{found} can be used, two at least are needed\n{summary(rows)}")
    for at, name in enumerate(left["labels"][0]):
        of_all = left["values"].list.get(at).unique()
        if len(of_all) < 2:
            raise GenreflowError(
                f"{name} is {of_all[0]:g} for all {len(left)} tracks that can be used, so there is "
                "nothing to predict; take it out of the split's targets"
            )


def log_copies(rows: pl.DataFrame) -> None:
    """Say how many recordings have copies that do not count and that have other numbers."""
    of_copies = rows.filter(pl.col("part").is_null() | (pl.col("part") == "duplicate"))
    found = of_copies.group_by("digest").agg(
        copies=(pl.col("part") == "duplicate").any(), values=pl.col("values").n_unique()
    )
    if torn := found.filter("copies", pl.col("values") > 1).height:
        log.warning(
            "%d recordings have copies with other numbers; those of the copy that counts are taken",
            torn,
        )


def require(rows: pl.DataFrame, units: np.ndarray, unit: str, needed: int, method: str) -> None:
    """See that there are enough artists, or recordings, for a method; as `check.require`."""
    if (have := len(set(units))) < needed:
        raise GenreflowError(
            f"the method {method!r} needs at least {needed} {unit}, there are {have}\n"
            + summary(rows)
        )


def empty_cells(division: Division) -> list[Empty]:
    """Parts of folds in which there must be tracks, and are none."""
    return _missing(division, division.needed)


def thin_parts(division: Division) -> list[str]:
    """Sentences about parts without tracks where those are welcome, but not needed."""
    return [
        f"repeat {cell.repeat}, fold {cell.fold}: no track in {cell.part}"
        for cell in _missing(division, division.wanted)
    ]


def explain_empty(
    division: Division,
    empty: Sequence[Empty],
    method: str,
    keys: Mapping[str, Any],
    seeds: Seeds | None,
) -> str:
    """Error message for empty parts: which, why, and what works."""
    lines = []
    for repeat, fold in dict.fromkeys((e.repeat, e.fold) for e in empty):
        parts = next(p for r, f, p in division.folds if (r, f) == (repeat, fold))
        here = ", ".join(f"{(parts == part).sum()} {part}" for part in division.needed)
        lines.append(f"  repeat {repeat}, fold {fold}: {here}")
    seeded = f" with seed {keys.get('seed', 0)}" if seeds else ""
    told = [f"the method {method!r}{seeded} leaves parts without a track:", *lines]
    hint = say_seeds(seeds) + _EMPTY.get(method, "add tracks") if seeds else "Complete the list"
    return "\n".join([*told, summary(division.rows), hint])


def summary(rows: pl.DataFrame) -> str:
    """How many tracks count, and why the others do not."""
    kinds = "; ".join(f"{count} {kind}" for kind, count in fallen(rows))
    return f"  {len(counted(rows))} of {len(rows)} tracks count" + (f" ({kinds})" if kinds else "")


def _missing(division: Division, parts: Sequence[str]) -> list[Empty]:
    return [
        Empty(repeat, fold, "", part)
        for repeat, fold, drawn in division.folds
        for part in parts
        if part not in drawn
    ]
