"""Published figures beside those measured here, over the whole study."""

from genreflow.report.axis import axis_around
from genreflow.report.material import Material
from genreflow.report.numbers import count, counted, listed, metric_named
from genreflow.report.scores import tested, ticks


def published(material: Material) -> dict | None:
    """Return the table of published and measured figures, in the order of the study.

    Metrics between 0 and 1 are drawn on one axis; others stand there as numbers only. ``inside``
    says whether the published figure lies in the interval of the measured one.
    """
    rows = [_row(row) for row in material.published.iter_rows(named=True)]
    if not rows:
        return None
    drawn = [row for row in rows if row["drawn"]]
    ends = [row[end] for row in drawn for end in ("published", "measured", "low", "high")]
    axis = axis_around(ends, floor=0.0, ceiling=1.0)
    for row in drawn:
        row["places"] = {
            end: axis.place(row[end]) for end in ("published", "measured", "low", "high")
        }
    sources = list(dict.fromkeys(row["source"] for row in rows if row["source"]))
    return {
        "rows": rows,
        "ticks": ticks(axis, metric_named("accuracy")) if drawn else [],
        "sources": sources,
        "sentence": _sentence(rows),
        "tested": [
            (split, text)
            for split in dict.fromkeys(row["split"] for row in rows)
            if (text := tested(material, split))
        ],
    }


def _row(row: dict) -> dict:
    metric = metric_named(row["metric"])
    known = row["measured"] is not None
    inside = None
    if row["low"] is not None and row["high"] is not None:
        inside = row["low"] <= row["published"] <= row["high"]
    difference = row["measured"] - row["published"] if known else None
    return row | {
        "title": metric.title,
        "text": metric.value(row["published"]),
        "measured_text": metric.value(row["measured"]) if known else "not run",
        "interval": metric.interval(row["low"], row["high"]),
        "inside": inside,
        "difference": difference,
        "difference_text": metric.difference(difference) if known else "",
        "drawn": (metric.floor, metric.ceiling) == (0.0, 1.0),
        "places": None,
    }


def _sentence(rows: list[dict]) -> str:
    """Say how many published figures lie inside the intervals of those measured here."""
    known = [row for row in rows if row["inside"] is not None]
    if not known:
        return "None of the published figures could be compared with one measured here."
    inside = sum(row["inside"] for row in known)
    above = sum(row["published"] > row["measured"] and not row["inside"] for row in known)
    words = [f"{count(inside) if inside else 'none'} {'lie' if inside > 1 else 'lies'} inside"]
    words += [f"{count(above)} above"] if above else []
    below = len(known) - inside - above
    words += [f"{count(below)} below"] if below else []
    return (
        f"Of {counted(len(known), 'published figure')} that could be compared, {listed(words)} the "
        "interval of what was measured here."
    )
