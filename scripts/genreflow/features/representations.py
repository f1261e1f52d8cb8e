"""Mel spectrogram, cepstrum and chroma of a track: over time, one column per frame.

The first three functions take audio and return (bands, n_frames), as librosa does. They are made
of the three below them, which take a spectrum that is already there, one row per frame.
"""

import numpy as np

from genreflow.features.filters import chroma_filters, dct_filters, mel_filters
from genreflow.features.spectrum import power_to_db, require_audio, stft
from genreflow.features.tuning import estimate_tuning

N_MELS = 128
N_MFCC = 20


def mel_spectrogram(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Power in 128 mel bands, in decibel.

    ``10 * log10(mel_filters @ abs(stft(y)) ** 2)``, at most 80 dB under its maximum.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(128, 1 + n // HOP), dtype=float32, dB re 1]

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.melspectrogram : with ``pad_mode="reflect"``, before decibel
    """
    return mel_db(_power(y, sr=sr), sr=sr).T


def mfcc(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Mel-frequency cepstral coefficients: the cosine transform of `mel_spectrogram` [#]_.

    .. [#] Davis, S., and Mermelstein, P. "Comparison of parametric representations for
        monosyllabic word recognition in continuously spoken sentences." IEEE Transactions on
        Acoustics, Speech, and Signal Processing 28 (1980).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(20, 1 + n // HOP), dtype=float64, dB]

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.mfcc : the same with ``pad_mode="reflect"``
    """
    return cepstrum(mel_db(_power(y, sr=sr), sr=sr)).T


def chroma_stft(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Energy of the twelve pitch classes, C first, in the music's own tuning.

    ``chroma_filters @ abs(stft(y)) ** 2``, each frame scaled to a maximum of 1.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(12, 1 + n // HOP), dtype=float32]
        in [0, 1]; 0 in silent frames

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.chroma_stft : the same with ``pad_mode="reflect"``
    """
    return chroma(_power(y, sr=sr), sr=sr).T


def mel_db(power: np.ndarray, *, sr: int) -> np.ndarray:
    """Mel bands of a power spectrum, in decibel.

    Parameters
    ----------
    power : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    np.ndarray [shape=(n_frames, 128), dtype=float32, dB re 1]
    """
    return power_to_db(power @ mel_filters(sr=sr, n_mels=N_MELS).T)


def cepstrum(mel: np.ndarray) -> np.ndarray:
    """Cepstral coefficients of mel bands.

    Parameters
    ----------
    mel : np.ndarray [shape=(n_frames, bands), dtype=float32, dB]

    Returns
    -------
    np.ndarray [shape=(n_frames, 20), dtype=float64, dB]
    """
    return mel @ dct_filters(n_coefficients=N_MFCC, n_bands=mel.shape[1]).T


def chroma(power: np.ndarray, *, sr: int) -> np.ndarray:
    """Pitch classes of a power spectrum, each frame scaled to a maximum of 1.

    Parameters
    ----------
    power : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    np.ndarray [shape=(n_frames, 12), dtype=float32]
        in [0, 1]; 0 in silent frames
    """
    classes = power @ chroma_filters(sr=sr, tuning=estimate_tuning(power, sr=sr)).T
    largest = classes.max(axis=1, keepdims=True)
    largest[largest < np.finfo(classes.dtype).tiny] = 1
    return classes / largest


def _power(y: np.ndarray, *, sr: int) -> np.ndarray:
    require_audio(y, sr=sr)
    return np.abs(stft(y)) ** 2
