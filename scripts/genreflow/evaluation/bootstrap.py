"""How far a figure would move with other tracks: the bootstrap over artists, and the t-interval.

Tracks of one artist resemble each other, so they are not independent draws: whole artists, told
apart as by the splits (`genreflow.artists.split_groups`), are drawn with replacement [1]_. The
interval is taken between percentiles of the resampled figures [2]_. It covers the choice of the
test tracks only, neither that of the training tracks nor the model's seed.

.. [1] Field, Welsh (2007): Bootstrapping clustered data. Journal of the Royal Statistical
   Society B 69 (3), 369-390.
.. [2] Efron, Tibshirani (1993): An Introduction to the Bootstrap, chapter 13. Chapman & Hall.
"""

import numpy as np

from genreflow.evaluation.metrics import Figures, Scorer

# With fewer artists, the interval is too narrow to trust.
FEW_CLUSTERS = 20
# Numbers worked on at a time, and the fewest resamples: with less, sparse products are slow.
BLOCK = 2**20
LEAST_WIDTH = 16


def draw(n_clusters: int, resamples: int, seed: int) -> np.ndarray:
    """How often each cluster is drawn in each resample.

    All runs that are compared take the same draws, so that their differences can be tested.

    Parameters
    ----------
    n_clusters : int > 0
    resamples : int > 0
    seed : int >= 0

    Returns
    -------
    np.ndarray [shape=(n_clusters, resamples)]
        multinomial counts, `n_clusters` in each column; uint16
    """
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, n_clusters), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(n_clusters, size=n_clusters), minlength=n_clusters)
    return np.ascontiguousarray(counts.T)


def resample(scorer: Scorer, members: np.ndarray, draws: np.ndarray) -> Figures:
    """Figures of each resample; memory is bounded by working through them in blocks.

    Parameters
    ----------
    scorer : Scorer of n tracks
    members : np.ndarray [shape=(n,)]
        the number of each track's cluster; int
    draws : np.ndarray [shape=(n_clusters, resamples)]
        as from `draw`

    Returns
    -------
    Figures
        with b = resamples
    """
    width = max(LEAST_WIDTH, BLOCK // scorer.size)
    blocks = [
        scorer(draws[members, start : start + width]) for start in range(0, draws.shape[1], width)
    ]
    first = blocks[0]
    return Figures(
        {name: np.concatenate([b.overall[name] for b in blocks]) for name in first.overall},
        {name: np.concatenate([b.classes[name] for b in blocks], axis=1) for name in first.classes},
    )


def percentile_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Interval between the percentiles of resampled values; NaN where no value is defined.

    Parameters
    ----------
    values : np.ndarray [shape=(resamples,)]
        NaN where a resample does not define the figure; those are left out
    confidence : float in (0, 1)
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return np.nan, np.nan
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def t_interval(values: np.ndarray, confidence: float) -> tuple[float, float, float, float]:
    """Mean, standard deviation and Student's t-interval of a figure over folds.

    ``mean -+ t[(1 + confidence) / 2, n - 1] std / sqrt(n)``. Folds share training tracks, so the
    interval is narrower than its level says; it stands here because publications give it.

    Parameters
    ----------
    values : np.ndarray [shape=(n,)]
        NaN where a fold does not define the figure; those are left out
    confidence : float in (0, 1)

    Returns
    -------
    mean, std, low, high : float
        std with n - 1 in the denominator; all NaN with fewer than two values
    """
    from scipy.special import stdtrit

    values = values[~np.isnan(values)]
    n = len(values)
    if n < 2:
        return np.nan, np.nan, np.nan, np.nan
    mean, std = float(values.mean()), float(values.std(ddof=1))
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * std / n**0.5
    return mean, std, mean - half, mean + half


def value_range(values: np.ndarray) -> tuple[float, float]:
    """Least and greatest value of a figure over folds, or over seeds.

    Parameters
    ----------
    values : np.ndarray [shape=(n,)]
        NaN where a fold does not define the figure; those are left out

    Returns
    -------
    low, high : float
        both NaN with fewer than two values
    """
    values = values[~np.isnan(values)]
    if len(values) < 2:
        return np.nan, np.nan
    return float(values.min()), float(values.max())
