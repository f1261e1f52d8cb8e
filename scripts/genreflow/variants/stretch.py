"""Slower or faster at the same pitch: the phase vocoder.

Play a tape at 0.8 of its speed and the music gets slower, and lower. To keep the pitch, cut the
music into short overlapping frames and lay these out further apart. Seen in the spectra ``D`` of
the frames: a new frame is wanted at the times 0, rate, 2 rate, ..., that is somewhere between two
frames ``i`` and ``i + 1``. Its magnitudes lie in between theirs. Its phases must not: each bin is
an oscillation that has to go on, from one new frame to the next, by as much as it does from ``i``
to ``i + 1`` [#]_::

    phase[t + 1] = phase[t] + angle(D[i + 1]) - angle(D[i])

Angles are costly: an arctangent for each bin and frame, and then a sine and a cosine for each bin
of each new frame. But nobody wants to know them. Adding angles is multiplying numbers of magnitude
1, so with ``z = exp(1j * phase)`` the same is::

    turn[i] = D[i + 1] / abs(D[i + 1]) * conj(D[i] / abs(D[i]))
    z[t + 1] = z[t] * turn[i]

and what is left are a few multiplications. (That a phase is known only up to whole turns, with
which others take pains, does not come up at all.) In the long run rounding would make ``z`` grow or
fade. To divide it by ``abs(z)`` at every step would be costly again; but it is nearly 1, and there
one step of Newton's method, ``z * (3 - abs(z) ** 2) / 2``, is all it takes.

The turns do not depend on the rate. So several rates share one pass over the audio, and a few dozen
frames at a time go all the way from samples to spectra, to turns, to the new frames of each rate,
and back to samples, without ever leaving the processor's cache. No spectrogram is ever stored.

.. [#] Ellis, D. P. W. "A phase vocoder in Matlab." Columbia University, 2002.
    https://www.ee.columbia.edu/~dpwe/resources/matlab/pvoc/
"""

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from scipy import fft

from genreflow.features.kernel import kernel
from genreflow.features.spectrum import BLOCK, HOP, N_BINS, N_FFT, OVERLAP, hann, n_frames, spectra

# Magnitudes below this are zero. A power of two: its square and the root of that are exact, and so
# silence stays silent.
LEAST = np.float32(2.0**-60)

HALF = np.float32(0.5)
ONE = np.float32(1)
THREE_HALVES = np.float32(1.5)


def stretched_length(n: int, *, rate: float) -> int:
    """Number of samples that `n` samples of audio have at another speed: ``round(n / rate)``."""
    return round(n / rate)


