"""Mel, MFCC, chroma, wavelets, pictures and samples against librosa and PyWavelets."""

import os
import re
import subprocess
import sys
import warnings

import librosa
import numpy as np
import pytest
import pywt
import soundfile
from made_signals import made_signals

from genreflow.errors import GenreflowError
from genreflow.features.bands import mel_bands
from genreflow.features.chroma import chroma
from genreflow.features.filters import chroma_filters, mel_filters
from genreflow.features.mel import mel
from genreflow.features.mel_image import mel_image
from genreflow.features.mfcc import mfcc
from genreflow.features.pooled import pooled
from genreflow.features.power import KEPT
from genreflow.features.sections import sections
from genreflow.features.spectrum import power_spectra
from genreflow.features.tuning import spectral_peaks
from genreflow.features.waveform import waveform
from genreflow.features.wavelet import level_lengths, wavelet, wavelet_frames
from genreflow.features.wavelet_summary import wavelet_summary

SR = 22050
LONGEST = 675_808  # samples of the longest clip of GTZAN


def chord(seconds: float = 3) -> np.ndarray:
    """Saw tones, 30 cents sharp, with noise."""
    t = np.arange(int(seconds * SR)) / SR
    tones = sum((f * 2 ** (0.3 / 12) * t) % 1 - 0.5 for f in (220.0, 277.2, 329.6))
    noise = np.random.default_rng(0).normal(0, 0.01, len(t))
    return (0.2 * tones + noise).astype(np.float32)


@pytest.fixture(scope="session")
def clips(shared_data) -> list[tuple[np.ndarray, int]]:
    """One clip of each genre."""
    folders = sorted((shared_data / "gtzan100" / "genres").iterdir())
    first = [sorted(folder.glob("*.[wa][au]*"))[0] for folder in folders]
    assert len(first) == 10
    return [soundfile.read(path, dtype="float32") for path in first]


def check_frames(y: np.ndarray, sr: int) -> None:
    """Mel, MFCC and chroma are those of librosa."""
    feature = librosa.feature
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa's, of short and silent audio
        expected = librosa.power_to_db(feature.melspectrogram(y=y, sr=sr))
        cepstrum = feature.mfcc(y=y, sr=sr, n_mfcc=40, hop_length=256)
        classes = feature.chroma_stft(y=y, sr=sr, n_chroma=24, hop_length=256)
    ours = mel(y, sr=sr)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(mfcc(y, sr=sr), cepstrum, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(chroma(y, sr=sr), classes, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("n", "sr"), [(66150, SR), (2205, SR), (5001, 16000), (20001, 44100)])
@pytest.mark.parametrize("name", made_signals(2048))
def test_frames_of_made_signals(name, n, sr):
    check_frames(made_signals(n, sr)[name], sr)


def test_frames_of_music(clips):
    for y, sr in clips:
        check_frames(y[: 10 * sr], sr)
    check_frames(*clips[0])


def test_shapes_of_the_longest_clip_as_published():
    y = np.random.default_rng(0).normal(0, 0.1, LONGEST).astype(np.float32)
    assert mel(y, sr=SR).shape == (128, 1320)
    assert mfcc(y, sr=SR).shape == (40, 2640)
    assert chroma(y, sr=SR).shape == (24, 2640)
    assert wavelet(y, sr=SR).shape == (LONGEST,)


@pytest.mark.parametrize("n_chroma", [12, 24, 36])
def test_chroma_filters_of_finer_scales(n_chroma):
    table = chroma_filters(sr=SR, n_chroma=n_chroma, tuning=0.21)
    expected = librosa.filters.chroma(sr=SR, n_fft=2048, n_chroma=n_chroma, tuning=0.21)
    np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-9)


def test_a_quarter_tone_above_a_is_the_twentieth_of_24_classes():
    t = np.arange(SR) / SR
    y = np.sin(2 * np.pi * 440 * 2 ** (np.array([0, 0.5]) / 12) * t[:, np.newaxis])
    a, sharp = (chroma(half.astype(np.float32), sr=SR).mean(axis=1).argmax() for half in y.T)
    assert (a, sharp) == (18, 19)


@pytest.mark.parametrize("sr", [8000, SR, 44100])
def test_mel_bands_are_the_product_with_their_filters(sr):
    power = np.random.default_rng(0).random((7, 1025), np.float32)
    bands = np.empty((7, 128), np.float32)
    mel_bands(power, sr=sr, out=bands)
    exact = power.astype(np.float64) @ mel_filters(sr=sr, n_mels=128).T.astype(np.float64)
    np.testing.assert_allclose(bands, exact, rtol=1e-6)


