"""Snapshots of datasets: files that are named by their content and never change once written.

Whoever holds a snapshot's name sees the same tracks whatever happens meanwhile, and two processes
that write at once write the same files:

::

    newest                       name of the newest snapshot; the one file that is ever replaced
    snapshots/{digest}.parquet   what the dataset holds
    snapshots/{digest}.batches   the batches of its tracks, one a line
"""

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

from genreflow.errors import GenreflowError

DIGITS = 16


def newest_snapshot(folder: Path) -> str | None:
    """Name of the newest snapshot, or None where there is none."""
    try:
        digest = (folder / "newest").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    written = (folder / "snapshots" / f"{digest}.{kind}" for kind in ("batches", "parquet"))
    return digest if all(path.is_file() for path in written) else None


def read_batches(folder: Path, digest: str) -> tuple[str, ...]:
    """Batches of a snapshot.

    Parameters
    ----------
    folder : Path
        the catalogue
    digest : str

    Raises
    ------
    GenreflowError
        where there is no such snapshot
    """
    path = Path(folder) / "snapshots" / f"{digest}.batches"
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        raise GenreflowError(
            f"{path} is gone, which a run in progress needs; start the run again"
        ) from None


def write_snapshot(folder: Path, digest: str, batches: Sequence[str], content: bytes) -> None:
    """Write a snapshot, which is the newest from then on.

    Parameters
    ----------
    folder : Path
        the catalogue
    digest : str
    batches : sequence of str
    content : bytes
        the parquet file

    Raises
    ------
    GenreflowError
        where a file cannot be written
    """
    snapshots = folder / "snapshots"
    write_once(snapshots / f"{digest}.batches", "".join(f"{b}\n" for b in batches).encode())
    write_once(snapshots / f"{digest}.parquet", content)
    _write(folder / "newest", f"{digest}\n".encode())


def digest_of(content: bytes) -> str:
    """The name of what has this content."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def write_once(path: Path, content: bytes) -> None:
    """Write a file that is named by its content, so that what is there already is right."""
    if not path.exists():
        _write(path, content)


def loss(what: str) -> GenreflowError:
    """The error where data that was there before is gone."""
    return GenreflowError(
        f"{what}. An unmounted disk? Mount it and run again. If they are gone for good, run once "
        "with `--config accept_loss=True`."
    )


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise GenreflowError(f"{path} cannot be written: {error.strerror}") from None
