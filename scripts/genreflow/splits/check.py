"""Classes that are too small for a split, and what its user can do about them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError
from genreflow.splits.division import Division
from genreflow.splits.eligible import OTHER_LABEL, counted

_SHOWN = 12

# What else may help: where a class has too few units, and where luck leaves a cell empty.
_TOO_SMALL = {
    ("fixed", "artists"): "use group: track, which does not look at artists",
    ("group", "artists"): "use stratified, which does not look at artists",
    ("stratified_group_kfold", "artists"): "use stratified_kfold, which does not look at artists",
    ("stratified_kfold", "tracks"): "use fewer folds",
    ("stratified_kfold", "recordings"): "use fewer folds",
}
_EMPTY = {
    "fixed": "use stratified or stratified_group_kfold, which suit small sets",
    "stratified": "give the part a larger share",
    "group": "use stratified_group_kfold, which spreads the artists of each class",
    "kfold": "use stratified_kfold, which spreads the tracks of each class",
    "group_kfold": "use stratified_group_kfold, which spreads the artists of each class",
    "published": "leave them out: choose names the labels that count",
}

_CONFLICTS = (
    "conflicts: keep lets such recordings count under each of their labels. In a table, rows with "
    "equal features are one recording; where that is no sign of it, give more features, or list "
    "these under varying in the dataset's file"
)
_LEAVE_OUT = "leave them out: choose names the labels that count"


class Seeds(NamedTuple):
    """Seeds that leave no cell empty, and the last one that was tried."""

    found: Sequence[int]
    last: int


class Empty(NamedTuple):
    """A part of a fold without a track of some class."""

    repeat: int
    fold: int
    label: str
    part: str


def check_left(rows: pl.DataFrame, chosen: Sequence[str] = ()) -> None:
    """Refuse to divide what leaves nothing to tell apart.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    chosen : sequence of str
        labels that must be among what is left

    Raises
    ------
    GenreflowError
        where fewer than two classes are left, or a chosen one is not
    """
    left = counted(rows)["labels"].explode().unique().sort().to_list()
    lost = [label for label in chosen if label not in left]
    if lost:
        raise GenreflowError(
            "none of the tracks of these chosen labels can be used:\n"
            + _some([_class_line(rows, label) for label in lost])
            + "\nTake them out of choose"
            + (
                ", or give tracks with several labels one of them, by several: rarest"
                if any("several labels" in dict(fallen(rows, label)) for label in lost)
                else ""
            )
        )
    if len(left) < 2:
        found = f"only the class {left[0]!r} has" if left else "no class has"
        raise GenreflowError(
            f"{found} tracks that can be used, two classes at least are needed\n"
            + _some([f"  {count} tracks: {kind}" for kind, count in fallen(rows)])
            + (f"\n{_CONFLICTS}" if OTHER_LABEL in dict(fallen(rows)) else "")
        )


def require(rows: pl.DataFrame, units: np.ndarray, unit: str, needed: int, method: str) -> None:
    """See that every class has enough tracks, or artists, for a method.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    units : np.ndarray [shape=(n_counted,)] of str
        what is drawn: the track, its recording, or its artist
    unit : str
        what that is, in the plural
    needed : int
        how many different ones each class needs
    method : str
        for the message

    Raises
    ------
    GenreflowError
        naming the classes, how many they have, and why their other tracks fell out
    """
    held = (
        counted(rows)
        .select("labels", unit=pl.Series(units, dtype=pl.String))
        .explode("labels")
        .group_by("labels")
        .agg(pl.col("unit").n_unique())
    )
    have = dict(held.iter_rows())
    small = [label for label in _classes(rows) if have.get(label, 0) < needed]
    if small:
        lines = [
            _class_line(rows, label) + (f", {have.get(label, 0)} {unit}" * (unit != "tracks"))
            for label in small
        ]
        hint = _TOO_SMALL.get((method, unit))
        if method == "stratified_kfold" and needed <= 2:
            hint = None  # there are no fewer folds than two
        raise GenreflowError(
            f"the method {method!r} needs at least {needed} {unit} of every class:\n"
            + _some(lines)
            + f"\nAdd tracks to these classes, or {_LEAVE_OUT}"
            + (f", or {hint}" if hint else "")
        )


def empty_cells(division: Division) -> list[Empty]:
    """Parts of folds in which a class is missing that must be there."""
    return list(_missing(division, division.needed))


def thin_parts(division: Division) -> list[str]:
    """Sentences about classes that are missing where they are welcome, but not needed."""
    return [
        f"repeat {cell.repeat}, fold {cell.fold}: no track of {cell.label} in {cell.part}"
        for cell in _missing(division, division.wanted)
    ]


def explain_empty(
    division: Division,
    empty: Sequence[Empty],
    method: str,
    keys: Mapping[str, Any],
    seeds: Seeds | None,
) -> str:
    """Error message for empty cells: which, why, and what works."""
    lines = []
    for repeat, fold, label in dict.fromkeys((e.repeat, e.fold, e.label) for e in empty):
        parts = next(p for r, f, p in division.folds if (r, f) == (repeat, fold))
        table = _part_counts(division, parts)
        here = ", ".join(f"{table[label, part]} {part}" for part in division.needed)
        where = f"repeat {repeat}, fold {fold}, " if len(division.folds) > 1 else ""
        lines.append(f"  {where}{label}: {here}{_why(division.rows, label)}")
    seeded = f" with seed {keys.get('seed', 0)}" if seeds else ""
    text = f"the method {method!r}{seeded} leaves parts without some class:\n{_some(lines)}\n"
    if seeds is None:
        return f"{text}Complete the list, or {_LEAVE_OUT}"
    hint = _EMPTY.get(method, "add tracks to these classes, or use fewer folds")
    return text + say_seeds(seeds) + hint


def say_seeds(seeds: Seeds) -> str:
    """The beginning of a sentence that says which seeds work; something else may help, too."""
    if seeds.found:
        return f"Seeds that work: {', '.join(map(str, seeds.found))}; or "
    return f"No seed up to {seeds.last} works; "


def summary(rows: pl.DataFrame) -> str:
    """One line per class: how many tracks count, and why the others do not."""
    return _some([_class_line(rows, label) for label in _classes(rows)])


def fallen(rows: pl.DataFrame, label: str | None = None) -> list[tuple[str, int]]:
    """Why tracks (of a class) do not count, and how many, the commonest first."""
    out = rows.filter(pl.col("kind").is_not_null())
    if label is not None:
        out = out.filter(pl.col("labels").list.contains(label))
    kinds = Counter(out["kind"].to_list())
    return sorted(kinds.items(), key=lambda item: (-item[1], item[0]))


def _missing(division: Division, parts: Sequence[str]) -> Iterator[Empty]:
    classes = _classes(division.rows)
    for repeat, fold, drawn in division.folds:
        table = _part_counts(division, drawn)
        for label in classes:
            for part in parts:
                if not table[label, part]:
                    yield Empty(repeat, fold, label, part)


def _part_counts(division: Division, parts: np.ndarray) -> Counter:
    pairs = (
        division.counted.select("labels", drawn=pl.Series(parts, dtype=pl.String))
        .explode("labels")
        .group_by("labels", "drawn")
        .len()
    )
    return Counter({(label, part): count for label, part, count in pairs.iter_rows()})


def _classes(rows: pl.DataFrame) -> list[str]:
    """All labels but those of unlisted tracks and of tracks with several labels alone."""
    other = pl.col("kind").str.starts_with("not in the list") | (pl.col("kind") == "several labels")
    named = rows.filter(pl.col("labels").is_not_null(), ~other.fill_null(False))
    return named["labels"].explode().unique().sort().to_list()


def _class_line(rows: pl.DataFrame, label: str) -> str:
    of = rows.filter(pl.col("labels").list.contains(label))
    return f"  {label}: {len(counted(of))} of {len(of)} tracks count{_why(rows, label)}"


def _why(rows: pl.DataFrame, label: str) -> str:
    kinds = fallen(rows, label)
    shown = [f"{count} {kind}" for kind, count in kinds[:4]]
    others = sum(count for _, count in kinds[4:])
    shown += [f"{others} for other reasons"] if others else []
    return f" ({'; '.join(shown)})" if shown else ""


def _some(lines: Sequence[str]) -> str:
    more = [f"  and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join([*lines[:_SHOWN], *more])
