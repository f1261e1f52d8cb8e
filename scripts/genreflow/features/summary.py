"""The `summary` set: the 57 statistics of the GTZAN feature table.

The table was published with GTZAN on Kaggle (features_30_sec.csv) and made with librosa when it
still continued audio at its ends by reflection. With that padding the definitions here give the
table's columns again, from the same audio, to 1e-5; but for those of the harmonic and percussive
part, which came from an older separation: their variances agree to 1e-4 for half of the clips, and
to 2e-2 at worst; their means are near zero and say nothing.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from genreflow.features.bands import N_MELS, cepstrum, mel_bands, pitch_classes
from genreflow.features.descriptors import (
    centroid_and_bandwidth,
    rms,
    rolloff,
    zero_crossing_rate,
)
from genreflow.features.hpss import harmonic_spectra
from genreflow.features.kernel import kernel
from genreflow.features.power import Power
from genreflow.features.rhythm import onset_strength, tempo
from genreflow.features.spectrum import (
    BLOCK,
    N_BINS,
    power_to_db,
    require_audio,
    resynthesis,
    spectra,
)
from genreflow.features.tuning import TuningEstimate

N_MFCC = 20


def summary(y: np.ndarray, *, sr: int) -> dict[str, float]:
    """Mean and variance over time of 28 descriptors, and the tempo.

    In the order of the published table: chroma_stft, rms, spectral_centroid, spectral_bandwidth,
    rolloff, zero_crossing_rate, harmony, perceptr (the samples of the harmonic and the percussive
    part), each ``_mean`` and ``_var``; tempo; mfcc1 to mfcc20, ``_mean`` and ``_var``.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, longer than 1024 samples; the table's is at 22,050 Hz
    sr : int > 0 [Hz]
        sampling rate of `y`

    Returns
    -------
    dict [57 entries]
        frequencies in Hz, tempo in BPM, MFCC in dB, all else without unit; variances are those of
        the population

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite

    Examples
    --------
    >>> y = np.random.default_rng(0).normal(0, 0.1, 22050).astype("float32")
    >>> list(summary(y, sr=22050))[:3]
    ['chroma_stft_mean', 'chroma_stft_var', 'rms_mean']
    """
    require_audio(y, sr=sr)
    frames = Frames(y, sr=sr)
    harmonic, percussive = Moments(), Moments()
    spectra_and_magnitudes = frames.described(spectra(y))
    for where, part in resynthesis(harmonic_spectra(spectra_and_magnitudes), length=len(y)):
        # The two masks sum to one, so the percussive part is what the harmonic leaves.
        harmonic.add(part)
        percussive.add(np.subtract(y[where], part, out=part))

    chroma = frames.chroma()
    mel = power_to_db(frames.mel, out=frames.mel)
    moments = {
        "chroma_stft": moments_of(chroma),
        "rms": moments_of(rms(y)),
        "spectral_centroid": moments_of(frames.centroid),
        "spectral_bandwidth": moments_of(frames.bandwidth),
        "rolloff": moments_of(frames.rolloff),
        "zero_crossing_rate": moments_of(zero_crossing_rate(y)),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    coefficients = {
        f"mfcc{i}": moments_of(values)
        for i, values in enumerate(cepstrum(mel, n_mfcc=N_MFCC).T, start=1)
    }
    return {
        **_statistics(moments),
        "tempo": tempo(onset_strength(mel), sr=sr),
        **_statistics(coefficients),
    }


class Frames:
    """What is read off each frame's spectrum as it goes by.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`

    Attributes
    ----------
    centroid, bandwidth, rolloff : np.ndarray [shape=(n_frames,), dtype=float64, Hz]
    mel : np.ndarray [shape=(n_frames, 128), dtype=float32]
        power
    """

    def __init__(self, y: np.ndarray, *, sr: int) -> None:
        self._sr = sr
        self._power = Power(y)
        self._tuning = TuningEstimate(sr=sr)
        self.centroid, self.bandwidth, self.rolloff = np.empty((3, self._power.n_frames))
        self.mel = np.empty((self._power.n_frames, N_MELS), np.float32)

    def described(
        self, spectra: Iterable[tuple[slice, np.ndarray]]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Spectra as they come, with their magnitudes, once their descriptors are noted."""
        magnitude = np.empty((BLOCK, N_BINS), np.float32)
        for block, D in spectra:
            S = np.abs(D, out=magnitude[: len(D)])
            P = self._power.take(block, S)
            self._tuning.add(P)
            mel_bands(P, sr=self._sr, out=self.mel[block])
            self.centroid[block], self.bandwidth[block] = centroid_and_bandwidth(S, sr=self._sr)
            self.rolloff[block] = rolloff(S, sr=self._sr)
            yield D, S

    def chroma(self) -> np.ndarray:
        """Energy of the twelve pitch classes in the tuning of the track, once all frames are seen.

        Returns
        -------
        np.ndarray [shape=(n_frames, 12), dtype=float32]
            each frame scaled to a maximum of 1; 0 in silent frames
        """
        return pitch_classes(self._power, sr=self._sr, tuning=self._tuning.tuning())


class Moments:
    """Mean and variance of numbers that come part by part, in double precision [#]_.

    .. [#] Chan, T. F., Golub, G. H., and LeVeque, R. J. "Algorithms for computing the sample
        variance." The American Statistician 37 (1983).

    Attributes
    ----------
    mean : float
    """

    def __init__(self) -> None:
        self._n = 0
        self._squares = 0.0
        self.mean = 0.0

    @property
    def var(self) -> float:
        """Mean squared distance from the mean."""
        return self._squares / self._n

    def add(self, values: np.ndarray) -> None:
        """Take more numbers.

        Parameters
        ----------
        values : np.ndarray [shape=(n,)], not empty
        """
        mean, squares = _mean_and_squares(values)
        n = self._n + len(values)
        distance = mean - self.mean
        self._squares += squares + distance**2 * self._n * len(values) / n
        self.mean += distance * len(values) / n
        self._n = n


@kernel(relaxed=True)
def _mean_and_squares(values):
    """Mean, and the sum of the squared distances from it."""
    total, squares = 0.0, 0.0
    for i in range(len(values)):
        total += values[i]
    mean = total / len(values)
    for i in range(len(values)):
        squares += (values[i] - mean) ** 2
    return mean, squares


def moments_of(values: np.ndarray) -> Moments:
    """Mean and variance of an array of any shape."""
    moments = Moments()
    moments.add(values.reshape(-1))
    return moments


def _statistics(moments: dict[str, Moments]) -> dict[str, float]:
    statistics = {}
    for name, m in moments.items():
        statistics |= {f"{name}_mean": float(m.mean), f"{name}_var": float(m.var)}
    return statistics
