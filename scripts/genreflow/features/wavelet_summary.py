"""The `wavelet_summary` set: what the levels of the wavelet transform hold, in a few numbers."""

import numpy as np

from genreflow.features.spectrum import require_audio
from genreflow.features.wavelet import decompose

# Coefficients that are worked on together, so that no copies of a whole level are made.
CHUNK = 1 << 16


def wavelet_summary(
    y: np.ndarray, *, sr: int, wavelet: str = "db4", level: int = 5
) -> dict[str, float]:
    """Four numbers of each level: mean magnitude, deviation, share of the energy, entropy.

    For a classifier the coefficients themselves are far too many, and shifting the audio by a
    sample changes them all. Their statistics per octave do not: the mean magnitude and the standard
    deviation are those of Tzanetakis et al. [1]_, energy those of Li et al. [2]_ - here as a share
    of the whole, which does not depend on how loud the track is. Entropy [3]_ tells whether the
    energy lies in few coefficients (strokes) or in all alike (noise, held tones)::

        p = c ** 2 / sum(c ** 2)
        entropy = -sum(p * log(p)) / log(len(c))

    .. [1] Tzanetakis, G., Essl, G., and Cook, P. "Audio analysis using the discrete wavelet
        transform." WSES International Conference on Acoustics and Music (2001).
    .. [2] Li, T., Ogihara, M., and Li, Q. "A comparative study on content-based music genre
        classification." SIGIR (2003).
    .. [3] Coifman, R. R., and Wickerhauser, M. V. "Entropy-based algorithms for best basis
        selection." IEEE Transactions on Information Theory 38 (1992).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int > 0 [Hz]
        sampling rate of `y`
    wavelet, level
        as for `genreflow.features.wavelet.wavelet`

    Returns
    -------
    dict [4 * (level + 1) entries]
        ``_mean``, ``_std``, ``_energy`` and ``_entropy`` of the approximation, ``a5``, and of the
        details from the lowest octave, ``d5``, to the highest, ``d1``. Energy and entropy are in
        [0, 1]; of silence all are 0.

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    """
    require_audio(y, sr=sr)
    *details, approximation = (_statistics(c) for c in decompose(y, wavelet=wavelet, level=level))
    levels = {f"a{level}": approximation}
    levels |= {f"d{i}": details[i - 1] for i in range(level, 0, -1)}
    total = sum(statistics["energy"] for statistics in levels.values())
    for statistics in levels.values():
        statistics["energy"] /= total or 1
    return {
        f"{name}_{statistic}": value
        for name, statistics in levels.items()
        for statistic, value in statistics.items()
    }


def _statistics(c: np.ndarray) -> dict[str, float]:
    """Mean magnitude, standard deviation, energy and relative entropy of coefficients."""
    n = len(c)
    mean = c.mean(dtype=np.float64)
    magnitude = variance = energy = surprise = 0.0
    for start in range(0, n, CHUNK):
        part = c[start : start + CHUNK].astype(np.float64)
        squares = part**2
        magnitude += np.abs(part).sum()
        variance += ((part - mean) ** 2).sum()
        energy += squares.sum()
        surprise += (squares * np.log(squares, out=np.zeros_like(part), where=squares > 0)).sum()
    entropy = (np.log(energy) - surprise / energy) / np.log(n) if energy and n > 1 else 0.0
    return {
        "mean": float(magnitude / n),
        "std": float(np.sqrt(variance / n)),
        "energy": float(energy),
        "entropy": float(np.clip(entropy, 0, 1)),  # but for rounding it is
    }
