"""The features of a table as numbers: what each cell holds, and the columns that a model gets."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import polars as pl

from genreflow.errors import GenreflowError
from genreflow.features.store import HEAD

log = logging.getLogger("genreflow")

BOOLEANS = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}

# A column of more is no category but a name or a number of its own for each track.
MOST_CATEGORIES = 1000

# From here on floats leave out whole numbers.
EXACT = 2.0**53


class Encoded(NamedTuple):
    """Features of the rows of a table.

    Attributes
    ----------
    values : pl.DataFrame
        a column of Float64 for each feature that a model gets, null where it is missing
    cells : pl.DataFrame
        a column of text for each column of the table, equal where what it says is equal
    reasons : pl.Series
        why a row cannot be used; null where it can
    """

    values: pl.DataFrame
    cells: pl.DataFrame
    reasons: pl.Series


class _Column(NamedTuple):
    """A column of the table: its values, its cells, and why a cell is not what it should be."""

    values: pl.Series
    cells: pl.Series
    problems: pl.Series


def encode(
    cells: pl.DataFrame, kinds: Mapping[str, tuple[str, ...]], places: pl.Series, *, complete: bool
) -> Encoded:
    """Make numbers of the cells of a table.

    Parameters
    ----------
    cells : pl.DataFrame
        a column of text for each feature, null where it is missing
    kinds : mapping of str to tuple of str
        what each column holds, as `Layout` has it
    places : pl.Series
        where each row stands, for messages
    complete : bool
        whether a row with a missing feature cannot be used

    Returns
    -------
    Encoded

    Raises
    ------
    GenreflowError
        where most cells of a column are not what it should hold, a column has too many
        categories, or two features would have one name
    """
    columns = {name: _column(cells[name], kinds[name]) for name in kinds}
    for name, column in columns.items():
        _require_most(cells[name], column, places)
    problems = [column.problems for column in columns.values()]
    if complete:
        problems += [_where(cells[name].is_null(), f"{name} is missing") for name in kinds]
    else:
        filled = cells.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
        problems.append(_where(~filled, "no feature is given"))
    reasons = pl.select(pl.concat_str(problems, separator="; ", ignore_nulls=True)).to_series()
    reasons = _only(reasons, lambda texts: texts != "")
    values: dict[str, pl.Series] = {}
    for name, column in columns.items():
        encoded = {name: column.values}
        if kinds[name] == ("one_hot",):
            encoded = _one_hot(column.cells, used=reasons.is_null())
        for key in encoded:
            if key in HEAD or key in values:
                raise GenreflowError(
                    f"{key!r} cannot be the name of a feature (from the column {name!r}), since "
                    "there is such a column already; rename the column in the table"
                )
        values |= encoded
    return Encoded(
        values=pl.DataFrame([series.alias(name) for name, series in values.items()]),
        cells=pl.DataFrame([column.cells.alias(name) for name, column in columns.items()]),
        reasons=reasons,
    )


def _column(text: pl.Series, kinds: tuple[str, ...]) -> _Column:
    number = _only(text.cast(pl.Float64, strict=False), pl.Series.is_finite)
    same = _same_where_equal(number, text)
    if kinds == ("one_hot",):
        return _Column(number, same, text.clear(len(text)))
    if kinds == ("boolean",):
        values = same.str.to_lowercase().replace_strict(
            BOOLEANS, default=None, return_dtype=pl.Float64
        )
        cells = values.cast(pl.Int64).cast(pl.String).fill_null(text)
        return _Column(values, cells, _problems(text, values, "is neither true nor false"))
    problems = _problems(text, number, "is no number")
    if "log" in kinds:
        number = _only(number, lambda values: values >= 0)
        problems = problems.fill_null(_problems(text, number, "is below 0, and has no logarithm"))
        number = number.log1p()
    return _Column(number, same, problems)


def _same_where_equal(number: pl.Series, text: pl.Series) -> pl.Series:
    """Numbers in one spelling, such as 1 for 1.0 and 1e0; other text as it is."""
    plain = _only(number, lambda values: values.abs() < EXACT)
    whole = _only(plain, lambda values: values == values.round()).cast(pl.Int64)
    return whole.cast(pl.String).fill_null(plain.cast(pl.String)).fill_null(text)


def _only(values: pl.Series, which: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The values of which something is true; null in place of the others."""
    kept = pl.when(pl.lit(which(values))).then(pl.lit(values))
    return pl.select(kept.alias(values.name)).to_series()


def _problems(text: pl.Series, values: pl.Series, what: str) -> pl.Series:
    """Which filled cells have no value, and what they are."""
    wrong = pl.lit(text.is_not_null() & values.is_null())
    said = pl.format("{}: '{}' {}", pl.lit(text.name), pl.lit(text).str.slice(0, 40), pl.lit(what))
    return pl.select(pl.when(wrong).then(said)).to_series()


def _require_most(text: pl.Series, column: _Column, places: pl.Series) -> None:
    wrong, filled = column.problems.count(), text.count()
    if 2 * wrong > filled:
        first = column.problems.is_not_null().arg_max()
        raise GenreflowError(
            f"{places[first]}: {column.problems[first]}, and so it is in {wrong} of the {filled} "
            f"cells of the column {text.name!r}; list it under ignored in the dataset's file, or "
            "make it one_hot"
        )
    if wrong:
        log.warning("%d of the %d cells of %s cannot be used", wrong, filled, text.name)


def _one_hot(cells: pl.Series, *, used: pl.Series) -> dict[str, pl.Series]:
    """A column of 0 and 1 for each category, numbers before text; all are 0 where it is missing."""
    categories = cells.filter(used).drop_nulls().unique()
    if len(categories) > MOST_CATEGORIES:
        raise GenreflowError(
            f"the column {cells.name!r} has {len(categories)} categories; list it under ignored in "
            "the dataset's file, or make it a number"
        )
    number = categories.cast(pl.Float64, strict=False)
    ordered = pl.DataFrame([categories.alias("category"), number.alias("number")])
    ordered = ordered.sort("number", "category", nulls_last=True)["category"]
    return {
        f"{cells.name}={category}": (cells == category).cast(pl.Float64).fill_null(0.0)
        for category in ordered
    }


def _where(condition: pl.Series, text: str) -> pl.Series:
    return pl.select(pl.when(pl.lit(condition)).then(pl.lit(text))).to_series()
