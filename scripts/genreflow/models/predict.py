"""Probabilities from a fitted model."""

from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import GenreflowError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def predict_probabilities(pipeline: "Pipeline", X: np.ndarray) -> np.ndarray:
    """Probability of each label for each track.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64]

    Returns
    -------
    np.ndarray [shape=(n, n_classes), dtype=float64]
        each row sums to 1 (some estimators compute in single precision)

    Raises
    ------
    GenreflowError
        if the model gives something that is no probability
    """
    scores = np.asarray(pipeline.predict_proba(X), dtype=np.float64)
    sums = scores.sum(axis=1, keepdims=True)
    if not (np.isfinite(scores).all() and (scores >= 0).all() and (sums > 0).all()):
        raise GenreflowError(
            f"{type(pipeline[-1]).__name__} gave scores that are no probabilities; "
            "its parameters may have let it diverge"
        )
    return scores / sums
