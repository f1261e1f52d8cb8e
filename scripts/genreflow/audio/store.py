"""The PCM of a batch in one file, and an index of where each track stands in it.

The file is a one-dimensional float32 npy, all tracks one behind the other. It is written as the
tracks come and read as a memory map, so that it never has to fit into memory.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl

from genreflow.npy import release, write_header

_ITEM = np.dtype("<f4")
_INDEX = {"track_id": pl.String, "start": pl.Int64, "length": pl.Int64}


class PcmWriter:
    """Write the PCM of a batch, track by track; a context manager.

    Parameters
    ----------
    path_to_pcm, path_to_index : str or Path
        the npy file, and the parquet table track_id, start, length [samples]; both are complete
        when the context ends
    """

    def __init__(self, path_to_pcm: str | Path, path_to_index: str | Path) -> None:
        self._path_to_pcm, self._path_to_index = Path(path_to_pcm), Path(path_to_index)
        self._rows: list[tuple[str, int, int]] = []
        self._length = 0

    def __enter__(self) -> "PcmWriter":
        self._file = self._path_to_pcm.open("wb")
        write_header(self._file, _ITEM, 0)
        return self

    def append(self, track_id: str, raw: str | Path) -> None:
        """Add a track.

        Parameters
        ----------
        track_id : str
        raw : str or Path
            file with its samples as little-endian float32
        """
        with Path(raw).open("rb") as samples:
            shutil.copyfileobj(samples, self._file, 1 << 20)
            length = samples.tell() // _ITEM.itemsize
        self._rows.append((track_id, self._length, length))
        self._length += length

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._file:
            self._file.seek(0)
            write_header(self._file, _ITEM, self._length)
        if kind is None:
            index = pl.DataFrame(self._rows, schema=_INDEX, orient="row")
            index.write_parquet(self._path_to_index)


def read_pcm(
    path_to_pcm: str | Path, path_to_index: str | Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Read the PCM of a batch.

    Parameters
    ----------
    path_to_pcm, path_to_index : str or Path
        what a `PcmWriter` wrote

    Yields
    ------
    track_id, y
        in the order of the index; y : np.ndarray [shape=(n,), dtype=float32], a read-only view of
        the mapped file, of which no more than one track stays in memory
    """
    index = pl.read_parquet(path_to_index)
    if index.is_empty():
        return  # an empty array cannot be mapped
    pcm = np.load(path_to_pcm, mmap_mode="r")
    for track_id, start, length in index.iter_rows():
        yield track_id, np.asarray(pcm[start : start + length])
        release(pcm)
