"""Datasets of kind table: tracks and their features from tables, in place of audio."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from genreflow.datasets.cells import BETWEEN, DECIMAL_COMMA, DECIMAL_POINT, read_cells
from genreflow.datasets.encode import Encoded, encode
from genreflow.datasets.labels import part_of, read_sheet, require_parts, split_labels
from genreflow.datasets.layout import Layout, TableDataset
from genreflow.datasets.names import encode_path
from genreflow.datasets.targets import read_numbers
from genreflow.errors import GenreflowError
from genreflow.features.store import HEAD
from genreflow.measured import MEASURED
from genreflow.tracks import complete_tracks

log = logging.getLogger("genreflow")

# How a missing value is written, in any case.
MISSING = ("", "na", "nan", "null", "none", "n/a", "?")

DIGITS = 16


class Tables(NamedTuple):
    """What the tables of a dataset say.

    Attributes
    ----------
    tracks : pl.DataFrame
        the tracks table, as `genreflow.tracks.complete_tracks` gives it; what is measured on audio
        is null
    features : pl.DataFrame [columns: track_id, batch, segment, reason, one Float64 per feature]
        one row for each track that can be used, sorted by track_id; null where a value is missing
    """

    tracks: pl.DataFrame
    features: pl.DataFrame


class _Rows(NamedTuple):
    """All rows of all tables: their cells, where they stand, and what the features hold."""

    cells: pl.DataFrame
    places: pl.Series
    kinds: Mapping[str, tuple[str, ...]]


def read_tables(dataset: TableDataset, snapshot: str) -> Tables:
    """Read the tables of a dataset of kind table.

    Two rows with equal features, but for those that may vary, are copies of one recording. The
    order of the rows and of the files makes no difference but in the titles that name a line.

    Parameters
    ----------
    dataset : TableDataset
    snapshot : str
        name of the dataset's state, which stands as the batch of every track

    Returns
    -------
    Tables

    Raises
    ------
    GenreflowError
        naming file and line or column, where a table cannot be read, a column is missing or has
        no role, an id stands twice with other values, or a column is not what it should hold
    """
    layout, rows = dataset.layout, _read(dataset)
    features = rows.cells.select(list(rows.kinds))
    encoded = encode(features, rows.kinds, rows.places, complete=layout.missing == "exclude")
    track_ids, repeated = _identify(layout, rows, encoded)
    reasons = encoded.reasons
    if layout.duplicates == "drop":
        reasons = reasons.set(repeated, "equal to another row of the table")
    used = reasons.is_null()
    found = {
        "track_id": track_ids,
        "labels": _labels(layout, rows),
        **_facts(dataset, rows, track_ids),
        "reason": reasons,
        "digest": _recordings(encoded.cells, layout.varying),
    }
    tracks = pl.DataFrame(found).with_columns(
        batch=pl.lit(snapshot),
        status=pl.when(used).then(pl.lit("ok")).otherwise(pl.lit("quarantined")),
        # A row without anything to be told by is a recording of its own.
        digest=pl.when(used).then(pl.coalesce("digest", pl.format("row {}", "track_id"))),
    )
    heard = {name: kind for name, kind in MEASURED.items() if name not in tracks.columns}
    tracks = tracks.with_columns(pl.lit(None, kind).alias(name) for name, kind in heard.items())
    head = tracks.select(pl.lit(0).alias(name) if name == "segment" else name for name in HEAD)
    return Tables(
        tracks=complete_tracks(tracks),
        features=head.cast(HEAD).hstack(encoded.values).filter(used).sort("track_id"),
    )


def _read(dataset: TableDataset) -> _Rows:
    layout, first = dataset.layout, dataset.tables[0]
    kinds, frames, places = {}, [], []
    for path in dataset.tables:
        cells = read_cells(path)
        if not frames:
            kinds = layout.features_of(cells.frame.columns, str(path))
        elif odd := sorted(set(cells.frame.columns) ^ set(frames[0].columns)):
            raise GenreflowError(
                f"{path}: its columns are not those of {first}; not in both: {', '.join(odd)}"
            )
        numbers = list(dict.fromkeys([*kinds, *layout.targets.values()]))
        frames.append(_cleaned(cells.frame, layout.id, numbers if cells.decimal_comma else []))
        places.append(cells.places)
    cells = pl.concat([frame.select(frames[0].columns) for frame in frames])
    if cells.is_empty():
        raise GenreflowError(f"{first}: the table has no rows")
    return _Rows(cells, pl.concat(places), kinds)


def _cleaned(frame: pl.DataFrame, id: str | None, numbers: list[str]) -> pl.DataFrame:
    """Cells without white space around them, null where they say that a value is missing.

    In the columns `numbers`, a comma may stand for the decimal point, unless some of their cells
    have the point itself: the comma may part thousands then, and its cells are no numbers.
    """
    text = pl.all().str.strip_chars()
    missing = text.str.to_lowercase().is_in(MISSING)
    names = pl.col(id).str.strip_chars() if id else []
    frame = frame.with_columns(pl.when(~missing).then(text)).with_columns(frame.select(names))
    pointed = frame.select(pl.any_horizontal(pl.col(numbers).str.contains(DECIMAL_POINT).any()))
    if not numbers or pointed.item():
        return frame
    return frame.with_columns(pl.col(numbers).str.replace(DECIMAL_COMMA, "${1}.${2}"))


def _identify(layout: Layout, rows: _Rows, encoded: Encoded) -> tuple[list[str], pl.Series]:
    """A track_id for each row, and whether it is equal to a row before it."""
    content = _digests(rows.cells.drop(list(rows.kinds)).hstack(encoded.cells))
    found = pl.DataFrame([content.alias("content"), rows.places.alias("place")])
    if layout.id:
        found = found.with_columns(id=_ids(rows.cells[layout.id], rows.places))
    else:
        found = found.with_columns(id=pl.col("content").str.slice(0, DIGITS))
    first = pl.all().first().over("id").name.prefix("first_")
    odd = found.with_columns(first).filter(pl.col("content") != pl.col("first_content"))
    if len(odd):
        row = odd.row(0, named=True)
        raise GenreflowError(
            f"{row['place']}: the id {row['id']!r} stands in {row['first_place']} too, with other "
            "values; keep one of the two rows"
        )
    numbers = found.select(pl.int_range(1, pl.len() + 1).over("id")).to_series()
    return list(_numbered(found["id"], numbers)), numbers > 1


def _ids(cells: pl.Series, places: pl.Series) -> pl.Series:
    empty = cells.fill_null("") == ""
    if empty.any():
        raise GenreflowError(f"{places[empty.arg_max()]}: the id, {cells.name!r}, is missing")
    return _texts(encode_path(cell.encode()) for cell in cells)


def _numbered(ids: pl.Series, numbers: pl.Series) -> Iterator[str]:
    """Ids, further ones of an id with a number behind it."""
    taken = set(ids)
    for name, number in zip(ids, numbers, strict=True):
        own = name
        while number > 1 and own in taken:
            own, number = f"{name}-{number}", number + 1
        taken.add(own)
        yield own


def _recordings(cells: pl.DataFrame, varying: Collection[str]) -> pl.Series:
    """Digests of what rows of one recording have in common; null where that is nothing."""
    common = [name for name in cells.columns if name not in varying]
    if not common:
        return _texts([None] * len(cells))
    digests = _digests(cells.select(common))
    known = cells.select(pl.any_horizontal(pl.col(common).is_not_null())).to_series()
    return pl.select(pl.when(pl.lit(known)).then(pl.lit(digests))).to_series()


def _digests(cells: pl.DataFrame) -> pl.Series:
    """Digest of the cells of each row, whatever the order of the columns."""
    columns = [pl.lit(cells[name].fill_null("")) for name in sorted(cells.columns)]
    texts = pl.select(pl.concat_str(columns, separator=BETWEEN)).to_series()
    return _texts(hashlib.sha256(text.encode()).hexdigest() for text in texts)


def _labels(layout: Layout, rows: _Rows) -> pl.Series:
    cells = rows.cells[layout.label].alias("cell").to_frame()
    labels = {
        cell: split_labels(cell, BETWEEN if BETWEEN in cell else layout.separator)
        for cell in cells["cell"].drop_nulls().unique()
        if cell not in layout.no_label
    }
    schema = {"cell": pl.String, "labels": pl.List(pl.String)}
    known = pl.DataFrame(list(labels.items()), schema=schema, orient="row")
    return cells.join(known, on="cell", how="left", maintain_order="left")["labels"]


def _facts(dataset: TableDataset, rows: _Rows, track_ids: list[str]) -> dict[str, pl.Series]:
    """Artist, title and given parts: from the table, else from the published lists; targets."""
    layout, sheet = dataset.layout, read_sheet(dataset)
    listed = [sheet.find(track_id) for track_id in track_ids]
    known = {"artist": _texts(facts.artist for facts in listed)}
    known["title"] = _texts(facts.title for facts in listed)
    for name in sheet.given:
        known[f"given_{name}"] = _texts(facts.given.get(name) for facts in listed)
    told = {role: rows.cells[column] for role, column in layout.people.items()}
    for name, column in layout.given.items():
        told[f"given_{name}"] = _parts(rows, column, dataset.tables[0])
    facts = known | {
        name: cells.fill_null(known[name]) if name in known else cells
        for name, cells in told.items()
    }
    return facts | {"title": facts["title"].fill_null(rows.places)} | _targets(layout, rows)


def _targets(layout: Layout, rows: _Rows) -> dict[str, pl.Series]:
    cells = {column: rows.cells[column].fill_null("") for column in layout.targets.values()}
    numbers = read_numbers(cells, lambda row: rows.places[row])
    return {
        f"target_{name}": pl.Series(numbers[column], dtype=pl.Float64)
        for name, column in layout.targets.items()
    }


def _parts(rows: _Rows, column: str, path: Path) -> pl.Series:
    cells = rows.cells[column]
    parts = {cell: part_of(cell) for cell in cells.drop_nulls().unique(maintain_order=True)}
    where = {part: rows.places[(cells == cell).arg_max()] for cell, part in parts.items() if part}
    require_parts(path, where)
    return _texts(parts.get(cell) for cell in cells)


def _texts(values: Iterable[str | None]) -> pl.Series:
    return pl.Series(list(values), dtype=pl.String)
