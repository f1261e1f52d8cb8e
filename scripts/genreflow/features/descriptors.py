"""One number per frame: where its energy lies, how loud it is, how often it crosses zero."""

import numpy as np

from genreflow.features.spectrum import HOP, N_FFT, blocks, fft_frequencies

ROLLOFF = 0.85

# Samples this near to zero have no sign.
ZERO = np.float32(1e-10)


def centroid_and_bandwidth(S: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of frequency, weighted by magnitude.

    With ``w[k] = S[k] / sum_j S[j]``: ``centroid = sum_k w[k] * freq[k]`` and
    ``bandwidth = sqrt(sum_k w[k] * (freq[k] - centroid) ** 2)`` [#]_.

    .. [#] Klapuri, A., and Davy, M., eds. "Signal processing methods for music transcription",
        chapter 5. Springer (2007).

    Parameters
    ----------
    S : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
        magnitude
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    centroid : np.ndarray [shape=(n_frames,), dtype=float64, Hz]
        0 in silent frames
    bandwidth : np.ndarray [shape=(n_frames,), dtype=float64, Hz]
        0 in silent frames

    See Also
    --------
    librosa.feature.spectral_centroid, librosa.feature.spectral_bandwidth
    """
    frequencies = fft_frequencies(sr=sr)
    centroid, variance = np.empty(len(S)), np.empty(len(S))
    for block in blocks(len(S)):
        weights = S[block].astype(np.float64)
        total = weights.sum(axis=1, keepdims=True)
        total[total < np.finfo(S.dtype).tiny] = 1
        weights /= total
        centroid[block] = weights @ frequencies
        deviation = frequencies - centroid[block, np.newaxis]
        variance[block] = np.einsum("ij,ij->i", weights, deviation**2)
    return centroid, np.sqrt(variance)


def rolloff(S: np.ndarray, *, sr: int) -> np.ndarray:
    """The lowest frequency under which 85 % of a frame's magnitude lies.

    Parameters
    ----------
    S : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
        magnitude
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    np.ndarray [shape=(n_frames,), dtype=float64, Hz]

    See Also
    --------
    librosa.feature.spectral_rolloff : equal
    """
    # Summed in single precision, from low to high, as librosa does: in double precision a frame
    # in ten thousand falls into the next bin.
    below = np.empty(len(S), np.intp)
    for block in blocks(len(S)):
        sums = np.cumsum(S[block], axis=1)
        below[block] = np.count_nonzero(sums < np.float32(ROLLOFF) * sums[:, -1:], axis=1)
    return fft_frequencies(sr=sr)[below]


def rms(y: np.ndarray) -> np.ndarray:
    """Root mean square of each frame's samples; the ends are continued by reflection.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio

    Returns
    -------
    np.ndarray [shape=(1 + n // HOP,), dtype=float64]

    See Also
    --------
    librosa.feature.rms : the same with ``pad_mode="reflect"``
    """
    padded = np.pad(y, N_FFT // 2, mode="reflect")
    hops = padded[: len(padded) // HOP * HOP].reshape(-1, HOP)
    energy = np.einsum("ij,ij->i", hops, hops, dtype=np.float64)
    per_frame = np.lib.stride_tricks.sliding_window_view(energy, N_FFT // HOP).sum(axis=1)
    return np.sqrt(per_frame / N_FFT)


def zero_crossing_rate(y: np.ndarray) -> np.ndarray:
    """Share of each frame's samples whose sign differs from the one before.

    The ends are continued by the first and last sample.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio

    Returns
    -------
    np.ndarray [shape=(1 + n // HOP,), dtype=float64]
        in [0, 1]

    See Also
    --------
    librosa.feature.zero_crossing_rate : equal
    """
    negative = np.pad(y, N_FFT // 2, mode="edge") < -ZERO
    crossings = np.concatenate(([0], np.cumsum(negative[1:] != negative[:-1])))
    starts = HOP * np.arange(1 + len(y) // HOP)
    return (crossings[starts + N_FFT - 1] - crossings[starts]) / N_FFT
