"""The `mfcc` set: mel-frequency cepstral coefficients over time."""

import numpy as np

from genreflow.features.bands import cepstrum
from genreflow.features.mel import mel_db


def mfcc(y: np.ndarray, *, sr: int, n_mfcc: int = 40, hop: int = 256) -> np.ndarray:
    """The cosine transform of each frame of the mel spectrogram in decibel [#]_.

    Of 30.6 s at 22,050 Hz (the longest clip of GTZAN, 675,808 samples) it has 40 x 2640 values.

    .. [#] Davis, S., and Mermelstein, P. "Comparison of parametric representations for
        monosyllabic word recognition in continuously spoken sentences." IEEE Transactions on
        Acoustics, Speech, and Signal Processing 28 (1980).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    n_mfcc : int in 1..128
        number of coefficients
    hop : int > 0
        distance of the frames in samples

    Returns
    -------
    np.ndarray [shape=(n_mfcc, 1 + n // hop), dtype=float32, dB]

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    See Also
    --------
    librosa.feature.mfcc : equal, with ``n_mfcc=n_mfcc, hop_length=hop``
    """
    return cepstrum(mel_db(y, sr=sr, hop=hop), n_mfcc=n_mfcc).T.astype(np.float32)
