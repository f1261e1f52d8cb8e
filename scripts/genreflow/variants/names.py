"""The names of variants: a little language that serves in the config and as part of a path.

A name is one step, or several joined by ``_``, always in this order and each at most once:

=================  ===========================================================
``stretch0.81``    slower, to 0.81 of the speed, at the same pitch
``pitch+2``        two semitones higher, at the same speed; ``pitch-1.5``
``shift5s``        later by 5 seconds; the end comes round to the beginning
``gain-6``         softer by 6 dB; ``gain+3``
``noise20``        with white noise, 20 dB under the music
=================  ===========================================================

so that ``stretch0.93_noise20`` is slower and noisy. Each variant has one name only: numbers are
written as short as they can be, a sign where both directions make sense, and a step that changes
nothing is left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from string import ascii_lowercase
from typing import NamedTuple

from genreflow.errors import GenreflowError, closest

ORIGINAL = "original"


class Step(NamedTuple):
    """How a step is written, and what it may be.

    Attributes
    ----------
    lowest, highest : Decimal
        limits of the number
    sign : str
        ``"+"`` where the number always has a sign, ``"-"`` where only negative ones have
    unit : str
        what follows the number
    """

    lowest: Decimal
    highest: Decimal
    sign: str = "-"
    unit: str = ""

    def spell(self, number: Decimal) -> str:
        """The only right spelling of a number with its unit."""
        # Adding zero leaves no zero with a minus sign.
        return f"{(number + 0).normalize():{self.sign}f}{self.unit}"


STEPS = {
    "stretch": Step(Decimal("0.25"), Decimal(4)),
    "pitch": Step(Decimal(-24), Decimal(24), sign="+"),
    "shift": Step(Decimal(0), Decimal(3600), unit="s"),
    "gain": Step(Decimal(-60), Decimal(60), sign="+"),
    "noise": Step(Decimal(-20), Decimal(100)),
}

# Lenient, so that a message can show what must have been meant.
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


@dataclass(frozen=True)
class Variant:
    """What a variant's name says.

    Attributes
    ----------
    stretch : float
        speed; above 1 is faster
    pitch : float [semitones]
    shift : float >= 0 [s]
    gain : float [dB]
    noise : float [dB] or None
        ratio of signal to noise; None is no noise
    """

    stretch: float = 1.0
    pitch: float = 0.0
    shift: float = 0.0
    gain: float = 0.0
    noise: float | None = None

    @property
    def name(self) -> str:
        """The variant's name; the audio as it is, is ``"original"``."""
        steps = {
            field.name: Decimal(repr(getattr(self, field.name)))
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return _join(steps) or ORIGINAL


def parse(name: str) -> Variant:
    """The variant of a name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Variant

    Raises
    ------
    GenreflowError
        if `name` is no variant's name, or could be written in another way; the message says how
    """
    if name == ORIGINAL:
        raise GenreflowError(f"{ORIGINAL!r} is the audio as it is; leave it out of the variants")
    numbers: dict[str, Decimal] = {}
    for step, number in _read(name):
        if step in numbers:
            raise GenreflowError(f"the variant {name!r} has two steps {step!r}; leave one out")
        numbers[step] = number
    if name != (right := _join(numbers)):
        raise GenreflowError(f"the variant {name!r} has to be written {right!r}")
    variant = Variant(**{step: float(number) for step, number in numbers.items()})
    if variant.name != name:
        # A step that changes nothing, or more digits than a number keeps.
        raise GenreflowError(f"the variant {name!r} is the same as {variant.name!r}; write that")
    return variant


def _read(name: str) -> Iterator[tuple[str, Decimal]]:
    """The steps of a name as they are written, with their numbers."""
    for written in name.split("_"):
        rest = written.lower().lstrip(ascii_lowercase)
        step = written.lower().removesuffix(rest)
        if step not in STEPS:
            raise GenreflowError(
                f"the variant {name!r} has an unknown step {written!r}{closest(step, STEPS)}"
            )
        form = STEPS[step]
        digits = rest.removesuffix(form.unit)
        if not NUMBER.fullmatch(digits):
            example = step + form.spell(Decimal(2))
            raise GenreflowError(
                f"the variant {name!r} has a step {written!r} that cannot be read; "
                f"{step!r} is followed by a number, as in {example!r}"
            )
        number = Decimal(digits)
        if not form.lowest <= number <= form.highest:
            raise GenreflowError(
                f"the variant {name!r} is out of range: {step!r} goes from "
                f"{form.spell(form.lowest)} to {form.spell(form.highest)}"
            )
        yield step, number


def _join(numbers: dict[str, Decimal]) -> str:
    """The name of some steps."""
    return "_".join(s + STEPS[s].spell(numbers[s]) for s in STEPS if s in numbers)
