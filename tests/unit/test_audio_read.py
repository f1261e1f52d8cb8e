"""Decoding and resampling, with librosa as the oracle."""

import os

import librosa
import numpy as np
import pytest
import soundfile as sf
from badfiles import music, write_music
from hypothesis import given, settings
from hypothesis import strategies as st

from genreflow.audio.read import Resampler, load

SUFFIXES = ["wav", "au", "aiff", "flac", "ogg", "opus", "mp3"]


def assert_as_librosa(path, sr, offset=0.0, seconds=None):
    expected, _ = librosa.load(path, sr=sr, offset=offset, duration=seconds)
    y = load(path, sr=sr, offset=offset, seconds=seconds)
    assert y.dtype == expected.dtype == np.float32
    assert np.array_equal(y, expected)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("sr", "offset", "seconds"),
    [(22050, 0.0, None), (16000, 0.0, None), (48000, 0.77, None), (22050, 1.3, 1.9), (8000, 2, 99)],
)
def test_made_files(tmp_path, suffix, sr, offset, seconds):
    assert_as_librosa(write_music(tmp_path / f"a.{suffix}", 4.03), sr, offset, seconds)


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 12])
@pytest.mark.parametrize("rate", [44100, 22050])
def test_channels(tmp_path, channels, rate):
    sf.write(tmp_path / "a.wav", music(2.7, rate=rate, channels=channels), rate, subtype="FLOAT")
    assert_as_librosa(tmp_path / "a.wav", 22050)


def test_stereo_is_half_the_sum(tmp_path):
    stereo = music(1.5, channels=2)
    sf.write(tmp_path / "a.wav", stereo, 22050, subtype="FLOAT")
    assert np.array_equal(load(tmp_path / "a.wav", sr=22050), 0.5 * (stereo[:, 0] + stereo[:, 1]))


@pytest.mark.parametrize("suffix", ["wav", "au", "aiff", "flac"])
def test_every_value_of_16_bits(tmp_path, suffix):
    values = np.arange(-32768, 32768, dtype=np.int16)
    for channels in (values, np.stack([values, np.roll(values, 12345)], axis=1)):
        sf.write(tmp_path / f"a.{suffix}", channels, 22050, subtype="PCM_16")
        assert_as_librosa(tmp_path / f"a.{suffix}", 22050)


def test_gtzan(shared_data):
    clips = sorted((shared_data / "gtzan100/genres").glob("*/*"))
    kinds = [next(c for c in clips if c.suffix == s) for s in (".wav", ".au", ".mp3")]
    other = [c for c in clips if sf.info(c).samplerate == 44100]
    for clip in [*kinds, *other[:2]]:
        assert_as_librosa(clip, 22050)
        assert_as_librosa(clip, 16000, 10.0, 10.0)


def test_librosa_examples(shared_data):
    for clip in sorted((shared_data / "librosa_examples").glob("*.ogg"))[::4]:
        assert_as_librosa(clip, 22050)
        assert_as_librosa(clip, 22050, 0.5, 1.5)


def test_names_that_are_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    write_music(tmp_path / "a.wav").rename(os.fsdecode(path))
    y = load(path, sr=22050)
    assert len(y) == 3 * 22050
    assert np.array_equal(y, load(os.fsdecode(path), sr=22050))


@settings(max_examples=60, deadline=None)
@given(
    rates=st.tuples(*[st.sampled_from([8000, 11025, 16000, 22050, 24000, 44100, 48000])] * 2),
    length=st.integers(1, 60_000),
    cuts=st.lists(st.integers(0, 60_000), max_size=6),
)
def test_resampling_in_blocks_changes_no_bit(rates, length, cuts):
    y = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    resampler = Resampler(*rates)
    found = [resampler.push(part) for part in np.split(y, sorted(c for c in cuts if c < length))]
    expected = librosa.resample(y, orig_sr=rates[0], target_sr=rates[1])
    assert np.array_equal(np.concatenate([*found, resampler.finish()]), expected)
