"""Changes to batches that make trainings less sure of single rows; none is made in prediction."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from genreflow.errors import GenreflowError
from genreflow.models.arrays import Shape


def mix(
    x: tuple[Tensor, ...], y: Tensor, alpha: float, random: np.random.Generator
) -> tuple[tuple[Tensor, ...], Tensor, Tensor]:
    """Mix each row of a batch with another one, and its targets too (mixup; Zhang et al. 2018).

    The share is the same for all rows of the batch, as in the authors' code.

    Parameters
    ----------
    x : tuple of Tensor [shape=(n, ...), dtype=float32]
        for each feature set
    y : Tensor [shape=(n, n_outputs), dtype=float32]
        targets that can be averaged
    alpha : float > 0
        both parameters of the beta distribution that the share is drawn from
    random : np.random.Generator

    Returns
    -------
    x, y
        mixed
    heavier : Tensor [shape=(n,), dtype=int64]
        the row of the batch that has the larger share of each
    """
    share = random.beta(alpha, alpha)
    order = torch.from_numpy(random.permutation(len(y))).to(y.device)
    own = torch.arange(len(y), device=y.device)
    mixed = (values * share + values[order] * (1 - share) for values in (*x, y))
    *x, y = mixed
    return tuple(x), y, own if share >= 0.5 else order


class SpecAugment:
    """Masks over frames and bands of spectrograms (SpecAugment; Park et al. 2019), without warping.

    One mask of each kind for each array: its width is any from none to the share, its place any in
    the array. What it covers becomes 0, the mean of a standardised set. The last axis is that of
    frames, the one before that of bands; arrays of one axis stay as they are.

    Parameters
    ----------
    shares : mapping
        ``frames`` and ``bands``, from 0 to 1: how much of the axis a mask covers at most
    shapes : tuple of tuple of int
        for each feature set

    Raises
    ------
    GenreflowError
        if no feature set has arrays of two axes
    """

    def __init__(self, shares: Mapping[str, float], shapes: tuple[Shape, ...]) -> None:
        if not any(len(shape) > 1 for shape in shapes):
            raise GenreflowError(
                "spec_augment: masks need arrays of two axes or more, bands and frames; these have "
                "one"
            )
        self._shares = [(-1, shares.get("frames", 0)), (-2, shares.get("bands", 0))]

    def __call__(self, x: tuple[Tensor, ...], random: np.random.Generator) -> tuple[Tensor, ...]:
        """Mask a batch in its place."""
        for values in x:
            if values.dim() > 2:
                for axis, share in self._shares:
                    _mask(values, axis, share, random)
        return x


def _mask(values: Tensor, axis: int, share: float, random: np.random.Generator) -> None:
    size, n = values.shape[axis], len(values)
    width = random.integers(int(share * size), size=n, endpoint=True)
    start = random.integers(size - width, endpoint=True)
    shape = [n, *[1] * (values.dim() - 1)]
    first, behind = (
        torch.from_numpy(place).to(values.device).view(shape) for place in (start, start + width)
    )
    shape[0], shape[axis] = 1, size
    places = torch.arange(size, device=values.device).view(shape)
    values.masked_fill_((places >= first) & (places < behind), 0)
