"""Variants of audio against librosa in double precision, and against their definitions."""

import subprocess
import sys
from pathlib import Path
from zlib import crc32

import librosa
import numpy as np
import pytest
import soundfile as sf

from genreflow.errors import GenreflowError
from genreflow.features.spectrum import spectra
from genreflow.variants import make as making
from genreflow.variants import stretch as stretching
from genreflow.variants.make import make, make_many
from genreflow.variants.stretch import stretch, stretched_length

SR = 22050
SCRIPTS = Path(__file__).parents[2] / "scripts"
CLIPS = (
    "blues/blues.00002.wav",
    "classical/classical.00000.wav",
    "metal/metal.00003.wav",
    "hiphop/hiphop.00005.wav",
)
RATES = (0.81, 0.93, 1.07, 1.23)


def snr(y: np.ndarray, reference: np.ndarray) -> float:
    """How far the difference of two signals is under the second one [dB]."""
    assert y.dtype == np.float32
    assert y.shape == reference.shape
    error = np.sum((y.astype(np.float64) - reference) ** 2)
    return 10 * np.log10(np.sum(reference.astype(np.float64) ** 2) / error) if error else np.inf


def stretched(y: np.ndarray, rate: float) -> np.ndarray:
    return librosa.effects.time_stretch(y.astype(np.float64), rate=rate)


def made(kind: str, n: int) -> np.ndarray:
    """Signals with something that real audio seldom has."""
    t = np.arange(n) / SR
    rng = np.random.default_rng(7)
    y = np.zeros(n)
    if kind == "chirp":
        y = 0.5 * np.sin(2 * np.pi * (100 * t + 900 * t**2))
    elif kind == "chord":
        y = sum(0.2 * np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63))
    elif kind == "noise":
        y = 0.1 * rng.standard_normal(n)
    elif kind == "constant":
        y[:] = 0.25
    elif kind == "clicks":
        y[:: SR // 4] = 0.9
    elif kind == "pauses":
        # Whole frames of digital silence at the beginning, in between and at the end.
        y = 0.3 * rng.standard_normal(n) * (np.sin(2 * np.pi * 1.3 * t) < -0.2)
        y[-6000:] = 0
    elif kind == "faint":
        y = 1e-5 * rng.standard_normal(n)
    return y.astype(np.float32)


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, shared_data) -> np.ndarray:
    path = shared_data / "gtzan100" / "genres" / request.param
    if not path.is_file():
        pytest.skip(f"needs {path}")
    y, _ = sf.read(path, dtype="float32")
    return y


def test_stretches_of_real_clips_are_librosas_in_double_precision(clip):
    names = [f"stretch{rate}" for rate in RATES]
    for rate, (_, y) in zip(RATES, make_many(clip, names, sr=SR, seed=1), strict=True):
        assert snr(y, stretched(clip, rate)) > 110


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.81, 1.23, 2, 4])
@pytest.mark.parametrize(
    "kind", ["chirp", "chord", "noise", "constant", "clicks", "pauses", "faint"]
)
def test_stretches_of_made_signals_are_librosas_in_double_precision(kind, rate):
    y = made(kind, 3 * SR + 1)
    assert snr(make(y, f"stretch{rate}", sr=SR, seed=1), stretched(y, rate)) > 100


@pytest.mark.filterwarnings("ignore:n_fft=2048 is too large")
@pytest.mark.parametrize("n", [1025, 2205, 2206, 4096, 49 * 512 - 1, 49 * 512, 3 * SR])
def test_stretches_have_librosas_length_and_ends(n):
    y = made("noise", n)
    for rate in (0.25, 0.81, 1.07, 3.9):
        reference = stretched(y, rate)
        result = make(y, f"stretch{rate}", sr=SR, seed=1)
        assert snr(result, reference) > 100
        for part in (slice(None, 512), slice(-512, None)):
            np.testing.assert_allclose(result[part], reference[part], atol=2e-6)


def test_pitch_is_librosas_in_double_precision(clip):
    y = clip[: 10 * SR]
    for steps in (2, -1.5, 12):
        reference = librosa.effects.pitch_shift(y.astype(np.float64), sr=SR, n_steps=steps)
        assert snr(make(y, f"pitch{steps:+}", sr=SR, seed=1), reference) > 100


