"""White noise at a given distance under the music."""

from zlib import crc32

import numpy as np

from genreflow.features.spectrum import parts


def add_noise(y: np.ndarray, *, snr: float, name: str, seed: int) -> None:
    """Add white Gaussian noise to the audio, in place.

    Its variance is the audio's own power, less `snr` decibel. Silence stays silent.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio; changed
    snr : float [dB]
        ratio of signal to noise
    name : str
        of the variant: variants of one track have noises of their own
    seed : int >= 0
        of the track
    """
    energy = sum(np.square(piece, dtype=np.float64).sum() for piece in parts(y))
    if energy == 0:
        return
    deviation = np.float32(np.sqrt(energy / len(y) * 10 ** (-snr / 10)))
    rng = np.random.default_rng([seed, crc32(name.encode())])
    for piece in parts(y):
        piece += deviation * rng.standard_normal(len(piece), dtype=np.float32)
