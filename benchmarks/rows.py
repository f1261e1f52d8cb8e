"""What `features.py` measures: each row is some work, done by genreflow and by the usual script."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import peers
import usual
from clips import RATE
from scipy import fft

from genreflow.audio.read import load
from genreflow.features.chroma import chroma
from genreflow.features.mel import mel
from genreflow.features.mel_image import mel_image
from genreflow.features.mfcc import mfcc
from genreflow.features.pooled import pooled
from genreflow.features.spectrum import BLOCK, HOP, N_FFT, hann
from genreflow.features.summary import summary
from genreflow.features.tonnetz import tonnetz
from genreflow.variants.make import make, make_many

Way = Callable[[Any], object]

RATES = (0.81, 0.93, 1.07, 1.23)
STRETCHES = tuple(f"stretch{rate}" for rate in RATES)
# Each with the parameters that config/features.yaml gives it.
SIX_SETS = (summary, pooled, mel, mfcc, chroma, mel_image)


@dataclass(frozen=True)
class Row:
    """Some work, and the ways to do it.

    Attributes
    ----------
    name : str
    given : str
        what the ways are given: an attribute of `clips.Clip`
    goal : number
        how many times as fast as the usual script genreflow means to be
    ours, usual : callable
    each : callable or None
        our way where nothing is shared between the parts of the work
    goal_each : number or None
    floor : callable or None
        the least that has to be done
    goal_floor : number or None
        how many times the floor our way may take
    peers : mapping of str to callable
    """

    name: str
    given: str
    goal: float
    ours: Way
    usual: Way
    each: Way | None = None
    goal_each: float | None = None
    floor: Way | None = None
    goal_floor: float | None = None
    peers: Mapping[str, Way] = field(default_factory=dict)


def rows() -> list[Row]:
    """All rows that are measured in this process."""
    return [
        Row(
            "summary",
            given="path",
            goal=40,
            ours=lambda path: summary(load(path, sr=RATE), sr=RATE),
            usual=lambda path: usual.summary(usual.load(path), sr=RATE),
            floor=_floor,
            goal_floor=4,
            peers=peers.describing(),
        ),
        Row(
            "six_sets",
            given="path",
            goal=12,
            ours=lambda path: _six_sets(load(path, sr=RATE), SIX_SETS),
            usual=lambda path: _six_sets(usual.load(path), usual.SIX_SETS),
        ),
        Row(
            "stretches",
            given="y",
            goal=7,
            ours=lambda y: list(make_many(y, STRETCHES, sr=RATE, seed=0)),
            usual=lambda y: usual.stretches(y, RATES),
            each=lambda y: [make(y, name, sr=RATE, seed=0) for name in STRETCHES],
            goal_each=4.5,
        ),
        Row(
            "variants",
            given="path",
            goal=35,
            ours=_variants,
            usual=_usual_variants,
            each=_each_variant,
        ),
        Row(
            "tonnetz",
            given="y",
            goal=2.5,
            ours=lambda y: tonnetz(y, sr=RATE),
            usual=lambda y: usual.tonnetz(y, sr=RATE),
        ),
        *(
            Row(
                f"load_{kind}",
                given=kind,
                goal=goal,
                ours=lambda path: load(path, sr=RATE),
                usual=usual.load,
                peers=peers.loading(),
            )
            for kind, goal in (("wav", 3), ("mp3", 1.6))
        ),
    ]


def _floor(path: Path) -> None:
    """Decode, and transform each windowed frame once in double precision."""
    y = np.pad(load(path, sr=RATE), N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(y, N_FFT)[::HOP]
    for start in range(0, len(frames), BLOCK):
        fft.rfft(frames[start : start + BLOCK] * hann(N_FFT), axis=1, overwrite_x=True)


def _six_sets(y: np.ndarray, functions: tuple[Callable, ...]) -> list[object]:
    return [function(y, sr=RATE) for function in functions]


def _variants(path: Path) -> list[dict[str, float]]:
    """The summary of a clip and of its four stretches."""
    y = load(path, sr=RATE)
    copies = make_many(y, STRETCHES, sr=RATE, seed=0)
    return [summary(y, sr=RATE), *(summary(copy, sr=RATE) for _, copy in copies)]


def _each_variant(path: Path) -> list[dict[str, float]]:
    """The same, each stretch by itself."""
    y = load(path, sr=RATE)
    copies = (make(y, name, sr=RATE, seed=0) for name in STRETCHES)
    return [summary(y, sr=RATE), *(summary(copy, sr=RATE) for copy in copies)]


def _usual_variants(path: Path) -> list[dict[str, float]]:
    y = usual.load(path)
    return [usual.summary(copy, sr=RATE) for copy in (y, *usual.stretches(y, RATES))]
