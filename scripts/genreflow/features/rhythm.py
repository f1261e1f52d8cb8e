"""Onsets and tempo."""

import numpy as np
from scipy import fft

from genreflow.features.spectrum import HOP, N_FFT, hann

# Tempo is looked for in stretches of eight seconds, around 120 BPM, give or take an octave.
STRETCH = 8.0
START, SPREAD, FASTEST = 120.0, 1.0, 320.0


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
    growth = np.maximum(0, np.diff(mel_db, axis=0))
    delay = 1 + N_FFT // (2 * HOP)
    envelope = np.zeros(len(mel_db), mel_db.dtype)
    envelope[delay:] = np.median(growth, axis=1)[: len(envelope) - delay]
    return envelope


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
    stretches = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(envelope)]
    stretches = stretches * hann(length)
    energy = np.einsum("ij,ij->i", stretches, stretches)
    audible = energy >= np.finfo(energy.dtype).tiny
    # A mean of autocorrelations is the inverse transform of the mean power spectrum: one instead
    # of one per frame.
    n_padded = fft.next_fast_len(2 * length - 1, real=True)
    spectra = fft.rfft(stretches[audible], n=n_padded, axis=1)
    power = (spectra.real**2 + spectra.imag**2).T @ (1 / energy[audible]) / len(envelope)
    return fft.irfft(power, n=n_padded)[:length]
