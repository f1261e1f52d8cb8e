"""Probabilities from a fitted model."""

from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import GenreflowError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def predict_probabilities(
    pipeline: "Pipeline", X: np.ndarray, *, multi_label: bool = False
) -> np.ndarray:
    """Probability of each label for each row.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64]
    multi_label : bool
        whether each label has a probability of its own, or one label is as sure as 1

    Returns
    -------
    np.ndarray [shape=(n, n_classes), dtype=float64]
        where there is one label each row sums to 1 (some estimators compute in single precision)

    Raises
    ------
    GenreflowError
        if the model gives something that is no probability
    """
    scores = np.asarray(pipeline.predict_proba(X), dtype=np.float64)
    sums = scores.sum(axis=1, keepdims=True)
    right = (scores <= 1) if multi_label else (sums > 0)
    if not (np.isfinite(scores).all() and (scores >= 0).all() and right.all()):
        raise GenreflowError(
            f"{type(pipeline[-1]).__name__} gave scores that are no probabilities; "
            "its parameters may have let it diverge"
        )
    return scores if multi_label else scores / sums


def predict_tracks(
    pipeline: "Pipeline", X: np.ndarray, tracks: np.ndarray, *, multi_label: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each label for each track: the mean over the track's segments.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64]
    tracks : np.ndarray [shape=(n,)]
        the track that each row is of, in ascending order
    multi_label : bool
        as `predict_probabilities` has it

    Returns
    -------
    firsts : np.ndarray [shape=(n_tracks,), dtype=int64]
        the first row of each track
    scores : np.ndarray [shape=(n_tracks, n_classes), dtype=float64]

    Raises
    ------
    GenreflowError
        if the model gives something that is no probability
    """
    _, firsts = np.unique(tracks, return_index=True)
    scores = predict_probabilities(pipeline, X, multi_label=multi_label)
    counts = np.diff(firsts, append=len(scores))
    return firsts, np.add.reduceat(scores, firsts) / counts[:, np.newaxis]
