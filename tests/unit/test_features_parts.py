"""Medians, separation, tuning, tempo and descriptors against scipy and librosa."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from whole import estimate_tuning, stft

from genreflow.features.descriptors import (
    centroid_and_bandwidth,
    rms,
    rolloff,
    zero_crossing_rate,
)
from genreflow.features.hpss import harmonic_spectra
from genreflow.features.median import RunningMedian, median_network, network_source
from genreflow.features.mel import mel
from genreflow.features.rhythm import onset_strength, tempo
from genreflow.features.spectrum import BLOCK, blocks
from genreflow.features.summary import Moments
from genreflow.features.tuning import TuningEstimate, spectral_peaks

SR = 22050


@pytest.fixture(scope="module")
def y():
    """Three seconds: a chord of three saw tones, 30 cents sharp, with a beat at 132 BPM."""
    t = np.arange(3 * SR) / SR
    chord = sum((f * 2 ** (0.3 / 12) * t) % 1 - 0.5 for f in (220.0, 277.2, 329.6))
    beat = np.exp(-20 * (t % (60 / 132))) * np.random.default_rng(0).normal(size=len(t))
    return (0.2 * chord + 0.3 * beat).astype(np.float32)


@pytest.fixture(scope="module")
def magnitude(y):
    return np.abs(stft(y))


def running_median(rows: np.ndarray) -> np.ndarray:
    """Medians of 31 rows, the ends reflected; as many columns at once as are compiled anyway."""
    running = RunningMedian(len(rows), columns=BLOCK)
    medians = []
    for i in range(0, rows.shape[1], BLOCK):
        columns = rows[:, i : i + BLOCK]
        padded = np.pad(columns, ((running.around, running.around), (0, 0)), mode="symmetric")
        running.rows[:, : columns.shape[1]] = padded
        medians.append(running.medians()[:, : columns.shape[1]].copy())
    return np.hstack(medians)


def median_by_definition(rows: np.ndarray) -> np.ndarray:
    """For few rows scipy is no oracle: with under 15 it reads memory beyond the array."""
    n = len(rows)
    index = (np.arange(n)[:, np.newaxis] + np.arange(-15, 16)) % (2 * n)
    return np.median(rows[np.where(index < n, index, 2 * n - 1 - index)], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 50).map(lambda half: 2 * half + 1),
    st.integers(0, 60),
    st.sampled_from([2, 10, 1 << 24]),
    st.integers(0, 2**32 - 1),
)
def test_network_of_any_width_is_scipys_median_filter(width, more, levels, seed):
    n, m, together = width + more, 3, len(median_network(width).medians)
    rows = np.random.default_rng(seed).integers(0, levels, (n, m)).astype(np.float32)
    padded = np.pad(rows, ((width // 2, width // 2 + together), (0, 0)), mode="symmetric")
    medians = np.empty((-(-n // together) * together, m), np.float32)
    namespace = {}
    exec(network_source(width, m), namespace)
    namespace[f"median_of_{width}"](padded.reshape(-1), medians.reshape(-1))
    assert np.array_equal(medians[:n], ndimage.median_filter(rows, (width, 1), mode="reflect"))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 120),
    st.integers(1, 40),
    st.sampled_from([2, 10, 1 << 24]),
    st.integers(0, 2**32 - 1),
)
def test_running_median(n, m, levels, seed):
    # Few levels make many ties.
    rows = np.random.default_rng(seed).integers(0, levels, (n, m)).astype(np.float32)
    assert np.array_equal(running_median(rows), median_by_definition(rows))


@pytest.mark.parametrize("n", [15, 256, 257, 1293])
def test_running_median_is_scipys(n):
    rows = np.random.default_rng(n).random((n, 30), np.float32)
    expected = ndimage.median_filter(rows, size=(31, 1), mode="reflect")
    assert np.array_equal(running_median(rows), expected)


def test_running_median_of_zeros_and_ones_in_every_place():
    """A network of minima and maxima that is right for these is right for all numbers."""
    steps = np.tri(80, 79, -1, np.float32)
    shuffled = np.random.default_rng(0).permuted(np.hstack([steps] * 40), axis=0)
    for rows in (steps, shuffled):
        assert np.array_equal(running_median(rows), median_by_definition(rows))


def harmonic_part(spectrum: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    cut = blocks(len(spectrum))
    parts = harmonic_spectra((spectrum[block], magnitude[block]) for block in cut)
    return np.concatenate([part.copy() for part in parts])


def harmonic_mask(magnitude: np.ndarray) -> np.ndarray:
    part = harmonic_part(np.ones(magnitude.shape, np.complex64), magnitude)
    assert not part.imag.any()
    return part.real


def test_harmonic_mask(magnitude):
    magnitude = magnitude.copy()
    magnitude[40:90] = 0
    expected, rest = librosa.decompose.hpss(magnitude.T, mask=True)
    mask = harmonic_mask(magnitude)
    np.testing.assert_allclose(mask, expected.T, atol=1e-6)
    np.testing.assert_allclose(1 - mask, rest.T, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 7, 14, 15, 16, 31, 47, 48, 49, 50, 62, 63, 64, 96, 97, 111])
def test_harmonic_part_of_few_frames_and_at_the_ends_of_blocks(n):
    rng = np.random.default_rng(n)
    spectrum = rng.normal(size=(n, 2050)).astype(np.float32).view(np.complex64)
    magnitude = np.abs(spectrum)
    harmonic = median_by_definition(magnitude)
    percussive = median_by_definition(magnitude.T).T
    expected = spectrum * (harmonic**2 / (harmonic**2 + percussive**2))
    np.testing.assert_allclose(harmonic_part(spectrum, magnitude), expected, rtol=1e-6)


def test_harmonic_mask_keeps_its_precision_at_any_scale(magnitude):
    mask = harmonic_mask(magnitude)
    for scale in (2.0**-100, 2.0**100):
        assert np.array_equal(harmonic_mask(magnitude * np.float32(scale)), mask)


def test_harmonic_mask_tells_tones_from_clicks():
    t = np.arange(2 * SR) / SR
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    click = np.zeros_like(tone)
    click[SR] = 1
    for sound, share in ((tone, 1), (click, 0)):
        spectrum = np.abs(stft(sound))
        loudest = np.unravel_index(spectrum.argmax(), spectrum.shape)
        assert harmonic_mask(spectrum)[loudest] == pytest.approx(share, abs=0.01)


def test_spectral_peaks(magnitude):
    expected, heights = librosa.piptrack(S=magnitude.T, sr=SR)
    found = expected.T > 0
    pitches, values = spectral_peaks(magnitude, sr=SR)
    assert np.array_equal(pitches, expected.T[found])
    np.testing.assert_allclose(values, heights.T[found], rtol=1e-6)


@pytest.mark.parametrize("sr", [6000, 16000, SR, 44100])
def test_estimate_tuning(magnitude, sr):
    for spectrum in (magnitude, magnitude**2):
        assert estimate_tuning(spectrum, sr=sr) == librosa.estimate_tuning(S=spectrum.T, sr=sr)


@pytest.mark.parametrize("times", [1, 64, 70])
def test_tuning_of_blocks_is_that_of_all(magnitude, times):
    estimate = TuningEstimate(sr=SR)
    for _ in range(times):
        for block in blocks(len(magnitude)):
            estimate.add(magnitude[block])
    expected = librosa.estimate_tuning(S=np.tile(magnitude.T, times), sr=SR)
    assert estimate.tuning() == estimate.tuning() == expected


@pytest.mark.parametrize("cents", [-40, 0, 30])
def test_tuning_of_a_chord(cents):
    t = np.arange(SR) / SR
    notes = 440 * 2 ** ((np.array([0, 4, 7, 12, 19]) + cents / 100) / 12)
    chord = np.sin(2 * np.pi * notes[:, np.newaxis] * t).mean(axis=0).astype(np.float32)
    power = np.abs(stft(chord)) ** 2
    assert estimate_tuning(power, sr=SR) == pytest.approx(cents / 100, abs=0.05)


def test_silence_is_in_tune():
    assert TuningEstimate(sr=SR).tuning() == 0
    assert estimate_tuning(np.zeros((10, 1025), np.float32), sr=SR) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.5, 3])
def test_onset_strength_and_tempo(y, seconds):
    y = y[: int(seconds * SR)]
    bands = mel(y, sr=SR)
    expected = librosa.onset.onset_strength(S=bands, sr=SR, aggregate=np.median)
    envelope = onset_strength(bands.T)
    assert np.array_equal(envelope, expected)
    if envelope.any():
        assert tempo(envelope, sr=SR) == librosa.feature.tempo(onset_envelope=envelope, sr=SR)[0]


@pytest.mark.parametrize("n_bands", [1, 2, 7, 40, 128, 130])
def test_onset_strength_of_any_number_of_bands(n_bands):
    mel = np.random.default_rng(n_bands).integers(-9, 9, (n_bands, 130)).astype(np.float32)
    expected = librosa.onset.onset_strength(S=mel, sr=SR, aggregate=np.median)
    assert np.array_equal(onset_strength(mel.T), expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([8000, SR]), st.integers(0, 999))
def test_tempo_is_librosas(n, rest, sr, seed):
    rng = np.random.default_rng(seed)
    envelope = (rng.exponential(1, n) * (rng.random(n) > rest)).astype(np.float32)
    if envelope.any():
        assert tempo(envelope, sr=sr) == librosa.feature.tempo(onset_envelope=envelope, sr=sr)[0]


@pytest.mark.parametrize("beats_per_minute", [90, 120, 144])
def test_tempo_of_a_metronome(beats_per_minute):
    envelope = np.zeros(1292, np.float32)
    beats = np.arange(0, 1290, 60 * SR / 512 / beats_per_minute).astype(int)
    envelope[beats] = 1
    assert tempo(envelope, sr=SR) == pytest.approx(beats_per_minute, rel=0.03)


def test_tempo_of_silence_is_zero():
    assert tempo(np.zeros(100, np.float32), sr=SR) == 0


def test_centroid_and_bandwidth(magnitude):
    magnitude = magnitude.copy()
    magnitude[10:20] = 0
    centroid, bandwidth = centroid_and_bandwidth(magnitude, sr=SR)
    expected = librosa.feature.spectral_centroid(S=magnitude.T, sr=SR)[0]
    np.testing.assert_allclose(centroid, expected, rtol=1e-7, atol=1e-9)
    expected = librosa.feature.spectral_bandwidth(S=magnitude.T, sr=SR)[0]
    np.testing.assert_allclose(bandwidth, expected, rtol=1e-7, atol=1e-9)
    assert not centroid[10:20].any()


def test_rolloff(magnitude):
    magnitude = magnitude.copy()
    magnitude[10:20] = 0
    expected = librosa.feature.spectral_rolloff(S=magnitude.T, sr=SR)[0]
    assert np.array_equal(rolloff(magnitude, sr=SR), expected)


@pytest.mark.parametrize("n", [1025, 2048, 5001, 66150])
def test_rms_and_zero_crossing_rate(y, n):
    y = y[:n].copy()
    y[100:900] *= np.float32(1e-10)  # under the threshold that zero crossings have
    np.testing.assert_allclose(
        rms(y), librosa.feature.rms(y=y, pad_mode="reflect")[0], rtol=2e-6, atol=1e-10
    )
    assert np.array_equal(zero_crossing_rate(y), librosa.feature.zero_crossing_rate(y)[0])


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.sampled_from([0, 1, 1e4]))
def test_moments_of_parts_are_those_of_all(lengths, offset):
    values = (np.random.default_rng(0).normal(size=sum(lengths)) + offset).astype(np.float32)
    moments = Moments()
    for part in np.split(values, np.cumsum(lengths)[:-1]):
        moments.add(part)
    assert moments.mean == pytest.approx(values.mean(dtype=np.float64), rel=1e-12)
    assert moments.var == pytest.approx(values.var(dtype=np.float64), rel=1e-9)
