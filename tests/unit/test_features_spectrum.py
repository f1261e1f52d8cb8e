"""Frames, spectra and filter tables against librosa and scipy."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from whole import istft, stft

from genreflow.errors import GenreflowError
from genreflow.features.filters import chroma_filters, dct_filters, mel_filters
from genreflow.features.spectrum import (
    BLOCK,
    fft_frequencies,
    hann,
    power_spectra,
    power_to_db,
    require_audio,
    spectra,
)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(0, 0.3, n).astype(np.float32)


@pytest.mark.parametrize("length", [344, 2048])
def test_hann_has_the_bits_of_scipy(length):
    assert np.array_equal(hann(length), scipy.signal.get_window("hann", length))


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("n", [1025, 1536, 2047, 2048, 2049, 22050, 66151])
def test_stft_has_the_bits_of_librosa(n):
    expected = librosa.stft(noise(n), pad_mode="reflect")
    assert np.array_equal(stft(noise(n)), expected.T)


@pytest.mark.parametrize(("hop", "pad_mode"), [(256, "constant"), (300, "reflect")])
def test_stft_with_other_hops_and_ends(hop, pad_mode):
    expected = librosa.stft(noise(30000), hop_length=hop, pad_mode=pad_mode)
    assert np.array_equal(stft(noise(30000), hop=hop, pad_mode=pad_mode), expected.T)


def test_a_block_stays_until_the_one_after_the_next():
    y = noise(512 * 150)
    whole, before = stft(y), None
    for frames, block in spectra(y):
        if before is not None:
            assert np.array_equal(before, whole[: frames.start][-len(before) :])
        before = block


def test_power_spectra_from_a_frame_on():
    y = noise(512 * 150)
    whole = np.abs(stft(y)) ** 2
    for first in (0, BLOCK, 2 * BLOCK):
        parts = [part.copy() for _, part in power_spectra(y, first=first)]
        assert np.array_equal(np.concatenate([whole[:first], *parts]), whole)


@pytest.mark.parametrize("n", [1025, 2047, 22050, 66151])
def test_istft_gives_the_audio_back(n):
    np.testing.assert_allclose(istft(stft(noise(n)), length=n), noise(n), atol=1e-6)


def test_istft_equals_librosa_where_the_spectrum_was_changed():
    spectrum = stft(noise(22050))
    spectrum *= np.random.default_rng(1).random(spectrum.shape, np.float32)
    expected = librosa.istft(spectrum.T, length=22050)
    np.testing.assert_allclose(istft(spectrum, length=22050), expected, atol=3e-7)


def test_power_to_db():
    power = np.random.default_rng(2).exponential(1, (50, 7)).astype(np.float32) ** 9
    power[3] = 0
    np.testing.assert_allclose(power_to_db(power), librosa.power_to_db(power), rtol=1e-6)


@pytest.mark.parametrize("sr", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("n_fft", [1024, 2048])
def test_frequencies_and_mel_filters(sr, n_fft):
    assert np.array_equal(
        fft_frequencies(sr=sr, n_fft=n_fft), librosa.fft_frequencies(sr=sr, n_fft=n_fft)
    )
    expected = librosa.filters.mel(sr=sr, n_fft=n_fft, n_mels=40)
    table = mel_filters(sr=sr, n_fft=n_fft, n_mels=40)
    assert table.dtype == expected.dtype
    np.testing.assert_allclose(table, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sr", [16000, 22050])
@pytest.mark.parametrize("tuning", [-0.5, 0.0, 0.13])
def test_chroma_filters(sr, tuning):
    expected = librosa.filters.chroma(sr=sr, n_fft=2048, tuning=tuning)
    np.testing.assert_allclose(chroma_filters(sr=sr, tuning=tuning), expected, rtol=1e-6, atol=1e-9)


def test_dct_filters():
    identity = np.eye(128)
    expected = scipy.fft.dct(identity, axis=0, type=2, norm="ortho")[:20]
    table = dct_filters(n_coefficients=20, n_bands=128)
    np.testing.assert_allclose(table, expected, atol=1e-14)


def test_tables_are_computed_once_and_cannot_be_written_to():
    table = mel_filters(sr=22050)
    assert mel_filters(sr=22050) is table
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 1


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((2, 4000)), r"the shape \(2, 4000\); one channel"),
        (np.zeros(1024), r"1024 samples long; .* more than 1024 \(0.046 s at 22050 Hz\)"),
        (np.zeros(0), "0 samples long"),
        (np.full(4000, np.nan), "NaN or infinite"),
        (np.full(4000, -np.inf), "NaN or infinite"),
    ],
)
def test_audio_that_no_spectrum_can_be_made_of(y, message):
    with pytest.raises(GenreflowError, match=message):
        require_audio(y.astype(np.float32), sr=22050)
