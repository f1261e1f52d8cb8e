"""Numbers that a table states of each track, and that regression predicts."""

import math
import re
from collections.abc import Callable, Mapping, Sequence

from genreflow.datasets.cells import DECIMAL_COMMA, DECIMAL_POINT
from genreflow.errors import GenreflowError

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_numbers(
    cells: Mapping[str, Sequence[str]],
    place: Callable[[int], str],
    *,
    decimal_comma: bool = False,
) -> dict[str, list[float | None]]:
    """The numbers in the cells of columns.

    Parameters
    ----------
    cells : mapping of str to sequence of str
        the cells of each column, without white space around them; empty where the number is not
        known
    place : callable
        from the number of a row to where it stands, for messages
    decimal_comma : bool
        whether a comma may stand for the decimal point, unless some cell has the point itself:
        the comma may part thousands then

    Returns
    -------
    dict of str to list of float or None
        by column

    Raises
    ------
    GenreflowError
        naming the first cell that is no finite number
    """
    if decimal_comma:
        decimal_comma = not any(re.search(DECIMAL_POINT, c) for of in cells.values() for c in of)
    numbers: dict[str, list[float | None]] = {}
    for column, texts in cells.items():
        numbers[column] = []
        for row, text in enumerate(texts):
            plain = re.sub(DECIMAL_COMMA, r"\1.\2", text) if decimal_comma else text
            number = float(plain) if NUMBER.fullmatch(plain) else math.nan
            if plain and not math.isfinite(number):
                raise GenreflowError(
                    f"{place(row)}: {text[:40]!r} in the column {column!r} is no number; leave the "
                    "cell empty where the number is not known"
                )
            numbers[column].append(number if plain else None)
    return numbers