@pytest.mark.parametrize("steps", [-24, -0.5, 1, 7.3])
@pytest.mark.parametrize("n", [2205, 3 * SR + 1])
def test_pitch_is_a_stretch_played_at_another_speed(steps, n):
    y = made("pauses", n)
    slower = 2 ** (-steps / 12)
    tape = np.concatenate([piece.copy() for _, piece in stretch(y, [slower])])
    assert len(tape) == stretched_length(n, rate=slower)
    played = librosa.resample(tape, orig_sr=SR / slower, target_sr=SR)
    result = make(y, f"pitch{steps:+}", sr=SR, seed=1)
    np.testing.assert_array_equal(result, librosa.util.fix_length(played, size=n))


def test_stretch_and_pitch_are_one_stretch_and_one_resampling():
    y = made("chord", 5 * SR)
    slower = 2 ** (-3 / 12)
    tape = librosa.effects.time_stretch(y.astype(np.float64), rate=0.9 * slower)
    played = librosa.resample(tape, orig_sr=SR / slower, target_sr=SR)
    reference = librosa.util.fix_length(played, size=round(len(y) / 0.9))
    assert snr(make(y, "stretch0.9_pitch+3", sr=SR, seed=1), reference) > 100


def test_twice_as_fast_and_an_octave_higher_is_a_tape_at_double_speed():
    y = made("chord", 2 * SR)
    played = librosa.resample(y, orig_sr=2 * SR, target_sr=SR)
    np.testing.assert_array_equal(make(y, "stretch2_pitch+12", sr=SR, seed=1), played)


