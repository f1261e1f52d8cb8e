"""Constant-Q transform: filters spaced like the notes of the scale, the lower the longer.

One octave of filters serves for all: an octave lower, the same filters are run on the audio at half
the rate [#]_.

.. [#] Schörkhuber, C., and Klapuri, A. "Constant-Q transform toolbox for music processing."
    Sound and Music Computing Conference (2010).
"""

import functools
import math
from collections.abc import Iterator

import numpy as np
import soxr
from numpy.lib.stride_tricks import as_strided
from scipy import fft

from genreflow.errors import GenreflowError
from genreflow.features.spectrum import HOP, hann, let_go, n_frames, spectra
from genreflow.features.tuning import TuningEstimate

# Three filters to the semitone, in the seven octaves from C1 (32.7 Hz).
BINS_PER_OCTAVE = 36
N_OCTAVES = 7
C7_HZ = 440 * 2 ** (27 / 12)

# Bandwidth of a filter over its frequency: the bands of every second filter adjoin.
RELATIVE_BANDWIDTH = math.tanh(math.log(2) / BINS_PER_OCTAVE)
# Where the highest filter ends: a Hann window's lobe is 1.5 bins wide.
HIGHEST_HZ = C7_HZ * 2 ** (1 - 1 / BINS_PER_OCTAVE) * (1 + 1.5 / 2 * RELATIVE_BANDWIDTH)

# The share of a filter's spectrum that is left out: its weakest bins, summed as magnitudes.
SPARSITY = 0.01

# From filters to pitch classes, C first: a semitone's own filter and both its neighbours.
FOLD = np.roll(np.repeat(np.eye(12, dtype=np.float32), 3, axis=0), -1, axis=0)

# Samples that are worked on at once, in all octaves.
PIECE = 128 * HOP

# Audio on its way: a piece, and whether it is the last.
Pieces = Iterator[tuple[np.ndarray, bool]]


