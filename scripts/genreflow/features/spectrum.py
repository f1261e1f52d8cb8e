"""Frames, their spectra, and the way back to audio.

Conventions of this package, stated once:

- audio is mono, float32, shape (n,), in [-1, 1], at `sr` Hz;
- frames are `N_FFT` samples long, `HOP` apart and centred: frame ``t`` has its middle at sample
  ``t * HOP``; the audio is continued at both ends, by reflection or by zeros;
- a spectrum has one row per frame, shape (n_frames, bins), since a frame's bins are read together.
  Only what a feature set gives is turned round, to (bands, n_frames).
"""

import functools
from collections.abc import Iterable, Iterator

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.features.kernel import kernel
from genreflow.npy import release

N_FFT = 2048
HOP = 512

# Hops in a frame; so many frames overlap at any sample.
OVERLAP = N_FFT // HOP

# The smallest normal number: what sums up to less is silence.
TINY = np.finfo(np.float32).tiny

N_BINS = 1 + N_FFT // 2

# Frames that are worked on together: few enough to stay in the processor's cache.
BLOCK = 48

# Samples that are looked at together, and those of a memory map that stay in memory (64 MB).
PART = 1 << 16
HELD = 1 << 24


def require_audio(y: np.ndarray, *, sr: int) -> None:
    """Refuse audio that no spectrum can be made of.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Raises
    ------
    GenreflowError
        if `y` is not mono, not longer than half a frame (which reflection at the ends needs), or
        holds NaN or infinity
    """
    if y.ndim != 1:
        raise GenreflowError(f"the audio has the shape {y.shape}; one channel, (n,), is needed")
    if len(y) <= N_FFT // 2:
        raise GenreflowError(
            f"the audio is {len(y)} samples long; frames of {N_FFT} need more than {N_FFT // 2} "
            f"({N_FFT / 2 / sr:.3f} s at {sr} Hz)"
        )
    if not all(np.isfinite(part).all() for part in parts(y)):
        raise GenreflowError("the audio holds NaN or infinite samples")


def parts(y: np.ndarray) -> Iterator[np.ndarray]:
    """Audio in parts of three seconds or so: what is made of one is small.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        audio

    Yields
    ------
    np.ndarray [shape=(k,)]
        a view; before the next, what has been read of a memory map may be released
    """
    for start in range(0, len(y), PART):
        yield y[start : start + PART]
        let_go(y, start, start + PART)


def let_go(y: np.ndarray, start: int, stop: int) -> None:
    """Release what has been read of long audio, now and then.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        audio, maybe a memory map
    start, stop : int
        the samples that have been read; who reads it all calls this for each part
    """
    if start // HELD != stop // HELD:
        release(y)


@functools.cache
def fft_frequencies(*, sr: int, n_fft: int = N_FFT) -> np.ndarray:
    """Centre frequencies of the bins of a spectrum.

    Parameters
    ----------
    sr : int > 0 [Hz]
        sampling rate
    n_fft : int > 0
        length of the frame in samples

    Returns
    -------
    np.ndarray [shape=(1 + n_fft // 2,), dtype=float64, Hz], read-only
    """
    frequencies = np.fft.rfftfreq(n_fft, 1 / sr)
    frequencies.flags.writeable = False
    return frequencies


@functools.cache
def hann(length: int) -> np.ndarray:
    """Periodic Hann window, the one for spectra.

    Parameters
    ----------
    length : int > 0
        number of samples

    Returns
    -------
    np.ndarray [shape=(length,), dtype=float64], read-only
        ``0.5 - 0.5 * cos(2 * pi * k / length)``
    """
    # Written with angles from -pi to pi, it has the bits of scipy.signal.get_window("hann").
    window = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1)[:-1])
    window.flags.writeable = False
    return window


def blocks(total: int, *, first: int = 0) -> Iterator[slice]:
    """Cut frames into blocks.

    Parameters
    ----------
    total : int >= 0
        number of frames
    first : int >= 0
        frame to begin with; the bits are the same if it is a multiple of `BLOCK`

    Yields
    ------
    slice
        of at most `BLOCK` frames
    """
    for start in range(first, total, BLOCK):
        yield slice(start, min(start + BLOCK, total))


