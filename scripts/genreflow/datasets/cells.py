"""The cells of tables as users save them: comma, tab or semicolon between them, or parquet."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genreflow.errors import GenreflowError

if TYPE_CHECKING:
    import polars as pl

DELIMITERS = (",", "\t", ";")

# A number as it is written with a comma, and one that has the point itself.
DECIMAL_COMMA = r"^([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)$"
DECIMAL_POINT = r"^[-+]?\d*\.\d"

# The control character that separates units.
BETWEEN = "\x1f"

# Rows that are held as Python's own text at a time.
CHUNK = 20_000


class Lines(NamedTuple):
    """The lines of a table.

    Attributes
    ----------
    header : list of str
        without white space around them
    rows : iterator of (int, list of str)
        number of the line, and as many cells as there are headers; blank lines are left out
    delimiter : str
    """

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]
    delimiter: str


class Cells(NamedTuple):
    """All cells of a table.

    Attributes
    ----------
    frame : pl.DataFrame
        a column of text for each header; lists in parquet are joined by `BETWEEN`
    places : pl.Series
        where each row stands, as text
    decimal_comma : bool
        whether numbers may be written with a comma
    """

    frame: "pl.DataFrame"
    places: "pl.Series"
    decimal_comma: bool


def read_lines(path: Path, *, errors: str = "strict") -> Lines:
    """Read a table with comma, tab or semicolon between the cells.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte-order mark
    errors : str
        what becomes of bytes that are not UTF-8, as `bytes.decode` has it

    Raises
    ------
    GenreflowError
        naming file and line; of a row, when it is come to
    """
    text = _read_text(path, errors)
    delimiter = _delimiter(text)
    lines = _lines(path, text, delimiter)
    _, header = next(lines, (0, []))
    header = [name.strip() for name in header]
    return Lines(header, _whole(path, header, lines), delimiter)


def read_header(path: Path) -> list[str]:
    """Names of a table's columns.

    Parameters
    ----------
    path : Path
        as `read_cells` takes it; its rows are not read
    """
    if path.suffix == ".parquet":
        import polars as pl

        try:
            return pl.read_parquet_schema(path).names()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise _unreadable(path, error) from None
    with path.open(encoding="utf-8-sig", errors="replace", newline=None) as file:
        first = next(filter(str.strip, file), "")
        rows = csv.reader(itertools.chain([first], file), delimiter=_delimiter(first))
        return [name.strip() for name in next(rows, [])]


def read_cells(path: Path) -> Cells:
    """Read all of a table.

    Parameters
    ----------
    path : Path
        a CSV, TSV or the like in UTF-8, or a file named .parquet

    Raises
    ------
    GenreflowError
        naming file and line
    """
    return _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)


def _read_csv(path: Path) -> Cells:
    import polars as pl

    lines = read_lines(path)
    if not lines.header:
        raise GenreflowError(f"{path}: the table is empty")
    names = [str(number) for number in range(len(lines.header))]
    schema = dict.fromkeys(names, pl.String)
    numbers, parts = [], [pl.DataFrame(schema=schema)]
    while chunk := list(itertools.islice(lines.rows, CHUNK)):
        numbers += [line for line, _ in chunk]
        parts.append(pl.DataFrame([cells for _, cells in chunk], schema=schema, orient="row"))
    return Cells(
        frame=_headed(path, pl.concat(parts), lines.header),
        places=_places(path, "line", pl.Series(numbers, dtype=pl.Int64)),
        decimal_comma=lines.delimiter == ";",
    )


def _read_parquet(path: Path) -> Cells:
    import polars as pl
    import polars.selectors as cs

    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _unreadable(path, error) from None
    odd = frame.select(cs.nested() - cs.list() | cs.binary() | cs.object()).columns
    odd += [
        name for name in frame.select(cs.list()).columns if frame.schema[name].inner.is_nested()
    ]
    if odd:
        raise GenreflowError(
            f"{path}: the column {odd[0]!r} holds {frame.schema[odd[0]]}, no text; "
            "take it out of the file"
        )
    frame = frame.select(
        # A number of 32 bits is the one that it is as 64 bits, whatever its digits.
        cs.float().cast(pl.Float64).cast(pl.String),
        cs.list().cast(pl.List(pl.String)).list.join(BETWEEN),
        cs.duration().dt.to_string(),
        (~cs.float() & ~cs.list() & ~cs.duration()).cast(pl.String),
    ).select(frame.columns)
    rows = pl.int_range(1, len(frame) + 1, eager=True)
    return Cells(frame, _places(path, "row", rows), decimal_comma=False)


def _unreadable(path: Path, error: Exception) -> GenreflowError:
    return GenreflowError(f"{path}: not a parquet file that can be read: {error}")


def _headed(path: Path, frame: "pl.DataFrame", header: list[str]) -> "pl.DataFrame":
    for name in header:
        if header.count(name) > 1:
            raise GenreflowError(f"{path}: {header.count(name)} columns are headed {name!r}")
    return frame.rename(dict(zip(frame.columns, header, strict=True)))


def _places(path: Path, unit: str, numbers: "pl.Series") -> "pl.Series":
    import polars as pl

    return pl.select(pl.format("{}, {} {}", pl.lit(path.name), pl.lit(unit), numbers)).to_series()


def _read_text(path: Path, errors: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GenreflowError(f"{path}: the table cannot be read: {error.strerror}") from None
    if b"\0" in raw:
        raise GenreflowError(f"{path}: not a text in UTF-8; save the table as CSV in UTF-8")
    try:
        return raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise GenreflowError(
            f"{path}, line {line}: not UTF-8; save the table as CSV in UTF-8"
        ) from None


def _delimiter(text: str) -> str:
    """The delimiter that gives the header the most cells."""
    header = next(filter(str.strip, io.StringIO(text, newline=None)), "")
    return max(DELIMITERS, key=lambda d: len(next(csv.reader([header], delimiter=d), [])))


def _lines(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines of a table, header first, each with its number; blank ones are left out."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in rows:
            if any(map(str.strip, cells)):
                yield line, cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise GenreflowError(f"{path}, line {line}: not a table: {error}") from None


def _whole(
    path: Path, header: list[str], lines: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    for line, cells in lines:
        if len(cells) != len(header):
            raise GenreflowError(
                f"{path}, line {line}: {len(cells)} cells under {len(header)} headers; "
                "a cell that holds the delimiter must stand in quotes"
            )
        yield line, cells