def stretch(y: np.ndarray, rates: Sequence[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Audio at other speeds and the same pitch, piece by piece.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, longer than half a frame
    rates : sequence of float > 0
        speeds; above 1 is faster

    Yields
    ------
    rate : float
        which of the rates this is a piece of
    piece : np.ndarray [shape=(k,), dtype=float32]
        its next samples, in the end `stretched_length` of them; the next piece is written over them

    See Also
    --------
    librosa.effects.time_stretch : the same, of whole signals; where its sums are taken in double
        precision the differences are smaller than -100 dB
    """
    if not rates:
        return
    outputs = [_Output(len(y), rate) for rate in rates]
    for first, magnitude, turn in _turns(y):
        for rate, output in zip(rates, outputs, strict=True):
            for piece in output.follow(first, magnitude, turn):
                yield rate, piece
    for rate, output in zip(rates, outputs, strict=True):
        yield rate, output.finish()


def _turns(y: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """What a phase vocoder needs to know of the frames of `y`, block by block.

    Before the first frame and after the last one there is silence, whose phase is zero.

    Yields
    ------
    first : int
        number of the frame that magnitudes and turns begin with; that of the silence before is -1
    magnitude : np.ndarray [shape=(k + 1, N_BINS), dtype=float32]
    turn : np.ndarray [shape=(k, 2, N_BINS), dtype=float32]
        from each frame to the next, real and imaginary parts
    """
    total = n_frames(len(y))
    silence = slice(total, total + 2), np.zeros((2, N_BINS), np.complex64)
    unit = np.zeros((2, N_BINS), np.float32)
    unit[0] = 1
    magnitude = np.zeros((BLOCK + 1, N_BINS), np.float32)
    turn = np.empty((BLOCK, 2, N_BINS), np.float32)
    for frames, D in chain(spectra(y, pad_mode="constant"), [silence]):
        k = len(D)
        _compare(D.view(np.float32), unit, magnitude[1:], turn)
        yield frames.start - 1, magnitude[: k + 1], turn[:k]
        magnitude[0] = magnitude[k]


class _Output:
    """One rate's output: where it is in the music, and where each bin is in its oscillation.

    Parameters
    ----------
    n : int > 0
        number of samples of the music
    rate : float > 0
    """

    def __init__(self, n: int, rate: float) -> None:
        self._times = np.arange(0, n_frames(n), rate)
        self._done = 0
        self._samples = stretched_length(n, rate=rate)
        self._z: np.ndarray | None = None
        self._D = np.empty((BLOCK, N_BINS), np.complex64)
        squares = (hann(N_FFT) ** 2).reshape(OVERLAP, HOP)
        self._window = (hann(N_FFT).reshape(OVERLAP, HOP) / squares.sum(axis=0)).astype(np.float32)
        self._edges = _edges(len(self._times), squares)
        self._hops = np.zeros((BLOCK + OVERLAP - 1, HOP), np.float32)

    def follow(self, first: int, magnitude: np.ndarray, turn: np.ndarray) -> Iterator[np.ndarray]:
        """The samples that are finished once these frames have come (see `_turns`)."""
        if self._z is None:
            self._z = turn[0].copy()
        end = np.searchsorted(self._times, first + len(turn))
        while self._done < end:
            times = self._times[self._done : min(self._done + BLOCK, end)]
            D = self._D[: len(times)]
            _follow(times, first, magnitude, turn, self._z, D.view(np.float32))
            _overlap_add(fft.irfft(D, n=N_FFT, axis=1), self._window, self._hops)
            yield self._take(len(times))
            kept = self._hops[len(times) : len(times) + OVERLAP - 1]
            self._hops[: OVERLAP - 1] = kept
            self._hops[OVERLAP - 1 :] = 0

    def finish(self) -> np.ndarray:
        """The samples that are left when all frames have come."""
        return self._take(OVERLAP - 1)

    def _take(self, k: int) -> np.ndarray:
        """The next `k` hops, as far as they belong to the output."""
        for number, factor in self._edges.items():
            if self._done <= number < self._done + k:
                self._hops[number - self._done] *= factor
        # The music begins at the middle of the first frame.
        start = self._done * HOP - N_FFT // 2
        self._done += k
        return self._hops[:k].reshape(-1)[max(0, -start) : max(0, self._samples - start)]


def _edges(total: int, squares: np.ndarray) -> dict[int, np.ndarray]:
    """What makes up for the frames that are missing before the first and after the last one.

    The window for overlap and add is divided by the sum of the squares of all that overlap, but in
    the hops at the edges there are fewer than elsewhere.

    Parameters
    ----------
    total : int > 0
        number of frames
    squares : np.ndarray [shape=(OVERLAP, HOP)]
        of the window

    Returns
    -------
    dict of int to np.ndarray [shape=(HOP,)]
        factors by number of the hop, from the middle of the first frame on
    """
    start = OVERLAP // 2
    numbers = {*range(start, OVERLAP - 1), *range(max(start, total), total + OVERLAP - 1)}
    there = {n: [0 <= n - i < total for i in range(OVERLAP)] for n in numbers}
    return {n: squares.sum(axis=0) / squares[there[n]].sum(axis=0) for n in numbers}


@kernel
def _compare(D: np.ndarray, unit: np.ndarray, magnitude: np.ndarray, turn: np.ndarray) -> None:
    """Magnitudes of frames, and turns from each frame before to it.

    Parameters
    ----------
    D : np.ndarray [shape=(k, 2 * N_BINS), dtype=float32]
        spectra, real and imaginary parts by turns
    unit : np.ndarray [shape=(2, N_BINS), dtype=float32]
        phasors of the frame before, ``D / abs(D)``; those of the last frame are put in their place
    magnitude : np.ndarray [shape=(>= k, N_BINS), dtype=float32]
        written
    turn : np.ndarray [shape=(>= k, 2, N_BINS), dtype=float32]
        written
    """
    for t in range(D.shape[0]):
        for f in range(unit.shape[1]):
            # A zero, too, has a phase: its sign.
            re = np.copysign(max(abs(D[t, 2 * f]), LEAST), D[t, 2 * f])
            im = D[t, 2 * f + 1]
            size = np.sqrt(re * re + im * im)
            re, im = re / size, im / size
            magnitude[t, f] = size - LEAST
            turn[t, 0, f] = re * unit[0, f] + im * unit[1, f]
            turn[t, 1, f] = im * unit[0, f] - re * unit[1, f]
            unit[0, f] = re
            unit[1, f] = im


@kernel(relaxed=True)
def _follow(
    times: np.ndarray,
    first: int,
    magnitude: np.ndarray,
    turn: np.ndarray,
    z: np.ndarray,
    D: np.ndarray,
) -> None:
    """Spectra of new frames.

    Parameters
    ----------
    times : np.ndarray [shape=(k,), dtype=float64]
        where the new frames are, counted in frames
    first, magnitude, turn
        as `_turns` gives them
    z : np.ndarray [shape=(2, N_BINS), dtype=float32]
        phasors of the first new frame; those of the frame after the last are put in their place
    D : np.ndarray [shape=(k, 2 * N_BINS), dtype=float32]
        written: real and imaginary parts by turns
    """
    for t in range(times.shape[0]):
        i = int(times[t]) - first
        after = np.float32(times[t] - int(times[t]))
        before = ONE - after
        for f in range(z.shape[1]):
            size = before * magnitude[i, f] + after * magnitude[i + 1, f]
            D[t, 2 * f] = size * z[0, f]
            D[t, 2 * f + 1] = size * z[1, f]
            re = z[0, f] * turn[i, 0, f] - z[1, f] * turn[i, 1, f]
            im = z[0, f] * turn[i, 1, f] + z[1, f] * turn[i, 0, f]
            newton = THREE_HALVES - HALF * (re * re + im * im)
            z[0, f] = re * newton
            z[1, f] = im * newton


@kernel(relaxed=True)
def _overlap_add(pieces: np.ndarray, window: np.ndarray, hops: np.ndarray) -> None:
    """Add windowed pieces of N_FFT samples, HOP apart, to a signal that is cut into hops."""
    for t in range(pieces.shape[0]):
        for i in range(window.shape[0]):
            for s in range(window.shape[1]):
                hops[t + i, s] += window[i, s] * pieces[t, i * window.shape[1] + s]