def n_frames(n: int, *, hop: int = HOP) -> int:
    """Number of centred frames of `n` samples of audio: ``1 + n // hop``."""
    return 1 + n // hop


def samples(y: np.ndarray, start: int, stop: int, *, pad_mode: str) -> np.ndarray:
    """An excerpt of the audio, which may begin before it and end after it.

    Parameters
    ----------
    y : np.ndarray [shape=(n,)]
        audio
    start, stop : int
        from ``-n + 1`` to ``2 * n - 1``
    pad_mode : str
        how the ends are continued: ``"reflect"`` or ``"constant"`` (zeros), as in `numpy.pad`

    Returns
    -------
    np.ndarray [shape=(stop - start,)]
        a view, or at the ends a copy; read-only, so that kernels are compiled for no more than that
    """
    n = len(y)
    if start >= 0 and stop <= n:
        excerpt = y[start:stop]
    elif pad_mode == "constant":
        excerpt = np.pad(y[max(start, 0) : stop], (max(-start, 0), max(stop - n, 0)))
    else:
        index = np.abs(np.arange(start, stop))
        excerpt = y[np.where(index < n, index, 2 * (n - 1) - index)]
    excerpt.flags.writeable = False
    return excerpt


def spectra(
    y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect", first: int = 0
) -> Iterator[tuple[slice, np.ndarray]]:
    """Short-time Fourier transform, block by block, for whoever needs no more at once.

    Frames are windowed and transformed in double precision and given in single precision: the
    bits of `librosa.stft`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, longer than half a frame
    hop : int > 0
        distance of the frames in samples
    pad_mode : str
        how the ends are continued: ``"reflect"`` or ``"constant"``
    first : int >= 0
        frame to begin with; the bits are the same if it is a multiple of `BLOCK`

    Yields
    ------
    frames : slice
        which frames these are: `BLOCK` of them, and at the end what is left
    D : np.ndarray [shape=(k, N_BINS), dtype=complex64]
        their spectra; the block after the next is written over them
    """
    now, before = np.empty((2, min(BLOCK, n_frames(len(y), hop=hop)), N_BINS), np.complex64)
    for block, X in transforms(y, hop=hop, pad_mode=pad_mode, first=first):
        now, before = before, now
        now[: len(X)] = X
        yield block, now[: len(X)]


def transforms(
    y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect", first: int = 0
) -> Iterator[tuple[slice, np.ndarray]]:
    """The same in double precision, as the transform gives it, before it is rounded.

    Parameters
    ----------
    y, hop, pad_mode, first
        as for `spectra`

    Yields
    ------
    frames : slice
        which frames these are
    X : np.ndarray [shape=(k, N_BINS), dtype=complex128]
        their spectra; the next block is written over them
    """
    total = n_frames(len(y), hop=hop)
    framed = np.empty((min(BLOCK, total), N_FFT))
    X = np.empty((len(framed), N_BINS), np.complex128)
    for block in blocks(total, first=first):
        k = block.stop - block.start
        start = block.start * hop - N_FFT // 2
        excerpt = samples(y, start, start + (k - 1) * hop + N_FFT, pad_mode=pad_mode)
        _window(excerpt, hop, hann(N_FFT), framed[:k])
        # numpy's has the bits of scipy's, and needs no new memory.
        yield block, np.fft.rfft(framed[:k], axis=1, out=X[:k])
        let_go(y, block.start * hop, block.stop * hop)


@kernel
def _window(excerpt, hop, window, framed):
    """Cut an excerpt into frames under a window."""
    for t in range(len(framed)):
        piece, frame = excerpt[t * hop : t * hop + len(window)], framed[t]
        for i in range(len(window)):
            frame[i] = piece[i] * window[i]


