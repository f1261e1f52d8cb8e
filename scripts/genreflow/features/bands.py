"""Mel bands, their cepstrum, and pitch classes of power spectra."""

import functools

import numpy as np

from genreflow.features.filters import chroma_filters, dct_filters, mel_filters
from genreflow.features.kernel import kernel
from genreflow.features.power import Power
from genreflow.features.spectrum import TINY, blocks

N_MELS = 128


def mel_bands(P: np.ndarray, *, sr: int, out: np.ndarray) -> None:
    """Sum a power spectrum up in 128 mel bands.

    Equal to ``P @ mel_filters(sr=sr).T`` but for rounding, in a fifth of the time: a triangle
    covers sixteen of 1025 bins on the average.

    Parameters
    ----------
    P : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
        power
    sr : int > 0 [Hz]
        sampling rate of the audio
    out : np.ndarray [shape=(n_frames, 128), dtype=float32]
        written over
    """
    _sum_bands(P, *_triangles(sr), out)


@functools.cache
def _triangles(sr: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each band the first bin, and where its weights begin among the weights of all."""
    table = mel_filters(sr=sr, n_mels=N_MELS)
    covered = table > 0
    lengths = covered.sum(axis=1)
    first = covered.argmax(axis=1)
    begins = np.concatenate(([0], np.cumsum(lengths)))
    return first.astype(np.uintp), begins.astype(np.uintp), table[covered]


@kernel(relaxed=True)
def _sum_bands(P, first, begins, weights, out):
    for t in range(out.shape[0]):
        for b in range(out.shape[1]):
            w = weights[begins[b] : begins[b + 1]]
            bins = P[t, first[b] : first[b] + np.uint64(len(w))]
            total = np.float32(0)
            for i in range(len(w)):
                total += bins[i] * w[i]
            out[t, b] = total


def cepstrum(mel_db: np.ndarray, *, n_mfcc: int) -> np.ndarray:
    """Cepstral coefficients of mel bands.

    Parameters
    ----------
    mel_db : np.ndarray [shape=(n_frames, bands), dtype=float32, dB]
    n_mfcc : int in 1..bands

    Returns
    -------
    np.ndarray [shape=(n_frames, n_mfcc), dtype=float64, dB]
    """
    cosines = dct_filters(n_coefficients=n_mfcc, n_bands=mel_db.shape[1]).T
    coefficients = np.empty((len(mel_db), n_mfcc))
    for block in blocks(len(mel_db)):
        np.matmul(mel_db[block], cosines, out=coefficients[block])
    return coefficients


def pitch_classes(power: Power, *, sr: int, tuning: float, n_chroma: int = 12) -> np.ndarray:
    """Sum power spectra up in pitch classes, C first, each frame scaled to a maximum of 1.

    Parameters
    ----------
    power : Power
        of which the first pass is done
    sr : int > 0 [Hz]
        sampling rate of the audio
    tuning : float in [-0.5, 0.5) [steps of the scale]
        how far the music's A4 is from 440 Hz
    n_chroma : int, a multiple of 12
        number of pitch classes

    Returns
    -------
    np.ndarray [shape=(power.n_frames, n_chroma), dtype=float32]
        in [0, 1]; 0 in silent frames
    """
    filters = chroma_filters(sr=sr, n_chroma=n_chroma, tuning=tuning).T
    classes = np.empty((power.n_frames, n_chroma), np.float32)
    for block, P in power.second_pass():
        np.matmul(P, filters, out=classes[block])
    largest = classes.max(axis=1, keepdims=True)
    largest[largest < TINY] = 1
    return np.divide(classes, largest, out=classes)
