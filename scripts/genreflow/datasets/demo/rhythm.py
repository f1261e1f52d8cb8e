"""Ten seconds of tape, a metronome, and patterns to play to it."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from genreflow.datasets.demo.instruments import RATE

SECONDS = 10.0
BEATS = 4
VELOCITIES = {"X": 1.0, "x": 0.65, "o": 0.35}


class Hit(NamedTuple):
    """One note to play: its time and the time to the next step in s, how hard, and where."""

    time: float
    length: float
    velocity: float
    bar: int
    step: int


class Tape:
    """Mono tape of ten seconds, on which a band plays to a metronome.

    The excerpt begins anywhere in a bar, as excerpts of records do.

    Parameters
    ----------
    rng : np.random.Generator
    bpm : float > 0 or None
        beats per minute; none for music without a beat, which has no patterns
    swing : float in [0, 1)
        by how much of its length every second step of a finer pattern than the beats comes late;
        a third makes triplets of eighths
    looseness : float >= 0 [s]
        standard deviation of the players' timing

    Attributes
    ----------
    samples : np.ndarray [shape=(220500,), dtype=float64]
    bpm : float or None [beats per minute]
    bar : float [s]
    struck : float
        gains of all sounds that begin on the tape, added up
    """

    def __init__(
        self,
        rng: np.random.Generator,
        bpm: float | None,
        *,
        swing: float = 0.0,
        looseness: float = 0.004,
    ):
        self.samples = np.zeros(round(SECONDS * RATE))
        self.bpm = bpm
        self.struck = 0.0
        self.bar = BEATS * 60 / bpm if bpm else 0.0
        self._rng = rng
        self._swing = swing
        self._looseness = looseness
        self._start = -rng.uniform() * self.bar

    def hits(self, pattern: str) -> Iterator[Hit]:
        """The notes of a pattern that is repeated in every bar.

        Parameters
        ----------
        pattern : str
            one character per step, any number of them to the bar: ``X`` loud, ``x`` medium, ``o``
            soft, ``.`` nothing; spaces are for the reader
        """
        steps = pattern.replace(" ", "")
        length = self.bar / len(steps)
        swing = self._swing if len(steps) > BEATS else 0.0
        for bar in range(int((SECONDS - self._start) / self.bar) + 1):
            for step, mark in enumerate(steps):
                if mark in VELOCITIES:
                    late = (step % 2) * swing * length
                    human = self._rng.normal(0, self._looseness)
                    time = self._start + bar * self.bar + step * length + late + human
                    velocity = VELOCITIES[mark] * self._rng.uniform(0.85, 1.1)
                    yield Hit(time, length, velocity, bar, step)

    def loop(self, pattern: str, sound: np.ndarray, gain: float) -> None:
        """Strike the same sound at each hit of a pattern."""
        self.play(pattern, lambda hit: sound, gain)

    def play(self, pattern: str, sound: Callable[[Hit], np.ndarray], gain: float) -> None:
        """Play at each hit of a pattern the sound that belongs to it."""
        if gain > 0:
            for hit in self.hits(pattern):
                self.record(sound(hit), hit.time, gain * hit.velocity)

    def record(self, sound: np.ndarray, time: float, gain: float) -> None:
        """Add a sound to the tape; what lies before its start or after its end is lost."""
        self.struck += gain if 0 <= time < SECONDS else 0.0
        at = round(time * RATE)
        skipped = max(0, -at)
        part = sound[skipped : max(0, self.samples.size - at)]
        self.samples[at + skipped : at + skipped + part.size] += gain * part
