"""Decoding and resampling, sample for sample what ``librosa.load`` gives.

soundfile decodes (wav, au, aiff, flac, ogg, opus, mp3 and others, by content, whatever the name)
and soxr resamples at its setting HQ. Everything goes block by block, so that memory does not
depend on the length of a file.
"""

import math
import os
from collections.abc import Iterator

import numpy as np
import soundfile as sf
import soxr

# Windows in which silence is looked for [per second], and how many of them make a block.
WINDOWS_PER_SECOND = 10
WINDOWS_PER_BLOCK = 10


def load(
    path: str | bytes | os.PathLike, *, sr: int, offset: float = 0.0, seconds: float | None = None
) -> np.ndarray:
    """Audio of a file as mono PCM at a given rate.

    The same, to the last bit, as ``librosa.load(path, sr=sr, offset=offset, duration=seconds)``
    where librosa reads by soundfile.

    Parameters
    ----------
    path : str, bytes or path-like
    sr : int > 0 [Hz]
        sampling rate of the result
    offset : number >= 0 [s]
        where to begin
    seconds : number > 0 [s] or None
        how much to read; None reads to the end

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float32]

    Raises
    ------
    soundfile.LibsndfileError
        where the file cannot be decoded
    """
    with Sound(os.fsencode(path)) as sound:
        start = int(offset * sound.samplerate)
        frames = None if seconds is None else int(seconds * sound.samplerate)
        resampler = Resampler(sound.samplerate, sr)
        parts = [resampler.push(to_mono(block)) for block in blocks(sound, start, frames)]
        return np.concatenate([*parts, resampler.finish()])


class Sound(sf.SoundFile):
    """A file that is read straight on.

    soundfile seeks after every read. The mp3 decoder then starts afresh, so that reading in
    blocks would give other samples than reading at once, and clicks between the blocks.
    """

    def seekable(self) -> bool:
        """Whether soundfile shall seek; `seek` itself works."""
        return False

    def next_frames(self, number: int) -> np.ndarray:
        """Decode the next frames.

        Samples of 16 bits are fetched as they are: libsndfile takes four times as long to make
        the same floats of them.

        Parameters
        ----------
        number : int > 0
            how many; at the end of the file there are fewer

        Returns
        -------
        np.ndarray [shape=(n, channels), dtype=float32]
            full scale is 1
        """
        if self.subtype != "PCM_16":
            return self.read(number, dtype="float32", always_2d=True)
        integers = self.read(number, dtype="int16", always_2d=True)
        return np.multiply(integers, np.float32(2**-15), dtype=np.float32)


def blocks(sound: Sound, start: int, frames: int | None) -> Iterator[np.ndarray]:
    """Decode an excerpt of an open file.

    Parameters
    ----------
    sound : Sound
    start : int >= 0
        first frame
    frames : int >= 0 or None
        number of frames; None reads to the end

    Yields
    ------
    np.ndarray [shape=(n, channels), dtype=float32]
        blocks of ``WINDOWS_PER_BLOCK`` windows, the last one as long as it is

    Raises
    ------
    soundfile.LibsndfileError
        where the decoder cannot go on
    """
    size = WINDOWS_PER_BLOCK * window_frames(sound.samplerate)
    left = sound.frames - start if frames is None else min(frames, sound.frames - start)
    if start:
        sound.seek(start)
    while left > 0:
        asked = min(size, left)
        block = sound.next_frames(asked)
        if len(block):
            yield block
        if len(block) < asked:
            return
        left -= asked


def window_frames(rate: int) -> int:
    """Length of the windows in which silence is looked for [frames]."""
    return max(1, rate // WINDOWS_PER_SECOND)


def to_mono(block: np.ndarray) -> np.ndarray:
    """Mean of the channels, with the bits of ``np.mean``.

    Parameters
    ----------
    block : np.ndarray [shape=(n, channels), dtype=float32]

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float32]
    """
    if block.shape[1] == 1:
        return block[:, 0]
    if block.shape[1] == 2:  # twenty times as fast
        return np.float32(0.5) * (block[:, 0] + block[:, 1])
    return block.mean(axis=1)


class Resampler:
    """Resampling block by block, with soxr's HQ.

    The blocks' results, joined, are those of ``librosa.resample(y, orig_sr=rate, target_sr=sr)``,
    which has ``ceil(len(y) * sr / rate)`` samples.

    Parameters
    ----------
    rate, sr : number > 0 [Hz]
        sampling rates before and after; where they agree nothing is done
    """

    def __init__(self, rate: float, sr: int) -> None:
        self._ratio = float(sr) / rate
        self._stream = None if rate == sr else soxr.ResampleStream(rate, sr, 1, quality="HQ")
        self._taken = self._given = 0

    def push(self, y: np.ndarray) -> np.ndarray:
        """Samples that are finished once these ones [shape=(n,), dtype=float32] have come."""
        if self._stream is None:
            return y
        self._taken += len(y)
        return self._give(self._stream.resample_chunk(np.ascontiguousarray(y)))

    def finish(self) -> np.ndarray:
        """The samples that are still to come."""
        nothing = np.zeros(0, np.float32)
        if self._stream is None or not self._taken:
            return nothing
        rest = self._give(self._stream.resample_chunk(nothing, last=True))
        missing = math.ceil(self._taken * self._ratio) - self._given
        return np.concatenate([rest, np.zeros(max(0, missing), np.float32)])

    def _give(self, y: np.ndarray) -> np.ndarray:
        self._given += len(y)
        return y
