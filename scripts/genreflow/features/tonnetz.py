"""Feature set `tonnetz`: where the harmony lies on the circles of fifths and thirds."""

import numpy as np

from genreflow.features.cqt import chroma_cqt
from genreflow.features.spectrum import require_audio

# Half turns that a semitone takes on the circles of fifths, minor thirds and major thirds, and
# the circles' radii.
HALF_TURNS = np.array([7 / 6, 3 / 2, 2 / 3])
RADII = np.array([1, 1, 0.5])


def tonnetz(y: np.ndarray, *, sr: int) -> np.ndarray:
    """Tonal centroids [#]_: the centre of mass of the pitch classes on three circles.

    .. [#] Harte, C., Sandler, M., and Gasser, M. "Detecting harmonic change in musical audio."
        ACM Workshop on Audio and Music Computing Multimedia (2006).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    np.ndarray [shape=(6, n_frames), dtype=float32]
        x and y on the circle of fifths, of minor thirds and of major thirds, where x is the sine;
        0 in frames without any sound

    Raises
    ------
    GenreflowError
        if the audio is too short, is not mono, holds NaN, or has too low a rate

    See Also
    --------
    librosa.feature.tonnetz : equal
    """
    require_audio(y, sr=sr)
    chroma = chroma_cqt(y, sr=sr)
    total = chroma.sum(axis=1, keepdims=True)
    shares = np.divide(chroma, total, out=chroma, where=total > 0)
    return np.ascontiguousarray((shares @ _pitch_classes_on_circles()).T, np.float32)


def _pitch_classes_on_circles() -> np.ndarray:
    """Places of the twelve pitch classes: np.ndarray [shape=(12, 6)]."""
    angles = np.pi * np.outer(np.arange(12), HALF_TURNS)
    return np.stack([RADII * np.sin(angles), RADII * np.cos(angles)], axis=2).reshape(12, 6)
