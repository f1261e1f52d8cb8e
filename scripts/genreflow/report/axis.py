"""A numeric axis with round ticks, and places on it in per cent of its width."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis from `low` to `high` with ticks at multiples of `step`."""

    low: float
    high: float
    step: float

    def place(self, value: float | None) -> float | None:
        """Return where a value lies, 0..100 from the axis' start; None for an unknown one."""
        if value is None or not math.isfinite(value):
            return None
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    @property
    def ticks(self) -> list[float]:
        """The values of the ticks."""
        first, last = round(self.low / self.step), round(self.high / self.step)
        return [round(at * self.step, 10) for at in range(first, last + 1)]


def axis_around(
    values: Iterable[float | None],
    *,
    ticks: int = 5,
    floor: float | None = None,
    ceiling: float | None = None,
) -> Axis:
    """Make the shortest axis with round ticks that holds all values.

    Parameters
    ----------
    values : iterable of float or None
        unknown and non-finite ones are left out
    ticks : int > 1
        about how many ticks there shall be
    floor, ceiling : float or None
        the axis does not reach beyond these, as a share does not beyond 0 and 1; values that do
        count as these
    """
    known = [value for value in values if value is not None and math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if floor is not None:
        low, high = max(low, floor), max(high, floor)
    if ceiling is not None:
        low, high = min(low, ceiling), min(high, ceiling)
    width = (high - low) or abs(high) or 1.0
    power = 10 ** math.floor(math.log10(width / ticks))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice * ticks >= width)
    low, high = math.floor(low / step - 1e-9), math.ceil(high / step + 1e-9)
    if floor is not None:
        low = max(low, math.ceil(floor / step - 1e-9))
    if ceiling is not None:
        high = min(high, math.floor(ceiling / step + 1e-9))
    if low >= high:
        low, high = low - 1, low + 1
    return Axis(round(low * step, 10), round(high * step, 10), step)