def chroma_cqt(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Strength of the twelve pitch classes, from a constant-Q transform tuned to the music.

    The filters' magnitudes are added up over the octaves and the three filters of a semitone, and
    not normalised.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, longer than half a frame; before and after it there is silence
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(n_frames, 12), dtype=float32]
        C first; one frame every `HOP` samples

    Raises
    ------
    GenreflowError
        if `sr` is too low for the highest filter

    See Also
    --------
    librosa.feature.chroma_cqt : equal, with ``norm=None`` and turned round
    """
    tuning = cqt_tuning(y, sr=sr)
    first = first_divisor(sr=sr, tuning=tuning)
    filters = octave_filters(sr=sr / first, tuning=tuning)
    total = n_frames(math.ceil(len(y) / first), hop=HOP // first)
    chroma = np.zeros((total, 12), np.float32)
    parts = pieces(y)
    for octave in range(N_OCTAVES):
        slow = slowed(parts, 2 if octave else first)
        parts = filtered(slow, filters, hop=HOP // first // 2**octave, chroma=chroma)
    for _ in parts:
        pass  # each piece has gone down through all octaves
    return chroma


def cqt_tuning(y: np.ndarray, *, sr: int) -> float:
    """How far the music is tuned away from A4 = 440 Hz, by the louder half of its spectral peaks.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, longer than half a frame
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    float in [-0.5, 0.5) [filters, thirds of a semitone]
        0 where there are no peaks

    See Also
    --------
    librosa.estimate_tuning : equal, with ``bins_per_octave=36``
    """
    estimate = TuningEstimate(sr=sr, bins_per_octave=BINS_PER_OCTAVE)
    for _, D in spectra(y, pad_mode="constant"):
        estimate.add(np.abs(D))
    return estimate.tuning()


def first_divisor(*, sr: int, tuning: float) -> int:
    """How far the rate can be brought down before the highest octave is heard.

    Parameters
    ----------
    sr : int > 0 [Hz]
        sampling rate of the audio
    tuning : float [filters]
        how far the music's A4 is from 440 Hz

    Returns
    -------
    1, 2, 4 or 8
        divisor of the rate: the highest filter keeps an octave's distance from half the rate, and
        even the lowest octave's hop is a whole number

    Raises
    ------
    GenreflowError
        if `sr` is too low for the highest filter
    """
    highest = HIGHEST_HZ * 2 ** (tuning / BINS_PER_OCTAVE)
    if highest > sr / 2:
        raise GenreflowError(
            f"audio at {sr} Hz holds nothing above {sr / 2:.0f} Hz, and the {N_OCTAVES} octaves "
            f"reach up to {highest:.0f} Hz; give the feature set a rate of 8500 or more"
        )
    spare_octaves = math.ceil(math.log2(sr / 2 / highest)) - 2
    whole_hops = int(math.log2(HOP)) - (N_OCTAVES - 1)
    return 2 ** min(max(spare_octaves, 0), whole_hops)


@functools.lru_cache(maxsize=16)
def octave_filters(*, sr: float, tuning: float) -> np.ndarray:
    """The filters of the highest octave: tones under Hann windows.

    A filter over `length` samples answers a tone of its frequency and of amplitude 1 by
    ``sqrt(length) / 2``. Then the weakest bins of its spectrum are left out, and all below 0 Hz.

    Parameters
    ----------
    sr : float > 0 [Hz]
        sampling rate of the audio of that octave
    tuning : float [filters]
        how far the music's A4 is from 440 Hz

    Returns
    -------
    np.ndarray [shape=(n_fft, BINS_PER_OCTAVE), dtype=complex64], read-only
        to be multiplied with frames of `n_fft` samples, a power of two

    See Also
    --------
    librosa.filters.wavelet : the tones
    """
    frequencies = C7_HZ * 2 ** ((np.arange(BINS_PER_OCTAVE) + tuning) / BINS_PER_OCTAVE)
    lengths = sr / (RELATIVE_BANDWIDTH * frequencies)
    n_fft = 2 ** math.ceil(math.log2(lengths[0]))
    tones = np.zeros((BINS_PER_OCTAVE, n_fft), np.complex128)
    for row, frequency, length in zip(tones, frequencies, lengths, strict=True):
        time = np.arange(-math.ceil(length / 2), math.floor(length / 2))
        window = hann(len(time)) * (2 / len(time)) * (math.sqrt(length) / n_fft)
        start = (n_fft - len(time)) // 2
        row[start : start + len(time)] = window * np.exp(2j * np.pi * frequency / sr * time)

    spectrum = fft.fft(tones, axis=1)[:, : n_fft // 2 + 1]
    weakest_first = np.sort(np.abs(spectrum), axis=1)
    share = np.cumsum(weakest_first, axis=1) / np.sum(weakest_first, axis=1, keepdims=True)
    n_left_out = np.sum(share < SPARSITY, axis=1, keepdims=True)
    spectrum[np.abs(spectrum) < np.take_along_axis(weakest_first, n_left_out, axis=1)] = 0

    # A filter's spectrum times a frame's, summed over the bins, is the frame times a transform.
    filters = np.ascontiguousarray(fft.fft(spectrum, n=n_fft, axis=1).T, np.complex64)
    filters.flags.writeable = False
    return filters


def pieces(y: np.ndarray) -> Pieces:
    """The audio piece by piece, each with whether it is the last.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, n > 0

    Yields
    ------
    piece : np.ndarray [shape=(m,), dtype=float32], m <= PIECE
    last : bool
    """
    for start in range(0, len(y), PIECE):
        yield np.asarray(y[start : start + PIECE]), start + PIECE >= len(y)
        let_go(y, start, start + PIECE)


def slowed(parts: Pieces, divisor: int) -> Pieces:
    """The audio at its rate over `divisor`, louder by the divisor's root, so of equal energy.

    Parameters
    ----------
    parts : iterator of (piece, last)
        audio
    divisor : int > 0

    Yields
    ------
    piece, last
        one for each that came; a piece may be empty
    """
    if divisor == 1:
        yield from parts
        return
    resampler = soxr.ResampleStream(divisor, 1, num_channels=1)
    for piece, last in parts:
        slow = resampler.resample_chunk(piece, last=last)
        # Before it is slowed again, so that what is left of sound in silence has librosa's bits.
        slow /= np.sqrt(1 / divisor)
        yield slow, last


def filtered(parts: Pieces, filters: np.ndarray, *, hop: int, chroma: np.ndarray) -> Pieces:
    """The audio as it is; on its way, an octave's answers to it are added to the chroma.

    Parameters
    ----------
    parts : iterator of (piece, last)
        audio; before and after it there is silence
    filters : np.ndarray [shape=(n_fft, BINS_PER_OCTAVE), dtype=complex64]
        from `octave_filters`
    hop : int > 0
        distance of the frames in samples
    chroma : np.ndarray [shape=(n_frames, 12), dtype=float32]
        added to, up to the frame that the last piece completes

    Yields
    ------
    piece, last
        those that came
    """
    n_fft = len(filters)
    # Real and imaginary parts side by side, for one product of real matrices.
    columns = filters.view(np.float32)
    silence = np.zeros(n_fft // 2, np.float32)
    done, heard = 0, silence
    for piece, last in parts:
        heard = np.concatenate((heard, piece, silence) if last else (heard, piece))
        k = min(max(0, 1 + (len(heard) - n_fft) // hop), len(chroma) - done)
        frames = as_strided(heard, (k, n_fft), (hop * heard.itemsize, heard.itemsize))
        products = np.ascontiguousarray(frames) @ columns
        chroma[done : done + k] += np.abs(products.view(np.complex64)) @ FOLD
        done, heard = done + k, heard[k * hop :]
        yield piece, last