def test_shift_goes_round():
    y = made("chirp", 2 * SR + 1)
    np.testing.assert_array_equal(make(y, "shift0.5s", sr=SR, seed=1), np.roll(y, SR // 2))
    np.testing.assert_array_equal(make(y, "shift5s", sr=SR, seed=1), np.roll(y, 5 * SR))
    np.testing.assert_array_equal(
        make(y, "stretch0.81_shift1s", sr=SR, seed=1),
        np.roll(make(y, "stretch0.81", sr=SR, seed=1), SR),
    )


def test_gain_is_in_decibel_and_clips_nothing():
    y = made("noise", SR)
    np.testing.assert_allclose(make(y, "gain-6", sr=SR, seed=1), y * 10 ** (-6 / 20), rtol=2e-7)
    np.testing.assert_allclose(make(y, "gain+40", sr=SR, seed=1), y * 100, rtol=2e-7)


@pytest.mark.parametrize("ratio", [0, 20, 40])
@pytest.mark.parametrize("before", ["", "stretch1.23_", "gain-20_"])
def test_noise_is_that_far_under_the_variant(before, ratio):
    y = made("chord", 30 * SR)
    clean = make(y, before[:-1], sr=SR, seed=1) if before else y
    noisy = make(y, f"{before}noise{ratio}", sr=SR, seed=1)
    assert snr(noisy, clean) == pytest.approx(ratio, abs=0.1)


def test_noise_is_white_gaussian_and_of_the_seed_and_the_name():
    y = made("chord", 10 * SR)
    noise = np.random.default_rng([5, crc32(b"noise20")]).standard_normal(len(y), np.float32)
    deviation = np.sqrt(np.mean(y.astype(np.float64) ** 2) / 100)
    np.testing.assert_allclose(
        make(y, "noise20", sr=SR, seed=5) - y, deviation * noise, rtol=0, atol=1e-7
    )


def test_noise_has_the_same_bits_for_the_same_seed_and_name_only():
    y = made("chord", SR)

    def noise(name: str, seed: int) -> np.ndarray:
        added = make(y, name, sr=SR, seed=seed) - y
        return added / added.std()

    np.testing.assert_array_equal(noise("noise20", 2**62), noise("noise20", 2**62))
    for other in (noise("noise20", 2**62 + 1), noise("noise20.5", 2**62)):
        assert abs(np.corrcoef(noise("noise20", 2**62), other)[0, 1]) < 0.03


@pytest.mark.parametrize("name", ["stretch0.81", "pitch-2", "stretch1.07_pitch+2_gain-6_noise20"])
def test_silence_stays_silent(name):
    assert not make(np.zeros(SR, np.float32), name, sr=SR, seed=1).any()


NAMES = [
    "noise20",
    "stretch0.81",
    "pitch+2",
    "stretch0.81_shift0.3s",
    "stretch1.23_pitch+2_noise0",
    "gain-6",
    "pitch+2_noise20",
    "shift1s",
]


@pytest.mark.parametrize("together", [1, 200_000, 1 << 26])
def test_variants_made_together_are_those_made_alone(together, monkeypatch):
    monkeypatch.setattr(making, "TOGETHER", together)
    y = made("pauses", 3 * SR + 1)
    y.flags.writeable = False
    many = list(make_many(y, NAMES, sr=SR, seed=3))
    assert [name for name, _ in many] == NAMES
    for name, variant in many:
        np.testing.assert_array_equal(variant, make(y, name, sr=SR, seed=3))


def test_all_stretches_and_pitches_share_one_pass_over_the_audio(monkeypatch):
    passes = []

    def counted(y, **options):
        passes.append(len(y))
        return spectra(y, **options)

    monkeypatch.setattr(stretching, "spectra", counted)
    y = made("noise", SR)
    make(y, "stretch0.93_pitch+2_noise20", sr=SR, seed=1)
    assert passes == [len(y)]
    list(make_many(y, NAMES, sr=SR, seed=1))
    assert passes == [len(y)] * 2
    make(y, "shift0.1s_gain-6_noise20", sr=SR, seed=1)
    assert passes == [len(y)] * 2


def test_variants_are_the_callers_own():
    y = made("noise", SR)
    before = y.copy()
    for _, variant in make_many(y, [*NAMES, *NAMES], sr=SR, seed=3):
        assert variant.flags.writeable
        assert not np.shares_memory(variant, y)
        variant[:] = np.nan
    np.testing.assert_array_equal(y, before)
    for _, variant in make_many(y, NAMES, sr=SR, seed=3):
        assert np.isfinite(variant).all()


@pytest.mark.parametrize(
    ("y", "name", "message"),
    [
        (np.zeros(1024, np.float32), "stretch0.9", "1024 samples long"),
        (np.zeros((2, 4096), np.float32), "gain-6", "one channel"),
        (np.full(4096, np.nan, np.float32), "shift1s", "NaN"),
        (np.zeros(4096, np.float32), "pitch2", "has to be written 'pitch+2'"),
    ],
)
def test_what_cannot_be_made_is_refused(y, name, message):
    with pytest.raises(GenreflowError, match=message.replace("+", r"\+")):
        make(y, name, sr=SR, seed=1)


def test_without_compilation_the_numbers_are_the_same(tmp_path):
    y = made("pauses", SR)
    y += made("chord", SR)
    np.save(tmp_path / "y.npy", y)
    code = f"""
import numpy as np
from genreflow.variants.make import make
y = np.load({str(tmp_path / "y.npy")!r})
np.save({str(tmp_path / "made.npy")!r}, make(y, "stretch0.93_pitch+1", sr={SR}, seed=1))
"""
    environment = {"PYTHONPATH": str(SCRIPTS), "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    expected = make(y, "stretch0.93_pitch+1", sr=SR, seed=1)
    np.testing.assert_allclose(np.load(tmp_path / "made.npy"), expected, rtol=0, atol=1e-6)


def test_beside_the_audio_and_the_variant_only_blocks_are_held(tmp_path):
    np.save(tmp_path / "y.npy", np.tile(made("noise", 10 * SR), 60))
    code = f"""
import resource
import numpy as np
from genreflow.variants.make import make
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
y = np.load({str(tmp_path / "y.npy")!r}, mmap_mode="r")
names = "stretch0.81_shift5s_gain-6_noise20", "pitch+12"
for name in names:
    make(y[: 5 * {SR}], name, sr={SR}, seed=1)
before = peak()
for name in names:
    make(y, name, sr={SR}, seed=1)
print((peak() - before - y.nbytes) / y.nbytes)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
    )
    assert float(done.stdout) < 1 / 0.81 + 0.25


def test_long_audio_is_made_in_a_file_and_comes_out_the_same(monkeypatch):
    y = made("noise", 5 * SR).astype(np.float32)
    name = "stretch0.81_pitch+1_shift1s_noise20"
    expected = make(y, name, sr=SR, seed=1)
    monkeypatch.setattr(making, "HELD", 1000)
    assert np.array_equal(make(y, name, sr=SR, seed=1), expected)
