"""What is known about tracks before they are heard: labels, artists, given splits, numbers.

A label is the name of the folder that holds the file, or stands in the user's table, or in the
file's own tags (which are read when it is decoded, and so are unknown here). The dataset says
which of these count, in order of preference.
"""

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from genreflow.datasets import Dataset
from genreflow.datasets.cells import read_lines
from genreflow.datasets.names import encode_path
from genreflow.datasets.targets import read_numbers
from genreflow.errors import GenreflowError, closest

PARTS = {
    "train": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}

# Headers that are looked for where the dataset's file names no column.
USUAL = {
    "path": ("path",),
    "label": ("label", "labels", "genre"),
    "artist": ("artist",),
    "title": ("title",),
}


class Facts(NamedTuple):
    """What a table or a published list says about one track; None where it is silent."""

    labels: tuple[str, ...] | None = None
    artist: str | None = None
    title: str | None = None
    given: Mapping[str, str | None] = {}
    targets: Mapping[str, float | None] = {}


@dataclass(frozen=True)
class Sheet:
    """What a table or published lists say about tracks.

    Attributes
    ----------
    facts : mapping of str to Facts
        by track_id, or by stem
    given : tuple of str
        names of the given splits
    by_stem : bool
        whether tracks are known by their file's name alone, without folder, suffix and case
    """

    facts: Mapping[str, Facts] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    by_stem: bool = False

    @property
    def files(self) -> Iterable[str]:
        """The track_ids that the sheet names, which belong to the dataset whatever their suffix."""
        return () if self.by_stem else self.facts.keys()

    def find(self, track: str) -> Facts:
        """What is known about a track."""
        return self.facts.get(stem(track) if self.by_stem else track, Facts())


def stem(track: str) -> str:
    """A track's name without folder and suffix, in lower case."""
    return posixpath.splitext(posixpath.basename(track))[0].lower()


def read_sheet(dataset: Dataset) -> Sheet:
    """Read the dataset's table, or its published lists where there is no table.

    Raises
    ------
    GenreflowError
        where the table or a list is missing or contradicts itself; the message names the line
    """
    if path := dataset.table_path:
        return read_table(
            path,
            columns=dataset.columns,
            separator=dataset.separator,
            labelled=dataset.labels == ("table",),
        )
    if dataset.lists == "gtzan":
        from genreflow.datasets.gtzan import read_lists

        return read_lists(dataset)
    return Sheet()


def label_tracks(dataset: Dataset, sheet: Sheet, tracks: Sequence[str]) -> dict[str, list]:
    """Labels, artist, title, given parts and numbers of tracks.

    Parameters
    ----------
    dataset : Dataset
    sheet : Sheet
    tracks : sequence of str
        track_ids

    Returns
    -------
    dict
        the columns labels, labels_from (table or folder, whichever gave them), artist, title, one
        ``given_{list}`` per given split and one ``target_{name}`` per number, each as long as
        `tracks`, with None where nothing is known
    """
    known = [sheet.find(track) for track in tracks]
    told = {
        "folder": lambda track, facts: folder_label(track),
        "table": lambda track, facts: facts.labels,
        "tags": lambda track, facts: None,
    }
    sources = [(name, told[name]) for name in dataset.labels]
    found = [
        next(((labels, name) for name, tell in sources if (labels := tell(track, facts))), None)
        for track, facts in zip(tracks, known, strict=True)
    ]
    return {
        "labels": [list(source[0]) if source else None for source in found],
        "labels_from": [source[1] if source else None for source in found],
        "artist": [facts.artist for facts in known],
        "title": [facts.title for facts in known],
        **{f"given_{name}": [facts.given.get(name) for facts in known] for name in sheet.given},
        **{
            f"target_{name}": [facts.targets.get(name) for facts in known]
            for name in dataset.targets
        },
    }


def folder_label(track: str) -> tuple[str, ...] | None:
    """The name of the folder that holds a track; None for a track that lies in root itself."""
    name = track.rpartition("/")[0].rpartition("/")[2].strip()
    return (name,) if name else None


