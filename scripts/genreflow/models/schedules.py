"""Learning-rate schedules by name: functions of the epoch, or of the losses of those before it.

A function has no state, so a training that goes on after an interruption meets the same rates.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
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


def plateau(losses: Sequence[float], *, factor: float, patience: int) -> float:
    """Multiply by `factor` whenever `patience` epochs bring no loss below the least so far.

    As Keras' ``ReduceLROnPlateau`` with a ``min_delta`` of 0.

    Parameters
    ----------
    losses : sequence of float
        of each epoch that is done: on the validation part, or of the training without one
    factor : float > 0
    patience : int > 0
    """
    if not (factor > 0 and patience >= 1):
        raise ValueError("factor is more than 0, patience at least 1")
    rate, best, waited = 1.0, math.inf, 0
    for loss in losses:
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited >= patience:
            rate, waited = rate * factor, 0
    return rate


def learning_rate(
    name: str, parameters: Mapping[str, Any], *, start: float, epochs: int
) -> Callable[[Sequence[float]], float]:
    """How the learning rate of the next epoch follows from the losses of those that are done.

    Parameters
    ----------
    name, parameters, start, epochs
        as `learning_rates` has them; ``"plateau"`` is known too

    Returns
    -------
    function of a sequence of float
        gives the learning rate of the epoch after the last loss

    Raises
    ------
    GenreflowError
        if there is no such schedule, or it cannot be used with these parameters
    """
    if name != plateau.__name__:
        rates = learning_rates(name, parameters, start=start, epochs=epochs)
        return lambda losses: rates[len(losses)]
    try:
        plateau((), **parameters)
    except (TypeError, ValueError) as error:
        raise _unusable(name, parameters, error) from error
    return lambda losses: start * plateau(losses, **parameters)


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
        known = [*SCHEDULES, plateau.__name__]
        raise GenreflowError(f"schedule: there is no {name!r}{closest(name, known)}")
    factor = SCHEDULES[name]
    try:
        inspect.signature(factor).bind(0, epochs, **parameters)
        rates = [start * factor(epoch, epochs, **parameters) for epoch in range(epochs)]
        if min(rates) < 0:
            raise ValueError("it gives a learning rate of less than 0")
    except (TypeError, ValueError, ArithmeticError) as error:
        raise _unusable(name, parameters, error) from error
    return rates


def _unusable(name: str, parameters: Mapping[str, Any], error: Exception) -> GenreflowError:
    return GenreflowError(
        f"schedule_parameters: {name} cannot be used with {dict(parameters)}: {error}"
    )
