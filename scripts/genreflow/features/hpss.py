"""Separation of the harmonic (held) from the percussive (struck) part of the sound."""

from collections.abc import Iterable, Iterator

import numpy as np

from genreflow.features.kernel import kernel
from genreflow.features.median import RunningMedian
from genreflow.features.spectrum import BLOCK, N_BINS, TINY

WIDTH = 31
AROUND = WIDTH // 2

# Bins that are worked on side by side, filled up to whole vectors.
LANES = -(-N_BINS // 16) * 16


def harmonic_spectra(spectra: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[np.ndarray]:
    """The harmonic part of spectra that come block by block [#]_.

    A tone is a line along time, a click a line along frequency: with ``h`` the running median of
    31 frames and ``p`` that of 31 bins, the share of each point that is harmonic is
    ``h**2 / (h**2 + p**2)``, and one half where both are zero. The percussive share is the rest.
    At their ends, spectra are continued by reflection.

    The last frames of a block need the first of the next: so each is given back one block late.

    .. [#] Fitzgerald, D. "Harmonic/percussive separation using median filtering." 13th
        International Conference on Digital Audio Effects (2010).

    Parameters
    ----------
    spectra : iterable of (D, S)
        D : np.ndarray [shape=(k, N_BINS), dtype=complex64], which must be left alone until the
        block after the next is asked for; S : np.ndarray [shape=(k, N_BINS), dtype=float32], its
        magnitude. Each block but the last has `BLOCK` frames.

    Yields
    ------
    np.ndarray [shape=(k, N_BINS), dtype=complex64]
        the next block is written over it

    See Also
    --------
    librosa.decompose.hpss
    """
    along_time = RunningMedian(BLOCK, columns=LANES, width=WIDTH)
    along_frequency = AlongFrequency()
    rows = along_time.rows[:, :N_BINS]
    out = np.empty((BLOCK, N_BINS), np.complex64)

    def separate(D: np.ndarray) -> np.ndarray:
        """The harmonic part of the block that `rows` are filled with."""
        percussive = along_frequency.medians(along_time.rows[AROUND : AROUND + BLOCK])
        part = out[: len(D)]
        _take_share(D, along_time.medians(), percussive, part)
        return part

    waiting = None
    for D, S in spectra:
        if waiting is None:
            rows[:AROUND] = S[_reflected(len(S))]
        else:
            _continue(rows, AROUND + BLOCK, S)
            yield separate(waiting)
            rows[:AROUND] = rows[BLOCK : BLOCK + AROUND]
        rows[AROUND : AROUND + len(S)] = S
        waiting = D
    if waiting is not None:
        _continue(rows, AROUND + len(waiting), rows[:0])
        yield separate(waiting)


def _reflected(n: int) -> np.ndarray:
    """Which of n rows stand before the first one, by reflection (as often as it takes)."""
    index = np.arange(AROUND)[::-1] % (2 * n)
    return np.minimum(index, 2 * n - 1 - index)


def _continue(rows: np.ndarray, end: int, following: np.ndarray) -> None:
    """Fill in what follows the block that ends at row `end`; where no more follows, reflect."""
    following = following[:AROUND]
    rows[end : end + len(following)] = following
    end += len(following)
    missing = AROUND - len(following)
    rows[end : end + missing] = rows[end - missing : end][::-1]


class AlongFrequency:
    """Running medians of bins: those of frames, with rows and columns exchanged."""

    def __init__(self) -> None:
        self._running = RunningMedian(LANES, columns=BLOCK, width=WIDTH)
        self._medians = np.empty((BLOCK, LANES), np.float32)

    def medians(self, S: np.ndarray) -> np.ndarray:
        """Medians of the bins around each bin.

        Parameters
        ----------
        S : np.ndarray [shape=(BLOCK, LANES), dtype=float32]
            of which the first N_BINS columns count

        Returns
        -------
        np.ndarray [shape=(BLOCK, LANES), dtype=float32]
            written over by the next call
        """
        bins = self._running.rows
        _transpose(S, bins[AROUND:])
        bins[:AROUND] = bins[AROUND : 2 * AROUND][::-1]
        end = AROUND + N_BINS
        bins[end : end + AROUND] = bins[end - AROUND : end][::-1]
        _transpose(self._running.medians(), self._medians)
        return self._medians


@kernel
def _transpose(rows, columns):
    """Exchange rows and columns, eight rows at a time; their number is a multiple of eight."""
    eight = np.uintp(8)
    for first in range(np.uintp(0), np.uintp(rows.shape[0]), eight):
        for j in range(np.uintp(rows.shape[1])):
            for i in range(eight):
                columns[j, first + i] = rows[first + i, j]


@kernel(relaxed=True)
def _take_share(D, a, b, out):
    """Multiply D by ``a**2 / (a**2 + b**2)``: scaled, so that no square overflows or vanishes."""
    one, half = np.float32(1), np.float32(0.5)
    for t in range(D.shape[0]):
        spectrum, harmonic, percussive, part = D[t], a[t], b[t], out[t]
        for k in range(len(part)):
            larger = max(harmonic[k], percussive[k])
            silent = larger < TINY
            scale = one / (one if silent else larger)
            h, p = harmonic[k] * scale, percussive[k] * scale
            h, p = h * h, p * p
            share = half if silent else h / (h + p)
            part[k] = np.complex64(spectrum[k] * share)
