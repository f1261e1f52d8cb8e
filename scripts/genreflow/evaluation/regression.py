"""The figures of regression."""

import numpy as np

from genreflow.evaluation.metrics import Figures, exact_weights, mask, mean, ratio


class RegressionScorer:
    """The figures of one set of predicted numbers (`Scorer`); targets stand for labels.

    Parameters
    ----------
    truth, predicted : np.ndarray [shape=(n, n_targets)]
        in the unit of each target; float64
    ranges : np.ndarray [shape=(n_targets,)]
        greatest less least value of each target, of all tracks of the split's parts; float64

    Notes
    -----
    With W the weight, y the truth, p what is predicted, and m = sum W y / sum W::

        mae     sum W |y - p| / sum W
        mse     sum W (y - p)^2 / sum W / range^2: of numbers brought to 0..1
        r2      1 - sum W (y - p)^2 / sum W (y - m)^2

    r2 is 0 for one who always says the mean, and has no lower end. Overall, mse and r2 are means
    over the targets, and mae, which has a unit, is that of the only one. r2 is NaN where all
    (weighted) tracks have one value, and mse where the range is 0. Elsewhere the figures are those
    of `r2_score`, `mean_squared_error` and `mean_absolute_error` with ``sample_weight``.

    Examples
    --------
    >>> truth, predicted = np.array([[90.0], [130.0]]), np.array([[100.0], [120.0]])
    >>> figures = RegressionScorer(truth, predicted, np.array([80.0]))(np.ones((2, 1), dtype=int))
    >>> {name: float(values[0]) for name, values in figures.overall.items()}
    {'mae': 10.0, 'mse': 0.015625, 'r2': 0.75}
    """

    def __init__(self, truth: np.ndarray, predicted: np.ndarray, ranges: np.ndarray) -> None:
        self._truth, self._error = truth, predicted - truth
        self._ranges = ranges[:, np.newaxis]
        self.size = len(truth)

    def __call__(self, weights: np.ndarray) -> Figures:
        """Figures for each column of weights, as `Scorer` says."""
        weights, total = exact_weights(weights)
        absolute = np.stack([_sums(np.abs(error), weights) for error in self._error.T])
        squared = np.stack([_sums(error**2, weights) for error in self._error.T])
        spread = np.stack([_spread(truth, weights, total) for truth in self._truth.T])
        area = np.broadcast_to(self._ranges**2, squared.shape)
        targets = {
            "mae": absolute / total,
            "mse": mask(ratio(squared / total, area), area == 0),
            "r2": 1 - mask(ratio(squared, spread), spread == 0),
        }
        overall = {name: mean(values) for name, values in targets.items()}
        if len(targets["mae"]) > 1:
            overall["mae"] = np.full(len(total), np.nan)
        return Figures(overall, targets)


def _sums(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums [shape=(b,)] of values [shape=(n,)]."""
    return np.einsum("n,nb->b", values, weights)


def _spread(truth: np.ndarray, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Weighted sums of squared distances from the mean; just 0 where all have one value."""
    drawn = weights > 0
    least = np.where(drawn, truth[:, np.newaxis], np.inf).min(axis=0)
    greatest = np.where(drawn, truth[:, np.newaxis], -np.inf).max(axis=0)
    far = truth[:, np.newaxis] - _sums(truth, weights) / total
    return np.where(least == greatest, 0.0, np.einsum("nb,nb->b", far**2, weights))
