"""The `mel_image` set: the mel spectrogram as a small picture."""

import numpy as np

from genreflow.features.mel import mel_db

SIDE = 128
RANGE = 80.0

# Nothing is under -100 dB, but for rounding: what is no louder than this is silent.
SILENCE = -99.99


def mel_image(y: np.ndarray, *, sr: int) -> np.ndarray:
    """The mel spectrogram in decibel under its maximum, 128 x 128 pixels in colour.

    The study that this set comes from says that "the numerical pixel data from these spectrograms
    was resized and RGB-mapped to be 128x128x3". What it leaves open is chosen so:

    - decibel relative to the loudest cell, from -80 to 0, as `librosa.display` shows them;
    - the numbers are resized, not their colours, by triangles as wide as the frames that fall
      into a pixel, so that each frame counts (Pillow's BILINEAR); the 128 bands are 128 rows;
    - time from left to right, low frequencies at the bottom;
    - the colours of `librosa.display`: magma, from black to pale yellow, in 256 steps [#]_.

    .. [#] Smith, N., and van der Walt, S. "A better default colormap for Matplotlib." SciPy (2015).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(3, 128, 128), dtype=uint8]
        red, green and blue; silence is black

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    """
    from matplotlib import colormaps
    from PIL import Image

    frames = Image.fromarray(_brightness(mel_db(y, sr=sr)))
    resized = np.asarray(frames.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    coloured = colormaps["magma"](resized.T[::-1], bytes=True)
    return np.ascontiguousarray(coloured[..., :3].transpose(2, 0, 1))


def _brightness(db: np.ndarray) -> np.ndarray:
    """Decibel brought to 0..1, the loudest cell being 1; silence has no such cell."""
    loudest = db.max()
    if loudest <= SILENCE:
        return np.zeros_like(db)
    return 1 + (db - loudest) / np.float32(RANGE)
