"""From the audio of a batch to the files that describe it."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError, SetupError
from genreflow.features.sets import FeatureSet
from genreflow.features.store import Outcome, writer_of
from genreflow.journal import progress
from genreflow.npy import release
from genreflow.threads import limit_threads

# Makes other audio of a track's: called with its audio and its seed.
Vary = Callable[[np.ndarray, int], np.ndarray]

# Describes audio: called with it and a seed.
Describe = Callable[[np.ndarray, int], Any]

LOST: Outcome = (None, "its audio could not be read again")


def extract_batch(
    pcm: Iterable[tuple[str, np.ndarray]],
    decoded: pl.DataFrame,
    feature_set: FeatureSet,
    *,
    path_to_table: str | Path,
    path_to_arrays: str | Path,
    vary: Vary | None = None,
) -> None:
    """Describe every usable track of a batch, or each segment of each track.

    What cannot be described gets a reason; it never stops the batch. A function that breaks its
    contract does.

    Parameters
    ----------
    pcm : iterable of (track_id, y)
        the audio of the usable tracks, ``y`` being np.ndarray [shape=(n,), dtype=float32],
        read-only, at the set's rate
    decoded : pl.DataFrame [columns: track_id, batch, status, digest, ...]
        the decoded table of the batch; tracks of status ``"quarantined"`` are left out
    feature_set : FeatureSet
    path_to_table, path_to_arrays : str or Path
        the files to write, see `genreflow.features.store`
    vary : callable or None
        ``vary(y, seed)`` makes the variant of a track that is described in its place

    Raises
    ------
    GenreflowError
        if the function cannot be imported, does not take the parameters, or does not give what
        the set promises
    """
    usable = decoded.filter(pl.col("status") != "quarantined")
    left = {row["track_id"]: row for row in usable.iter_rows(named=True)}
    coming = progress(pcm, f"tracks described by {feature_set.name}", total=len(left))
    with limit_threads(1):
        describe = feature_set.load()
        _compile(feature_set, describe)
        with writer_of(feature_set, path_to_table, path_to_arrays) as writer:
            for track_id, y in coming:
                row = left.pop(track_id)
                outcomes = _outcomes(y, row["digest"], feature_set, describe, vary)
                writer.write(track_id, row["batch"], outcomes)
            for track_id, row in left.items():
                writer.write(track_id, row["batch"], [LOST])


def track_seed(digest: str, segment: int = 0) -> int:
    """Seed of all that is drawn by chance for a track.

    Parameters
    ----------
    digest : str
        of its PCM
    segment : int >= 0

    Returns
    -------
    int
        below 2**32; the same wherever the file lies, and whatever else is in its batch
    """
    return int.from_bytes(hashlib.blake2b(f"{digest} {segment}".encode(), digest_size=4).digest())


def _outcomes(
    y: np.ndarray, digest: str, feature_set: FeatureSet, describe: Describe, vary: Vary | None
) -> Iterator[Outcome]:
    """Of each segment of a track, what the function gives, or the reason why it gives nothing."""
    reason = None
    if vary:
        original = y
        y, reason = _attempt(vary, original, track_seed(digest))
        release(original)
    reason = reason or feature_set.too_short(y)
    if reason:
        yield None, reason
        return
    for number, segment in enumerate(feature_set.segments(_read_only(y))):
        yield _attempt(describe, segment, track_seed(digest, number))


def _attempt(function: Callable, y: np.ndarray, seed: int) -> Outcome:
    """What a function gives for a track, or its error in one line.

    What the machine lacks, such as memory, room on the disk or a library, is no fault of the track,
    and neither are weights that do not fit.
    """
    try:
        return function(y, seed), None
    except (MemoryError, OSError, ImportError, SetupError):
        raise
    except Exception as error:
        kind = "" if isinstance(error, GenreflowError) else f"{type(error).__name__}: "
        return None, kind + " ".join(str(error).split())


def _compile(feature_set: FeatureSet, describe: Describe) -> None:
    """Have the kernels of one of genreflow's own sets compiled, once for all jobs."""
    if feature_set.function.startswith("genreflow."):
        from genreflow.features.kernel import compile_once

        seconds = max(2.0, feature_set.needed_seconds)
        compile_once(
            feature_set.function, lambda y: describe(y, 0), n=int(seconds * feature_set.rate)
        )


def _read_only(y: np.ndarray) -> np.ndarray:
    """A view that cannot be written to: for others, kernels would be compiled once more."""
    view = y.view()
    view.flags.writeable = False
    return view