def read_table(
    path: Path,
    *,
    columns: Mapping[str, Any] | None = None,
    separator: str | None = None,
    labelled: bool = True,
) -> Sheet:
    """Read a table with one row per track.

    Parameters
    ----------
    path : Path
        comma, tab or semicolon between the cells, UTF-8 with or without a byte-order mark. Cells
        of the path column may hold the bytes of any file name.
    columns : mapping or None
        names of the columns path, label, artist, title, given (list to column) and targets
        (name of a number to column); of the first four, those not named are looked for under
        their usual names
    separator : str or None
        what stands between several labels in one cell
    labelled : bool
        whether the table must have a column of labels

    Returns
    -------
    Sheet
        by track_id

    Raises
    ------
    GenreflowError
        naming file and line
    """
    # A file's name may be any bytes: surrogateescape carries them through the text.
    lines = read_lines(path, errors="surrogateescape")
    columns = columns or {}
    roles, given, numeric = _find_columns(path, lines.header, columns, labelled)
    rows: list[tuple[int, str, Facts]] = []
    numbers: dict[str, list[str]] = {column: [] for column in numeric}
    found_parts: dict[str, str] = {}
    for line, cells in lines.rows:
        where = f"{path}, line {line}"
        track = _track_of(cells[roles["path"]], where)
        text = {role: _text(cells[at], where) for role, at in roles.items() if role != "path"}
        parts = {name: part_of(_text(cells[at], where)) for name, at in given.items()}
        for part in filter(None, parts.values()):
            found_parts.setdefault(part, f"line {line}")
        for column, at in numeric.items():
            numbers[column].append(_text(cells[at], where))
        row = Facts(
            labels=split_labels(text.get("label", ""), separator),
            artist=text.get("artist") or None,
            title=text.get("title") or None,
            given=parts,
        )
        rows.append((line, track, row))
    require_parts(path, found_parts)
    values = read_numbers(
        numbers, lambda row: f"{path}, line {rows[row][0]}", decimal_comma=lines.delimiter == ";"
    )
    targets = columns.get("targets", {})
    known = (
        (line, track, row._replace(targets={name: values[c][at] for name, c in targets.items()}))
        for at, (line, track, row) in enumerate(rows)
    )
    return Sheet(_by_track(path, known), tuple(given))


def _by_track(path: Path, rows: Iterable[tuple[int, str, Facts]]) -> dict[str, Facts]:
    """What the lines of a table say of each track; several lines of one must say the same."""
    facts: dict[str, Facts] = {}
    seen: dict[str, int] = {}
    for line, track, row in rows:
        if facts.setdefault(track, row) != row:
            raise GenreflowError(
                f"{path}, line {line}: {track} stands in line {seen[track]} too, with other "
                "values; keep one of the two lines"
            )
        seen.setdefault(track, line)
    return facts


def split_labels(cell: str, separator: str | None) -> tuple[str, ...] | None:
    """The labels of a cell, in the order in which they stand there, each once."""
    labels = cell.split(separator) if separator else [cell]
    return tuple(dict.fromkeys(filter(None, map(str.strip, labels)))) or None


def part_of(cell: str) -> str | None:
    """The part that a cell of a given split names; as it stands where it names none."""
    word = cell.lower()
    return None if not word or word.startswith("not in ") else PARTS.get(word, cell)


def require_parts(path: Path, found: Mapping[str, str]) -> None:
    """Refuse parts of a given split that there are not.

    Parameters
    ----------
    path : Path
        the table, for the message
    found : mapping of str to str
        where each part that `part_of` gave stands first
    """
    odd = [f"{part!r} ({where})" for part, where in found.items() if part not in PARTS.values()]
    if odd:
        raise GenreflowError(
            f"{path}: a given split holds {', '.join(odd)}; known are {', '.join(PARTS)}, "
            "and nothing or 'not in ...' for tracks outside the split"
        )


def _find_columns(
    path: Path, names: list[str], columns: Mapping[str, Any], labelled: bool
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Positions of columns: by role, of the given splits by name, of numbers by header."""

    def position(name: str) -> int:
        if names.count(name) > 1:
            raise GenreflowError(f"{path}: {names.count(name)} columns are headed {name!r}")
        if name not in names:
            raise GenreflowError(f"{path}: there is no column {name!r}{closest(name, names)}")
        return names.index(name)

    roles = {}
    for role, usual in USUAL.items():
        needed = role == "path" or (role == "label" and labelled)
        found = next((name for name in usual if name in names), usual[0] if needed else None)
        if name := columns.get(role) or found:
            roles[role] = position(name)
    given = {name: position(column) for name, column in columns.get("given", {}).items()}
    return roles, given, {name: position(name) for name in columns.get("targets", {}).values()}


def _track_of(cell: str, where: str) -> str:
    """The track_id of a cell that holds a path."""
    path = cell.encode("utf-8", "surrogateescape")
    normal = posixpath.normpath(path)
    if not path.strip() or b"\0" in path or normal == b".":
        raise GenreflowError(f"{where}: the path {cell!r} names no file")
    if posixpath.isabs(path) or normal.split(b"/")[0] == b"..":
        raise GenreflowError(
            f"{where}: the path {encode_path(path)} leaves the dataset's root; "
            "write it relative to root, and link what lies elsewhere into root"
        )
    return encode_path(normal)


def _text(cell: str, where: str) -> str:
    text = cell.strip()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise GenreflowError(
            f"{where}: {text!r} is not UTF-8; save the table as CSV in UTF-8"
        ) from None
    return text
