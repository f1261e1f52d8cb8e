"""Single sounds: drums, strings that are plucked or bowed, organ, bass, distortion.

A sound is an array of float64 at `RATE`, about 1 at its loudest. Frequencies are in Hz, durations
in seconds. ``rng`` is what makes two strokes of a drum differ.
"""

from functools import cache

import numpy as np
import scipy

RATE = 22_050
TABLE = 4096


def kick(pitch: float, length: float = 0.16) -> np.ndarray:
    """A bass drum: a sine that falls from three octaves above its pitch."""
    t = _time(4 * length)
    phase = pitch * t + 7 * pitch * 0.02 * (1 - np.exp(-t / 0.02))
    return np.sin(2 * np.pi * phase) * np.exp(-t / length)


def snare(rng: np.random.Generator, *, pitch: float, length: float = 0.09) -> np.ndarray:
    """A snare drum: a short skin under a longer rattle of wires."""
    t = _time(5 * length)
    skin = np.sin(2 * np.pi * pitch * t) * np.exp(-t / (0.6 * length))
    wires = band(rng.standard_normal(t.size), 900, 8000) * np.exp(-t / length)
    return 0.5 * skin + 0.8 * wires


def hat(rng: np.random.Generator, *, length: float, colour: float = 6500) -> np.ndarray:
    """A hi-hat, closed or open by its length: noise without lows."""
    t = _time(5 * length)
    return 0.7 * band(rng.standard_normal(t.size), colour, None) * np.exp(-t / length)


def brush(rng: np.random.Generator, *, length: float = 0.08) -> np.ndarray:
    """A brush swept over a snare: noise that swells before it fades."""
    t = _time(5 * length)
    return band(rng.standard_normal(t.size), 1500, 7000) * (t / length) * np.exp(-t / length)


def clap(rng: np.random.Generator, *, length: float = 0.1) -> np.ndarray:
    """Hands: four bursts of noise within 30 ms, the last of which rings."""
    t = _time(4 * length)
    bursts = sum(np.where(t >= s, np.exp(-(t - s) / 0.004), 0) for s in (0, 0.01, 0.02))
    bursts = bursts + np.where(t >= 0.03, np.exp(-(t - 0.03) / length), 0)
    return band(rng.standard_normal(t.size), 800, 3500) * bursts


def pluck(
    rng: np.random.Generator,
    frequency: float,
    length: float,
    *,
    bright: float = 0.5,
    ring: float = 3.0,
) -> np.ndarray:
    """A plucked string after Karplus and Strong, gone after `ring` seconds.

    A burst of noise, one period long, runs in a loop; each round, a mean of neighbours takes off
    some of its highs. The shares of the two neighbours set the length of the loop between two
    samples, which is the string's tuning.
    """
    period = RATE / frequency - 0.5
    whole = int(period)
    loop = np.zeros(whole + 3)
    loop[0] = 1
    share = period - whole
    damping = 0.001 ** (1 / (frequency * ring))
    # Two one-zero filters in a row: a mean of neighbours, then the fraction of a sample.
    loop[whole:] = -0.5 * damping * np.array([1 - share, 1, share])
    burst = np.zeros(round(length * RATE))
    noise = rng.uniform(-1, 1, whole + 1)[: burst.size]
    # What does not swing would not fade either.
    burst[: noise.size] = noise - noise.mean()
    # A soft finger: the burst itself without highs.
    finger = scipy.signal.lfilter([bright], [1, bright - 1], burst)
    return _release(scipy.signal.lfilter([1], loop, finger) / max(bright, 0.3) ** 0.5)


def bass(frequency: float, length: float, *, bright: float = 0.5) -> np.ndarray:
    """A bass guitar or synthesiser: round, and darker as it fades."""
    t = _time(length)
    body = oscillate(frequency, t.size, falloff=2.8)
    edge = oscillate(frequency, t.size, falloff=1.6 - 0.6 * bright)
    return _release((body + 0.5 * edge * np.exp(-t / 0.08)) * np.exp(-t / (2 * length)))


def organ(frequency: float, length: float, *, bright: float = 0.5) -> np.ndarray:
    """Drawbars: octaves and fifths from an octave below, at once there and at once gone."""
    shine = round(bright, 1)
    drawbars = (0.5, 1.0, 0.4, 0.6, 0, 0.5 * shine, 0, 0.6 * shine, *7 * (0,), 0.4 * shine)
    tone = _turn(_period(drawbars), frequency / 2 / RATE * np.arange(round(length * RATE)))
    return _release(_attack(tone, 0.005))


