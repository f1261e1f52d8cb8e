"""Networks of branches: each feature set is read by a network of its own, and all decide."""

from collections.abc import Sequence

import torch
from torch import nn

from genreflow.models.networks import feed_forward


class Branches(nn.Module):
    """What branches tell of their feature sets, side by side, before dense layers.

    Parameters
    ----------
    branches : sequence of torch.nn.Module
        one for each feature set, in order; each has ``n_outputs``, the numbers that it gives a row
    n_outputs : int > 0
    dense : int > 0
        units of the dense layer behind them
    dropout : number in [0, 1)
        share that is dropped before that layer and after it
    """

    def __init__(
        self, branches: Sequence[nn.Module], n_outputs: int, *, dense: int, dropout: float
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        told = sum(branch.n_outputs for branch in branches)
        layers = [{"dropout": dropout}, dense, {"dropout": dropout}]
        self.joined = feed_forward(told, n_outputs, layers=layers)

    def forward(self, *x: torch.Tensor) -> torch.Tensor:
        """From an array of each feature set [shape=(n, ...)] to logits [shape=(n, n_outputs)]."""
        told = [branch(arrays) for branch, arrays in zip(self.branches, x, strict=True)]
        return self.joined(torch.cat(told, dim=1))


class MeanBranch(nn.Module):
    """The mean of each band over time, of arrays that tell enough as they are.

    Parameters
    ----------
    n_bands : int > 0
    """

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.n_outputs = n_bands

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """From (n, bands, frames) to (n, bands)."""
        return x.mean(dim=2)