def power_spectra(
    y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect", first: int = 0
) -> Iterator[tuple[slice, np.ndarray]]:
    """Power spectra of the audio, block by block.

    Parameters
    ----------
    y, hop, pad_mode, first
        as for `spectra`

    Yields
    ------
    frames : slice
        which frames these are
    P : np.ndarray [shape=(k, N_BINS), dtype=float32]
        ``abs(D) ** 2``; the next block is written over them
    """
    P = np.empty((min(BLOCK, n_frames(len(y), hop=hop)), N_BINS), np.float32)
    for block, D in spectra(y, hop=hop, pad_mode=pad_mode, first=first):
        yield block, np.square(np.abs(D, out=P[: len(D)]), out=P[: len(D)])


def power(X: np.ndarray) -> np.ndarray:
    """Power of spectra that were not rounded: quicker than by their magnitude.

    For all but those who look for peaks in a flat spectrum, where the last digit counts, it is the
    same.

    Parameters
    ----------
    X : np.ndarray [shape=(k, N_BINS), dtype=complex128]
        see `transforms`

    Returns
    -------
    P : np.ndarray [shape=(k, N_BINS), dtype=float32]
    """
    P = np.empty(X.shape, np.float32)
    _power(X, P)
    return P


@kernel
def _power(X, P):
    for t in range(len(X)):
        x, p = X[t], P[t]
        for k in range(len(p)):
            p[k] = x[k].real * x[k].real + x[k].imag * x[k].imag


def resynthesis(
    spectra: Iterable[np.ndarray], *, length: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Inverse of `spectra`, by overlap and add with the window of least squared error [#]_.

    .. [#] Griffin, D. W., and Lim, J. S. "Signal estimation from modified short-time Fourier
        transform." IEEE Transactions on Acoustics, Speech, and Signal Processing 32 (1984).

    Parameters
    ----------
    spectra : iterable of np.ndarray [shape=(k, N_BINS), dtype=complex64]
        blocks of at most `BLOCK` frames, HOP apart; ``1 + length // HOP`` frames in all
    length : int > 0
        number of samples to give back

    Yields
    ------
    where : slice
        which samples these are
    y : np.ndarray [shape=(k,), dtype=float32]
        the samples that no later frame reaches; the next ones are written over them
    """
    window = hann(N_FFT).astype(np.float32)
    tail = N_FFT - HOP
    # The sum of the frames, and of their windows' squares, by which it must be divided.
    total, weight = np.zeros((2, BLOCK * HOP + tail), np.float32)
    pieces = np.empty((BLOCK, N_FFT), np.float32)
    start, last = -N_FFT // 2, n_frames(length) * HOP - N_FFT // 2
    for D in spectra:
        np.fft.irfft(D, n=N_FFT, axis=1, out=pieces[: len(D)])
        _overlap_add(pieces[: len(D)], window, total, weight)
        end = start + len(D) * HOP
        done = slice(max(0, -start), (length if end == last else end) - start)
        where = slice(start + done.start, start + done.stop)
        if where.start < where.stop:
            yield where, np.divide(total[done], weight[done], out=total[done])
        for sums in (total, weight):
            sums[:tail] = sums[end - start : end - start + tail]
            sums[tail:] = 0
        start = end


@kernel
def _overlap_add(pieces, window, total, weight):
    """Add windowed pieces, HOP apart, to `total`, and the window's squares to `weight`."""
    for t in range(len(pieces)):
        piece = pieces[t]
        sums, weights = total[t * HOP :], weight[t * HOP :]
        for i in range(len(window)):
            sums[i] += piece[i] * window[i]
            weights[i] += window[i] * window[i]


def power_to_db(S: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
    """Power in decibel, ``10 * log10(S)``, cut off at -100 dB and 80 dB under the maximum.

    Parameters
    ----------
    S : np.ndarray [shape=(...), dtype=float32], non-negative
        power
    out : np.ndarray, optional
        where to write the result, such as `S`

    Returns
    -------
    np.ndarray [shape=(...), dtype=float32, dB re 1]

    See Also
    --------
    librosa.power_to_db : the same with its default reference
    """
    # The natural logarithm, which processors take of several numbers at once.
    db = np.maximum(np.float32(1e-10), S, out=out)
    np.log(db, out=db)
    db *= np.float32(10 / np.log(10))
    return np.maximum(db, db.max() - np.float32(80), out=db)
