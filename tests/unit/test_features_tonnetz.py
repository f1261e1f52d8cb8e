"""The constant-Q chroma and the tonnetz against librosa."""

import tracemalloc
import warnings

import librosa
import numpy as np
import pytest
import soundfile

from genreflow.errors import GenreflowError
from genreflow.features.cqt import PIECE, chroma_cqt, cqt_tuning, octave_filters
from genreflow.features.tonnetz import tonnetz

SR = 22050


def chord(seconds: float, *, sr: int = SR, cents: float = 0) -> np.ndarray:
    """Three saw tones with a little noise; the chord changes every half second."""
    t = np.arange(int(seconds * sr)) / sr
    root = np.array([1, 4 / 3, 3 / 2, 6 / 5])[(2 * t).astype(int) % 4] * 2 ** (cents / 1200)
    tones = sum((f * np.cumsum(root) / sr) % 1 - 0.5 for f in (110.0, 277.2, 659.3))
    noise = np.random.default_rng(0).normal(0, 0.01, len(t))
    return (0.2 * tones + noise).astype(np.float32)


T = np.arange(5 * SR) / SR
MUSIC = {
    "chord": chord(5),
    "half silence": np.where(T < 2.5, chord(5), 0),
    "silence at first": np.where(T > 2.5, chord(5), 0),
    "silence": 0 * T,
    "square": np.sign(np.sin(2 * np.pi * 100 * T)),
    "sine": 0.5 * np.sin(2 * np.pi * 440 * T),
    "clicks": np.arange(len(T)) % 7000 == 0,
    "one click": np.arange(len(T)) == 50000,
    "dither": np.random.default_rng(1).integers(-1, 2, len(T)) / 32768,
    "noise": np.random.default_rng(2).normal(0, 0.3, len(T)),
    "very soft": 1e-20 * chord(5),
}
# Most of their energy lies below the lowest filter or above the highest.
BESIDE = {
    "DC": np.full(len(T), 0.5),
    "10 Hz": 0.5 * np.sin(2 * np.pi * 10 * T),
    "10 kHz": 0.5 * np.sin(2 * np.pi * 10000 * T),
    "chord on DC": 0.5 + 0.01 * chord(5),
}


def librosa_chroma(y: np.ndarray, *, sr: int = SR) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # audio shorter than a frame, no peaks to tune by
        return librosa.feature.chroma_cqt(y=y, sr=sr, norm=None).T


def librosa_tonnetz(y: np.ndarray, *, sr: int = SR) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return librosa.feature.tonnetz(y=y, sr=sr)


def assert_as_librosa(y: np.ndarray, *, sr: int = SR, atol: float = 1e-6) -> None:
    actual = tonnetz(y, sr=sr)
    assert actual.dtype == np.float32 and actual.flags.c_contiguous
    np.testing.assert_allclose(actual, librosa_tonnetz(y, sr=sr), rtol=0, atol=atol)


@pytest.mark.parametrize("genre", ["blues", "classical", "disco", "hiphop", "metal", "pop"])
def test_tonnetz_of_music(shared_data, genre):
    path = sorted((shared_data / "gtzan100" / "genres" / genre).iterdir())[3]
    y, sr = soundfile.read(path, dtype="float32")
    y = y[: 12 * sr]
    assert_as_librosa(y, sr=sr)
    assert cqt_tuning(y, sr=sr) == librosa.estimate_tuning(y=y, sr=sr, bins_per_octave=36)


@pytest.mark.parametrize("name", MUSIC)
def test_tonnetz_of_made_audio(name):
    # Silent frames beside sound hold what resampling leaves there, 160 dB down: librosa's as ours.
    assert_as_librosa(MUSIC[name].astype(np.float32), atol=1e-5)


@pytest.mark.parametrize("name", MUSIC | BESIDE)
def test_chroma_relative_to_its_maximum(name):
    """Where the filters hear next to nothing, their shares are rounding errors; these are small."""
    y = (MUSIC | BESIDE)[name].astype(np.float32)
    expected = librosa_chroma(y)
    np.testing.assert_allclose(chroma_cqt(y, sr=SR), expected, rtol=0, atol=3e-6 * expected.max())


@pytest.mark.parametrize(
    "n",
    [1025, 1535, 1536, 1537, 2047, 2048, SR // 2, 3 * SR]
    + [PIECE + 1024 * i + j for i in range(-1, 2) for j in range(-1, 2)],
)
def test_every_length(n):
    assert_as_librosa(chord(4)[:n])


@pytest.mark.parametrize("sr", [8500, 11025, 16000, 32000, 44100, 48000, 96000, 192000])
def test_every_rate(sr):
    assert_as_librosa(chord(1, sr=sr), sr=sr)


@pytest.mark.parametrize("cents", [-16, -9, 7, 13])
def test_tuning_is_followed(cents):
    y = chord(3, cents=cents)
    assert cqt_tuning(y, sr=SR) == librosa.estimate_tuning(y=y, sr=SR, bins_per_octave=36)
    assert_as_librosa(y)


@pytest.mark.parametrize(
    ("semitones", "place"),
    [
        (0, [0, 1, 0, 1, 0, 0.5]),  # C
        (7, [0.5, 0.75**0.5, 1, 0, 0.75**0.5 / 2, -0.25]),  # G: turned by 30, 90 and 120 degrees
    ],
)
def test_a_note_lies_on_the_rim(semitones, place):
    tone = 0.5 * np.sin(2 * np.pi * 261.626 * 2 ** (semitones / 12) * T)
    middle = tonnetz(tone.astype(np.float32), sr=SR)[:, 100]
    # A little of the tone is heard in the neighbouring pitch classes.
    np.testing.assert_allclose(middle, place, atol=0.1)


def test_frames_without_sound_are_zero():
    assert not tonnetz(np.zeros(SR, np.float32), sr=SR).any()


def test_no_copy_of_the_audio_is_held():
    y = chord(120)
    y.flags.writeable = False
    chroma_cqt(y[:SR], sr=SR)  # makes the tables
    tracemalloc.start()
    chroma_cqt(y, sr=SR)
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < y.nbytes / 2  # the audio at half the rate is as large


def test_filters_are_made_once_and_cannot_be_written_to():
    filters = octave_filters(sr=22050, tuning=0.25)
    assert octave_filters(sr=22050, tuning=0.25) is filters
    with pytest.raises(ValueError, match="read-only"):
        filters[0, 0] = 1


@pytest.mark.parametrize(
    ("y", "sr", "message"),
    [
        (np.zeros(1024), SR, "1024 samples long"),
        (np.zeros((4000, 2)), SR, "one channel"),
        (np.full(4000, np.nan), SR, "NaN"),
        (np.ones(4000), 8000, r"8000 Hz holds nothing above 4000 Hz.*a rate of 8500 or more"),
    ],
)
def test_audio_that_has_no_tonnetz(y, sr, message):
    with pytest.raises(GenreflowError, match=message):
        tonnetz(y.astype(np.float32), sr=sr)
