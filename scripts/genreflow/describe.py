"""One example track per label, as pictures need it: envelope, mel, MFCC and chroma."""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from genreflow.audio.guard import Failed, Limits, guarded
from genreflow.audio.settings import DecodeSettings
from genreflow.datasets.names import decode_path
from genreflow.errors import GenreflowError

log = logging.getLogger("genreflow")

RATE = 22050
HOP = 512
COLUMNS = 320
MOST_LABELS = 12
PICTURE_SECONDS = 30.0


@dataclass(frozen=True)
class Example:
    """The pictures of one track.

    Attributes
    ----------
    label, track_id : str
    seconds : float [s]
        length of the part that is shown
    envelope : np.ndarray [shape=(2, columns)]
        smallest and largest sample of each column, in -1..1
    mel : np.ndarray [shape=(bands, columns), dB relative to the loudest cell]
    mfcc : np.ndarray [shape=(coefficients, columns)]
    chroma : np.ndarray [shape=(12, columns), 0..1]
    """

    label: str
    track_id: str
    seconds: float
    envelope: np.ndarray
    mel: np.ndarray
    mfcc: np.ndarray
    chroma: np.ndarray


def find_examples(
    tracks: pl.DataFrame, load: Callable[[str], np.ndarray], *, most: int = MOST_LABELS
) -> list[Example]:
    """Take for each label the track whose level is the median of that label.

    A track that cannot be loaded (any more) gives way to its neighbour in level.

    Parameters
    ----------
    tracks : pl.DataFrame
        a tracks table
    load : callable
        from a track_id to its samples, float32 mono at `RATE`
    most : int > 0
        the labels with the most tracks are shown, at most so many

    Returns
    -------
    list of Example, sorted by label
    """
    found = []
    for label, candidates in _candidates(tracks, most):
        for track_id in candidates:
            try:
                y = load(track_id)
                if not len(y):
                    raise GenreflowError("no samples")
                found.append(describe_samples(y, label=label, track_id=track_id))
                break
            # Whatever a file leads to, it may not end a report.
            except Exception as error:
                log.warning("%s is not shown: %s", track_id, error)
    return found


def describe_samples(y: np.ndarray, *, label: str = "", track_id: str = "") -> Example:
    """Compute the pictures of one track.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), float32]
        mono samples at `RATE`
    label, track_id : str
        names to keep with the pictures
    """
    from genreflow.features.chroma import chroma
    from genreflow.features.mel import mel
    from genreflow.features.mfcc import mfcc

    bands = _shrink(mel(y, sr=RATE))
    edges = _edges(len(y))
    envelope = np.stack([np.minimum.reduceat(y, edges), np.maximum.reduceat(y, edges)])
    return Example(
        label=label,
        track_id=track_id,
        seconds=len(y) / RATE,
        envelope=np.clip(envelope, -1, 1),
        mel=bands - bands.max(),
        mfcc=_shrink(mfcc(y, sr=RATE, n_mfcc=20, hop=HOP)),
        chroma=_shrink(chroma(y, sr=RATE, n_chroma=12, hop=HOP)),
    )


def save_examples(path: str | Path, examples: list[Example], *, classes: int) -> None:
    """Write examples to one npz file without pickles.

    Parameters
    ----------
    path : str or Path
    examples : list of Example
    classes : int >= 0
        number of labels of the dataset, of which the examples may be some
    """
    arrays = {
        "classes": np.array(classes),
        "labels": np.array([e.label for e in examples], dtype=str),
        "track_ids": np.array([e.track_id for e in examples], dtype=str),
        "seconds": np.array([e.seconds for e in examples], dtype=np.float64),
    }
    for at, example in enumerate(examples):
        for name in ("envelope", "mel", "mfcc", "chroma"):
            arrays[f"{at}.{name}"] = getattr(example, name).astype(np.float32)
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_examples(path: str | Path) -> tuple[list[Example], int]:
    """Read what `save_examples` wrote: the examples, and the number of labels of the dataset."""
    with np.load(path, allow_pickle=False) as stored:
        examples = [
            Example(
                label,
                track_id,
                seconds,
                *(stored[f"{at}.{name}"] for name in ("envelope", "mel", "mfcc", "chroma")),
            )
            for at, (label, track_id, seconds) in enumerate(
                zip(
                    stored["labels"].tolist(),
                    stored["track_ids"].tolist(),
                    stored["seconds"].tolist(),
                    strict=True,
                )
            )
        ]
        return examples, int(stored["classes"])


def file_loader(root: str, settings: DecodeSettings) -> Callable[[str], np.ndarray]:
    """Return a function that decodes a track of the folder `root`, at most 30 s of it.

    It does so in a process of its own, within the limits of `settings`, and raises a
    `GenreflowError` where that fails.
    """
    seconds = min(settings.seconds or PICTURE_SECONDS, PICTURE_SECONDS)
    read = partial(read_excerpt, offset=settings.offset, seconds=seconds)
    limits = Limits(settings.timeout, settings.memory_mb)

    def load_track(track_id: str) -> np.ndarray:
        path = os.fsencode(root) + b"/" + decode_path(track_id)
        ((_, y),) = guarded(read, [path], workers=1, limits=limits)
        if isinstance(y, Failed):
            raise GenreflowError(y.reason)
        return y

    return load_track


def read_excerpt(path: bytes, *, offset: float, seconds: float) -> np.ndarray:
    """Return a part of a regular file as float32 mono at `RATE`."""
    from genreflow.audio.integrity import check_file
    from genreflow.audio.read import load

    found = os.stat(path)  # noqa: PTH116  (pathlib knows no bytes)
    check_file(path, found.st_size, found.st_mtime_ns)
    return load(path, sr=RATE, offset=offset, seconds=seconds)


def count_labels(tracks: pl.DataFrame) -> int:
    """Return the number of labels that usable tracks carry."""
    return _usable(tracks)["label"].n_unique()


def _usable(tracks: pl.DataFrame) -> pl.DataFrame:
    return (
        tracks.filter(
            pl.col("status") != "quarantined",
            pl.col("duplicate_of").is_null(),
            pl.col("conflict").is_null(),
            pl.col("rms").is_not_null(),
        )
        .explode("labels")
        .rename({"labels": "label"})
        .filter(pl.col("label").is_not_null())
    )


def _candidates(tracks: pl.DataFrame, most: int) -> Iterator[tuple[str, list[str]]]:
    """Labels in order, each with its tracks: the median first, then outwards from it."""
    usable = _usable(tracks)
    sizes = usable.group_by("label").len().sort(["len", "label"], descending=[True, False])
    for label in sorted(sizes["label"][:most]):
        own = usable.filter(pl.col("label") == label).sort(
            pl.col("status") != "ok", "rms", "track_id"
        )
        good = own.filter(pl.col("status") == "ok")
        ids = (good if len(good) else own)["track_id"].to_list()
        middle = (len(ids) - 1) // 2
        yield label, [ids[at] for at in sorted(range(len(ids)), key=lambda i: abs(i - middle))]


def _edges(n: int) -> np.ndarray:
    """First index of each of at most `COLUMNS` columns."""
    columns = min(n, COLUMNS)
    return np.arange(columns) * n // columns


def _shrink(S: np.ndarray) -> np.ndarray:
    """Average frames so that no more than `COLUMNS` are left."""
    S = np.asarray(S, dtype=np.float64)
    edges = _edges(S.shape[1])
    return np.add.reduceat(S, edges, axis=1) / np.diff(np.append(edges, S.shape[1]))
