"""Folds inside a training part, for searches and calibration."""

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

    Parameters
    ----------
    y : np.ndarray [shape=(n,), dtype=int]
        number of each row's label
    groups : np.ndarray [shape=(n,)]
        what must stay together
    folds : int >= 2
        number of folds that is wished for
    tracks : np.ndarray [shape=(n,)], optional
        the track that each row is of; each row is a track where absent
    seed : int >= 0
    where, purpose : str
        for messages

    Returns
    -------
    list of (np.ndarray, np.ndarray)
        rows to fit on, rows to predict, both in ascending order

    Raises
    ------
    GenreflowError
        if a label has a single track
    """
    if tracks is None:
        tracks = np.arange(len(y))
    _, firsts, owners = np.unique(tracks, return_index=True, return_inverse=True)
    divided = _divide(y[firsts], groups[firsts], folds, seed=seed, where=where, purpose=purpose)
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
            f"{where}: {purpose} needs at least 2 training tracks of every label; "
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
