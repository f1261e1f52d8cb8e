"""The `wav2vec2` sets: what a network heard that was trained on speech."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from genreflow.features.inference import RATE, inference, require_sound, windows

if TYPE_CHECKING:
    from transformers import Wav2Vec2Model

# The network's time and memory grow with the square of the length that it takes at once.
LENGTH = 5 * RATE


def wav2vec2(y: np.ndarray, *, sr: int, weights: str) -> dict[str, float]:
    """Mean over time of the last layer of a frozen wav2vec 2.0 [#]_.

    The track is heard in windows of 5 s, see `genreflow.features.inference.windows`. Each is
    brought to mean 0 and variance 1 by itself, as the network was trained.

    .. [#] Baevski, A., Zhou, H., Mohamed, A., and Auli, M. "wav2vec 2.0: a framework for
        self-supervised learning of speech representations." NeurIPS (2020).

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int [Hz]
        sampling rate of `y`, 16,000
    weights : str
        folder of a published model, see `genreflow.models.wav2vec2.load_encoder`; the
        architecture is that of its config.json

    Returns
    -------
    dict
        ``wav2vec2_000`` to ``wav2vec2_767`` for the base model, others as wide as they are

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    SetupError
        if `sr` is another, or the folder holds no such model
    """
    import torch

    from genreflow.models.wav2vec2 import mean_of_frames

    require_sound(y, sr=sr)
    with inference():
        encoder = _encoder(weights)
        heard = [
            mean_of_frames(encoder, torch.from_numpy(window)[np.newaxis])
            for window in windows(y, length=LENGTH)
        ]
        values = torch.cat(heard).mean(dim=0).tolist()
    return {f"wav2vec2_{i:03}": value for i, value in enumerate(values)}


@functools.cache
def _encoder(weights: str) -> "Wav2Vec2Model":
    """The network with its weights, once per process."""
    from genreflow.models.wav2vec2 import ARCHITECTURE, load_encoder, make_encoder, read_config

    published = read_config(weights)
    encoder = make_encoder({name: getattr(published, name) for name in ARCHITECTURE})
    load_encoder(encoder, weights)
    return encoder.eval()
