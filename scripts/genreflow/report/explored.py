"""What the features of a table are like: their spread, what goes with what, genres by feature."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genreflow.report import numbers
from genreflow.report.drawing import DIVERGING, plain
from genreflow.report.heatmap import MOST, Wording, heat_map
from genreflow.report.material import Material
from genreflow.report.numbers import listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from genreflow.explore import Explored

STRONGEST = 10
MOST_NAMED = 8
DEVIATIONS = 1.5
# Room for the matrix, beside which the strongest pairs are listed.
ROOM = 860


def section(material: Material) -> dict | None:
    """Return what the page shows of the explored feature sets; None where there is none."""
    if not material.explored:
        return None
    sets = [
        _set(dataset, features, explored)
        for (dataset, features), explored in sorted(material.explored.items())
    ]
    return {"sets": sets}


def _set(dataset: str, features: str, explored: "Explored") -> dict:
    names, correlation, covariance = ordered(explored)
    labels, means = ordered_labels(explored)
    largest = float(np.abs(covariance).max(initial=0))
    return {
        "dataset": dataset,
        "features": features,
        "tracks": numbers.count(explored.tracks),
        "note": _note(explored),
        "rows": _summary(explored),
        "pairs": strongest_pairs(names, correlation),
        "hidden": len(names) > MOST,
        "correlation": heat_map(
            correlation,
            names,
            names,
            f"Correlation of the features of {dataset}",
            top=1.0,
            signed=True,
            wording=Wording(before="r = "),
            room=ROOM,
            widest=44,
            highest=34,
        ),
        "covariance": heat_map(
            covariance,
            names,
            names,
            f"Covariance of the features of {dataset}, each scaled to 0..1",
            root=True,
            signed=True,
            wording=Wording(decimals=4),
            room=ROOM,
        ),
        "covariance_top": f"{largest:.3f}",
        "labels": heat_map(
            means.T,
            names,
            labels,
            f"Mean features of the labels of {dataset}",
            top=DEVIATIONS,
            signed=True,
            wording=Wording(after=" standard deviations"),
            highest=15,
        ),
        "deviations": f"{DEVIATIONS:g}",
    }


def ordered(explored: "Explored") -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return names, correlation and covariance of the features, like beside like."""
    order = explored.order
    square = np.ix_(order, order)
    return explored.names[order].tolist(), explored.correlation[square], explored.covariance[square]


def ordered_labels(explored: "Explored") -> tuple[list[str], np.ndarray]:
    """Return the labels, like beside like, and their means with features ordered alike."""
    means = explored.label_means[np.ix_(explored.label_order, explored.order)]
    return explored.labels[explored.label_order].tolist(), means


def _note(explored: "Explored") -> str:
    """Say which features never change, as their correlation is not defined."""
    constant = explored.names[explored.constant].tolist()
    if not constant:
        return ""
    shown = constant[:MOST_NAMED]
    if len(constant) > MOST_NAMED:
        shown.append(f"{len(constant) - MOST_NAMED} more")
    verb = "is" if len(constant) == 1 else "are"
    return (
        f"{listed(shown)} {verb} the same in every track; correlations with what never changes "
        "are not defined, and drawn as 0."
    )


def _summary(explored: "Explored") -> list[dict]:
    """One row per feature, in the order of the set."""
    columns = (explored.mean, explored.std, explored.min, explored.max)
    rows = zip(explored.names.tolist(), explored.missing.tolist(), *columns, strict=True)
    return [
        {
            "name": name,
            "missing": missing,
            "missing_text": _share(missing, explored.tracks),
            "numbers": [_number(float(value)) for value in values],
        }
        for name, missing, *values in rows
    ]


def _share(missing: int, tracks: int) -> str:
    """A count, and its share of all tracks where it is not 0."""
    share = f" ({100 * missing / tracks:.1f}{numbers.NARROW}%)" if missing else ""
    return numbers.count(missing) + share


