"""The `pooled` set: mean, minimum and maximum over time of 166 rows of four representations."""

import numpy as np

from genreflow.features.bands import N_MELS, cepstrum, mel_bands, pitch_classes
from genreflow.features.power import Power
from genreflow.features.spectrum import HOP, power_to_db, require_audio
from genreflow.features.tonnetz import tonnetz
from genreflow.features.tuning import TuningEstimate

N_MFCC = 20


def pooled(y: np.ndarray, *, sr: int) -> dict[str, float]:
    """Mean, minimum and maximum over the frames of 20 MFCC, 128 mel bands, 12 chroma and 6 tonnetz.

    In the order mfcc1 to mfcc20, mel1 to mel128, chroma1 (C) to chroma12, tonnetz1 to tonnetz6,
    each ``_mean``, ``_min`` and ``_max``.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    dict [498 entries]
        MFCC in dB, mel as power, chroma and tonnetz without unit

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.mfcc, librosa.feature.melspectrogram, librosa.feature.chroma_stft,
    librosa.feature.tonnetz : equal, with their defaults
    """
    require_audio(y, sr=sr)
    # Before anything else is held in memory.
    centroids = _pool("tonnetz", tonnetz(y, sr=sr).T)
    power = Power(y, hop=HOP, pad_mode="constant")
    mel = np.empty((power.n_frames, N_MELS), np.float32)
    estimate = TuningEstimate(sr=sr)
    for block, P in power.first_pass():
        mel_bands(P, sr=sr, out=mel[block])
        estimate.add(P)
    classes = pitch_classes(power, sr=sr, tuning=estimate.tuning())
    return {
        **_pool("mfcc", cepstrum(power_to_db(mel), n_mfcc=N_MFCC)),
        **_pool("mel", mel),
        **_pool("chroma", classes),
        **centroids,
    }


def _pool(name: str, rows: np.ndarray) -> dict[str, float]:
    """Statistics of each column of an array [shape=(n_frames, columns)]."""
    statistics = {
        "mean": rows.mean(axis=0, dtype=np.float64),
        "min": rows.min(axis=0),
        "max": rows.max(axis=0),
    }
    return {
        f"{name}{i + 1}_{statistic}": float(values[i])
        for i in range(rows.shape[1])
        for statistic, values in statistics.items()
    }
