"""Probabilities, or numbers, from a fitted model."""

from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import GenreflowError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from genreflow.features.inputs import Inputs


def predict_probabilities(
    pipeline: "Pipeline", X: "np.ndarray | Inputs", *, multi_label: bool = False
) -> np.ndarray:
    """Probability of each label for each row.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
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
    pipeline: "Pipeline",
    X: "np.ndarray | Inputs",
    tracks: np.ndarray,
    *,
    multi_label: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each label for each track: the mean over the track's segments.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
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
    return _mean_of_segments(predict_probabilities(pipeline, X, multi_label=multi_label), tracks)


def predict_numbers(
    pipeline: "Pipeline", X: "np.ndarray | Inputs", tracks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each number of each track, as a regressor tells it: the mean over the track's segments.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        a fitted model
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
    tracks : np.ndarray [shape=(n,)]
        the track that each row is of, in ascending order

    Returns
    -------
    firsts : np.ndarray [shape=(n_tracks,), dtype=int64]
        the first row of each track
    numbers : np.ndarray [shape=(n_tracks, n_targets), dtype=float64]
        on the scale that the model was fitted on

    Raises
    ------
    GenreflowError
        if the model gives something that is no number
    """
    found = np.asarray(pipeline.predict(X), dtype=np.float64).reshape(len(tracks), -1)
    if not np.isfinite(found).all():
        raise GenreflowError(
            f"{type(pipeline[-1]).__name__} gave values that are no finite numbers; "
            "its parameters may have let it diverge"
        )
    return _mean_of_segments(found, tracks)


def _mean_of_segments(values: np.ndarray, tracks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each track, and the mean of its rows."""
    _, firsts = np.unique(tracks, return_index=True)
    counts = np.diff(firsts, append=len(values))
    return firsts, np.add.reduceat(values, firsts) / counts[:, np.newaxis]
