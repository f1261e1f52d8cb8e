"""A convolutional network for short sections of the samples."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from genreflow.models.first_weights import start_as_keras
from genreflow.models.networks import feed_forward
from genreflow.models.shapes import Shapes, require_arrays

POOL = 2


class Sections(nn.Module):
    """A network that is applied to each section of a row, and the mean of what it gives."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, sections, samples), or (n, samples), to (n, n_outputs)."""
        n, samples = len(x), x.shape[-1]
        found = self.network(x.reshape(-1, 1, samples))
        return found.reshape(n, -1, found.shape[1]).mean(dim=1)


def section_cnn(
    inputs: Shapes,
    n_outputs: int,
    *,
    channels: Sequence[int] = (8, 16, 32, 64, 128),
    kernel: int = 5,
    layers: Sequence[int] = (256, 128, 64, 32),
    dropout: float = 0.3,
) -> nn.Module:
    """Make a network of one-dimensional convolutions over sections of samples.

    Blocks of convolution, ReLU and pooling, whose output is flattened, and dense layers with ReLU
    and dropout. The regression study that it is from takes each section of 1000 samples for a row
    of its own, 210 rows of 70 tracks. Here a row is a track: the same network is applied to each of
    its sections, and the mean of what it gives is compared with the truth.

    Parameters
    ----------
    inputs : tuple of one tuple of int
        (sections, samples), such as of `sections`, or (samples,)
    n_outputs : int > 0
    channels : sequence of int > 0
        of each block
    kernel : odd int > 0
        samples that a convolution sees
    layers : sequence of int > 0
        units of the dense layers
    dropout : number in [0, 1)
        share that is dropped after each dense layer

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if there are several feature sets, or arrays of another number of axes
    """
    takes = "section_cnn takes one feature set of arrays (sections, samples), such as sections"
    require_arrays(inputs, takes, axes=(1, 2), sets=1)
    samples = inputs[0][-1]
    made: list[nn.Module] = []
    for before, after in pairwise([1, *channels]):
        made += [
            nn.Conv1d(before, after, kernel, padding="same"),
            nn.ReLU(),
            nn.MaxPool1d(POOL, ceil_mode=True),
        ]
        samples = -(-samples // POOL)
    dense = [part for width in layers for part in (width, {"dropout": dropout})]
    blocks = start_as_keras(nn.Sequential(*made))
    last = feed_forward(samples * channels[-1], n_outputs, layers=dense)
    return Sections(nn.Sequential(blocks, nn.Flatten(), last))