def test_as_float16(clips):
    """Stored in half precision, a mel band is off by 0.05 dB at most, and nothing overflows."""
    for y, sr in [*clips[:3], *((y, SR) for y in made_signals(22050).values())]:
        stored = {f.__name__: (f(y, sr=sr), f(y, sr=sr).astype(np.float16)) for f in (mel, mfcc)}
        for exact, half in stored.values():
            assert np.isfinite(half).all()
            np.testing.assert_allclose(half, exact, rtol=2**-11, atol=1e-4)
        exact, half = stored["mel"]
        assert np.abs(half - exact).max() <= 0.05
        # The cosine transform is orthonormal: as mel bands, MFCC are off by no more.
        exact, half = stored["mfcc"]
        np.testing.assert_array_less(bands_of(half - exact), 0.05 + 1e-9)


def bands_of(cepstrum: np.ndarray) -> np.ndarray:
    """Mel bands that cepstral coefficients stand for, without their sign."""
    k, b = np.arange(len(cepstrum))[:, np.newaxis], np.arange(128)
    cosines = np.sqrt(2 / 128) * np.cos(np.pi * k * (2 * b + 1) / 256)
    cosines[0] /= np.sqrt(2)
    return np.abs(cosines.T @ cepstrum)


def test_loudest_audio_does_not_overflow_as_float16():
    y = np.tile(np.array([32, -32], np.float32), 4000)  # far beyond full scale
    for described in (mel(y, sr=SR), mfcc(y, sr=SR), chroma(y, sr=SR)):
        assert np.abs(described).max() < np.finfo(np.float16).max / 10


def librosa_pooled(y: np.ndarray, sr: int) -> dict[str, float]:
    """The usual script."""
    feature = librosa.feature
    groups = {
        "mfcc": feature.mfcc(y=y, sr=sr),
        "mel": feature.melspectrogram(y=y, sr=sr),
        "chroma": feature.chroma_stft(y=y, sr=sr),
        "tonnetz": feature.tonnetz(y=y, sr=sr),
    }
    statistics = {}
    for group, rows in groups.items():
        for i, row in enumerate(rows, start=1):
            statistics[f"{group}{i}_mean"] = row.mean(dtype=np.float64)
            statistics[f"{group}{i}_min"] = row.min()
            statistics[f"{group}{i}_max"] = row.max()
    return statistics


def check_pooled(y: np.ndarray, sr: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = librosa_pooled(y, sr)
    ours = pooled(y, sr=sr)
    assert list(ours) == list(theirs) and len(ours) == 498
    slack = {"mfcc": (1e-5, 1e-3), "mel": (1e-6, 0), "chroma": (1e-6, 1e-7), "tonnetz": (0, 1e-5)}
    for name, value in theirs.items():
        relative, absolute = slack[re.match("[a-z]+", name)[0]]
        assert ours[name] == pytest.approx(value, rel=relative, abs=absolute), name


@pytest.mark.filterwarnings("ignore:n_fft=")
@pytest.mark.parametrize("name", ["silence", "half silence", "clicks", "noise", "sine"])
def test_pooled_of_made_signals(name):
    check_pooled(made_signals(66151)[name], SR)


def test_pooled_of_music(clips):
    for y, sr in clips[::4]:
        check_pooled(y[: 10 * sr], sr)


def test_pooled_in_the_order_that_is_documented():
    names = list(pooled(chord(1), sr=SR))
    assert names[:4] == ["mfcc1_mean", "mfcc1_min", "mfcc1_max", "mfcc2_mean"]
    assert names[60] == "mel1_mean" and names[444] == "chroma1_mean"
    assert names[480] == "tonnetz1_mean" and names[-1] == "tonnetz6_max"


def picture(y: np.ndarray, sr: int) -> np.ndarray:
    """The usual script: librosa's decibel, resized, in the colours of its display."""
    from matplotlib import colormaps
    from PIL import Image

    db = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr), ref=np.max)
    small = Image.fromarray(1 + db[::-1] / 80).resize((128, 128), Image.Resampling.BILINEAR)
    return colormaps["magma"](np.asarray(small), bytes=True)[..., :3].transpose(2, 0, 1)


def test_mel_image_of_music(clips):
    for y, sr in clips[:3]:
        ours = mel_image(y, sr=sr)
        assert ours.shape == (3, 128, 128) and ours.dtype == np.uint8
        # Rounding may take a pixel to the next of the 256 colours.
        difference = np.abs(ours.astype(int) - picture(y, sr).astype(int))
        assert difference.max() <= 4 and (difference > 0).mean() < 0.001


def test_mel_image_shows_low_tones_at_the_bottom_and_time_from_left_to_right():
    t = np.arange(3 * SR) / SR
    y = np.where(t < 1.5, np.sin(2 * np.pi * 110 * t), np.sin(2 * np.pi * 8000 * t))
    light = mel_image(y.astype(np.float32), sr=SR).astype(int).sum(axis=0)
    assert light[:, :60].mean(axis=1).argmax() > 120
    assert light[:, 68:].mean(axis=1).argmax() < 20
    assert light.max() > 600 and light.min() < 20


