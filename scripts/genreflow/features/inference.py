"""What the sets have in common that are made by trained networks.

A network sees one track at a time, in pieces of fixed length, on one thread: so its numbers are the
same whatever else is in the batch.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from genreflow.errors import SetupError
from genreflow.features.spectrum import let_go, require_audio
from genreflow.threads import limit_threads

# The rate of all the networks here.
RATE = 16000

# A remainder of less than this share of a window gets no window of its own: the clips of 30 s that
# most corpora have are seen once by a network that takes 29 s.
REMAINDER = 0.1


@contextmanager
def inference() -> Iterator[None]:
    """One thread and no gradients, while a block runs.

    Raises
    ------
    MemoryError
        where torch has none left; it says so by a RuntimeError, as of much that a track may cause
    """
    import torch  # before its threads are limited

    with limit_threads(1), torch.inference_mode():
        try:
            yield
        except RuntimeError as error:
            if "allocate memory" in str(error):
                raise MemoryError(str(error)) from error
            raise


def require_sound(y: np.ndarray, *, sr: int) -> None:
    """Refuse audio that no network here can hear.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Raises
    ------
    GenreflowError
        if `y` is not mono, shorter than 64 ms, or not finite
    SetupError
        if `sr` is not `RATE`
    """
    if sr != RATE:
        raise SetupError(
            f"the network was trained on audio at {RATE} Hz and is given {sr} Hz; say "
            f"`rate: {RATE}` in config/features.yaml"
        )
    require_audio(y, sr=sr)


def windows(y: np.ndarray, *, length: int) -> Iterator[np.ndarray]:
    """Excerpts of a fixed length from the whole of a track.

    They are spread evenly, the first at the start of the track and the last at its end; a single
    one lies in the middle. What is shorter than a window is repeated until it fills one.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    length : int > 0
        samples of a window

    Yields
    ------
    np.ndarray [shape=(length,), dtype=float32]
        a copy
    """
    spare = len(y) - length
    if spare < 0:
        yield np.resize(y, length)
        return
    count = max(1, math.ceil(len(y) / length - REMAINDER))
    starts = np.linspace(0, spare, count).round().astype(int) if count > 1 else [spare // 2]
    for start in starts:
        yield y[start : start + length].copy()
        let_go(y, start, start + length)
