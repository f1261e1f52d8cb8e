"""The summary set against the usual librosa script, on real clips.

    python benchmarks/features.py --clips FOLDER [--number 12]

Both see the same samples, clip by clip in turn, in one process and on one thread. Decoding is not
counted. Prints the median time per clip of each, and the median of the ratios.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import soundfile
from threadpoolctl import threadpool_limits

from genreflow.features.summary import summary

RATE = 22050


def usual_script(y: np.ndarray, *, sr: int) -> dict[str, float]:
    """The 57 statistics as tutorials compute them: one librosa call per feature, each with y=."""
    harmonic, percussive = librosa.effects.hpss(y)
    descriptors = {
        "chroma_stft": librosa.feature.chroma_stft(y=y, sr=sr),
        "rms": librosa.feature.rms(y=y),
        "spectral_centroid": librosa.feature.spectral_centroid(y=y, sr=sr),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(y=y, sr=sr),
        "rolloff": librosa.feature.spectral_rolloff(y=y, sr=sr),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(y),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    cepstrum = librosa.feature.mfcc(y=y, sr=sr)
    descriptors |= {f"mfcc{i}": values for i, values in enumerate(cepstrum, start=1)}
    tempo, _ = librosa.beat.beat_track(y=y, sr=sr)
    statistics = {"tempo": float(np.squeeze(tempo))}
    for name, values in descriptors.items():
        statistics[f"{name}_mean"] = float(values.mean())
        statistics[f"{name}_var"] = float(values.var())
    return statistics


def read_clips(folder: Path, number: int) -> list[np.ndarray]:
    """The first clips at 22,050 Hz, in the order of their names."""
    clips = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".wav", ".au"} and soundfile.info(path).samplerate == RATE:
            y, _ = soundfile.read(path, dtype="float32", always_2d=True)
            clips.append(y.mean(axis=1))
            if len(clips) == number:
                break
    if not clips:
        raise SystemExit(f"{folder}: no .wav or .au file at {RATE} Hz")
    return clips


def measure(clips: list[np.ndarray], *ways: Callable) -> np.ndarray:
    """Milliseconds, shape (clips, ways); each way is called once beforehand."""
    for way in ways:
        way(clips[0], sr=RATE)
    times = np.empty((len(clips), len(ways)))
    for i, y in enumerate(clips):
        for j, way in enumerate(ways):
            start = time.perf_counter()
            way(y, sr=RATE)
            times[i, j] = 1e3 * (time.perf_counter() - start)
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of .wav or .au files")
    parser.add_argument("--number", type=int, default=12, help="how many of them")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        times = measure(read_clips(arguments.clips, arguments.number), usual_script, summary)
    for name, column in zip(("usual librosa script", "summary"), times.T, strict=True):
        print(f"{name:22s} {np.median(column):8.1f} ms per clip")
    print(f"{'ratio':22s} {np.median(times[:, 0] / times[:, 1]):8.1f}")
