"""One number per frame: where its energy lies, how loud it is, how often it crosses zero."""

import numpy as np

from genreflow.features.kernel import kernel
from genreflow.features.spectrum import (
    HOP,
    N_FFT,
    OVERLAP,
    TINY,
    blocks,
    fft_frequencies,
    let_go,
    n_frames,
    samples,
)

ROLLOFF = np.float32(0.85)

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
    centroid, bandwidth = np.empty((2, len(S)))
    _centroid_and_bandwidth(S, fft_frequencies(sr=sr), centroid, bandwidth)
    return centroid, bandwidth


@kernel
def _centroid_and_bandwidth(S, frequencies, centroid, bandwidth):
    for t in range(len(S)):
        total, first = _moments(S[t], frequencies)
        if total < TINY:
            total = 1.0
        centroid[t] = first / total
        bandwidth[t] = np.sqrt(_spread(S[t], frequencies, centroid[t]) / total)


@kernel(relaxed=True)
def _moments(weights, values):
    total, first = 0.0, 0.0
    for k in range(len(values)):
        weight = np.float64(weights[k])
        total += weight
        first += weight * values[k]
    return total, first


@kernel(relaxed=True)
def _spread(weights, values, centre):
    spread = 0.0
    for k in range(len(values)):
        distance = values[k] - centre
        spread += np.float64(weights[k]) * (distance * distance)
    return spread


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
    below = np.empty(len(S), np.intp)
    _count_below(S, np.empty((4, S.shape[1]), np.float32), below)
    return fft_frequencies(sr=sr)[below]


@kernel
def _count_below(S, sums, below):
    """Count the bins of each frame before its magnitudes have summed up to the threshold.

    They are summed in single precision, from low to high, as librosa does: in double precision a
    frame in ten thousand falls into the next bin. Each sum must wait for the one before, so four
    frames are summed side by side.
    """
    last = len(S) - 1
    for t in range(0, len(S), 4):
        a, b, c, d = S[t], S[min(t + 1, last)], S[min(t + 2, last)], S[min(t + 3, last)]
        sum_a = sum_b = sum_c = sum_d = np.float32(0)
        for k in range(len(a)):
            sum_a += a[k]
            sum_b += b[k]
            sum_c += c[k]
            sum_d += d[k]
            sums[0, k] = sum_a
            sums[1, k] = sum_b
            sums[2, k] = sum_c
            sums[3, k] = sum_d
        for i in range(min(4, len(S) - t)):
            below[t + i] = np.searchsorted(sums[i], ROLLOFF * sums[i, -1])


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
    energy = np.empty(n_frames(len(y)) + OVERLAP - 1)
    for hops in blocks(len(energy)):
        start, stop = (hop * HOP - N_FFT // 2 for hop in (hops.start, hops.stop))
        _sum_squares(samples(y, start, stop, pad_mode="reflect"), energy[hops])
        let_go(y, start, stop)
    return np.sqrt(_over_frames(energy) / N_FFT)


@kernel(relaxed=True)
def _sum_squares(excerpt, energy):
    """Sum up the squares of each hop of an excerpt."""
    for hop in range(len(energy)):
        piece = excerpt[hop * HOP : (hop + 1) * HOP]
        total = 0.0
        for i in range(len(piece)):
            total += np.float64(piece[i]) * np.float64(piece[i])
        energy[hop] = total


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
    crossings, at_start = np.empty((2, n_frames(len(y)) + OVERLAP - 1), np.int64)
    for hops in blocks(len(crossings)):
        start, stop = (hop * HOP - N_FFT // 2 for hop in (hops.start, hops.stop))
        before = max(0, start - 1)
        _count_crossings(y[before:stop], start - before, crossings[hops], at_start[hops])
        let_go(y, start, stop)
    # The sample before a frame is not its own.
    inside = _over_frames(crossings) - at_start[: 1 - OVERLAP]
    return inside / N_FFT


@kernel
def _count_crossings(excerpt, first_hop, crossings, at_start):
    """Count the samples of each hop whose sign is not that of the one before, and its first."""
    for hop in range(len(crossings)):
        start = first_hop + hop * HOP
        first, end = max(start, 1), min(start + HOP, len(excerpt))
        crossings[hop] = at_start[hop] = 0
        if first < end:
            crossings[hop] = _count_differing(excerpt[first:end], excerpt[first - 1 : end - 1])
            at_start[hop] = first == start and (
                (excerpt[start] < -ZERO) != (excerpt[start - 1] < -ZERO)
            )


@kernel
def _count_differing(samples, before):
    count = 0
    for i in range(len(samples)):
        count += (samples[i] < -ZERO) != (before[i] < -ZERO)
    return count


def _over_frames(of_hops: np.ndarray) -> np.ndarray:
    """Of each frame, the sum over its hops."""
    return np.lib.stride_tricks.sliding_window_view(of_hops, OVERLAP).sum(axis=1)
