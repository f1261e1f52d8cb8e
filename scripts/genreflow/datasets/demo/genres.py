"""What the bands play: one function per kind of music.

Two pairs of genres are neighbours, as they are in record shops. House and disco share a drummer who
kicks on every beat, blues and country a guitar, a bass and three chords; `Traits.lean` says how far
an artist goes from one to the other, and at the border the artists of both meet.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from genreflow.datasets.demo import instruments as play
from genreflow.datasets.demo.artists import Traits
from genreflow.datasets.demo.rhythm import SECONDS, Hit, Tape

# Degrees of chords in semitones over their root.
MAJOR, FIFTH = (0, 4, 7), (0, 7, 12)
SEVENTH, MINOR7, MAJOR7 = (0, 4, 7, 10), (0, 3, 7, 10), (0, 4, 7, 11)

TWELVE_BARS = (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 7)
THREE_CHORDS = ((0, 5, 7, 0), (0, 0, 5, 7), (0, 7, 5, 0), (0, 5, 0, 7))
FOUR_CHORDS = ((0, 7, 9, 5), (0, 5, 7, 5), (0, 9, 5, 7), (0, 3, 5, 7))
VAMPS = ((0, 0, 5, 5), (0, 0, 0, 0), (0, 3, 5, 7), (0, 8, 10, 0))

# From no energy to all that there is: tempo in beats per minute, and strokes in a second, each
# counted by how loud it is.
TEMPOS, STROKES = (60, 210), (0, 10)

# How far over the middle between two neighbours their artists reach.
BORDER = 0.04


def energy(sound: Traits, tape: Tape) -> float:
    """How much energy is in what is played, from 0 to 1.

    The mean of three: how fast it is (0 without a beat), how much is struck, and how far the
    amplifiers are turned up.
    """
    pace = 0.0 if tape.bpm is None else np.interp(tape.bpm, TEMPOS, (0, 1))
    return float(pace + np.interp(tape.struck / SECONDS, STROKES, (0, 1)) + sound.drive) / 3


def hertz(semitones: float) -> float:
    """Frequency of a note, counted in semitones from the lowest C of a bass, 32.7 Hz."""
    return 32.703 * 2 ** (semitones / 12)


def ambient(sound: Traits, rng: np.random.Generator) -> Tape:
    """Pads that swell into one another, a bell here and there, wind; no beat."""
    tape = Tape(rng, None)
    key, time = _key(sound), -rng.uniform(0, 3)
    while time < SECONDS:
        length = rng.uniform(3.5, 5.5)
        root = key + rng.choice((0, 5, 7, 9))
        for degree in (-12, *MAJOR7):
            tone = play.pad(rng, hertz(root + 24 + degree), length, bright=0.7 * sound.bright)
            tape.record(tone, time, 0.25 if degree > 0 else 0.4)
        time += 0.5 * length
    for _ in range(rng.poisson(1 + 5 * sound.busy)):
        tone = play.bell(hertz(key + 48 + rng.choice((0, 2, 4, 7, 9))), 3.0)
        tape.record(tone, rng.uniform(0, SECONDS), 0.25)
    wind = play.band(rng.standard_normal(tape.samples.size), 300, 900 + 1500 * sound.bright)
    turn = 2 * np.pi * (rng.uniform(0.05, 0.15) * np.arange(wind.size) / play.RATE + rng.uniform())
    tape.record(wind * (1 + np.sin(turn)), 0, 0.08)
    return tape


def punk(sound: Traits, rng: np.random.Generator) -> Tape:
    """Fast eighths on distorted fifths, and a drummer who does not hold back."""
    tape = Tape(rng, 168 + 36 * sound.tempo + rng.normal(0, 2), looseness=0.005)
    roots, key = rng.choice(FOUR_CHORDS), _key(sound)

    def guitar(hit: Hit) -> np.ndarray:
        root = key + 24 + _root(roots, hit)
        ringing = 0.9 * hit.length if sound.busy > 0.5 else 1.1 * hit.length
        chord = sum(
            play.oscillate(hertz(root + d), round(ringing * play.RATE), falloff=1.0) for d in FIFTH
        )
        return play.distort(chord, 3 + 8 * sound.drive)

    def bass(hit: Hit) -> np.ndarray:
        return play.bass(hertz(key + 12 + _root(roots, hit)), hit.length, bright=1.0)

    tape.play("XxXx XxXx", guitar, 0.35)
    tape.play("Xxxx Xxxx", bass, 0.45)
    tape.loop("X.X. X.X." if sound.busy > 0.6 else "X... X.x.", play.kick(60, 0.09), 1.0)
    tape.play("..X. ..X.", lambda hit: play.snare(rng, pitch=200, length=0.08), 0.9)
    tape.play("xxxx xxxx", lambda hit: play.hat(rng, length=0.12, colour=5000), 0.3)
    return tape


def house(sound: Traits, rng: np.random.Generator) -> Tape:
    """Four on the floor, a bass between the beats, short chords of a synthesiser."""
    return _dance(sound, rng, _lean(sound, upper=False))


def disco(sound: Traits, rng: np.random.Generator) -> Tape:
    """Four on the floor, a bass in octaves, a guitar in sixteenths, strings."""
    return _dance(sound, rng, _lean(sound, upper=True))


def blues(sound: Traits, rng: np.random.Generator) -> Tape:
    """Twelve bars in a shuffle, with sevenths, an organ and a lead guitar that bites."""
    return _roots(sound, rng, _lean(sound, upper=False))


def country(sound: Traits, rng: np.random.Generator) -> Tape:
    """A train of straight eighths, root and fifth in the bass, open chords, a fiddle."""
    return _roots(sound, rng, _lean(sound, upper=True))


GENRES: dict[str, Callable[[Traits, np.random.Generator], Tape]] = {
    "ambient": ambient,
    "blues": blues,
    "country": country,
    "disco": disco,
    "house": house,
    "punk": punk,
}


def _dance(sound: Traits, rng: np.random.Generator, lean: float) -> Tape:
    """House at 0, disco at 1."""
    tape = Tape(rng, 124 - 8 * lean + 8 * (sound.tempo - 0.5) + rng.normal(0, 1), looseness=0.002)
    roots, key = rng.choice(VAMPS), _key(sound)
    step, bright = tape.bar / 16, sound.bright

    def bass(hit: Hit) -> np.ndarray:
        octave = 12 if lean > 0.5 and hit.step % 4 == 2 else 0
        note = key + 12 + _root(roots, hit) + octave
        return play.bass(hertz(note), 1.8 * step, bright=bright)

    def sampled(voice: Callable[[float], np.ndarray]) -> Callable[[Hit], np.ndarray]:
        """A chord on each root, played once and sampled, as it is done."""
        chord = cache(lambda root: sum(voice(hertz(key + 36 + root + d)) for d in MINOR7))
        return lambda hit: chord(_root(roots, hit))

    stabs = sampled(lambda f: play.stab(f, 2 * step, bright=bright))
    chops = sampled(lambda f: play.pluck(rng, f, step, bright=0.4 + 0.5 * bright, ring=0.8))
    bowed = sampled(lambda f: play.strings(rng, 2 * f, 17 * step, bright=bright))
    pads = sampled(lambda f: play.pad(rng, f, 20 * step, bright=bright))

    tape.loop("X... X... X... X...", play.kick(46 + 10 * sound.body), 1.1 - 0.3 * lean)
    tape.loop("..X. ..X. ..X. ..X.", play.hat(rng, length=0.07), 0.35)
    sixteenths = "o.xo o.xo o.xo o.xo" if sound.busy > 0.5 else "o.o. o.o. o.o. o.o."
    tape.play(sixteenths, lambda hit: play.hat(rng, length=0.02), 0.3 + 0.2 * lean)
    tape.loop(".... X... .... X...", play.clap(rng), 0.7 * (1 - lean))
    tape.play(".... X... .... X...", lambda hit: play.snare(rng, pitch=180), 0.7 * lean)
    tape.play("x.x. x.x. x.x. x.x." if lean > 0.5 else "..x. ..x. ..x. ..xx", bass, 0.6)
    tape.play("x..x ..x. .... x...", stabs, 0.3 * (1 - lean))
    tape.play("..xx ..xo ..xx .xxo", chops, 0.35 * lean)
    tape.play("x", bowed, 0.22 * lean)
    tape.play("x", pads, 0.15 * (1 - lean))
    return tape


def _roots(sound: Traits, rng: np.random.Generator, lean: float) -> Tape:
    """Blues at 0, country at 1."""
    bpm = 98 + 14 * lean + 16 * (sound.tempo - 0.5) + rng.normal(0, 2)
    tape = Tape(rng, bpm, swing=(1 - lean) / 3, looseness=0.004 + 0.010 * sound.loose)
    key, step, bright = _key(sound), tape.bar / 8, sound.bright
    twelve = np.roll(TWELVE_BARS, rng.integers(12))
    roots, quality = (twelve, SEVENTH) if lean < 0.5 else (rng.choice(THREE_CHORDS), MAJOR)

    def bass(hit: Hit) -> np.ndarray:
        degree = (0, 4, 7, 9)[hit.step // 2] if lean < 0.5 else (0, 7)[hit.step // 4]
        note = key + 12 + _root(roots, hit) + degree
        return play.bass(hertz(note), 1.7 * step, bright=0.6 * bright)

    @cache
    def strum(root: int, upwards: bool) -> np.ndarray:
        notes = [root + d for d in (0, 7, *(12 + q for q in quality))]
        chord = np.zeros(round(1.6 * step * play.RATE))
        for i, note in enumerate(reversed(notes) if upwards else notes):
            late = round(0.007 * i * play.RATE)
            string = play.pluck(rng, hertz(note), 1.6 * step, bright=0.2 + 0.6 * bright)
            chord[late:] += string[: chord.size - late]
        return chord

    def rhythm_guitar(hit: Hit) -> np.ndarray:
        return strum(key + 24 + _root(roots, hit), hit.step % 4 > 0)

    def lead_guitar(hit: Hit) -> np.ndarray:
        scale = (0, 3, 5, 6, 7, 10, 12) if lean < 0.5 else (0, 2, 4, 7, 9, 12)
        note = hertz(key + 36 + rng.choice(scale))
        tone = play.pluck(rng, note, 2 * step, bright=0.3 + 0.6 * bright)
        return play.distort(tone, 0.5 + 5 * (1 - lean))

    def organ(hit: Hit) -> np.ndarray:
        root = key + 36 + _root(roots, hit)
        return sum(play.organ(hertz(root + d), 4 * step, bright=bright) for d in quality)

    def fiddle(hit: Hit) -> np.ndarray:
        note = hertz(key + 48 + _root(roots, hit) + rng.choice(MAJOR))
        return play.strings(rng, note, 3.5 * step, bright=bright, attack=0.06)

    tape.play("x.x. x.x." if lean < 0.5 else "x... x...", bass, 0.7)
    tape.play("x..x x..x" if lean < 0.5 else "o.x. o.x.", rhythm_guitar, 0.25)
    tape.play("x.xx .xx." if sound.busy > 0.5 else "x..x ..x.", lead_guitar, 0.35)
    tape.play("x... x...", organ, 0.25 * (1 - lean))
    tape.play("x... x...", fiddle, 0.3 * lean)
    tape.loop("X... X...", play.kick(55, 0.12), 0.7)
    tape.play("..X. ..X.", lambda hit: play.snare(rng, pitch=170), 0.5 * (1 - 0.6 * lean))
    tape.play("xoxo xoxo", lambda hit: play.brush(rng), 0.5 * lean)
    tape.play("x.xx x.xx", lambda hit: play.hat(rng, length=0.05), 0.35 * (1 - lean))
    return tape


def _lean(sound: Traits, *, upper: bool) -> float:
    """Where an artist stands between two neighbours; a few stand beyond the border."""
    reach = (0.5 + BORDER) * sound.lean
    return 1 - reach if upper else reach


def _key(sound: Traits) -> int:
    return int(12 * min(sound.key, 0.999))


def _root(roots: np.ndarray, hit: Hit) -> int:
    return int(roots[hit.bar % len(roots)])
