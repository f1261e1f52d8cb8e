"""Tracks to be described, and a function that does it."""

import numpy as np
import polars as pl

RATE = 8000


def decoded(**statuses: str) -> pl.DataFrame:
    columns = {
        "track_id": list(statuses),
        "batch": "b1",
        "status": list(statuses.values()),
        "digest": [f"digest of {name}" for name in statuses],
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, str))


def noise(seed: int, seconds: float = 1.0) -> np.ndarray:
    y = np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE))
    return y.astype(np.float32)


LOUDNESS = """
    import numpy as np

    def describe(y, *, sr, scale=1.0):
        return {"loudness": scale * np.sqrt(np.mean(y**2)), "seconds": len(y) / sr}
"""
