"""Variants of audio, by their names."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np

from genreflow.audio.read import Resampler
from genreflow.features.spectrum import HELD, let_go, parts, require_audio
from genreflow.variants.names import Variant, parse
from genreflow.variants.noise import add_noise
from genreflow.variants.stretch import stretch, stretched_length

# Samples of variants that are held at once where several are made: 256 MB.
TOGETHER = 1 << 26


def make(y: np.ndarray, name: str, *, sr: int, seed: int) -> np.ndarray:
    """A variant of the audio.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio; it is read once, block by block
    name : str
        the variant's name, as in `genreflow.variants.names`
    sr : int > 0 [Hz]
        sampling rate of `y`
    seed : int >= 0
        what is drawn at random depends on this and on `name`

    Returns
    -------
    np.ndarray [shape=(round(n / speed),), dtype=float32]

    Raises
    ------
    GenreflowError
        if `name` is no variant's name, or `y` nothing that spectra can be made of
    """
    return next(make_many(y, [name], sr=sr, seed=seed))[1]


def make_many(
    y: np.ndarray, names: Sequence[str], *, sr: int, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Variants of the audio, the same as by `make` and sooner: they share the work on the spectra.

    Where the audio is long, only so many are made together that they stay within `TOGETHER`.

    Parameters
    ----------
    y, sr, seed
        as for `make`
    names : sequence of str

    Yields
    ------
    name : str
        in the order of `names`
    variant : np.ndarray [shape=(round(n / speed),), dtype=float32]

    Raises
    ------
    GenreflowError
        as for `make`
    """
    require_audio(y, sr=sr)
    variants = [parse(name) for name in names]
    while variants:
        samples = np.cumsum([stretched_length(len(y), rate=v.stretch) for v in variants])
        k = max(1, np.searchsorted(samples, TOGETHER, side="right"))
        recordings = _record(y, variants[:k], sr=sr)
        for variant in variants[:k]:
            yield variant.name, _process(recordings.pop(0), variant, seed=seed)
        variants = variants[k:]


def _record(y: np.ndarray, variants: Sequence[Variant], *, sr: int) -> list[np.ndarray]:
    """Speed, pitch and shift of some variants, in one pass over the audio."""
    tapes = [_Tape(len(y), variant, sr=sr) for variant in variants]
    rates = sorted({tape.rate for tape in tapes} - {1.0})
    for rate, piece in chain(_pieces(y), stretch(y, rates)):
        for tape in tapes:
            if tape.rate == rate:
                tape.write(piece)
    for tape in tapes:
        tape.finish()
    return [tape.y for tape in tapes]


def _pieces(y: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """The audio at its own speed, as `stretch` gives it at others."""
    for piece in parts(y):
        yield 1.0, piece


class _Tape:
    """What a variant is recorded on: a loop of its length, that may run faster or slower.

    A tape that runs faster sounds higher. So for a higher pitch the music is first stretched to a
    lower speed, by as much as the tape, that is resampling, then makes up for.

    Parameters
    ----------
    n : int > 0
        number of samples of the music
    variant : Variant
    sr : int > 0 [Hz]
        sampling rate

    Attributes
    ----------
    rate : float > 0
        the speed at which the music is expected
    y : np.ndarray [shape=(round(n / variant.stretch),), dtype=float32]
        what has been recorded, and zeros
    """

    def __init__(self, n: int, variant: Variant, *, sr: int) -> None:
        slower = 2.0 ** (-variant.pitch / 12)
        self.rate = variant.stretch * slower
        self.y = _room(stretched_length(n, rate=variant.stretch))
        self._resampler = Resampler(sr / slower, sr)
        self._left = len(self.y)
        self._at = round(variant.shift * sr) % len(self.y)

    def write(self, piece: np.ndarray) -> None:
        """Take the next samples of the music."""
        self._put(self._resampler.push(piece))

    def finish(self) -> None:
        """Take notice that there are no more."""
        self._put(self._resampler.finish())

    def _put(self, piece: np.ndarray) -> None:
        """Record samples; what comes after the end of the loop goes to its beginning."""
        piece = piece[: self._left]
        here = min(len(piece), len(self.y) - self._at)
        self.y[self._at : self._at + here] = piece[:here]
        self.y[: len(piece) - here] = piece[here:]
        let_go(self.y, self._at, self._at + len(piece))
        self._at = (self._at + len(piece)) % len(self.y)
        self._left -= len(piece)


def _room(n: int) -> np.ndarray:
    """Zeros [shape=(n,), dtype=float32]; for long audio in a file that is gone when they are."""
    if n < HELD:
        return np.zeros(n, np.float32)
    with tempfile.TemporaryFile() as file:
        if hasattr(os, "posix_fallocate"):  # a full disk is told here, and not later
            os.posix_fallocate(file.fileno(), 0, 4 * n)
        return np.asarray(np.memmap(file, np.float32, mode="w+", shape=(n,)))


def _process(y: np.ndarray, variant: Variant, *, seed: int) -> np.ndarray:
    """Gain and noise, in place."""
    if variant.gain:
        for piece in parts(y):
            piece *= np.float32(10 ** (variant.gain / 20))
    if variant.noise is not None:
        add_noise(y, snr=variant.noise, name=variant.name, seed=seed)
    return y
