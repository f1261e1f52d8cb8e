"""The 57 statistics against the published table, and against librosa on made signals."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import librosa
import numpy as np
import polars as pl
import pytest
import soundfile
from made_signals import made_signals

import genreflow
from genreflow.errors import GenreflowError
from genreflow.features.spectrum import BLOCK
from genreflow.features.summary import summary

# Made by an older separation; the means are those of audio without offset, and so near zero.
NOT_COMPARED = {"harmony_mean", "harmony_var", "perceptr_mean", "perceptr_var"}


def test_published_table(shared_data):
    table = pl.read_csv(shared_data / "tabular" / "features_30_sec.csv")
    columns = table.drop("filename", "length", "label").columns
    published = {row["filename"].removesuffix(".wav"): row for row in table.to_dicts()}
    clips = [
        clip
        for clip in sorted((shared_data / "gtzan100").glob("genres/*/*"))
        if clip.suffix in {".wav", ".au"} and soundfile.info(clip).samplerate == 22050
    ]
    assert len(clips) == 94

    wrong = []
    for clip in clips:
        y, sr = soundfile.read(clip, dtype="float32")
        ours, theirs = summary(y, sr=sr), published[clip.stem]
        assert list(ours) == columns
        for name in columns:
            if name in NOT_COMPARED:
                continue
            is_cepstral_mean = name.startswith("mfcc") and name.endswith("_mean")
            if ours[name] != pytest.approx(
                theirs[name],
                rel=2e-5 if name == "rolloff_var" else 1e-5,
                abs=1e-3 if is_cepstral_mean else 0,
            ):
                wrong.append((clip.name, name, ours[name], theirs[name]))
    assert not wrong


def librosa_summary(y: np.ndarray, sr: int) -> dict[str, float]:
    """The usual script, with audio continued by reflection."""
    feature, reflect = librosa.feature, {"pad_mode": "reflect"}
    harmonic, percussive = librosa.effects.hpss(y, **reflect)
    descriptors = {
        "chroma_stft": feature.chroma_stft(y=y, sr=sr, **reflect),
        "rms": feature.rms(y=y, **reflect),
        "spectral_centroid": feature.spectral_centroid(y=y, sr=sr, **reflect),
        "spectral_bandwidth": feature.spectral_bandwidth(y=y, sr=sr, **reflect),
        "rolloff": feature.spectral_rolloff(y=y, sr=sr, **reflect),
        "zero_crossing_rate": feature.zero_crossing_rate(y),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    cepstrum = feature.mfcc(y=y, sr=sr, **reflect)
    descriptors |= {f"mfcc{i}": values for i, values in enumerate(cepstrum, start=1)}
    onsets = librosa.onset.onset_strength(y=y, sr=sr, aggregate=np.median, **reflect)
    tempo, _ = librosa.beat.beat_track(onset_envelope=onsets, sr=sr)
    statistics = {"tempo": float(np.squeeze(tempo))}
    for name, values in descriptors.items():
        statistics[f"{name}_mean"] = float(values.mean(dtype=np.float64))
        statistics[f"{name}_var"] = float(values.var(dtype=np.float64))
    return statistics


@pytest.mark.parametrize(
    ("n", "sr"),
    [
        (66150, 22050),
        (22050, 22050),
        (40001, 44100),
        (20000, 8000),
        (7169, 22050),
        (2047, 22050),
        (1025, 22050),
    ],
)
@pytest.mark.parametrize("name", made_signals(1025, 22050))
def test_made_signals(name, n, sr):
    y = made_signals(n, sr)[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa's, of short and silent audio
        theirs = librosa_summary(y, sr)
    ours = summary(y, sr=sr)
    assert ours.keys() == theirs.keys()
    assert np.isfinite(list(ours.values())).all()
    if len(y) // 512 + 1 < 15:
        # So few frames are none to librosa's median filter, which is scipy's: it reads memory
        # beyond them, and gives other numbers each time, or NaN.
        for key in NOT_COMPARED:
            del ours[key]
    assert_equal(ours, theirs, y)


def assert_equal(ours: dict[str, float], theirs: dict[str, float], y: np.ndarray) -> None:
    exact = ("zero_crossing_rate_mean", "zero_crossing_rate_var", "rolloff_mean", "tempo")
    for key in exact:
        assert ours[key] == pytest.approx(theirs[key], rel=1e-12), key
    for key in ours.keys() - exact:
        assert ours[key] == pytest.approx(theirs[key], rel=1e-6, abs=slack(key, theirs, y)), key


def slack(key: str, theirs: dict[str, float], y: np.ndarray) -> float:
    """What single precision leaves open in both, beside the relative tolerance."""
    if key in ("harmony_mean", "perceptr_mean"):
        # Of a constant, all frames have the same rounding errors, which do not average out.
        return (1.1e-8 if np.ptp(y) == 0 else 1e-9) * float(np.abs(y).max())
    if key.startswith("mfcc") and key.endswith("_mean"):
        return 1e-3
    if key.startswith("mfcc"):
        return 2e-6 * theirs[key] + 5e-5 * np.sqrt(theirs[key]) + 1e-15
    if key.endswith("_var"):
        return 1e-9 * theirs[key.replace("_var", "_mean")] ** 2 + 1e-15
    return 1e-12


def test_summary_keeps_the_audio_and_its_own_bits():
    y = made_signals(22050, 22050)["noise"]
    y.flags.writeable = False
    assert summary(y, sr=22050) == summary(y, sr=22050)


def test_harmonic_and_percussive_means_add_up_to_that_of_the_audio():
    y = made_signals(30000, 22050)["clicks"]
    ours = summary(y, sr=22050)
    total = ours["harmony_mean"] + ours["perceptr_mean"]
    assert total == pytest.approx(y.mean(dtype=np.float64), rel=1e-6)


@pytest.mark.parametrize("genre", ["blues", "classical", "disco", "metal", "reggae"])
def test_music(shared_data, genre):
    clip = sorted((shared_data / "gtzan100" / "genres" / genre).glob("*.wav"))[0]
    y, sr = soundfile.read(clip, frames=200_000, dtype="float32")
    ours, theirs = summary(y, sr=sr), librosa_summary(y, sr)
    for key in ("rolloff_mean", "rolloff_var"):
        assert ours[key] == pytest.approx(theirs[key], rel=1e-12), key
    assert_equal(ours, theirs, y)


def test_what_is_not_kept_is_computed_again(monkeypatch):
    y = made_signals(512 * 300, 22050)["noise"]
    expected = summary(y, sr=22050)
    monkeypatch.setattr("genreflow.features.power.KEPT", 2 * BLOCK)
    assert summary(y, sr=22050) == expected


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """What a new process prints."""
    scripts = Path(genreflow.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(scripts)} | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_same_without_compilation(tmp_path):
    signals = made_signals(22050, 22050)
    np.save(tmp_path / "y.npy", signals["clicks"] + signals["noise"])
    code = """
