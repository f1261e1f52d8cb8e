"""The mixing desk: amplifier, room, equaliser, tape hiss and level."""

import numpy as np
import scipy

from genreflow.datasets.demo.artists import Traits
from genreflow.datasets.demo.instruments import RATE, distort

CEILING = 0.95


def mix(y: np.ndarray, sound: Traits, rng: np.random.Generator) -> np.ndarray:
    """Make a record of what a band played.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float64]
        the band
    sound : Traits
        how the artist sounds that day
    rng : np.random.Generator

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float64]
        at most `CEILING`, and never silent: hiss is on every tape
    """
    y = distort(y / np.sqrt(np.mean(y**2)) / 4, 0.3 + 2 * sound.drive)
    spectrum = np.fft.rfft(y)
    spectrum *= 1 + (0.05 + 0.5 * sound.room**2) * _room(y.size, 0.1 + 0.5 * sound.room, rng)
    spectrum *= _equaliser(
        y.size,
        tilt=-3.5 + 5 * sound.tilt,
        treble=3500 + 6500 * sound.treble,
        body=150 * 8**sound.body,
    )
    y = np.fft.irfft(spectrum, y.size)
    y /= np.sqrt(np.mean(y**2))
    y += 10 ** ((-52 + 26 * sound.hiss) / 20) * _hiss(y.size, rng)
    y *= 10 ** (loudness(sound) / 20)
    return CEILING * np.tanh(y / CEILING)


def loudness(sound: Traits) -> float:
    """The level that the desk sets, -23 to -14 [dB re full scale].

    It is the root mean square of the music, before hiss is added and peaks are rounded off.
    """
    return -23 + 9 * sound.level


def _room(n: int, length: float, rng: np.random.Generator) -> np.ndarray:
    """Spectrum of an echo: noise that dies away, by 40 dB in `length` seconds.

    The echo of the last notes sounds over the first ones, as that of what was played before would.
    """
    t = np.arange(round(1.5 * length * RATE)) / RATE
    response = rng.standard_normal(t.size) * np.exp(-4.6 * t / length)
    return np.fft.rfft(response / np.sqrt(np.sum(response**2)), n)


def _equaliser(n: int, *, tilt: float, treble: float, body: float) -> np.ndarray:
    """Gains that tilt by dB per octave, end at `treble` Hz and lift what is at `body` Hz."""
    frequency = np.fft.rfftfreq(n, 1 / RATE)
    octaves = np.log2(np.clip(frequency, 40, None) / 1000)
    decibel = tilt * octaves + 6 * np.exp(-0.5 * ((octaves - np.log2(body / 1000)) / 0.5) ** 2)
    gain = 10 ** (decibel / 20) / np.sqrt(1 + (frequency / treble) ** 8)
    # Nothing that is heard lies under 30 Hz.
    gain[frequency < 30] = 0
    return gain


def _hiss(n: int, rng: np.random.Generator) -> np.ndarray:
    return scipy.signal.lfilter([1, -0.5], [1], rng.standard_normal(n))
