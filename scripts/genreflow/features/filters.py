"""The fixed tables that turn a spectrum into mel bands, chroma and cepstrum.

Each is a matrix computed once per process and read-only.
"""

import functools

import numpy as np

from genreflow.features.spectrum import N_FFT, fft_frequencies

# The mel scale of Slaney's Auditory Toolbox: linear up to 1 kHz (mel 15), logarithmic above.
LINEAR_STEP = 200 / 3
KNEE_HZ = 1000.0
KNEE_MEL = KNEE_HZ / LINEAR_STEP
LOG_STEP = np.log(6.4) / 27

C0_HZ = 440.0 / 16


def hz_to_mel(frequency: float) -> float:
    """A frequency on Slaney's mel scale.

    Parameters
    ----------
    frequency : float >= 0 [Hz]

    Returns
    -------
    float [mel]
    """
    if frequency < KNEE_HZ:
        return frequency / LINEAR_STEP
    return KNEE_MEL + np.log(frequency / KNEE_HZ) / LOG_STEP


def mel_to_hz(mels: np.ndarray) -> np.ndarray:
    """Frequencies of points on Slaney's mel scale.

    Parameters
    ----------
    mels : np.ndarray [shape=(n,), mel]

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float64, Hz]
    """
    logarithmic = KNEE_HZ * np.exp(LOG_STEP * (mels - KNEE_MEL))
    return np.where(mels < KNEE_MEL, LINEAR_STEP * mels, logarithmic)


@functools.cache
def mel_filters(*, sr: int, n_fft: int = N_FFT, n_mels: int = 128) -> np.ndarray:
    """Triangles on Slaney's mel scale, from 0 to `sr` / 2, each of unit area [#]_.

    .. [#] Slaney, M. "Auditory Toolbox, version 2." Interval Research Corporation (1998).

    Parameters
    ----------
    sr : int > 0 [Hz]
        sampling rate
    n_fft : int > 0
        length of the frame in samples
    n_mels : int > 0
        number of bands

    Returns
    -------
    np.ndarray [shape=(n_mels, 1 + n_fft // 2), dtype=float32], read-only

    See Also
    --------
    librosa.filters.mel : equal
    """
    edges = mel_to_hz(np.linspace(0, hz_to_mel(sr / 2), n_mels + 2))[:, np.newaxis]
    widths = np.diff(edges, axis=0)
    distance = fft_frequencies(sr=sr, n_fft=n_fft) - edges
    rising = distance[:-2] / widths[:-1]
    falling = -distance[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return _read_only((triangles * (2 / (edges[2:] - edges[:-2]))).astype(np.float32))


@functools.cache
def chroma_filters(
    *, sr: int, n_fft: int = N_FFT, n_chroma: int = 12, tuning: float = 0.0
) -> np.ndarray:
    """From the bins of a spectrum to the pitch classes, C first [#]_.

    The step from class to class is a semitone where there are twelve. A bin gives
    ``exp(-2 * (d / w) ** 2)`` to the class at the circular distance ``d`` steps, where ``w`` is the
    spacing of the bins (at least one step); its shares have unit Euclidean norm, and are then
    weighted by ``exp(-((octave - 5) / 2) ** 2 / 2)``, for most notes lie around the fifth octave.

    .. [#] Ellis, D. P. W. "Chroma feature analysis and synthesis." Columbia University (2007).

    Parameters
    ----------
    sr : int > 0 [Hz]
        sampling rate
    n_fft : int > 0
        length of the frame in samples
    n_chroma : int, a multiple of 12
        number of pitch classes
    tuning : float in [-0.5, 0.5) [steps]
        how far the music's A4 is from 440 Hz

    Returns
    -------
    np.ndarray [shape=(n_chroma, 1 + n_fft // 2), dtype=float32], read-only

    See Also
    --------
    librosa.filters.chroma : equal
    """
    frequencies = sr * np.arange(1, n_fft) / n_fft
    steps = n_chroma * np.log2(frequencies / (C0_HZ * 2 ** (tuning / n_chroma)))
    # The bin at 0 Hz has no pitch: it is put an octave and a half under the first.
    steps = np.concatenate(([steps[0] - 1.5 * n_chroma], steps))
    spacing = np.append(np.maximum(np.diff(steps), 1), 1)

    half = n_chroma // 2
    distance = (steps - np.arange(n_chroma)[:, np.newaxis] + half) % n_chroma - half
    shares = np.exp(-2 * (distance / spacing) ** 2)
    shares /= np.sqrt(np.sum(shares**2, axis=0))
    shares *= np.exp(-0.5 * ((steps / n_chroma - 5) / 2) ** 2)
    from_a_to_c = np.roll(shares, -n_chroma // 4, axis=0)
    return _read_only(from_a_to_c[:, : 1 + n_fft // 2].astype(np.float32))


@functools.cache
def dct_filters(*, n_coefficients: int, n_bands: int) -> np.ndarray:
    """The first rows of the orthonormal cosine transform, type 2.

    ``c[k, b] = sqrt(2 / n_bands) * cos(pi * k * (2 * b + 1) / (2 * n_bands))``, and row 0 divided
    by ``sqrt(2)``.

    Parameters
    ----------
    n_coefficients : int > 0
    n_bands : int >= n_coefficients

    Returns
    -------
    np.ndarray [shape=(n_coefficients, n_bands), dtype=float64], read-only

    See Also
    --------
    scipy.fft.dct : the same as a transform, with ``norm="ortho"``
    """
    k = np.arange(n_coefficients)[:, np.newaxis]
    cosines = np.cos(np.pi * k * (2 * np.arange(n_bands) + 1) / (2 * n_bands))
    cosines[0] /= np.sqrt(2)
    return _read_only(np.sqrt(2 / n_bands) * cosines)


def _read_only(table: np.ndarray) -> np.ndarray:
    table.flags.writeable = False
    return table
