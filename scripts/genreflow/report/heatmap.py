"""Heat maps of the page: SVG in the page's own colours, light and dark, with named rows."""

from dataclasses import dataclass

import numpy as np

LEVELS = 12
WIDTH = 1140
MOST_NUMBERED = 16
# A map with more rows or columns than this is a picture among the figures alone.
MOST = 130
SMALL, LARGE = 8.5, 11.0


@dataclass(frozen=True)
class Wording:
    """What a pointed-at cell says: ``row × column: BEFORE value AFTER``."""

    before: str = ""
    after: str = ""
    decimals: int = 2


def heat_map(
    values: np.ndarray,
    rows: list[str],
    columns: list[str],
    title: str,
    *,
    top: float | None = None,
    root: bool = False,
    signed: bool = False,
    wording: Wording | None = None,
    room: int = WIDTH,
    widest: int = 30,
    highest: int = 30,
) -> dict | None:
    """Return a heat map as the macro of the same name draws it.

    Parameters
    ----------
    values : np.ndarray [shape=(rows, columns)]
        not negative, unless `signed`
    rows, columns : list of str
    title : str
        what is drawn, for those who do not see it
    top : float > 0 or None
        the value of the strongest colour; by default the largest magnitude
    root : bool
        draw square roots, so that small values can be seen
    signed : bool
        whether the colours have two sides, whatever the signs of these values
    wording : Wording or None
    room : int [px]
        width to fill, as far as cells keep a size that can be read
    widest, highest : int [px]
        largest size of a cell

    Returns
    -------
    dict or None
        None where there are more rows or columns than can be read, or none
    """
    if not 0 < max(values.shape) <= MOST or not min(values.shape):
        return None
    values = np.nan_to_num(np.asarray(values, dtype=np.float64))
    top = top or float(np.abs(values).max()) or 1.0
    wording = wording or Wording()
    left = _margin(rows, SMALL if len(rows) > 40 else LARGE)
    wide = int(np.clip((room - left) // len(columns), 9, widest))
    high = int(np.clip(wide, 11 if len(rows) <= 40 else 9, highest))
    font = SMALL if wide < 14 else LARGE
    over = _margin(columns, font)
    strength = np.clip(np.abs(values) / top, 0, 1)
    levels = np.round((np.sqrt(strength) if root else strength) * LEVELS).astype(int)
    return {
        "title": title,
        "width": left + wide * len(columns) + 2,
        "height": over + high * len(rows) + 2,
        "left": left,
        "top": over,
        "wide": wide,
        "high": high,
        "frame": (wide * len(columns), high * len(rows)),
        "shades": _shades(levels * np.where(values < 0, -1, 1), left, over, wide, high, signed),
        "rows": [
            {
                "name": name,
                "text": _short(name, left, LARGE if len(rows) <= 40 else SMALL),
                "y": round(over + (at + 0.5) * high, 1),
            }
            for at, name in enumerate(rows)
        ],
        "columns": [
            {
                "name": name,
                "text": _short(name, over, font),
                "x": round(left + (at + 0.5) * wide + font * 0.35, 1),
            }
            for at, name in enumerate(columns)
        ],
        "row_font": LARGE if len(rows) <= 40 else SMALL,
        "column_font": font,
        "numbers": _numbers(values, strength, left, over, wide, high),
        "values": " ".join(f"{v:.{wording.decimals}f}" for v in values.ravel() + 0.0),
        "before": wording.before,
        "after": wording.after,
    }


def _margin(names: list[str], font: float) -> int:
    return round(min(max(map(len, names)) * font * 0.58 + 12, 150))


def _short(name: str, margin: int, font: float) -> str:
    most = max(int((margin - 10) / (font * 0.58)), 3)
    return name if len(name) <= most else name[: most - 1] + "…"


def _shades(
    levels: np.ndarray, left: int, over: int, wide: int, high: int, signed: bool
) -> list[dict]:
    """One path for all cells of one colour; cells of a row that touch are one rectangle."""
    gap = 1 if wide > 14 else 0
    paths: dict[int, list[str]] = {}
    for y, row in enumerate(levels):
        starts = np.flatnonzero(np.diff(row, prepend=row[0] - 1))
        if gap:
            starts = np.arange(len(row))
        for start, end in zip(starts, [*starts[1:], len(row)], strict=True):
            if row[start]:
                width = wide * (end - start) - gap
                place = f"M{left + wide * start} {over + high * y}"
                paths.setdefault(int(row[start]), []).append(
                    f"{place}h{width}v{high - gap}h-{width}z"
                )
    return [
        {
            "kind": ("low" if level < 0 else "high") if signed else "one",
            "share": round(100 * abs(level) / LEVELS),
            "path": "".join(pieces),
        }
        for level, pieces in sorted(paths.items())
    ]


def _numbers(
    values: np.ndarray, strength: np.ndarray, left: int, over: int, wide: int, high: int
) -> list[dict]:
    """The numbers of a small map's cells."""
    if max(values.shape) > MOST_NUMBERED or wide < 26:
        return []
    return [
        {
            "x": left + wide * x + wide // 2,
            "y": round(over + high * y + high / 2 + 3.5, 1),
            "text": f"{values[y, x]:.2f}".replace("0.", ".").replace("-", "−"),
            "ink": "strong" if strength[y, x] > 0.6 else "weak",
        }
        for y, x in np.ndindex(values.shape)
    ]
