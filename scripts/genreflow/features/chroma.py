"""The `chroma` set: the energy of pitch classes over time."""

import numpy as np

from genreflow.features.bands import pitch_classes
from genreflow.features.power import Power
from genreflow.features.spectrum import require_audio
from genreflow.features.tuning import TuningEstimate


def chroma(y: np.ndarray, *, sr: int, n_chroma: int = 24, hop: int = 256) -> np.ndarray:
    """Energy of the pitch classes, C first, in the music's own tuning.

    ``chroma_filters @ abs(stft(y)) ** 2``, each frame scaled to a maximum of 1. Of 30.6 s at
    22,050 Hz (the longest clip of GTZAN, 675,808 samples) it has 24 x 2640 values.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    n_chroma : int, a multiple of 12
        pitch classes of an octave: 24 are quarter tones
    hop : int > 0
        distance of the frames in samples

    Returns
    -------
    np.ndarray [shape=(n_chroma, 1 + n // hop), dtype=float32]
        in [0, 1]; 0 in silent frames

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.chroma_stft : equal, with ``n_chroma=n_chroma, hop_length=hop``
    """
    require_audio(y, sr=sr)
    power = Power(y, hop=hop, pad_mode="constant")
    estimate = TuningEstimate(sr=sr, bins_per_octave=n_chroma)
    for _, P in power.first_pass():
        estimate.add(P)
    tuning = estimate.tuning()
    return pitch_classes(power, sr=sr, tuning=tuning, n_chroma=n_chroma).T
