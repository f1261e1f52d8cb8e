"""Convolutional networks for pictures and spectrograms, with and without a recurrent end."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from genreflow.models.first_weights import start_as_keras
from genreflow.models.networks import feed_forward
from genreflow.models.recurrent import LSTM
from genreflow.models.shapes import Shapes, require_arrays

POOL = 2


class Blocks(nn.Sequential):
    """Blocks of convolution, batch normalisation, ReLU and pooling by two.

    Parameters
    ----------
    n_colours : int > 0
        channels of the input
    channels : sequence of int > 0
        channels of each block
    kernel : odd int > 0
        width and height of the convolutions, which keep the size
    """

    def __init__(self, n_colours: int, channels: Sequence[int], *, kernel: int) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise([n_colours, *channels]):
            layers += [
                nn.Conv2d(before, after, kernel, padding="same", bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                # Rounded up: a single row or column is left as it is.
                nn.MaxPool2d(POOL, ceil_mode=True),
            ]
        super().__init__(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, colours, rows, columns), or (n, rows, columns), to (n, channels, ..., ...)."""
        return super().forward(x if x.ndim == 4 else x.unsqueeze(1))


class Cnn(nn.Module):
    """Blocks, the mean of each channel, and dense layers."""

    def __init__(self, blocks: Blocks, dense: nn.Module) -> None:
        super().__init__()
        self.blocks, self.dense = blocks, dense

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From arrays to logits [shape=(n, n_outputs)]."""
        return self.dense(self.blocks(x).mean(dim=(2, 3)))


class Crnn(nn.Module):
    """Blocks, an LSTM over the columns that they leave, and dense layers."""

    def __init__(self, blocks: Blocks, lstm: LSTM, dense: nn.Module) -> None:
        super().__init__()
        self.blocks, self.lstm, self.dense = blocks, lstm, dense

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From arrays to logits [shape=(n, n_outputs)]."""
        columns = self.blocks(x).flatten(1, 2).transpose(1, 2)
        return self.dense(self.lstm(columns)[:, -1])


def cnn(
    inputs: Shapes,
    n_outputs: int,
    *,
    channels: Sequence[int] = (16, 32, 64, 128),
    kernel: int = 3,
    dense: int = 128,
    dropout: float = 0.5,
) -> nn.Module:
    """Make a convolutional network, of arrays of any width and height.

    Parameters
    ----------
    inputs : tuple of one tuple of int
        (colours, rows, columns), such as of `mel_image`, or (bands, frames), such as of `mel`
    n_outputs : int > 0
    channels : sequence of int > 0
        of each block of convolution, batch normalisation, ReLU and pooling by two
    kernel : odd int > 0
        width and height of the convolutions
    dense : int > 0
        units of the dense layer behind them
    dropout : number in [0, 1)
        share that is dropped after the dense layer

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if there are several feature sets, or arrays of another number of axes
    """
    blocks = _blocks("cnn", inputs, channels, kernel)
    layers = [dense, {"dropout": dropout}]
    return Cnn(blocks, feed_forward(channels[-1], n_outputs, layers=layers))


def crnn(
    inputs: Shapes,
    n_outputs: int,
    *,
    channels: Sequence[int] = (16, 32, 64, 128),
    kernel: int = 3,
    units: int = 64,
    dropout: float = 0.5,
) -> nn.Module:
    """Make a convolutional network with an LSTM at its end, which reads columns along time.

    Parameters
    ----------
    inputs, n_outputs, channels, kernel
        as for `cnn`
    units : int > 0
        of the LSTM, whose last state is decided by
    dropout : number in [0, 1)
        share that is dropped after the LSTM

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if there are several feature sets, or arrays of another number of axes
    """
    blocks = _blocks("crnn", inputs, channels, kernel)
    rows = inputs[0][-2]
    for _ in channels:
        rows = -(-rows // POOL)
    dense = feed_forward(units, n_outputs, layers=[{"dropout": dropout}])
    return Crnn(blocks, LSTM(rows * channels[-1], units), dense)


def _blocks(name: str, inputs: Shapes, channels: Sequence[int], kernel: int) -> Blocks:
    takes = f"{name} takes one feature set of arrays of 2 or 3 axes, such as mel or mel_image"
    require_arrays(inputs, takes, axes=(2, 3), sets=1)
    colours = inputs[0][0] if len(inputs[0]) == 3 else 1
    return start_as_keras(Blocks(colours, channels, kernel=kernel))
