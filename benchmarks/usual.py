"""The usual librosa scripts: one call per feature, each with y=, as tutorials and notebooks do it.

Nothing is shared between the calls, each of which computes its own spectrogram. These are what
the ratios of `features.py` compare with.
"""

from collections.abc import Callable
from pathlib import Path

import librosa
import matplotlib
import numpy as np
from PIL import Image


def load(path: Path) -> np.ndarray:
    """Mono audio at librosa's rate, 22,050 Hz."""
    return librosa.load(path)[0]


def summary(y: np.ndarray, *, sr: int) -> dict[str, float]:
    """The 57 statistics of the GTZAN table."""
    descriptors = {
        "chroma_stft": librosa.feature.chroma_stft(y=y, sr=sr),
        "rms": librosa.feature.rms(y=y),
        "spectral_centroid": librosa.feature.spectral_centroid(y=y, sr=sr),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(y=y, sr=sr),
        "rolloff": librosa.feature.spectral_rolloff(y=y, sr=sr),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(y),
    }
    descriptors["harmony"], descriptors["perceptr"] = librosa.effects.hpss(y)
    cepstrum = librosa.feature.mfcc(y=y, sr=sr)
    descriptors |= {f"mfcc{i}": values for i, values in enumerate(cepstrum, start=1)}
    tempo, _ = librosa.beat.beat_track(y=y, sr=sr)
    statistics = {"tempo": float(np.squeeze(tempo))}
    for name, values in descriptors.items():
        statistics[f"{name}_mean"] = float(values.mean())
        statistics[f"{name}_var"] = float(values.var())
    return statistics


def pooled(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Mean, minimum and maximum of MFCC, mel bands, chroma and tonnetz."""
    bands = [
        librosa.feature.mfcc(y=y, sr=sr, n_mfcc=20),
        librosa.feature.melspectrogram(y=y, sr=sr),
        librosa.feature.chroma_stft(y=y, sr=sr),
        librosa.feature.tonnetz(y=y, sr=sr),
    ]
    return np.concatenate(
        [pool(rows, axis=1) for rows in bands for pool in (np.mean, np.min, np.max)]
    )


def mel(y: np.ndarray, *, sr: int) -> np.ndarray:
    return librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr))


def mfcc40(y: np.ndarray, *, sr: int) -> np.ndarray:
    return librosa.feature.mfcc(y=y, sr=sr, n_mfcc=40, hop_length=256)


def chroma24(y: np.ndarray, *, sr: int) -> np.ndarray:
    return librosa.feature.chroma_stft(y=y, sr=sr, n_chroma=24, hop_length=256)


def mel_image(y: np.ndarray, *, sr: int) -> np.ndarray:
    """The mel spectrogram as a picture of 128 x 128 pixels."""
    power = librosa.feature.melspectrogram(y=y, sr=sr)
    picture = Image.fromarray(librosa.power_to_db(power, ref=np.max) / 80 + 1)
    colours = matplotlib.colormaps["magma"](np.asarray(picture.resize((128, 128), Image.BILINEAR)))
    return (255 * colours[::-1, :, :3]).astype(np.uint8)


def tonnetz(y: np.ndarray, *, sr: int) -> np.ndarray:
    return librosa.feature.tonnetz(y=y, sr=sr)


def stretches(y: np.ndarray, rates: tuple[float, ...]) -> list[np.ndarray]:
    return [librosa.effects.time_stretch(y, rate=rate) for rate in rates]


SIX_SETS: tuple[Callable, ...] = (summary, pooled, mel, mfcc40, chroma24, mel_image)
