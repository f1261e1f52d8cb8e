"""Convolutional networks with residual connections (He et al. 2016), for spectrograms."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from genreflow.models.branches import Branches
from genreflow.models.first_weights import start_as_keras
from genreflow.models.shapes import Shapes, require_arrays


class ResidualBlock(nn.Module):
    """Two convolutions with batch normalisation, to which the input is added.

    Parameters
    ----------
    before, after : int > 0
        channels of input and output
    stride : int > 0
        by which bands and frames become fewer; they and the channels of the input are brought to
        those of the output by a convolution of 1 x 1
    """

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Identity()
        if before != after or stride > 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, before, bands, frames) to (n, after, bands / stride, frames / stride)."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResidualBranch(nn.Module):
    """A convolutional network with residual connections over one feature set.

    A convolution with strides, then residual blocks, all but the first of which halve bands and
    frames, and the mean of each channel.

    Parameters
    ----------
    channels : sequence of int > 0
        of the first convolution and the first block, and of each further block
    strides : (int, int)
        of the first convolution, in bands and frames
    """

    def __init__(self, *, channels: Sequence[int], strides: tuple[int, int]) -> None:
        super().__init__()
        first, strides = channels[0], tuple(strides)
        kernel = tuple(2 * stride + 1 for stride in strides)
        blocks = [ResidualBlock(first, first, stride=1)]
        for before, after in pairwise(channels):
            blocks.append(ResidualBlock(before, after, stride=2))
        self.layers = start_as_keras(
            nn.Sequential(
                nn.Conv2d(1, first, kernel, stride=strides, padding=strides, bias=False),
                nn.BatchNorm2d(first),
                nn.ReLU(),
                *blocks,
            )
        )
        self.n_outputs = channels[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, bands, frames) to (n, channels of the last block)."""
        return self.layers(x.unsqueeze(1)).mean(dim=(2, 3))


def residual_cnn(
    inputs: Shapes,
    n_outputs: int,
    *,
    channels: Sequence[int] = (16, 32, 64, 128),
    strides: tuple[int, int] = (4, 8),
    dense: int = 128,
    dropout: float = 0.3,
) -> nn.Module:
    """Make a network of convolutions with residual connections for each feature set.

    Dropout stands behind the convolutions only: between them it changes the variance that batch
    normalisation has counted, and the network predicts worse than it has learned [#]_.

    .. [#] Li, X., Chen, S., Hu, X., and Yang, J. "Understanding the disharmony between dropout and
        batch normalization by variance shift." CVPR (2019).

    Parameters
    ----------
    inputs : tuple of tuple of int
        (bands, frames) of each feature set, such as `mel` and `chroma`
    n_outputs : int > 0
    channels, strides
        as for `ResidualBranch`
    dense, dropout
        as for `genreflow.models.branches.Branches`

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if arrays have another number of axes than two
    """
    takes = "residual_cnn takes arrays (bands, frames), such as mel and chroma"
    require_arrays(inputs, takes, axes=(2,))
    branches = [ResidualBranch(channels=channels, strides=strides) for _ in inputs]
    return Branches(branches, n_outputs, dense=dense, dropout=dropout)
