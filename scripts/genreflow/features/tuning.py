"""How far the music is tuned away from A4 = 440 Hz."""

import functools

import numpy as np

from genreflow.features.filters import C0_HZ
from genreflow.features.kernel import kernel
from genreflow.features.spectrum import N_FFT, fft_frequencies

# Where the peaks of tones are looked for, and how strong they must be in their frame.
LOWEST, HIGHEST = 150.0, 4000.0
THRESHOLD = np.float32(0.1)

# Deviations from the scale are counted by hundredths of a step.
EDGES = np.linspace(-0.5, 0.5, 101)


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
    first, end = _region(sr)
    # Of two neighbours no more than one is a peak.
    pitches, heights = np.empty((2, len(S) * ((end - first + 1) // 2)), np.float32)
    thresholds = THRESHOLD * S.max(axis=1)
    n = _find_peaks(S, thresholds, first, end, sr / N_FFT, pitches, heights)
    return pitches[:n], heights[:n]


@functools.cache
def _region(sr: int) -> tuple[int, int]:
    """The bins where peaks are looked for: the first, and the one after the last."""
    first, end = np.searchsorted(fft_frequencies(sr=sr), [LOWEST, min(HIGHEST, sr / 2)])
    return int(first), int(end)


@kernel
def _find_peaks(S, thresholds, first, end, step, pitches, heights):
    n = 0
    for t in range(len(S)):
        row, threshold = S[t], thresholds[t]
        for k in range(first, min(end, len(row) - 1)):
            height, before, after = row[k], row[k - 1], row[k + 1]
            # What is not above the threshold counts as zero.
            if height > threshold and (
                (height > before or before <= threshold) and (height >= after or after <= threshold)
            ):
                slope = (after - before) / np.float32(2)
                curvature = (after + before) - 2 * np.float64(height)
                shift = np.float32(0)
                if abs(slope) < abs(curvature):
                    shift = np.float32(-slope / curvature)
                pitches[n] = (k + np.float64(shift)) * step
                heights[n] = height + slope / np.float32(2) * shift
                n += 1
    return n


def _hundredths(pitches: np.ndarray, bins_per_octave: int) -> np.ndarray:
    """Of each pitch, in which hundredth of a step from -0.5 to 0.5 its deviation lies."""
    residual = (bins_per_octave * np.log2(pitches / C0_HZ)) % 1
    residual[residual >= 0.5] -= 1
    return (np.searchsorted(EDGES, residual, side="right") - 1).astype(np.uint8)


def _commonest(hundredths: np.ndarray) -> float:
    return float(EDGES[np.argmax(np.bincount(hundredths))])


class TuningEstimate:
    """The tuning of the louder half of the spectral peaks, of spectra that come block by block.

    Parameters
    ----------
    sr : int > 0 [Hz]
        sampling rate
    bins_per_octave : int > 0
        steps of the scale: 12 for semitones

    See Also
    --------
    librosa.estimate_tuning : equal
    """

    def __init__(self, *, sr: int, bins_per_octave: int = 12) -> None:
        self._sr = sr
        self._bins_per_octave = bins_per_octave
        self._pitches: list[np.ndarray] = []
        self._heights: list[np.ndarray] = []
        self._hundredths: list[np.ndarray] = []

    def add(self, S: np.ndarray) -> None:
        """Take the peaks of a block.

        Parameters
        ----------
        S : np.ndarray [shape=(k, N_BINS), dtype=float32]
            magnitude or power, but the same in all blocks
        """
        pitches, heights = spectral_peaks(S, sr=self._sr)
        self._pitches.append(pitches.copy())
        self._heights.append(heights.copy())
        # A minute's pitches are counted together, which is quicker; to keep all takes more memory.
        if len(self._pitches) == 64:
            self._count()

    def _count(self) -> None:
        if self._pitches:
            pitches = np.concatenate(self._pitches)
            self._hundredths.append(_hundredths(pitches, self._bins_per_octave))
            self._pitches.clear()

    def tuning(self) -> float:
        """The tuning of what was added.

        Returns
        -------
        float in [-0.5, 0.5) [steps]
            0 where there are no peaks
        """
        self._count()
        if not any(map(len, self._heights)):
            return 0.0
        heights = np.concatenate(self._heights)
        self._heights = [heights]  # the parts are no longer needed
        return _commonest(np.concatenate(self._hundredths)[heights >= np.median(heights)])
