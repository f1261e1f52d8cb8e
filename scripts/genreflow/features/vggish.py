"""The `vggish` sets: what a network heard that was trained on the sound of videos.

Its front end is that of the published definition [#]_, in double precision: frames of 25 ms under a
periodic Hann window, 10 ms apart, from the first sample on; magnitudes in 64 mel bands from 125 to
7500 Hz, and the logarithm of that plus 0.01. Examples of 96 frames follow one another without
overlap; a remainder is left out.

.. [#] github.com/tensorflow/models, research/audioset/vggish: vggish_input.py, mel_features.py.
"""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.features.inference import RATE, inference, require_sound
from genreflow.features.spectrum import fft_frequencies, hann, let_go

if TYPE_CHECKING:
    from genreflow.models.vggish import VGGish

N_FFT = 512
WINDOW = 400
HOP = 160
N_FRAMES = 96
N_MELS = 64
F_MIN, F_MAX = 125.0, 7500.0
LOG_OFFSET = 0.01

# Samples from an example to the next, and of an example, whose last frame reaches further.
EXAMPLE_HOP = N_FRAMES * HOP
EXAMPLE = (N_FRAMES - 1) * HOP + WINDOW

# Examples that are worked on together: the network's maps of them take 70 MB.
TOGETHER = 16


def vggish(y: np.ndarray, *, sr: int, weights: str) -> dict[str, float]:
    """Mean and standard deviation of the embeddings of a track's examples.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio, at least 0.975 s
    sr : int [Hz]
        sampling rate of `y`, 16,000
    weights : str
        path of the weights, see `genreflow.models.vggish.VGGish`

    Returns
    -------
    dict
        ``vggish_000_mean`` to ``vggish_127_mean``, and as many ``..._std``, which are 0 where there
        is but one example

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    SetupError
        if `sr` is another, or the weights are another network's
    """
    values = vggish_frames(y, sr=sr, weights=weights).astype(np.float64)
    pooled = {"mean": values.mean(axis=1), "std": values.std(axis=1)}
    return {
        f"vggish_{i:03}_{statistic}": float(value)
        for statistic, numbers in pooled.items()
        for i, value in enumerate(numbers)
    }


def vggish_frames(y: np.ndarray, *, sr: int, weights: str) -> np.ndarray:
    """The embeddings of a track's examples, each of 0.96 s.

    Of 30 s there are 31: the 3,968 numbers that studies of GTZAN speak of.

    Parameters
    ----------
    y, sr, weights
        as for `vggish`

    Returns
    -------
    np.ndarray [shape=(128, n_examples), dtype=float32]
        as the last layer gives them: neither rectified nor whitened and rounded

    Raises
    ------
    GenreflowError, SetupError
        as for `vggish`
    """
    import torch

    require_sound(y, sr=sr)
    if len(y) < EXAMPLE:
        raise GenreflowError(f"{len(y)} samples long; an example has {EXAMPLE}")
    with inference():
        network = _network(weights)
        embedded = [network(torch.from_numpy(x)).numpy() for x in log_mel_examples(y)]
    return np.concatenate(embedded).T


def log_mel_examples(y: np.ndarray) -> Iterator[np.ndarray]:
    """What the network is given.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio at 16 kHz

    Yields
    ------
    np.ndarray [shape=(k, 96, 64), dtype=float32]
        the next `TOGETHER` examples, and at the end what is left
    """
    total = 1 + (len(y) - EXAMPLE) // EXAMPLE_HOP
    for first in range(0, total, TOGETHER):
        k = min(TOGETHER, total - first)
        start = first * EXAMPLE_HOP
        stop = start + (k - 1) * EXAMPLE_HOP + EXAMPLE
        frames = np.lib.stride_tricks.sliding_window_view(y[start:stop], WINDOW)[::HOP]
        magnitude = np.abs(np.fft.rfft(frames * hann(WINDOW), N_FFT))
        log_mel = np.log(magnitude @ _mel_filters() + LOG_OFFSET)
        yield log_mel.astype(np.float32).reshape(k, N_FRAMES, N_MELS)
        let_go(y, start, stop)


@functools.cache
def _mel_filters() -> np.ndarray:
    """Triangles [shape=(257, 64)] whose sides are straight over mel, not over Hz; 0 at 0 Hz."""
    edges = np.linspace(_hz_to_mel(F_MIN), _hz_to_mel(F_MAX), N_MELS + 2)
    distance = _hz_to_mel(fft_frequencies(sr=RATE, n_fft=N_FFT))[:, np.newaxis] - edges
    widths = np.diff(edges)
    rising, falling = distance[:, :-2] / widths[:-1], -distance[:, 2:] / widths[1:]
    return np.maximum(0, np.minimum(rising, falling))


def _hz_to_mel(frequency: float | np.ndarray) -> float | np.ndarray:
    """The mel scale of HTK, the Hidden Markov Model Toolkit."""
    return 1127 * np.log1p(frequency / 700)


@functools.cache
def _network(weights: str) -> "VGGish":
    """The network with its weights, once per process."""
    import torch

    from genreflow.models.pretrained import load_checkpoint
    from genreflow.models.vggish import VGGish

    network = VGGish()
    load_checkpoint(network, weights)
    # With the channels last, convolutions take four fifths of the time.
    return network.eval().to(memory_format=torch.channels_last)
