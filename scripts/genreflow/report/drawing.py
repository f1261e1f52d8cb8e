"""What the report's figures share: colours, names that a font can draw, a new figure."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0b5aa8", "#b3500a", "#00745a", "#8a4b84"
MUTED, LINE, STRONG_LINE = "#5a626e", "#e1e4e9", "#b9c0ca"
FONT = "DejaVu Sans"
# Blue to orange over white: its ends are told apart without red and green.
DIVERGING = (BLUE, "#f6f7f9", ORANGE)


@cache
def _glyphs() -> frozenset[int]:
    """Code points that the figures' font can draw."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(FONT)).get_charmap())


def plain(text: str, most: int = 32) -> str:
    """Return a name as a figure can draw it: one short line, with a box for what has no glyph."""
    text = "".join(c if ord(c) in _glyphs() and c.isprintable() else "□" for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def new_figure(width: float, height: float) -> tuple["Figure", "Axes"]:
    """Make a figure of one drawing, its size given in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    return figure, figure.add_subplot()
