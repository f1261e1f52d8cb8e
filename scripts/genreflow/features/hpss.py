"""Separation of the harmonic (held) from the percussive (struck) part of the sound."""

import numpy as np

from genreflow.features.median import running_median
from genreflow.features.spectrum import blocks


def harmonic_mask(S: np.ndarray) -> np.ndarray:
    """The share of each point of a spectrum that belongs to the harmonic part [#]_.

    A tone is a line along time, a click a line along frequency: with ``h`` the running median of
    31 frames and ``p`` that of 31 bins, the share is ``h**2 / (h**2 + p**2)``, and one half where
    both are zero. The percussive share is the rest.

    .. [#] Fitzgerald, D. "Harmonic/percussive separation using median filtering." 13th
        International Conference on Digital Audio Effects (2010).

    Parameters
    ----------
    S : np.ndarray [shape=(n_frames, bins), dtype=float32], non-negative
        magnitude

    Returns
    -------
    np.ndarray [shape=(n_frames, bins), dtype=float32]
        in [0, 1]

    See Also
    --------
    librosa.decompose.hpss : the same with ``mask=True``
    """
    harmonic = running_median(S)
    percussive = np.ascontiguousarray(running_median(np.ascontiguousarray(S.T)).T)
    mask = np.empty_like(S)
    for block in blocks(len(S)):
        mask[block] = _share(harmonic[block], percussive[block])
    return mask


def _share(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a**2 / (a**2 + b**2)``, scaled by the larger so that no square overflows or vanishes."""
    larger = np.maximum(a, b)
    silent = larger < np.finfo(a.dtype).tiny
    larger[silent] = 1
    a = (a / larger) ** 2
    b = (b / larger) ** 2
    a[silent] = b[silent] = 1
    return a / (a + b)
