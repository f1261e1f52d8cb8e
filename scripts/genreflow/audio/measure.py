"""What the samples of a track are like, found out block by block.

Sums are taken in float64 over blocks of a fixed length, so that they do not depend on how the
samples arrive. A full scale is 1.
"""

import hashlib
import math

import numpy as np

# The largest sample of 16-bit audio; whatever reaches it counts as clipped.
FULL_SCALE = 32767 / 32768


class Measure:
    """Running statistics of a track.

    Parameters
    ----------
    window : int > 0 [frames]
        length of the windows in which silence is looked for; every block but the last is a
        multiple of it
    silence : number > 0
        a window whose samples all lie below is silent

    Attributes
    ----------
    frames : int
        samples so far
    peak : float
        largest magnitude
    """

    def __init__(self, window: int, silence: float) -> None:
        self._window, self._silence = window, silence
        self._digest = hashlib.blake2b(digest_size=16)
        self._squares = self._magnitudes = self._clipped = 0.0
        self._silent = 0
        self._low, self._high = math.inf, -math.inf
        self.frames = 0
        self.peak = 0.0

    def add(self, block: np.ndarray, y: np.ndarray) -> None:
        """Take the next samples into account.

        Parameters
        ----------
        block : np.ndarray [shape=(n, channels), dtype=float32], n > 0
            what was decoded
        y : np.ndarray [shape=(n,), dtype=float32]
            its mono mixture
        """
        self._digest.update(np.ascontiguousarray(y, "<f4"))
        magnitude = np.abs(y)
        self._clipped += int(np.count_nonzero(np.abs(block) >= FULL_SCALE)) / block.shape[1]
        self._silent += self._silent_frames(magnitude)
        self._squares += float(np.square(y, dtype=np.float64).sum())
        self._magnitudes += float(magnitude.sum(dtype=np.float64))
        self._low = min(self._low, float(y.min()))
        self._high = max(self._high, float(y.max()))
        self.peak = max(abs(self._low), abs(self._high))
        self.frames += len(y)

    def _silent_frames(self, magnitude: np.ndarray) -> int:
        starts = np.arange(0, len(magnitude), self._window)
        lengths = np.minimum(self._window, len(magnitude) - starts)
        return int(lengths[np.maximum.reduceat(magnitude, starts) < self._silence].sum())

    @property
    def digest(self) -> str:
        """BLAKE2b of the mono samples as little-endian float32, 128 bits in hexadecimal."""
        return self._digest.hexdigest()

    @property
    def rms(self) -> float:
        """Root of the mean square of the mono mixture."""
        return math.sqrt(self._squares / self.frames)

    @property
    def mean_amplitude(self) -> float:
        """Mean magnitude of the mono mixture."""
        return self._magnitudes / self.frames

    @property
    def clipped(self) -> float:
        """Share of the samples of all channels that reach full scale."""
        return self._clipped / self.frames

    @property
    def silent(self) -> float:
        """Share of the time that lies in silent windows."""
        return self._silent / self.frames

    @property
    def middle(self) -> float:
        """Middle between the lowest and the highest sample."""
        return (self._low + self._high) / 2

    @property
    def swing(self) -> float:
        """Half the distance between the lowest and the highest sample."""
        return (self._high - self._low) / 2
