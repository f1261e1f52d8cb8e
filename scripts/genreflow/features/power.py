"""Power spectra that are gone through more than once."""

from collections.abc import Iterator

import numpy as np

from genreflow.features.spectrum import (
    BLOCK,
    HOP,
    N_BINS,
    blocks,
    n_frames,
    power_spectra,
    spectra,
)

# Frames that are kept, 47 MB: four and a half minutes at 22,050 Hz, if they are 512 samples apart.
KEPT = 240 * BLOCK


class Power:
    """The power spectra of a track, to be gone through once more when all have been seen.

    The first of them are kept; what comes after them is transformed again.

    Parameters
    ----------
    y, hop, pad_mode
        as for `genreflow.features.spectrum.power_spectra`

    Attributes
    ----------
    n_frames : int
    """

    def __init__(self, y: np.ndarray, *, hop: int = HOP, pad_mode: str = "reflect") -> None:
        self.n_frames = n_frames(len(y), hop=hop)
        self._audio = {"y": y, "hop": hop, "pad_mode": pad_mode}
        self._kept = np.empty((min(self.n_frames, KEPT), N_BINS), np.float32)
        self._passing = np.empty((BLOCK, N_BINS), np.float32)

    def first_pass(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of frames, as `power_spectra` yields them."""
        for block, D in spectra(**self._audio):
            yield block, self.take(block, np.abs(D))

    def take(self, block: slice, S: np.ndarray) -> np.ndarray:
        """The power of a block whose magnitude is known, in the first pass.

        Parameters
        ----------
        block : slice
            which frames these are
        S : np.ndarray [shape=(k, N_BINS), dtype=float32]
            magnitude

        Returns
        -------
        np.ndarray [shape=(k, N_BINS), dtype=float32]
            the next block may be written over it
        """
        room = self._kept[block] if block.stop <= len(self._kept) else self._passing[: len(S)]
        return np.square(S, out=room)

    def second_pass(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The same blocks again."""
        for block in blocks(len(self._kept)):
            yield block, self._kept[block]
        yield from power_spectra(**self._audio, first=len(self._kept))
