"""The `tagger` sets: what a network heard that was trained to tag songs."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import SetupError
from genreflow.features.inference import inference, require_sound, windows

if TYPE_CHECKING:
    from genreflow.models.fcn import FCN


def tagger(
    y: np.ndarray, *, sr: int, weights: str, tags: Sequence[str] | None = None
) -> dict[str, float]:
    """The last layer but one of the tagger, or its tags, as means over windows of 29 s.

    Windows are spread evenly over the track; see `genreflow.features.inference.windows`.

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=float32]
        audio
    sr : int [Hz]
        sampling rate of `y`, 16,000
    weights : str
        path of the published weights, see `genreflow.models.fcn.FCN`
    tags : sequence of str or None
        names of the 50 tags, in the order of the weights. With them, the tags' probabilities are
        given

    Returns
    -------
    dict
        ``fcn_00`` to ``fcn_63``, at least 0; or a number in 0..1 for each tag

    Raises
    ------
    GenreflowError
        if `y` is not mono, too short, or not finite
    SetupError
        if `sr` is another, the weights are another network's, or there are not 50 tags
    """
    import torch

    from genreflow.models.fcn import LENGTH, N_TAGS, N_VALUES

    if tags is not None and len(set(tags)) != N_TAGS:
        raise SetupError(f"tags: {len(set(tags))} names; the tagger has {N_TAGS} tags")
    require_sound(y, sr=sr)
    with inference():
        network = _network(weights)
        apply = network.embed if tags is None else network
        heard = [apply(torch.from_numpy(w)[np.newaxis]) for w in windows(y, length=LENGTH)]
        values = torch.cat(heard).mean(dim=0).tolist()
    names = [f"fcn_{i:02}" for i in range(N_VALUES)] if tags is None else tags
    return dict(zip(names, values, strict=True))


@functools.cache
def _network(weights: str) -> "FCN":
    """The network with its weights, once per process."""
    import torch

    from genreflow.models.fcn import FCN
    from genreflow.models.pretrained import load_checkpoint

    network = FCN()
    load_checkpoint(network, weights)
    # With the channels last, convolutions take two thirds of the time.
    return network.eval().to(memory_format=torch.channels_last)
