"""Which run of a split is the best, and by how much.

All runs of a split are measured on the same draws of artists, so that the figures of two runs can
be subtracted draw by draw: what makes a draw hard makes it hard for both. The interval of such a
paired difference [1]_ is mostly far narrower than those of the two figures suggest. The best run is
found on the same tracks as the differences, so a narrow lead is rather too large than too small.

.. [1] Efron, Tibshirani (1993): An Introduction to the Bootstrap, chapter 8. Chapman & Hall.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from genreflow.evaluation.bootstrap import percentile_interval
from genreflow.evaluation.names import LOWER_IS_BETTER

DIFFERENCES = pl.Schema(
    {
        "run": pl.String,
        "split": pl.String,
        "target": pl.String,
        "metric": pl.String,
        "best": pl.String,
        "difference": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
    }
)


@dataclass(frozen=True)
class Resampled:
    """One figure of a run on the test part.

    Attributes
    ----------
    value : float
        NaN where it is not defined
    drawn : np.ndarray [shape=(resamples,)]
        the figure of each resample; NaN where it is not defined
    """

    value: float
    drawn: np.ndarray


def differences_table(
    of_split: Mapping[str, Mapping[str, Mapping[str | None, Resampled]]],
    metrics: Mapping[str, str],
    confidence: float,
) -> pl.DataFrame:
    """Every run against the best one of its split, by the metric that ranks them.

    Parameters
    ----------
    of_split : mapping of str to mapping of str to mapping of str or None to Resampled
        by split and run: the figure, overall (None) and, of regression, of each target
    metrics : mapping of str to str
        by split: the name of the figure
    confidence : float in (0, 1)
        level of the intervals

    Returns
    -------
    pl.DataFrame
        the columns of `DIFFERENCES`, sorted; the figure of the run less that of the best one. There
        is no line for the best run itself (of equal ones the first by name), none for a run whose
        figure is not defined, and none overall where runs predict different targets. The interval
        is null where there is one artist.
    """
    rows = []
    for split, runs in of_split.items():
        predicted = {frozenset(figures) for figures in runs.values()}
        targets = set().union(*predicted) - ({None} if len(predicted) > 1 else set())
        for target in targets:
            figures = {run: own[target] for run, own in runs.items() if target in own}
            lines = _against_the_best(figures, metrics[split], confidence)
            rows += [(run, split, target, metrics[split], *line) for run, *line in lines]
    table = pl.DataFrame(rows, schema=DIFFERENCES, orient="row")
    return table.with_columns(pl.col(pl.Float64).fill_nan(None)).sort("run", "split", "target")


def _against_the_best(
    figures: Mapping[str, Resampled], metric: str, confidence: float
) -> Iterable[tuple]:
    """Run, best run, difference, low and high."""
    sign = 1 if metric in LOWER_IS_BETTER else -1
    known = {run: own for run, own in figures.items() if not np.isnan(own.value)}
    if not known:
        return
    best = min(known, key=lambda run: (sign * known[run].value, run))
    for run in sorted(known.keys() - {best}):
        apart = known[run].drawn - known[best].drawn
        low, high = percentile_interval(apart, confidence)
        yield run, best, known[run].value - known[best].value, low, high
