"""Power spectra that are gone through more than once."""

from collections.abc import Iterator

import numpy as np

from genreflow.features.spectrum import n_frames, power_spectra

# So many frames are kept (67 MB): three minutes at 22,050 Hz where they are 256 samples apart, six
# where they are 512.
MOST_KEPT = 16320


class Power:
    """The power spectra of a track, to be gone through several times.

    The first of them are kept from the first time on; what comes after them is transformed again.

    Parameters
    ----------
    y, hop, pad_mode
        as for `genreflow.features.spectrum.power_spectra`

    Attributes
    ----------
    n_frames : int
    """

    def __init__(self, y: np.ndarray, *, hop: int, pad_mode: str) -> None:
        self.n_frames = n_frames(len(y), hop=hop)
        self._arguments = {"y": y, "hop": hop, "pad_mode": pad_mode}
        self._kept: list[tuple[slice, np.ndarray]] = []

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of frames, as `power_spectra` yields them."""
        yield from self._kept
        first = self._kept[-1][0].stop if self._kept else 0
        for block, P in power_spectra(**self._arguments, first=first):
            if block.stop <= MOST_KEPT:
                self._kept.append((block, P.copy()))
            yield block, P
