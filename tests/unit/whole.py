"""What the library does block by block, of whole tracks: easier to compare with other libraries."""

import numpy as np

from genreflow.features.spectrum import HOP, N_BINS, blocks, n_frames, resynthesis, spectra
from genreflow.features.tuning import TuningEstimate


def stft(y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect") -> np.ndarray:
    whole = np.empty((n_frames(len(y), hop=hop), N_BINS), np.complex64)
    for block, part in spectra(y, hop=hop, pad_mode=pad_mode):
        whole[block] = part
    return whole


def istft(frames: np.ndarray, *, length: int) -> np.ndarray:
    y = np.empty(length, np.float32)
    for where, part in resynthesis((frames[block] for block in blocks(len(frames))), length=length):
        y[where] = part
    return y


def estimate_tuning(magnitude: np.ndarray, *, sr: int, **settings) -> float:
    estimate = TuningEstimate(sr=sr, **settings)
    estimate.add(magnitude)
    return estimate.tuning()
