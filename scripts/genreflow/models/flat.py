"""Arrays as the rows of a matrix, for estimators of vectors."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs


class FlatScaler(TransformerMixin, BaseEstimator):
    """Lays the arrays of each row one behind the other, and standardises the columns.

    Of each feature set all rows get the same number of values: a percentile of the numbers that the
    training rows have. What is longer is cut at its end; what is shorter gets zeros there, as they
    are before columns are standardised. A column then has mean 0 and variance 1 in the training
    rows, as of sklearn.preprocessing.StandardScaler; a column of a single value is 0.

    Rows are read one by one and the matrix is filled in place, so that no more than itself is in
    memory.

    Parameters
    ----------
    percentile : number in 0..100
        of the sizes of a set's arrays, linear between them, rounded to a whole number
    at_least : int >= 0
        the least number of values of a set

    Attributes
    ----------
    lengths_ : list of int
        number of values of each feature set
    mean_, scale_ : np.ndarray [shape=(n_columns,), dtype=float64]
        of the columns in the training rows; the scale of a column of a single value is infinite
    names_ : list of str
        the feature sets
    n_features_in_ : int
        number of feature sets
    """

    def __init__(self, percentile: float = 70, at_least: int = 15000):
        self.percentile = percentile
        self.at_least = at_least

    def fit(self, X: Inputs, y: Any = None) -> "FlatScaler":
        """Learn lengths, means and scales; rows are read two times.

        Parameters
        ----------
        X : Inputs
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        GenreflowError
            if `X` is a matrix
        """
        self._learn_lengths(X)
        return self._learn_columns(X)

    def fit_transform(self, X: Inputs, y: Any = None, **_: Any) -> np.ndarray:
        """As `fit` and then `transform`, to the same bits; rows are read once.

        Parameters
        ----------
        X : Inputs
        y : ignored

        Returns
        -------
        np.ndarray [shape=(n, n_columns), dtype=float32]
        """
        self._learn_lengths(X)
        flat = self._flatten(X)
        self._learn_columns(flat)
        return self._standardize(flat)

    def transform(self, X: Inputs) -> np.ndarray:
        """Rows of a matrix.

        Parameters
        ----------
        X : Inputs
            of the feature sets that were learned from

        Returns
        -------
        np.ndarray [shape=(n, n_columns), dtype=float32]

        Raises
        ------
        GenreflowError
            if `X` is of other feature sets
        """
        check_is_fitted(self)
        _require_arrays(X)
        if list(X.names) != self.names_:
            raise GenreflowError(
                f"the scaler has learned from {', '.join(self.names_)}, in this order, and gets "
                f"{', '.join(X.names)}"
            )
        return self._standardize(self._flatten(X))

    def _learn_lengths(self, X: Inputs) -> None:
        _require_arrays(X)
        self.names_, self.n_features_in_ = list(X.names), X.shape[1]
        self.lengths_ = [
            max(
                round(float(np.percentile([np.prod(shape) for shape in shapes], self.percentile))),
                self.at_least,
            )
            for shapes in X.shapes()
        ]

    def _learn_columns(self, X: Inputs | np.ndarray) -> "FlatScaler":
        """Means and scales, of rows or of what they are laid out as."""
        n = len(X)
        total = np.zeros(sum(self.lengths_))
        for row in self._rows(X):
            total += row
        self.mean_ = total / n
        squares = np.zeros_like(total)
        for row in self._rows(X):
            squares += np.square(row - self.mean_)
        variance = squares / n
        # What is left where all values are the same, by rounding: the bound of scikit-learn.
        eps = np.finfo(np.float64).eps
        constant = variance <= n * eps * variance + np.square(n * self.mean_ * eps)
        self.scale_ = np.where(constant, np.inf, np.sqrt(variance))
        return self

    def _rows(self, X: Inputs | np.ndarray) -> Iterable[np.ndarray]:
        """Rows laid out, one by one."""
        if isinstance(X, np.ndarray):
            return X
        flat = np.empty(sum(self.lengths_), dtype=np.float32)
        return (self._lay_out(X.row(number), flat) for number in range(len(X)))

    def _flatten(self, X: Inputs) -> np.ndarray:
        flat = np.empty((len(X), sum(self.lengths_)), dtype=np.float32)
        for number, row in enumerate(flat):
            self._lay_out(X.row(number), row)
        return flat

    def _lay_out(self, arrays: tuple[np.ndarray, ...], flat: np.ndarray) -> np.ndarray:
        """Fill a row [shape=(n_columns,)] with arrays, cut or followed by zeros."""
        start = 0
        for array, length in zip(arrays, self.lengths_, strict=True):
            values = array.reshape(-1)[:length]
            flat[start : start + len(values)] = values
            flat[start + len(values) : start + length] = 0
            start += length
        return flat

    def _standardize(self, flat: np.ndarray) -> np.ndarray:
        for row in flat:
            row[:] = (row - self.mean_) / self.scale_
        return flat


def _require_arrays(X: Any) -> None:
    if not isinstance(X, Inputs):
        raise GenreflowError(
            "the scaler genreflow.models.flat.FlatScaler makes vectors of arrays, and gets "
            "vectors; say 'takes: arrays' in the model's file, or choose another scaler"
        )