def _number(value: float) -> dict:
    return {"text": short_number(value), "key": value if np.isfinite(value) else ""}


def short_number(value: float) -> str:
    """Write a number of any size with four digits: ``0.6713``, ``121.1``, ``228,000``."""
    if not np.isfinite(value):
        return numbers.UNKNOWN
    if value and abs(value) < 1e-4:
        text = f"{value:.1e}"
    elif abs(value) < 1000:
        text = f"{value:.4g}"
    else:
        text = f"{value:,.0f}"
    return text.replace("-", "−")


def strongest_pairs(names: list[str], correlation: np.ndarray) -> list[dict]:
    """Return the pairs of features that go together most, either way, the strongest first.

    Parameters
    ----------
    names : list of str
    correlation : np.ndarray [shape=(features, features)]
    """
    upper = np.triu_indices(len(names), 1)
    found = np.asarray(correlation)[upper]
    strongest = np.argsort(-np.abs(found), kind="stable")[:STRONGEST]
    return [
        {
            "first": names[upper[0][at]],
            "second": names[upper[1][at]],
            "value": f"{found[at]:+.2f}".replace("-", "−"),
        }
        for at in strongest
        if abs(found[at]) >= 0.005
    ]


def figures(material: Material) -> Iterator[tuple[str, "Figure"]]:
    """Draw the correlation, the covariance and the labels' mean features of each set."""
    for (dataset, features), explored in sorted(material.explored.items()):
        names, correlation, covariance = ordered(explored)
        labels, means = ordered_labels(explored)
        where = f"{dataset}_{features}"
        title = f"Correlation of features, {dataset}"
        yield f"correlation_{where}", map_figure(correlation, names, names, title, top=1.0)
        title = f"Covariance of features scaled to 0..1, {dataset}"
        yield f"covariance_{where}", map_figure(covariance, names, names, title)
        if labels:
            title = f"Mean features by label in standard deviations, {dataset}"
            figure = map_figure(means, labels, names, title, top=DEVIATIONS)
            yield f"label_features_{where}", figure


def map_figure(
    values: np.ndarray,
    rows: list[str],
    columns: list[str],
    title: str,
    *,
    top: float | None = None,
    colours: str | None = None,
) -> "Figure":
    """Draw a heat map with all names; by default from blue over white to orange, 0 in the middle.

    Parameters
    ----------
    values : np.ndarray [shape=(rows, columns)]
    rows, columns : list of str
    title : str
    top : float or None
        value of the strongest colour; by default the largest magnitude
    colours : str or None
        a colour map of matplotlib for values from 0 on
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    rows, columns = [plain(r, 24) for r in rows], [plain(c, 24) for c in columns]
    font = 8 if max(len(rows), len(columns)) <= 40 else 4.5
    cell = 0.26 if font == 8 else 0.085
    # Fixed margins: a computed layout would measure hundreds of names.
    left = 0.2 + max(map(len, rows), default=1) * font * 0.0092
    under = 0.2 + max(map(len, columns), default=1) * font * 0.0092
    across, high = max(cell * len(columns), 2.5), max(cell * len(rows), 1.5)
    width, height = left + across + 1.1, under + high + 0.45
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, under / height, across / width, high / height))
    top = top or float(np.abs(values).max(initial=0)) or 1.0
    image = axes.imshow(
        values,
        aspect="auto",
        interpolation="nearest",
        cmap=colours or LinearSegmentedColormap.from_list("sides", DIVERGING),
        vmin=0 if colours else -top,
        vmax=top,
    )
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=font)
    axes.set_yticks(range(len(rows)), rows, fontsize=font)
    axes.tick_params(length=0, pad=2)
    axes.spines[:].set_visible(False)
    place = ((left + across + 0.15) / width, under / height, 0.12 / width, high / height)
    bar = figure.colorbar(image, cax=figure.add_axes(place))
    bar.outline.set_visible(False)
    figure.text(left / width, 1 - 0.15 / height, plain(title, 90), va="top")
    return figure
