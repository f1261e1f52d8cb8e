"""The catalogue: which tracks a dataset has, and which batch each is worked on in.

The folder is listed (no file is opened) and compared with the newest snapshot. New and changed
files go into new batches, all others stay where they are. Batches are named by their content and
never change once written, as snapshots are (see `genreflow.snapshots`):

::

    snapshots/{digest}.parquet   track_id, size, mtime_ns, batch, labels, artist, title, given_*,
                                 target_*
    batches/{batch}.csv          track_id, size, mtime_ns
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from genreflow.datasets import Dataset
from genreflow.datasets.labels import Sheet, label_tracks, read_sheet
from genreflow.datasets.names import decode_path, encode_path
from genreflow.errors import GenreflowError
from genreflow.snapshots import digest_of, loss, newest_snapshot, write_once, write_snapshot

# Those that no decoder here reads are listed all the same, so that they are not silently left out.
SUFFIXES = tuple(
    f".{suffix}".encode()
    for suffix in (
        *("wav", "wave", "au", "snd", "flac", "ogg", "oga", "opus", "mp3", "aiff", "aif", "aifc"),
        *("m4a", "aac", "wma", "webm", "mp4"),
    )
)


class File(NamedTuple):
    """What tells that a file is the one that was seen before: size [bytes] and mtime [ns]."""

    size: int
    mtime_ns: int


class Known(NamedTuple):
    """A file of the newest snapshot, and the batch that it is worked on in."""

    file: File
    batch: str


class Snapshot(NamedTuple):
    """What a refresh found.

    Attributes
    ----------
    digest : str
        name of the snapshot
    batches : tuple of str
        sorted
    tracks : int
        files that are there
    added, removed, changed : int
        files, in comparison with the snapshot before
    """

    digest: str
    batches: tuple[str, ...]
    tracks: int
    added: int
    removed: int
    changed: int


def refresh(
    dataset: Dataset, folder: Path, *, batch_size: int, accept_loss: bool = False
) -> Snapshot:
    """Compare a dataset's folder with the newest snapshot, and write a new one where they differ.

    Parameters
    ----------
    dataset : Dataset
    folder : Path
        the catalogue; nothing in it is touched where nothing has changed
    batch_size : int > 0
        most tracks in a new batch
    accept_loss : bool
        whether over half of the known tracks may be gone

    Returns
    -------
    Snapshot

    Raises
    ------
    GenreflowError
        where the audio is missing or cannot be listed, or the table is wrong
    """
    newest = newest_snapshot(folder)
    known = _known_files(folder, newest)
    _check_root(dataset, known=len(known), accept_loss=accept_loss)
    sheet = read_sheet(dataset)
    files = list_files(dataset.root, named=sheet.files)
    removed = len(known.keys() - files.keys())
    if removed > len(known) / 2 and not accept_loss:
        raise loss(f"{removed} of the {len(known)} known tracks in {dataset.root} are gone")
    _check_files(dataset, files, sheet)

    batch_of, new_batches = _assign(files, known, batch_size)
    tracks = sorted({*files, *sheet.files})
    columns = {
        "track_id": tracks,
        "size": [files[t].size if t in files else None for t in tracks],
        "mtime_ns": [files[t].mtime_ns if t in files else None for t in tracks],
        "batch": [batch_of.get(t) for t in tracks],
    } | label_tracks(dataset, sheet, tracks)
    digest = digest_of(json.dumps(columns, separators=(",", ":")).encode())
    batches = tuple(sorted(set(batch_of.values())))
    for batch, lines in new_batches.items():
        write_once(folder / "batches" / f"{batch}.csv", lines)
    if digest != newest:
        write_snapshot(folder, digest, batches, _parquet(columns))
    return Snapshot(
        digest=digest,
        batches=batches,
        tracks=len(files),
        added=len(files.keys() - known.keys()),
        removed=removed,
        changed=sum(known[t].file != files[t] for t in files.keys() & known.keys()),
    )


def list_files(root: Path, *, named: Iterable[str] = ()) -> dict[str, File]:
    """List the audio files under a folder; none is opened.

    Whatever is named like audio is listed, also what is no readable file, to be refused with a
    reason when it is decoded. Names that begin with a dot are left out. Linked folders are
    followed, except into a folder that they lie in.

    Parameters
    ----------
    root : Path
    named : iterable of str
        track_ids that are listed whatever they are called, where they exist

    Returns
    -------
    dict of str to File
        by track_id

    Raises
    ------
    GenreflowError
        naming the folder that cannot be listed
    """
    base = os.fsencode(root)
    files: dict[str, File] = {}
    todo = [(b"", frozenset({_identity(base)}))]
    while todo:
        inside, above = todo.pop()
        for entry in _scan(base + b"/" + inside):
            path = inside + entry.name
            if entry.name.startswith(b"."):
                continue
            if entry.name.lower().endswith(SUFFIXES):
                if file := _look(entry.path):
                    files[encode_path(path)] = file
            elif _is_folder(entry) and (identity := _identity(entry.path)) not in above:
                todo.append((path + b"/", above | {identity}))
    for track in named:
        if track not in files and (file := _look(base + b"/" + decode_path(track))):
            files[track] = file
    return files


def _scan(folder: bytes) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # removed since it was listed
        return []
    except OSError as error:
        raise _unlisted(folder, error) from None


def _look(path: bytes) -> File | None:
    """Size and mtime of what a path names, of the link itself where it leads nowhere."""
    try:
        found = os.stat(path)  # noqa: PTH116  (pathlib knows no bytes)
    except OSError:
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unlisted(path, error) from None
    return File(found.st_size, found.st_mtime_ns)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _identity(folder: bytes) -> tuple[int, int]:
    try:
        found = os.stat(folder)  # noqa: PTH116
    except OSError as error:
        raise _unlisted(folder, error) from None
    return found.st_dev, found.st_ino


def _unlisted(path: bytes, error: OSError) -> GenreflowError:
    return GenreflowError(
        f"{encode_path(path)} cannot be listed: {error.strerror}; "
        "make it readable, or take it out of the dataset's root"
    )


def _known_files(folder: Path, digest: str | None) -> dict[str, Known]:
    """Files of a snapshot; those whose batch is no longer there count as new."""
    if digest is None:
        return {}
    import polars as pl

    wanted = ["track_id", "size", "mtime_ns", "batch"]
    frame = pl.read_parquet(folder / "snapshots" / f"{digest}.parquet", columns=wanted)
    there = {path.stem for path in (folder / "batches").glob("*.csv")}
    return {
        track: Known(File(size, mtime_ns), batch)
        for track, size, mtime_ns, batch in zip(*frame.select(wanted), strict=True)
        if batch in there
    }


def _check_root(dataset: Dataset, *, known: int, accept_loss: bool) -> None:
    root = dataset.root
    if root.is_dir() and _scan(os.fsencode(root)):
        return
    state = "is empty" if root.is_dir() else "is not there"
    if dataset.make:
        raise GenreflowError(
            f"{root} {state}, which the workflow has made; to have it made again, delete "
            f"results/datasets/{dataset.name} and run the workflow again"
        )
    if known and not accept_loss:
        raise loss(f"{root} {state}, and the catalogue knows {known} tracks in it")
    raise GenreflowError(
        f"{root} {state}: put or link the audio there, or change root in {dataset.file}"
    )


def _check_files(dataset: Dataset, files: Mapping[str, File], sheet: Sheet) -> None:
    if sheet.files and not any(track in files for track in sheet.files):
        first = next(iter(sheet.files))
        raise GenreflowError(
            f"{dataset.table_path}: none of the {len(sheet.files)} files that it names is there; "
            f"the first was looked for at {dataset.root}/{first}"
        )
    if not files:
        raise GenreflowError(
            f"there is no audio file under {dataset.root}; put some there, or change root in "
            f"{dataset.file}"
        )


def _assign(
    files: Mapping[str, File], known: Mapping[str, Known], batch_size: int
) -> tuple[dict[str, str], dict[str, bytes]]:
    """The batch of each track, and the lines of the batches that are new."""
    batch_of = {track: old.batch for track, old in known.items() if files.get(track) == old.file}
    fresh = sorted(files.keys() - batch_of.keys())
    new_batches = {}
    for start in range(0, len(fresh), batch_size):
        tracks = fresh[start : start + batch_size]
        lines = _batch_lines(tracks, files)
        batch = digest_of(lines)
        new_batches[batch] = lines
        batch_of |= dict.fromkeys(tracks, batch)
    return batch_of, new_batches


def _batch_lines(tracks: Sequence[str], files: Mapping[str, File]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["track_id", *File._fields])
    writer.writerows([track, *files[track]] for track in tracks)
    return text.getvalue().encode()


def _parquet(columns: Mapping[str, list]) -> bytes:
    import polars as pl

    types = {"size": pl.Int64, "mtime_ns": pl.Int64, "labels": pl.List(pl.String)}
    types |= {name: pl.Float64 for name in columns if name.startswith("target_")}
    schema = {name: types.get(name, pl.String) for name in columns}
    file = io.BytesIO()
    pl.DataFrame(columns, schema=schema).write_parquet(file)
    return file.getvalue()
