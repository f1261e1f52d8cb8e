"""Folds inside a training part, for searches, calibration, early stopping and thresholds."""

import logging

import numpy as np

from genreflow.errors import GenreflowError

log = logging.getLogger("genreflow")

Folds = list[tuple[np.ndarray, np.ndarray]]


def inner_folds(
    y: np.ndarray,
    groups: np.ndarray,
    folds: int,
    *,
    tracks: np.ndarray | None = None,
    seed: int,
    where: str,
    purpose: str,
) -> Folds:
    """Divide a training part without parting groups, each time with all labels to fit on.

    Tracks are divided, whatever the number of their rows. Where the groups are too few, there are
    fewer folds; where a label has a single group, tracks are divided without regard to groups. Both
    are logged as a warning.

    Tracks of several labels are divided by iterative stratification (Sechidis et al. 2011). There
    a label of a single group is in one fold alone, which is logged as a warning: the others stay
    together.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (n, n_labels), dtype=int]
        number of each row's label, or 0 and 1 for each label
    groups : np.ndarray [shape=(n,)]
        what must stay together
    folds : int >= 2
        number of folds that is wished for
    tracks : np.ndarray [shape=(n,)], optional
        the track that each row is of; each row is a track where absent
    seed : int >= 0
    where, purpose : str
        for the log; errors tell the purpose alone

    Returns
    -------
    list of (np.ndarray, np.ndarray)
        rows to fit on, rows to predict, both in ascending order

    Raises
    ------
    GenreflowError
        if a label has a single track, or all tracks, of several labels, are one
    """
    if tracks is None:
        tracks = np.arange(len(y))
    _, firsts, owners = np.unique(tracks, return_index=True, return_inverse=True)
    divide = _divide if y.ndim == 1 else _divide_label_sets
    divided = divide(y[firsts], groups[firsts], folds, seed=seed, where=where, purpose=purpose)
    return [
        (np.flatnonzero(np.isin(owners, fitted)), np.flatnonzero(np.isin(owners, predicted)))
        for fitted, predicted in divided
    ]


def _divide(
    y: np.ndarray, groups: np.ndarray, folds: int, *, seed: int, where: str, purpose: str
) -> Folds:
    """Divide tracks, of which `y` and `groups` tell."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    tracks = int(np.bincount(y).min())
    if tracks < 2:
        raise GenreflowError(
            f"{purpose} needs at least 2 training tracks of every label; "
            f"one has {tracks}. Add tracks of that label, or leave it out"
        )
    most = min(folds, min(len(np.unique(groups[y == label])) for label in np.unique(y)))
    for count in range(most, 1, -1):
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        found = list(splitter.split(y, y, groups))
        if all(len(np.unique(y[train])) == len(np.unique(y)) for train, _ in found):
            if count < folds:
                log.warning("%s: %d folds for %s: artists are few", where, count, purpose)
            return found
    log.warning(
        "%s: %s divides tracks, not artists: a label has too few artists in the training part",
        where,
        purpose,
    )
    splitter = StratifiedKFold(min(folds, tracks), shuffle=True, random_state=seed)
    return list(splitter.split(y, y))


def _divide_label_sets(
    y: np.ndarray, groups: np.ndarray, folds: int, *, seed: int, where: str, purpose: str
) -> Folds:
    """Divide tracks that may have several labels."""
    from genreflow.splits.iterative import iterative_folds

    if len(y) < 2:
        raise GenreflowError(f"{purpose} needs at least 2 training tracks")
    names, units = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        log.warning("%s: %s divides tracks, not artists: there is one artist", where, purpose)
        units = np.arange(len(y))
    counts = np.zeros((units.max() + 1, y.shape[1]), dtype=np.int64)
    np.add.at(counts, units, y)
    if len(counts) < folds:
        folds = len(counts)
        log.warning("%s: %d folds for %s: artists are few", where, folds, purpose)
    fold = iterative_folds(counts, [1] * folds, seed, sizes=np.bincount(units))[units]
    lacking = sum(_in_one_fold(fold[y[:, label] == 1]) for label in range(y.shape[1]))
    if lacking:
        log.warning(
            "%s: %d labels are in one fold of %s alone, where nothing can be learned of them",
            where,
            lacking,
            purpose,
        )
    return [(np.flatnonzero(fold != own), np.flatnonzero(fold == own)) for own in np.unique(fold)]


def _in_one_fold(folds: np.ndarray) -> bool:
    return len(np.unique(folds)) == 1
