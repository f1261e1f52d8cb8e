"""The parameters of networks, and what each may be."""

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import torch

from genreflow.errors import GenreflowError, closest
from genreflow.models.computing import PRECISIONS
from genreflow.models.fine_tuning import HEAD_THEN_ALL, POLICIES

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

BALANCED = "balanced"

# The least of each whole number that a network takes, and the kinds of its other parameters.
WHOLE = {
    "batch_size": 1,
    "epochs": 1,
    "patience": 1,
    "random_state": 0,
    "n_jobs": 1,
    "window": 1,
    "frozen_epochs": 0,
}
REAL = ("learning_rate", "weight_decay", "mixup", "backbone_rate")
POSITIVE = ("learning_rate", "backbone_rate")
TEXTS = ("module", "optimizer", "schedule", "device", "fine_tune", "precision", "weights")
MAPPINGS = ("module_parameters", "schedule_parameters", "spec_augment")
FLAGS = ("standardize", "compile")
# Those that may be absent.
NONE = ("patience", "window", "weights")
CHOICES = {
    "optimizer": tuple(OPTIMIZERS),
    "fine_tune": POLICIES,
    "precision": PRECISIONS,
}


def check_network(given: Mapping[str, Any]) -> None:
    """Refuse parameters of a network that cannot be used.

    Parameters
    ----------
    given : mapping
        what ``get_params`` gives

    Raises
    ------
    GenreflowError
        naming the parameter, what it is and what it should be
    """
    for name, least in WHOLE.items():
        if given[name] is not None or name not in NONE:
            _check_whole(name, given[name], least)
    for name in REAL:
        _check_number(name, given[name], Real)
        if given[name] < 0 or (given[name] == 0 and name in POSITIVE):
            needed = "not more than 0" if name in POSITIVE else "less than 0"
            raise GenreflowError(f"{name}: {given[name]!r} is {needed}")
    for name in TEXTS:
        if not isinstance(given[name], str) and not (given[name] is None and name in NONE):
            raise GenreflowError(f"{name}: {given[name]!r} is no text")
    for name in MAPPINGS:
        if not isinstance(given[name], Mapping | None):
            raise GenreflowError(f"{name}: {given[name]!r} is no mapping of names to values")
    for name in FLAGS:
        if not isinstance(given[name], bool):
            raise GenreflowError(f"{name}: {given[name]!r} is neither true nor false")
    for name, known in CHOICES.items():
        if given[name] not in known:
            raise GenreflowError(
                f"{name}: there is no {given[name]!r}{closest(given[name], known)}"
            )
    for name, value in (given["schedule_parameters"] or {}).items():
        _check_number(f"schedule_parameters: {name}", value, Real)
    _check_class_weight(given.get("class_weight"))
    _check_spec_augment(given["spec_augment"])
    _check_length(given["length"], given["window"])
    _check_frozen(given["fine_tune"], given["frozen_epochs"])


def _check_whole(name: str, value: Any, least: int) -> None:
    _check_number(name, value, Integral)
    if value < least:
        none = "; null is for none" if name in NONE else ""
        raise GenreflowError(f"{name}: {value!r} is less than {least}{none}")


def _check_class_weight(weights: Any) -> None:
    if isinstance(weights, Mapping):
        for label, weight in weights.items():
            _check_number(f"class_weight: {label}", weight, Real)
    elif weights not in (None, BALANCED):
        raise GenreflowError(
            f"class_weight: {weights!r} is neither {BALANCED!r} nor a mapping of labels to weights"
        )


def _check_spec_augment(shares: Mapping[str, Any] | None) -> None:
    for name, value in (shares or {}).items():
        if name not in ("frames", "bands"):
            raise GenreflowError(f"spec_augment: there is no {name!r}; it takes frames and bands")
        _check_number(f"spec_augment: {name}", value, Real)
        if not 0 <= value <= 1:
            raise GenreflowError(f"spec_augment: {name}: {value!r} is no share from 0 to 1")


def _check_length(length: Any, window: int | None) -> None:
    if length is None:
        return
    if window is not None:
        raise GenreflowError("length: arrays that are read in windows are not cut; leave one out")
    if not isinstance(length, Mapping):
        _check_whole("length", length, 1)
        return
    if "percentile" not in length or not length.keys() <= {"percentile", "at_least"}:
        raise GenreflowError(
            f"length: {dict(length)} is no rule; write a number, or such as "
            "{percentile: 70, at_least: 15000}"
        )
    _check_number("length: percentile", length["percentile"], Real)
    if not 0 <= length["percentile"] <= 100:
        raise GenreflowError(f"length: percentile: {length['percentile']!r} is not from 0 to 100")
    _check_whole("length: at_least", length.get("at_least", 1), 1)


def _check_frozen(policy: str, epochs: int) -> None:
    if (policy == HEAD_THEN_ALL) != (epochs > 0):
        raise GenreflowError(
            f"frozen_epochs: {epochs!r} with 'fine_tune: {policy}'; {HEAD_THEN_ALL} needs at least "
            "1, and the others take none"
        )


def _check_number(name: str, value: Any, kind: type) -> None:
    """Refuse what is no number of a kind, ``Integral`` or ``Real``."""
    if isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value):
        return
    needed = "whole number" if kind is Integral else "finite number"
    # YAML takes 1e-3 for text.
    advice = "; write numbers without quotes, and such as 1.0e-3 with a point"
    raise GenreflowError(
        f"{name}: {value!r} is no {needed}{advice if isinstance(value, str) else ''}"
    )
