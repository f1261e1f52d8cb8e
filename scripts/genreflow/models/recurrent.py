"""Recurrent networks, by long short-term memory (Hochreiter, Schmidhuber 1997)."""

from collections.abc import Sequence

import torch
from torch import nn

from genreflow.errors import GenreflowError
from genreflow.models.branches import Branches
from genreflow.models.first_weights import start_as_keras
from genreflow.models.networks import feed_forward
from genreflow.models.shapes import Shapes, require_arrays

STRIDE = 4


class LSTM(nn.Module):
    """A layer of long short-term memory, with one bias for each gate, and started as Keras does.

    torch has two biases, which are added up, and which Adam moves twice as fast. Here the bias is
    the weight of a further input that is always 1. It starts at 1 for the forget gate and at 0 for
    the others; the weights by Glorot and Bengio (2010), those of the state orthogonal.

    Parameters
    ----------
    n_inputs : int > 0
        numbers of each step
    units : int > 0
    bidirectional : bool
        whether half of the outputs come from a layer of its own that reads from the end
    """

    def __init__(self, n_inputs: int, units: int, *, bidirectional: bool = False) -> None:
        super().__init__()
        self.n_outputs = 2 * units if bidirectional else units
        self.layer = nn.LSTM(
            n_inputs + 1, units, bias=False, batch_first=True, bidirectional=bidirectional
        )
        for weights, of_state in self.layer.all_weights:
            nn.init.xavier_uniform_(weights[:, :-1])
            nn.init.orthogonal_(of_state)
            bias = weights.detach()[:, -1]
            bias.zero_()
            bias[units : 2 * units] = 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, steps, n_inputs) to the state at each step, (n, steps, n_outputs), float32."""
        # torch's autocast would take float16 on a GPU, whose small gradients are zero.
        with torch.autocast(x.device.type, enabled=False):
            one = x.new_ones(*x.shape[:2], 1)
            states, _ = self.layer(torch.cat([x, one], dim=2).float())
        return states


class VectorLSTM(nn.Module):
    """An LSTM that reads a vector number by number, and dense layers on its last state."""

    def __init__(self, lstm: LSTM, dense: nn.Module) -> None:
        super().__init__()
        self.lstm, self.dense = lstm, dense

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, n_inputs) to logits [shape=(n, n_outputs)]."""
        return self.dense(self.lstm(x.unsqueeze(2))[:, -1])


class RecurrentBranch(nn.Module):
    """A bidirectional LSTM over the frames of one feature set, and the mean of its states.

    Where there are more frames than `steps`, they are first brought to a quarter, as often as it
    takes, by a convolution over time with a stride, batch normalisation and ReLU.

    Parameters
    ----------
    shape : (int, int)
        bands and frames
    channels : int > 0
        of the convolutions
    kernel : odd int > 0
        frames that a convolution sees
    steps : int > 0
        the most steps of the LSTM
    units : int > 0
        of the LSTM, in each direction
    """

    def __init__(
        self, shape: tuple[int, int], *, channels: int, kernel: int, steps: int, units: int
    ) -> None:
        super().__init__()
        if steps < 1:
            raise GenreflowError(f"steps: {steps} is less than 1")
        width, frames = shape
        layers: list[nn.Module] = []
        while frames > steps:
            layers += [
                nn.Conv1d(width, channels, kernel, STRIDE, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(channels),
                nn.ReLU(),
            ]
            width, frames = channels, -(-frames // STRIDE)
        self.shorten = start_as_keras(nn.Sequential(*layers))
        self.lstm = LSTM(width, units, bidirectional=True)
        self.n_outputs = self.lstm.n_outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, bands, frames) to (n, 2 * units)."""
        return self.lstm(self.shorten(x).transpose(1, 2)).mean(dim=1)


def lstm(
    inputs: int,
    n_outputs: int,
    *,
    units: int = 256,
    layers: Sequence[int] = (128, 64),
    dropout: float = 0.3,
) -> nn.Module:
    """Make an LSTM that reads vectors number by number, in the order of the columns.

    Parameters
    ----------
    inputs : int > 0
        number of columns
    n_outputs : int > 0
    units : int > 0
        of the LSTM
    layers : sequence of int > 0
        units of the dense layers behind it
    dropout : number in [0, 1)
        share that is dropped after the LSTM and after each dense layer

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    GenreflowError
        if the inputs are arrays
    """
    if not isinstance(inputs, int):
        raise GenreflowError(
            "lstm takes vectors, such as summary; say 'takes: vectors' in the model, or take "
            "bidirectional_lstm for arrays of frames"
        )
    drop = {"dropout": dropout}
    dense = [drop, *(part for width in layers for part in (width, drop))]
    return VectorLSTM(LSTM(1, units), feed_forward(units, n_outputs, layers=dense))


def bidirectional_lstm(
    inputs: Shapes,
    n_outputs: int,
    *,
    channels: int = 32,
    kernel: int = 7,
    steps: int = 350,
    units: int = 64,
    dense: int = 128,
    dropout: float = 0.3,
) -> nn.Module:
    """Make a network of a bidirectional LSTM for each feature set.

    Parameters
    ----------
    inputs : tuple of tuple of int
        (bands, frames) of each feature set, such as `wavelet_frames` and `mfcc`
    n_outputs : int > 0
    channels, kernel, steps, units
        as for `RecurrentBranch`
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
    takes = "bidirectional_lstm takes arrays (bands, frames), such as wavelet_frames and mfcc"
    require_arrays(inputs, takes, axes=(2,))
    branches = [
        RecurrentBranch(shape, channels=channels, kernel=kernel, steps=steps, units=units)
        for shape in inputs
    ]
    return Branches(branches, n_outputs, dense=dense, dropout=dropout)
