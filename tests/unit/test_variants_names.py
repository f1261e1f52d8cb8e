"""The names of variants: every variant has one, every other spelling is told the right one."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genreflow.errors import GenreflowError
from genreflow.variants.names import STEPS, Variant, parse

SCRIPTS = Path(__file__).parents[2] / "scripts"


def numbers(step: str, without: float | None) -> st.SearchStrategy[float]:
    """Numbers in hundredths that a step may have, and that change something."""
    low, high = (int(100 * limit) for limit in STEPS[step][:2])
    return st.integers(low, high).map(lambda k: k / 100).filter(lambda x: x != without)


VARIANTS = st.fixed_dictionaries(
    {},
    optional={
        "stretch": numbers("stretch", 1),
        "pitch": numbers("pitch", 0),
        "shift": numbers("shift", 0),
        "gain": numbers("gain", 0),
        "noise": numbers("noise", None),
    },
).map(lambda steps: Variant(**steps))


@pytest.mark.parametrize(
    ("name", "variant"),
    [
        ("stretch0.81", Variant(stretch=0.81)),
        ("pitch+2", Variant(pitch=2)),
        ("pitch-1.5", Variant(pitch=-1.5)),
        ("shift5s", Variant(shift=5)),
        ("gain-6", Variant(gain=-6)),
        ("gain+20", Variant(gain=20)),
        ("noise20", Variant(noise=20)),
        ("noise0", Variant(noise=0)),
        ("noise-5", Variant(noise=-5)),
        ("stretch0.93_noise20", Variant(stretch=0.93, noise=20)),
        ("stretch2_pitch-12_shift0.5s_gain+3_noise10", Variant(2, -12, 0.5, 3, 10)),
    ],
)
def test_names_mean_what_they_say(name, variant):
    assert parse(name) == variant
    assert variant.name == name


@given(VARIANTS)
def test_every_variant_has_a_name_that_is_read_as_that_variant(variant):
    if variant == Variant():
        assert variant.name == "original"
    else:
        assert parse(variant.name) == variant
        assert set(variant.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789+-._")


@given(st.text(alphabet="stretchpignaose0123456789.+-_ ", max_size=30))
def test_a_name_that_can_be_read_is_the_variants_own(text):
    try:
        variant = parse(text)
    except GenreflowError:
        return
    assert variant.name == text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("stretch0.810", "stretch0.81"),
        ("stretch.81", "stretch0.81"),
        ("stretch2.", "stretch2"),
        ("stretch+0.81", "stretch0.81"),
        ("Stretch0.81", "stretch0.81"),
        ("pitch2", "pitch+2"),
        ("pitch+02", "pitch+2"),
        ("gain6", "gain+6"),
        ("gain٦", "gain+6"),
        ("noise+20", "noise20"),
        ("noise20.0", "noise20"),
        ("noise-0", "noise0"),
        ("shift5", "shift5s"),
        ("shift+5s", "shift5s"),
        ("noise20_stretch0.93", "stretch0.93_noise20"),
        ("stretch0.93_pitch+0", "stretch0.93"),
        ("stretch1_pitch+2", "pitch+2"),
        ("stretch1", "original"),
        ("shift0s_gain-6", "gain-6"),
        ("stretch0.81000000000000000000001", "stretch0.81"),
    ],
)
def test_another_spelling_is_refused_with_the_right_one(wrong, right):
    with pytest.raises(GenreflowError) as error:
        parse(wrong)
    assert f"{wrong!r}" in str(error.value)
    assert f"{right!r}" in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("original", "the audio as it is; leave it out"),
        ("", "unknown step ''"),
        ("strech0.81", "unknown step 'strech0.81'; did you mean 'stretch'?"),
        ("reverb2", "known are stretch, pitch, shift, gain, noise"),
        ("stretch", "as in 'stretch2'"),
        ("pitch+two", "as in 'pitch+2'"),
        ("shift5ms", "as in 'shift2s'"),
        ("noise20dB", "as in 'noise2'"),
        ("stretch0.81__noise20", "unknown step ''"),
        ("noise20_noise10", "two steps 'noise'"),
        ("stretch81", "'stretch' goes from 0.25 to 4"),
        ("stretch0", "'stretch' goes from 0.25 to 4"),
        ("pitch+25", "'pitch' goes from -24 to +24"),
        ("shift-1s", "'shift' goes from 0s to 3600s"),
        ("stretch1e0", "cannot be read"),
        ("pitchtwo", "unknown step 'pitchtwo'; did you mean 'pitch'?"),
        ("stretchnan", "unknown step"),
        ("gain-inf", "cannot be read"),
        ("noise20\n", "cannot be read"),
    ],
)
def test_what_is_no_name_is_told_why(name, message):
    with pytest.raises(GenreflowError) as error:
        parse(name)
    assert message in str(error.value)


def test_names_are_read_without_loading_what_makes_the_variants():
    code = "import sys, genreflow.variants.names; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(SCRIPTS)})