import json, sys
import numpy as np
from genreflow.features.summary import summary
print(json.dumps(summary(np.load(sys.argv[1]), sr=22050)))
"""
    plain = json.loads(run_python(code, str(tmp_path / "y.npy"), NUMBA_DISABLE_JIT="1"))
    compiled = summary(np.load(tmp_path / "y.npy"), sr=22050)
    for key, value in compiled.items():
        # The means of audio and of cepstra are near zero.
        nearly_zero = 1e-7 if key.endswith("_mean") else 0
        assert plain[key] == pytest.approx(value, rel=1e-6, abs=nearly_zero), key


def test_a_long_track_takes_little_memory(tmp_path):
    code = """
import resource, sys
import numpy as np
from genreflow.features import spectrum
from genreflow.features.summary import summary
spectrum.HELD = 1 << 20
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
path = sys.argv[1]
short = np.random.default_rng(0).normal(0, 0.1, 66150).astype(np.float32)
np.tile(short, 400).tofile(path)
short.flags.writeable = False
summary(short, sr=22050)
before = peak()
y = np.asarray(np.memmap(path, np.float32, mode="r"))
summary(y, sr=22050)
print(peak() - before, y.nbytes / 2**20)
"""
    # Neither 20 minutes of audio, 101 MB, nor their spectra, 212 MB, are ever in memory as a whole.
    growth, audio = map(float, run_python(code, str(tmp_path / "y")).split())
    assert audio > 100
    assert growth < 130


def test_too_short_to_be_reflected():
    with pytest.raises(GenreflowError, match="1024 samples long; frames of 2048 need more than"):
        summary(np.zeros(1024, np.float32), sr=22050)
