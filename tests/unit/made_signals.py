"""Signals with something that real audio seldom has, by name."""

import numpy as np


def made_signals(n: int, sr: int = 22050) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    t = np.arange(n) / sr
    noise = 0.3 * rng.normal(size=n)
    clicks = np.zeros(n)
    clicks[:: sr // 4] = 1
    signals = {
        "silence": np.zeros(n),
        "half silence": np.where(t < t[-1] / 2, noise, 0),
        "DC": np.full(n, 0.5),
        "square": 0.5 * np.sign(np.sin(2 * np.pi * 220 * t)),
        "clicks": clicks,
        "dither": rng.integers(-1, 2, n) / 32768,
        "noise": noise,
        "clipped": np.clip(10 * noise, -1, 1),
        "sine": 0.5 * np.sin(2 * np.pi * 440 * t),
        "faint": 1e-22 * noise,
    }
    signals = {name: y.astype(np.float32) for name, y in signals.items()}
    for y in signals.values():
        y.flags.writeable = False
    return signals