@pytest.mark.parametrize("name", ["silence", "faint"])
def test_mel_image_of_silence_is_black(name):
    image = mel_image(made_signals(22050)[name], sr=SR)
    assert (image == image[:, :1, :1]).all() and image.max() < 10


def test_mel_image_needs_no_plotting():
    """matplotlib's figures take a second to import, which a worker does not have."""
    code = (
        "import sys, numpy as np; from genreflow.features.mel_image import mel_image\n"
        "mel_image(np.ones(22050, np.float32), sr=22050)\n"
        "print(*{'librosa', 'torch', 'sklearn', 'matplotlib.pyplot', 'matplotlib.figure'}"
        " & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("n", [66150, 2205, 1025, 66151])
@pytest.mark.parametrize("name", made_signals(2048))
def test_wavelet_is_that_of_pywavelets(name, n):
    y = made_signals(n)[name]
    expected = pywt.wavedec(y.copy(), "db4", mode="periodization", level=5)
    ours = wavelet(y, sr=SR)
    assert ours.dtype == np.float32
    assert np.array_equal(ours, np.concatenate(expected))
    assert level_lengths(n) == [len(part) for part in expected]


def test_wavelet_can_be_undone():
    y = chord(1)
    lengths = level_lengths(len(y), level=3)
    parts = np.split(wavelet(y, sr=SR, wavelet="sym5", level=3), np.cumsum(lengths)[:-1])
    np.testing.assert_allclose(pywt.waverec(parts, "sym5", mode="periodization"), y, atol=1e-5)


@pytest.mark.parametrize(("n", "level"), [(66150, 5), (66176, 5), (66151, 5), (2049, 5), (5001, 1)])
def test_wavelet_frames_are_the_same_coefficients_by_time(n, level):
    y = made_signals(n)["noise"]
    frames = wavelet_frames(y, sr=SR, level=level)
    assert (frames.dtype, frames.shape) == (np.float32, (2**level, -(-n // 2**level)))
    parts = [frames[0]]
    for i, length in enumerate(level_lengths(n, level=level)[1:]):
        along = frames[2**i : 2 ** (i + 1)].ravel(order="F")
        assert not along[length:].any()
        parts.append(along[:length])
    assert np.array_equal(np.concatenate(parts), wavelet(y, sr=SR, level=level))


def test_wavelet_frames_tell_when():
    """A click is in the column of its time; tones are in the rows of their octaves."""
    y = np.zeros(32 * 200, np.float32)
    y[32 * 50 + 16] = 1
    energy = (wavelet_frames(y, sr=SR) ** 2).sum(axis=0)
    assert abs(energy.argmax() - 50) <= 3
    tone = np.sin(2 * np.pi * 0.75 * SR / 2 * np.arange(6400) / SR).astype(np.float32)
    energy = (wavelet_frames(tone, sr=SR) ** 2).sum(axis=1)
    assert energy[16:].sum() > 0.9 * energy.sum()


def test_wavelet_summary():
    y = chord(2)
    ours = wavelet_summary(y, sr=SR)
    assert len(ours) == 24
    assert list(ours)[:5] == ["a5_mean", "a5_std", "a5_energy", "a5_entropy", "d5_mean"]
    parts = pywt.wavedec(y.astype(np.float64), "db4", mode="periodization", level=5)
    total = sum((part**2).sum() for part in parts)
    for name, part in zip(["a5", "d5", "d4", "d3", "d2", "d1"], parts, strict=True):
        p = part**2 / (part**2).sum()
        expected = {
            "mean": np.abs(part).mean(),
            "std": part.std(),
            "energy": (part**2).sum() / total,
            "entropy": -(p * np.log(p)).sum() / np.log(len(p)),
        }
        for statistic, value in expected.items():
            assert ours[f"{name}_{statistic}"] == pytest.approx(value, rel=1e-5)


def test_wavelet_summary_tells_what_it_says():
    signals = made_signals(SR)
    noise, clicks = (wavelet_summary(signals[name], sr=SR) for name in ("noise", "clicks"))
    # White noise has its energy where the coefficients are: half of them in the highest octave.
    assert noise["d1_energy"] == pytest.approx(0.5, abs=0.02)
    assert noise["d1_entropy"] > 0.9 and clicks["d1_entropy"] < 0.4
    louder = wavelet_summary(signals["noise"] * 2, sr=SR)
    assert louder["d1_mean"] == pytest.approx(2 * noise["d1_mean"])
    assert louder["d1_energy"] == pytest.approx(noise["d1_energy"])
    assert not any(wavelet_summary(signals["silence"], sr=SR).values())
    constant = wavelet_summary(signals["DC"], sr=SR)
    assert constant["a5_energy"] == pytest.approx(1) and constant["a5_entropy"] == pytest.approx(1)


def test_waveform_is_the_audio_itself():
    y = chord(1)
    assert waveform(y, sr=SR) is y


def test_sections():
    y = chord(3)
    found = sections(y, sr=SR, seed=7)
    assert found.shape == (3, 1000) and found.dtype == np.float32
    scaled = (y - y.min()) / (y.max() - y.min())
    windows = np.lib.stride_tricks.sliding_window_view(scaled, 1000)
    starts = [np.abs(windows[:, ::50] - row[::50]).max(axis=1).argmin() for row in found]
    for row, start in zip(found, starts, strict=True):
        np.testing.assert_allclose(row, scaled[start : start + 1000], atol=1e-6)
    assert (np.diff(starts) >= 1000).all()
    assert np.array_equal(found, sections(y, sr=SR, seed=7))
    assert not np.array_equal(found, sections(y, sr=SR, seed=8))


def test_sections_are_scaled_by_the_whole_track():
    y = np.zeros(10_000, np.float32)
    y[:2] = -0.5, 1
    values = {float(v) for seed in range(20) for v in np.unique(sections(y, sr=SR, seed=seed))}
    assert values <= {0.0, np.float32(1 / 3), 1.0} and np.float32(1 / 3) in values


@pytest.mark.parametrize("n", [1000, 1001, 1500, 2999, 3000, 3001])
def test_sections_of_short_tracks(n):
    ramp = np.arange(n, dtype=np.float32)
    for seed in range(10):
        starts = np.rint(sections(ramp, sr=SR, seed=seed)[:, 0] * (n - 1)).astype(int)
        assert starts.min() >= 0 and starts.max() <= n - 1000
        assert len(set(starts)) == 3 or n - 1000 + 1 < 3
        if n >= 3000:
            assert (np.diff(starts) >= 1000).all()


def test_sections_lie_anywhere():
    ramp = np.arange(3010, dtype=np.float32)
    drawn = [np.rint(sections(ramp, sr=SR, seed=s)[:, 0] * 3009).astype(int) for s in range(300)]
    assert {tuple(starts - [0, 1000, 2000]) for starts in drawn} >= {(0, 0, 0), (10, 10, 10)}
    # 13 choose 3 placements, all equally likely: the first section's offset is 2.5 on the average.
    assert np.mean([starts[0] for starts in drawn]) == pytest.approx(2.5, abs=0.5)


def test_sections_of_constant_audio_and_of_too_little():
    assert not sections(np.full(5000, 0.25, np.float32), sr=SR, seed=0).any()
    with pytest.raises(GenreflowError, match="999 samples long; a section has 1000"):
        sections(np.zeros(999, np.float32), sr=SR, seed=0)


@pytest.mark.parametrize(
    "describe", [mel, mfcc, chroma, mel_image, pooled, wavelet, wavelet_frames]
)
def test_audio_that_nothing_can_be_made_of(describe):
    with pytest.raises(GenreflowError, match="1024 samples long"):
        describe(np.zeros(1024, np.float32), sr=SR)
    with pytest.raises(GenreflowError, match="NaN"):
        describe(np.full(4000, np.nan, np.float32), sr=SR)


def test_the_same_without_compilation(tmp_path):
    y = chord(1)
    np.save(tmp_path / "y.npy", y)
    code = (
        "import numpy as np; from genreflow.features import mel, mfcc, chroma\n"
        "y = np.load('y.npy')\n"
        "np.savez('out.npz', mel=mel.mel(y, sr=22050), mfcc=mfcc.mfcc(y, sr=22050),"
        " chroma=chroma.chroma(y, sr=22050))"
    )
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    plain = np.load(tmp_path / "out.npz")
    for describe, slack in ((mel, 1e-5), (mfcc, 1e-4), (chroma, 1e-7)):
        expected = plain[describe.__name__]
        np.testing.assert_allclose(describe(y, sr=SR), expected, rtol=1e-6, atol=slack)


def test_long_tracks_give_the_same_as_if_their_spectra_were_kept(monkeypatch):
    y = chord(2)
    kept = chroma(y, sr=SR)
    assert len(kept.T) < KEPT
    for most in (0, 48, 96):
        monkeypatch.setattr("genreflow.features.power.KEPT", most)
        assert np.array_equal(chroma(y, sr=SR), kept)


def test_spectral_peaks_do_not_depend_on_the_blocks():
    y = chord(1)
    whole = np.concatenate([P.copy() for _, P in power_spectra(y, pad_mode="constant")])
    parts = [spectral_peaks(P, sr=SR) for _, P in power_spectra(y, pad_mode="constant")]
    for one, other in zip(spectral_peaks(whole, sr=SR), zip(*parts, strict=True), strict=True):
        assert np.array_equal(one, np.concatenate(other))