def stab(frequency: float, length: float, *, bright: float = 0.5) -> np.ndarray:
    """A synthesiser's short chord tone: a sawtooth that closes like a filter."""
    t = _time(length)
    saw = oscillate(frequency, t.size, falloff=1.5 - 0.6 * bright)
    round_ = oscillate(frequency, t.size, falloff=2.5)
    fade = np.exp(-t / (0.35 * length))
    return _release((saw * fade + 0.4 * round_) * fade)


def strings(
    rng: np.random.Generator,
    frequency: float,
    length: float,
    *,
    bright: float = 0.5,
    attack: float = 0.12,
) -> np.ndarray:
    """Bowed strings: two desks, a little out of tune with each other, with vibrato."""
    t = _time(length)
    vibrato = np.sin(2 * np.pi * rng.uniform(4.5, 6) * t + rng.uniform(0, 6))
    falloff = 2.2 - 1.2 * bright
    first = oscillate(frequency * (1.003 + 0.004 * vibrato), t.size, falloff=falloff)
    second = oscillate(0.998 * frequency, t.size, falloff=falloff, phase=rng.uniform())
    return _release(_attack(0.6 * (first + second), attack), 0.1)


def pad(
    rng: np.random.Generator, frequency: float, length: float, *, bright: float = 0.5
) -> np.ndarray:
    """A slow synthesiser: swells for half of its length, and beats against itself."""
    n, falloff = round(length * RATE), 2.6 - 1.2 * bright
    low = oscillate(0.998 * frequency, n, falloff=falloff, phase=rng.uniform())
    high = oscillate(1.003 * frequency, n, falloff=falloff, phase=rng.uniform())
    return (low + high) * np.sin(np.linspace(0, np.pi, n))


def bell(frequency: float, length: float) -> np.ndarray:
    """A struck bell: partials that are no harmonics, the high ones gone first."""
    t = _time(length)
    partials = ((1, 1), (2.76, 0.5), (5.4, 0.25))
    return _release(
        sum(
            g * np.sin(2 * np.pi * frequency * h * t) * np.exp(-t * h**0.7 / (0.35 * length))
            for h, g in partials
        )
    )


def distort(y: np.ndarray, drive: float) -> np.ndarray:
    """An amplifier turned up: the higher the drive, the more of a square wave is left."""
    return np.tanh(drive * y) / np.tanh(drive)


def oscillate(
    frequency: float | np.ndarray, n: int, *, falloff: float, phase: float = 0.0
) -> np.ndarray:
    """A periodic tone whose k-th harmonic has the amplitude ``k ** -falloff``.

    Parameters
    ----------
    frequency : float or np.ndarray [shape=(n,), Hz]
    n : int > 0
        samples
    falloff : float
        1 is a sawtooth, 3 nearly a sine
    phase : float in [0, 1)
        where in its period the tone begins

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float64]
        nothing in it lies over half the sampling rate
    """
    harmonics = min(32, int(RATE / 2 / np.max(frequency)))
    amplitudes = tuple(np.arange(1, harmonics + 1) ** -round(falloff, 1))
    if np.ndim(frequency) == 0:
        turns = phase + frequency / RATE * np.arange(n)
    else:
        turns = phase + np.cumsum(frequency) / RATE
    return _turn(_period(amplitudes), turns)


def band(y: np.ndarray, low: float, high: float | None) -> np.ndarray:
    """What lies between two frequencies, or over the first."""
    return scipy.signal.sosfilt(_sections(low, high), y)


@cache
def _sections(low: float, high: float | None) -> np.ndarray:
    if high is None:
        return scipy.signal.butter(2, low, "highpass", fs=RATE, output="sos")
    return scipy.signal.butter(2, (low, high), "bandpass", fs=RATE, output="sos")


@cache
def _period(amplitudes: tuple[float, ...]) -> np.ndarray:
    """One period of a tone with these harmonics, at a peak of 1."""
    table = np.fft.irfft(-1j * np.array([0, *amplitudes]), TABLE)
    return table / np.abs(table).max()


def _turn(table: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Read a period again and again."""
    return table[(turns * TABLE).astype(np.int64) & (TABLE - 1)]


def _time(length: float) -> np.ndarray:
    return np.arange(round(length * RATE)) / RATE


def _attack(y: np.ndarray, length: float) -> np.ndarray:
    n = min(y.size, round(length * RATE))
    y[:n] *= np.linspace(0, 1, n)
    return y


def _release(y: np.ndarray, length: float = 0.02) -> np.ndarray:
    n = min(y.size, round(length * RATE))
    y[y.size - n :] *= np.linspace(1, 0, n)
    return y
