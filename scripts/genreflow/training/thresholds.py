"""From which probability on a track gets a label, where it may have several."""

import numpy as np


def best_thresholds(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Per label the score from which on guessing the label gives the best F1.

    Parameters
    ----------
    truth : np.ndarray [shape=(n, n_labels), dtype=int]
        0 and 1
    scores : np.ndarray [shape=(n, n_labels), dtype=float64]
        of tracks that the model was not fitted on

    Returns
    -------
    np.ndarray [shape=(n_labels,), dtype=float64]
        above 0, the highest of several that are equally good; 0.5 for a label of which no track
        has a score above 0, such as one that no track has
    """
    columns = zip(truth.T, scores.T, strict=True)
    return np.array([_best_threshold(own, score) for own, score in columns])


def _best_threshold(truth: np.ndarray, scores: np.ndarray) -> float:
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(truth[order])
    # Tracks of equal scores are guessed together, so that the last of them counts.
    ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
    # From 0 on every track would get the label.
    ends = ends[(scores[ends] > 0) & (found[ends] > 0)]
    if not len(ends):
        return 0.5
    f1 = 2 * found[ends] / (ends + 1 + found[-1])
    return float(scores[ends[np.argmax(f1)]])
