"""A map of labels on a plane: dots tied to their clusters, with as many names as find room."""

import numpy as np
import polars as pl

WIDTH, HEIGHT, EDGE = 1120, 620, 24
LETTER, LINE, BOLD = 6.1, 12, 1.12
LONGEST = 22
# Where a name may stand beside its dot: its start, middle or end at so many pixels from there.
PLACES = [
    (7, 4, "start"),
    (-7, 4, "end"),
    (0, -7, "middle"),
    (0, 15, "middle"),
    (6, -5, "start"),
    (6, 13, "start"),
    (-6, -5, "end"),
    (-6, 13, "end"),
]
MIDDLE = [(0, 4, "middle"), *((0, y, "middle") for y in (-8, 16, -20, 28, -32, 40)), *PLACES]
Box = tuple[float, float, float, float]


def cluster_map(table: pl.DataFrame, order: list[str]) -> dict | None:
    """Place labels, the middles of their clusters, and all names that fit without overlap.

    Parameters
    ----------
    table : pl.DataFrame
        label, cluster (null: dropped), x, y
    order : list of str
        the clusters; the place of one in it is its colour

    Returns
    -------
    dict or None
        None where no label has a place
    """
    table = table.filter(pl.col("x").is_finite(), pl.col("y").is_finite())
    if table.is_empty():
        return None
    xs, ys = _scaled(table["x"].to_numpy(), WIDTH), HEIGHT - _scaled(table["y"].to_numpy(), HEIGHT)
    clusters = table["cluster"].to_list()
    dots = [
        {
            "label": label,
            "at": order.index(cluster) if cluster is not None else None,
            "x": round(float(x), 1),
            "y": round(float(y), 1),
        }
        for label, cluster, x, y in zip(table["label"], clusters, xs, ys, strict=True)
    ]
    middles = [_middle(at, cluster, dots) for at, cluster in enumerate(order)]
    taken = _Taken([(dot["x"] - 4, dot["y"] - 4, dot["x"] + 4, dot["y"] + 4) for dot in dots])
    for middle in middles:
        middle["name"] = taken.place(middle["x"], middle["y"], middle["cluster"], MIDDLE, BOLD)
        # The name of a cluster is shown even where it covers another.
        if middle["name"] is None:
            middle["name"] = {"x": middle["x"], "y": middle["y"] + 4, "anchor": "middle"}
    # Labels in open space first: they find room in any case, and leave the crowd its own.
    for dot in sorted(dots, key=lambda dot: (-_distance(dot, dots), dot["label"])):
        dot["name"] = taken.place(dot["x"], dot["y"], dot["label"], PLACES, 1.0)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "dots": [dot | _spoke(dot, middles) | {"text": _short(dot["label"])} for dot in dots],
        "middles": [middle | {"text": _short(middle["cluster"])} for middle in middles],
        "hidden": sum(dot["name"] is None for dot in dots),
    }


def _scaled(values: np.ndarray, size: int) -> np.ndarray:
    """Bring coordinates to pixels between the edges."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return np.full(len(values), size / 2)
    return EDGE + (size - 2 * EDGE) * (values - low) / (high - low)


def _middle(at: int, cluster: str, dots: list[dict]) -> dict:
    own = [dot for dot in dots if dot["at"] == at]
    x, y = (sum(dot[axis] for dot in own) / max(len(own), 1) for axis in "xy")
    return {"cluster": cluster, "at": at, "x": round(x, 1), "y": round(y, 1)}


def _spoke(dot: dict, middles: list[dict]) -> dict:
    """The end of the line that ties a label to the middle of its cluster."""
    if dot["at"] is None:
        return {"to": None}
    return {"to": (middles[dot["at"]]["x"], middles[dot["at"]]["y"])}


def _distance(dot: dict, dots: list[dict]) -> float:
    """Squared distance to the nearest other label."""
    return min(
        ((dot["x"] - o["x"]) ** 2 + (dot["y"] - o["y"]) ** 2 for o in dots if o is not dot),
        default=0.0,
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


class _Taken:
    """The boxes of a drawing that are taken already."""

    def __init__(self, boxes: list[Box]):
        self.boxes = list(boxes)

    def place(
        self, x: float, y: float, name: str, places: list[tuple[float, float, str]], wide: float
    ) -> dict | None:
        """Take the first free place for a name; None where all are taken."""
        width = len(_short(name)) * LETTER * wide
        for dx, dy, anchor in places:
            left = x + dx - {"start": 0, "middle": width / 2, "end": width}[anchor]
            box = (left, y + dy - LINE + 3, left + width, y + dy + 3)
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= WIDTH and box[3] <= HEIGHT
            if inside and not any(_overlap(box, other) for other in self.boxes):
                self.boxes.append(box)
                return {"x": round(x + dx, 1), "y": round(y + dy, 1), "anchor": anchor}
        return None


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
