"""The `waveform` sets: the samples themselves, for models that learn from sound as it is."""

import numpy as np


def waveform(y: np.ndarray, *, sr: int) -> np.ndarray:
    """The samples of a track, at the rate that the feature set names.

    They are as many as the track is long: an hour at 22,050 Hz is 318 MB.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`, to which its file was resampled

    Returns
    -------
    np.ndarray [shape=(n,), dtype=float32]
        `y`, not copied
    """
    return y
