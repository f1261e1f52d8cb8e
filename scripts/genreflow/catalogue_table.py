"""The catalogue of a dataset of kind table: which state of its tables is worked on.

The tables are small, so there is one batch, the snapshot itself. Its name is the digest of the
tables' bytes, of what the dataset's file says of them and of the published lists, and its parquet
file holds a row for each table: file and sha256.
"""

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path

from genreflow.datasets.labels import read_sheet
from genreflow.datasets.layout import TableDataset
from genreflow.errors import GenreflowError
from genreflow.snapshots import digest_of, loss, newest_snapshot, write_snapshot

# File and SHA-256 of each table.
Checksums = list[tuple[str, str]]


def refresh_table(dataset: TableDataset, folder: Path, *, accept_loss: bool = False) -> str:
    """Write a new snapshot where the tables are not those of the newest one.

    Parameters
    ----------
    dataset : TableDataset
    folder : Path
        the catalogue; nothing in it is touched where nothing has changed
    accept_loss : bool
        whether a table may be gone that was there before

    Returns
    -------
    str
        name of the snapshot

    Raises
    ------
    GenreflowError
        where a table is missing, or lists cannot be read
    """
    newest = newest_snapshot(folder)
    if missing := dataset.missing():
        raise GenreflowError(missing) if accept_loss or not newest else loss(missing)
    checksums = _checksums(dataset)
    digest = _digest(dataset, checksums)
    if digest != newest:
        write_snapshot(folder, digest, [digest], _parquet(checksums))
    return digest


def table_digest(dataset: TableDataset) -> str:
    """Name of the snapshot of the tables as they are now.

    Parameters
    ----------
    dataset : TableDataset

    Returns
    -------
    str
        16 hexadecimal digits

    Raises
    ------
    GenreflowError
        where a table or a list cannot be read
    """
    return _digest(dataset, _checksums(dataset))


def _digest(dataset: TableDataset, checksums: Checksums) -> str:
    facts = read_sheet(dataset).facts
    state = [checksums, asdict(dataset.layout), dataset.lists, facts]
    return digest_of(json.dumps(state, sort_keys=True).encode())


def _checksums(dataset: TableDataset) -> Checksums:
    return [(path.name, _checksum(path)) for path in dataset.tables]


def _checksum(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise GenreflowError(f"{path}: the table cannot be read: {error.strerror}") from None


def _parquet(checksums: Checksums) -> bytes:
    import polars as pl

    file = io.BytesIO()
    pl.DataFrame(checksums, schema=["file", "sha256"], orient="row").write_parquet(file)
    return file.getvalue()
