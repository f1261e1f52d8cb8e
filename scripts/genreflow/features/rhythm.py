"""Onsets and tempo."""

import functools

import numpy as np
from scipy import fft

from genreflow.features.kernel import kernel
from genreflow.features.spectrum import BLOCK, HOP, N_FFT, blocks, hann

# Tempo is looked for in stretches of eight seconds, around 120 BPM, give or take an octave.
STRETCH = 8.0
START, SPREAD, FASTEST = 120.0, 1.0, 320.0

# A stretch of less energy holds no onset.
TINY = np.finfo(np.float64).tiny


def onset_strength(mel_db: np.ndarray) -> np.ndarray:
    """Spectral flux: by how much the bands grow from frame to frame.

    The median over the bands of ``max(0, S[t] - S[t - 1])``, delayed by half a frame to stand
    where the onset is.

    Parameters
    ----------
    mel_db : np.ndarray [shape=(n_frames, bands), dtype=float32, dB]

    Returns
    -------
    np.ndarray [shape=(n_frames,), dtype=float32, dB]

    See Also
    --------
    librosa.onset.onset_strength : equal, with ``aggregate=np.median``
    """
    n_bands, delay = mel_db.shape[1], 1 + N_FFT // (2 * HOP)
    exchanges, middle = _sorting_network(n_bands)
    rows = np.zeros((n_bands + 2, BLOCK), np.float32)
    envelope = np.zeros(len(mel_db), np.float32)
    for block in blocks(len(mel_db) - delay):
        now, before = mel_db[block.start + 1 : block.stop + 1], mel_db[block]
        growth = rows[:n_bands, : len(now)]
        np.maximum(np.subtract(now.T, before.T, out=growth), 0, out=growth)
        _exchange(rows, exchanges)
        medians = rows[middle, : len(now)].mean(axis=0)
        envelope[block.start + delay : block.stop + delay] = medians
    return envelope


@kernel(relaxed=True)
def _exchange(rows, exchanges):
    """Put pairs of rows in order, one pair after the other, in every column by itself."""
    for k in range(len(exchanges)):
        a, b = rows[exchanges[k, 0]], rows[exchanges[k, 1]]
        low, high = rows[exchanges[k, 2]], rows[exchanges[k, 3]]
        for i in range(len(a)):
            low[i] = min(a[i], b[i])
            high[i] = max(a[i], b[i])


@functools.cache
def _sorting_network(n: int) -> tuple[np.ndarray, list[int]]:
    """Exchanges that sort n numbers (Batcher's merge exchange), as far as the middle needs them.

    Returns
    -------
    exchanges : np.ndarray [shape=(n_exchanges, 4), dtype=uintp]
        two rows, and where the lower and the higher of each column go: not to the same rows, since
        a compiler that must think of that makes no vector instructions; two rows are spare
    middle : list of int
        the two rows where the median is between them in the end; one of them twice if n is odd
    """
    halves = [1 << i for i in range((n - 1).bit_length())]
    pairs = [
        (a, a + step)
        for half in halves
        for step in (half >> i for i in range(half.bit_length()))
        for start in range(step % half, n - step, 2 * step)
        for a in range(start, min(start + step, n - step))
        if a // (2 * half) == (a + step) // (2 * half)
    ]
    places = [(n - 1) // 2, n // 2]
    needed, kept = set(places), []
    for pair in reversed(pairs):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)

    exchanges: list[list[int]] = []
    rows, spare = list(range(n)), [n, n + 1]
    for a, b in reversed(kept):
        taken = [rows[a], rows[b]]
        exchanges.append(taken + spare)
        (rows[a], rows[b]), spare = spare, taken
    return np.array(exchanges, np.uintp).reshape(-1, 4), [rows[place] for place in places]


def tempo(envelope: np.ndarray, *, sr: int) -> float:
    """The tempo that the onsets repeat at [#]_.

    Around each frame, eight seconds of the envelope are correlated with themselves and scaled to 1
    at lag 0. With ``r`` the mean of all frames, the tempo is that of the lag which maximises
    ``log1p(1e6 * r) - log2(bpm / 120) ** 2 / 2``, under 320 BPM.

    .. [#] Ellis, D. P. W. "Beat tracking by dynamic programming." Journal of New Music Research
        36 (2007).

    Parameters
    ----------
    envelope : np.ndarray [shape=(n_frames,), dtype=float32]
        onset strength
    sr : int > 0 [Hz]
        sampling rate of the audio

    Returns
    -------
    float [BPM]
        0 where there is no onset

    See Also
    --------
    librosa.feature.tempo : equal
    """
    if not envelope.any():
        return 0.0
    correlation = _mean_autocorrelation(envelope, int(STRETCH * sr) // HOP)
    lag = np.arange(1, len(correlation))
    bpm = 60.0 * sr / (HOP * lag)
    prior = -0.5 * ((np.log2(bpm) - np.log2(START)) / SPREAD) ** 2
    prior[bpm >= FASTEST] = -np.inf
    return float(bpm[np.argmax(np.log1p(1e6 * correlation[1:]) + prior)])


def _mean_autocorrelation(envelope: np.ndarray, length: int) -> np.ndarray:
    """Autocorrelation of windowed stretches, each scaled to 1 at lag 0, then averaged."""
    padded = np.pad(envelope, length // 2, mode="linear_ramp", end_values=0)
    n_padded = fft.next_fast_len(2 * length - 1, real=True)
    stretches = np.zeros((BLOCK, n_padded))
    spectra = np.empty((BLOCK, n_padded // 2 + 1), np.complex128)
    power = np.zeros(n_padded // 2 + 1)
    for block in blocks(len(envelope)):
        k = block.stop - block.start
        _scaled_stretches(padded[block.start :], hann(length), stretches[:k])
        np.fft.rfft(stretches[:k], axis=1, out=spectra[:k])
        _add_power(spectra[:k], power)
    # A mean of autocorrelations is the inverse transform of the mean power spectrum: one instead
    # of one per frame.
    return fft.irfft(power / len(envelope), n=n_padded)[:length]


@kernel(relaxed=True)
def _scaled_stretches(envelope, window, stretches):
    """Windowed stretches, a frame apart, scaled to an energy of 1; those without stay 0."""
    for t in range(len(stretches)):
        piece, stretch = envelope[t : t + len(window)], stretches[t]
        energy = 0.0
        for i in range(len(window)):
            stretch[i] = piece[i] * window[i]
            energy += stretch[i] * stretch[i]
        scale = 1.0 / np.sqrt(energy) if energy >= TINY else 0.0
        for i in range(len(window)):
            stretch[i] *= scale


@kernel
def _add_power(spectra, power):
    for t in range(len(spectra)):
        spectrum = spectra[t]
        for k in range(len(power)):
            power[k] += spectrum[k].real ** 2 + spectrum[k].imag ** 2
