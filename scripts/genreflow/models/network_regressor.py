"""Neural networks as scikit-learn regressors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from genreflow.features.inputs import Inputs
from genreflow.models.base_network import BaseNetwork
from genreflow.models.network_parameters import check_network
from genreflow.models.objectives import Numbers, Objective


class NetworkRegressor(RegressorMixin, BaseNetwork):
    """A torch module as a regressor, of one number for each row or of several.

    The parameters are those of `genreflow.models.network.Network` without ``class_weight``. The
    module gives one number for each target, and the mean squared error is made small; targets are
    best brought to a common scale, such as 0 to 1.

    Attributes
    ----------
    n_targets_ : int > 0
    history_ : list of dict
        as that of a classifier; ``loss`` is the mean squared error, ``accuracy`` None, and ``r2``
        the mean of the targets' coefficients of determination (with `mixup`, of mixed targets)

    The others are those of a classifier, without ``classes_``.
    """

    def fit(
        self,
        X: np.ndarray | Inputs,
        y: np.ndarray,
        *,
        validation: tuple[np.ndarray | Inputs, np.ndarray] | None = None,
        checkpoint: str | Path | None = None,
    ) -> "NetworkRegressor":
        """Train, from the checkpoint on where there is one of this training.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)] or Inputs
        y : np.ndarray [shape=(n,)] or [shape=(n, n_targets)]
        validation : (X, y), optional
            rows that are never trained on: for the history, and for early stopping
        checkpoint : str or Path, optional
            file that holds the state after each epoch; the caller removes it

        Returns
        -------
        self

        Raises
        ------
        GenreflowError
            if a parameter cannot be used, or the training diverges
        ValueError
            if the rows or the targets cannot be used
        """
        check_network(self.get_params())
        X, y = self._validated(X, y, y_numeric=True)
        self.several_ = y.ndim == 2
        self.n_targets_ = y.shape[1] if self.several_ else 1
        if validation is not None:
            Xv, yv = validation
            Xv, yv = self._validated_like(Xv), check_array(yv, ensure_2d=False)
            validation = Xv, self._targets(yv)
        self._train((X, self._targets(y)), validation, checkpoint)
        return self

    def predict(self, X: np.ndarray | Inputs) -> np.ndarray:
        """The targets' numbers.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)] or Inputs

        Returns
        -------
        np.ndarray [shape=(n,)] or [shape=(n, n_targets), dtype=float64]
            as the targets were that it was fitted on
        """
        found = self._predicted(X)
        return found if self.several_ else found[:, 0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        return tags

    def _targets(self, y: np.ndarray) -> np.ndarray:
        y = y if self.several_ else y[:, np.newaxis]
        if y.ndim != 2 or y.shape[1] != self.n_targets_:
            raise ValueError(f"the training part has {self.n_targets_} targets; here is {y.shape}")
        return y.astype(np.float32)

    def _objective(self) -> Objective:
        return Numbers(self.n_targets_)

    def _described_targets(self) -> dict[str, Any]:
        return {"targets": self.n_targets_, "several": self.several_}

    def _restore_targets(self, described: Mapping[str, Any]) -> None:
        self.several_ = bool(described["several"])
        self.n_targets_ = int(described["targets"])
