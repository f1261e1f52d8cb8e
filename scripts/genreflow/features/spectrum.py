"""Frames, their spectra, and the way back to audio.

Conventions of this package, stated once:

- audio is mono, float32, shape (n,), in [-1, 1], at `sr` Hz;
- frames are `N_FFT` samples long, `HOP` apart and centred: frame ``t`` has its middle at sample
  ``t * HOP``; the audio is continued at both ends by reflection;
- a spectrum has one row per frame, shape (n_frames, bins), since a frame's bins are read together.
  Only `genreflow.features.representations` turns its results round, to (bands, n_frames).
"""

import functools
from collections.abc import Iterator

import numpy as np
from scipy import fft

from genreflow.errors import GenreflowError

N_FFT = 2048
HOP = 512
N_BINS = 1 + N_FFT // 2

# Frames that are worked on together: few enough to stay in the processor's cache.
BLOCK = 48


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
    if not np.isfinite(y).all():
        raise GenreflowError("the audio holds NaN or infinite samples")


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
    np.ndarray [shape=(1 + n_fft // 2,), dtype=float64, Hz]
    """
    return np.fft.rfftfreq(n_fft, 1 / sr)


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


def blocks(total: int) -> Iterator[slice]:
    """Cut frames into blocks.

    Parameters
    ----------
    total : int >= 0
        number of frames

    Yields
    ------
    slice
        of at most `BLOCK` frames
    """
    for start in range(0, total, BLOCK):
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
        a view, or at the ends a copy
    """
    n = len(y)
    if start >= 0 and stop <= n:
        return y[start:stop]
    index = np.arange(start, stop)
    if pad_mode == "constant":
        inside = (index >= 0) & (index < n)
        return np.where(inside, y[np.clip(index, 0, n - 1)], np.float32(0))
    index = np.abs(index)
    return y[np.where(index < n, index, 2 * (n - 1) - index)]


def spectra(
    y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect"
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

    Yields
    ------
    frames : slice
        which frames these are, at most `BLOCK`
    D : np.ndarray [shape=(k, N_BINS), dtype=complex64]
        their spectra; the next block is written over them
    """
    total = n_frames(len(y), hop=hop)
    window = hann(N_FFT)
    out = np.empty((min(BLOCK, total), N_BINS), np.complex64)
    for block in blocks(total):
        first = block.start * hop - N_FFT // 2
        last = (block.stop - 1) * hop + N_FFT // 2
        excerpt = samples(y, first, last, pad_mode=pad_mode)
        framed = np.lib.stride_tricks.sliding_window_view(excerpt, N_FFT)[::hop]
        D = out[: block.stop - block.start]
        D[:] = fft.rfft(framed * window, axis=1, overwrite_x=True)
        yield block, D


def power_spectra(
    y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect"
) -> Iterator[tuple[slice, np.ndarray]]:
    """Power spectra of the audio, block by block.

    Parameters
    ----------
    y, hop, pad_mode
        as for `spectra`

    Yields
    ------
    frames : slice
        which frames these are, at most `BLOCK`
    P : np.ndarray [shape=(k, N_BINS), dtype=float32]
        ``abs(D) ** 2``; the next block is written over them
    """
    for block, D in spectra(y, hop=hop, pad_mode=pad_mode):
        yield block, np.abs(D) ** 2


def stft(y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect") -> np.ndarray:
    """Short-time Fourier transform, whole: see `spectra`.

    Returns
    -------
    D : np.ndarray [shape=(1 + n // hop, N_BINS), dtype=complex64]
    """
    D = np.empty((n_frames(len(y), hop=hop), N_BINS), np.complex64)
    for block, part in spectra(y, hop=hop, pad_mode=pad_mode):
        D[block] = part
    return D


def istft(D: np.ndarray, *, length: int) -> np.ndarray:
    """Inverse of `stft`, by overlap and add with the window of least squared error [#]_.

    .. [#] Griffin, D. W., and Lim, J. S. "Signal estimation from modified short-time Fourier
        transform." IEEE Transactions on Acoustics, Speech, and Signal Processing 32 (1984).

    Parameters
    ----------
    D : np.ndarray [shape=(1 + length // HOP, N_BINS), dtype=complex64]
    length : int > 0
        number of samples to give back

    Returns
    -------
    y : np.ndarray [shape=(length,), dtype=float32]
    """
    window = hann(N_FFT).astype(np.float32)
    hops = np.zeros((len(D) + N_FFT // HOP - 1, HOP), np.float32)
    for block in blocks(len(D)):
        pieces = fft.irfft(D[block], n=N_FFT, axis=1)
        pieces *= window
        _overlap_add(pieces, hops[block.start :])
    inside = slice(N_FFT // 2, N_FFT // 2 + length)
    return hops.reshape(-1)[inside] / _window_energy(len(D)).reshape(-1)[inside]


def _overlap_add(pieces: np.ndarray, hops: np.ndarray) -> None:
    """Add pieces of N_FFT samples, HOP apart, to a signal that is cut into hops."""
    quarters = pieces.reshape(len(pieces), -1, HOP)
    for i in range(quarters.shape[1]):
        hops[i : i + len(pieces)] += quarters[:, i]


@functools.lru_cache(maxsize=8)
def _window_energy(n_frames: int) -> np.ndarray:
    """The overlapping windows' squares, summed at every sample, cut into hops."""
    squares = np.broadcast_to(hann(N_FFT) ** 2, (n_frames, N_FFT))
    hops = np.zeros((n_frames + N_FFT // HOP - 1, HOP), np.float32)
    _overlap_add(squares, hops)
    return hops


def power_to_db(S: np.ndarray) -> np.ndarray:
    """Power in decibel, ``10 * log10(S)``, cut off at -100 dB and 80 dB under the maximum.

    Parameters
    ----------
    S : np.ndarray [shape=(...), dtype=float32], non-negative
        power

    Returns
    -------
    np.ndarray [shape=(...), dtype=float32, dB re 1]

    See Also
    --------
    librosa.power_to_db : the same with its default reference
    """
    db = 10 * np.log10(np.maximum(np.float32(1e-10), S))
    return np.maximum(db, db.max() - np.float32(80))
