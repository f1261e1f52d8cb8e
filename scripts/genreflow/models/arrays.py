"""Arrays of many lengths as a network takes them: of one shape, at one scale.

Each feature set is treated on its own. Its arrays have the same number of axes, and differ in
nothing but the length of the last one: frames, or samples.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from genreflow.features.inputs import Inputs

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Form:
    """The form in which a network takes arrays.

    Attributes
    ----------
    names : tuple of str
        the feature sets
    shapes : tuple of tuple of int
        what the arrays of each are brought to
    scaling : Scaling or None
        what they are standardised by
    """

    names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    scaling: "Scaling | None"

    @classmethod
    def of(
        cls,
        inputs: Inputs,
        *,
        length: int | Mapping[str, float] | None,
        window: int | None,
        standardize: bool,
    ) -> "Form":
        """Find the form from the training part; nothing is read unless it is standardised.

        Parameters
        ----------
        inputs : Inputs
        length : int, mapping or None
            of the last axis: a number; or ``percentile``, of the lengths there are, rounded, and
            ``at_least``, so many values; None: the longest there is
        window : int or None
            the number of samples that are read at a time, where there is one
        standardize : bool

        Raises
        ------
        ValueError
            if the arrays of a set differ in more than their length, or a value is not finite
        """
        shapes = _common_shapes(inputs, length, window)
        scaling = None
        if standardize:
            scaling = Scaling(shapes)
            scaling.measure(inputs, shapes, cut=window is None)
        return cls(inputs.names, shapes, scaling)

    @classmethod
    def restored(cls, described: Mapping[str, Any]) -> "Form":
        """Make a form again from what `described` gave; the numbers of its scaling are missing."""
        shapes = tuple(tuple(map(int, shape)) for shape in described["shapes"])
        scaling = Scaling(shapes) if described["standardized"] else None
        return cls(tuple(described["names"]), shapes, scaling)

    def described(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "names": list(self.names),
            "shapes": [list(shape) for shape in self.shapes],
            "standardized": self.scaling is not None,
        }

    def check(self, inputs: Inputs) -> None:
        """Refuse arrays that cannot be brought to the form.

        Raises
        ------
        ValueError
            if they are of other feature sets, or have other shapes in more than their length
        """
        if inputs.names != self.names:
            raise ValueError(
                f"the network was fitted on the feature sets {', '.join(self.names)}, in this "
                f"order; here are {', '.join(inputs.names)}"
            )
        for name, found, shape in zip(self.names, inputs.shapes(), self.shapes, strict=True):
            _require_alike(name, found, shape)


def _common_shapes(
    inputs: Inputs, length: int | Mapping[str, float] | None, window: int | None
) -> tuple[Shape, ...]:
    """The shape that the arrays of each feature set are brought to."""
    found = []
    for name, shapes in zip(inputs.names, inputs.shapes(), strict=True):
        first = shapes[0]
        _require_alike(name, shapes, first)
        if window is not None:
            if len(first) != 1:
                raise ValueError(
                    f"feature set {name}: a window is read from arrays of one axis, such as "
                    f"waveforms; these have {len(first)}. Leave 'window' out"
                )
            found.append((window,))
            continue
        lengths = [shape[-1] for shape in shapes]
        found.append((*first[:-1], _length(lengths, math.prod(first[:-1]), length)))
    return tuple(found)


def _require_alike(name: str, shapes: tuple[Shape, ...], expected: Shape) -> None:
    if not expected:
        raise ValueError(f"feature set {name}: a network takes arrays; these are single numbers")
    for shape in shapes:
        if shape[:-1] != expected[:-1] or len(shape) != len(expected) or not shape[-1]:
            raise ValueError(
                f"feature set {name}: an array has shape {shape}, where others have {expected}; "
                "they may differ in the length of the last axis alone"
            )


def _length(lengths: list[int], per_step: int, rule: int | Mapping[str, float] | None) -> int:
    if rule is None:
        return max(lengths)
    if isinstance(rule, Integral):
        return int(rule)
    least = math.ceil(rule.get("at_least", 1) / per_step)
    return max(round(np.percentile(lengths, rule["percentile"])), least)


class Scaling(nn.Module):
    """Mean and standard deviation of each feature set, which bring its arrays to one scale.

    There is one of each for every index of the first axis (a band, a coefficient, a colour); for
    all values together where the arrays have one axis. They are buffers: part of the model's file,
    and never trained.

    Parameters
    ----------
    shapes : tuple of tuple of int
        for each feature set
    """

    def __init__(self, shapes: tuple[Shape, ...]) -> None:
        super().__init__()
        for number, shape in enumerate(shapes):
            broadcast = (shape[0] if len(shape) > 1 else 1, *[1] * (len(shape) - 1))
            self.register_buffer(f"mean{number}", torch.zeros(broadcast))
            self.register_buffer(f"std{number}", torch.ones(broadcast))

    def measure(self, inputs: Inputs, shapes: tuple[Shape, ...], *, cut: bool) -> None:
        """Take mean and standard deviation from rows, one row in memory at a time, in float64.

        A standard deviation of 0 counts as 1.

        Parameters
        ----------
        inputs : Inputs
            the training part
        shapes : tuple of tuple of int
            for each feature set
        cut : bool
            whether what is longer than the shapes is left out, as from what the network sees

        Raises
        ------
        ValueError
            if a value is not finite
        """
        moments = [_Moments() for _ in shapes]
        for number in range(len(inputs)):
            for array, shape, moment in zip(inputs.row(number), shapes, moments, strict=True):
                moment.add(array[..., : shape[-1]] if cut else array)
        for number, (name, moment) in enumerate(zip(inputs.names, moments, strict=True)):
            mean, std = moment.mean, np.sqrt(moment.squares / moment.count)
            if not (np.isfinite(mean).all() and np.isfinite(std).all()):
                raise ValueError(f"feature set {name}: an array has values that are not finite")
            std = np.where(std == 0, 1, std)
            for kind, values in (("mean", mean), ("std", std)):
                buffer = self.get_buffer(f"{kind}{number}")
                buffer.copy_(torch.from_numpy(values.astype(np.float32)).view(buffer.shape))

    def forward(self, *x: Tensor) -> tuple[Tensor, ...]:
        """Scale batches of raw values, float32 [shape=(n, *shape)], in their place."""
        return tuple(
            values.sub_(self.get_buffer(f"mean{number}")).div_(self.get_buffer(f"std{number}"))
            for number, values in enumerate(x)
        )


class _Moments:
    """Mean and sum of squared deviations, put together from parts (Chan, Golub, LeVeque 1983)."""

    def __init__(self) -> None:
        self.count: int = 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0

    def add(self, array: np.ndarray) -> None:
        values = array.reshape(len(array) if array.ndim > 1 else 1, -1).astype(np.float64)
        count, mean = values.shape[1], values.mean(axis=1)
        values -= mean[:, None]
        squares = np.einsum("ij,ij->i", values, values)
        total = self.count + count
        away = mean - self.mean
        self.squares = self.squares + squares + away**2 * (self.count * count / total)
        self.mean = self.mean + away * (count / total)
        self.count = total
