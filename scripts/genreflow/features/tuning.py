"""How far the music is tuned away from A4 = 440 Hz."""

import numpy as np

from genreflow.features.filters import C0_HZ
from genreflow.features.spectrum import N_FFT, fft_frequencies

# Where the peaks of tones are looked for, and how strong they must be in their frame.
LOWEST, HIGHEST = 150.0, 4000.0
THRESHOLD = 0.1


def spectral_peaks(S: np.ndarray, *, sr: int) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of all frames, between 150 and 4000 Hz, refined by a parabola [#]_.

    A bin is a peak when it is greater than a tenth of its frame's maximum and than its neighbours.

    .. [#] Smith, J. O. "Spectral audio signal processing", section on sinusoidal peak
        interpolation. https://ccrma.stanford.edu/~jos/sasp/

    Parameters
    ----------
    S : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
        magnitude or power
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    pitches : np.ndarray [shape=(n_peaks,), dtype=float32, Hz]
    heights : np.ndarray [shape=(n_peaks,), dtype=float32]
        the parabola's value at its vertex, in the unit of `S`

    See Also
    --------
    librosa.piptrack : the same peaks, in a matrix
    """
    first, end = np.searchsorted(fft_frequencies(sr=sr), [LOWEST, min(HIGHEST, sr / 2)])
    region = S[:, first - 1 : end + 1]
    strong = np.where(region > np.float32(THRESHOLD) * S.max(axis=1, keepdims=True), region, 0)
    middle = strong[:, 1:-1]
    frame, column = np.nonzero((middle > strong[:, :-2]) & (middle >= strong[:, 2:]))

    before, height, after = (region[frame, column + i] for i in range(3))
    slope = (after - before) / 2
    curvature = (after + before) - 2 * height.astype(np.float64)
    shift = np.zeros_like(height)
    np.divide(
        -slope, curvature, out=shift, where=np.abs(slope) < np.abs(curvature), casting="same_kind"
    )

    pitches = (first + column + shift) * (sr / N_FFT)
    return pitches.astype(np.float32), height + slope / 2 * shift


def pitch_tuning(pitches: np.ndarray) -> float:
    """The commonest deviation of pitches from the tempered scale, to a hundredth of a semitone.

    Parameters
    ----------
    pitches : np.ndarray [shape=(n,), Hz], positive

    Returns
    -------
    float in [-0.5, 0.5) [semitones]
        0 where there are no pitches

    See Also
    --------
    librosa.pitch_tuning : equal
    """
    if not len(pitches):
        return 0.0
    residual = (12 * np.log2(pitches / C0_HZ)) % 1
    residual[residual >= 0.5] -= 1
    counts, edges = np.histogram(residual, np.linspace(-0.5, 0.5, 101))
    return float(edges[np.argmax(counts)])


def estimate_tuning(S: np.ndarray, *, sr: int) -> float:
    """The tuning of the louder half of the spectral peaks.

    Parameters
    ----------
    S : np.ndarray [shape=(n_frames, N_BINS), dtype=float32]
        magnitude or power
    sr : int > 0 [Hz]
        sampling rate

    Returns
    -------
    float in [-0.5, 0.5) [semitones]

    See Also
    --------
    librosa.estimate_tuning : equal
    """
    pitches, heights = spectral_peaks(S, sr=sr)
    if not len(pitches):
        return 0.0
    return pitch_tuning(pitches[heights >= np.median(heights)])
