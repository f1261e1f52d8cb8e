"""Learning-rate schedules by name: the factor on the learning rate is a function of the epoch.

A function has no state, so a training that goes on after an interruption meets the same rates.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from genreflow.errors import GenreflowError, closest


def constant(epoch: int, epochs: int) -> float:
    """Return 1 in every epoch."""
    return 1.0


def exponential(epoch: int, epochs: int, *, gamma: float) -> float:
    """Multiply by `gamma` after every epoch (torch's ``ExponentialLR``)."""
    return gamma**epoch


def step(epoch: int, epochs: int, *, step_size: int, gamma: float) -> float:
    """Multiply by `gamma` after every `step_size` epochs (torch's ``StepLR``)."""
    return gamma ** (epoch // step_size)


def cosine(epoch: int, epochs: int) -> float:
    """Fall from 1 towards 0 along half a cosine (Loshchilov, Hutter 2017, without restarts)."""
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


def warmup_cosine(epoch: int, epochs: int, *, warmup_epochs: int) -> float:
    """Rise in equal steps to 1, reached after `warmup_epochs`, then fall as `cosine` does."""
    if epoch < warmup_epochs:
        return (epoch + 1) / (warmup_epochs + 1)
    return cosine(epoch - warmup_epochs, epochs - warmup_epochs)


SCHEDULES: dict[str, Callable[..., float]] = {
    function.__name__: function for function in (constant, exponential, step, cosine, warmup_cosine)
}


def learning_rates(
    name: str, parameters: Mapping[str, Any], *, start: float, epochs: int
) -> list[float]:
    """The learning rate of every epoch.

    Parameters
    ----------
    name : str
        one of `SCHEDULES`
    parameters : mapping
        keyword arguments of that schedule
    start : float > 0
        what the schedule's factors are multiplied with
    epochs : int > 0

    Returns
    -------
    list of float [length=epochs]

    Raises
    ------
    GenreflowError
        if there is no such schedule, or it cannot be used with these parameters
    """
    if name not in SCHEDULES:
        raise GenreflowError(f"schedule: there is no {name!r}{closest(name, SCHEDULES)}")
    factor = SCHEDULES[name]
    try:
        inspect.signature(factor).bind(0, epochs, **parameters)
        rates = [start * factor(epoch, epochs, **parameters) for epoch in range(epochs)]
    except (TypeError, ArithmeticError) as error:
        raise GenreflowError(
            f"schedule_parameters: {name} cannot be used with {dict(parameters)}: {error}"
        ) from error
    return rates
