"""Division of a training part: folds for selection in it, and tracks for early stopping."""

import logging

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.training.rows import task_of

log = logging.getLogger("genreflow")

Folds = list[tuple[np.ndarray, np.ndarray]]

# One of as many shares is kept back for early stopping.
KEPT_BACK = 10


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
    fewer folds; where those of a label are too few for two, its tracks are divided singly, and the
    others by their groups. Both are logged as a warning.

    Tracks of several labels are divided by iterative stratification (Sechidis et al. 2011). There
    a label of a single group is in one fold alone, which is logged as a warning: the others stay
    together. Where numbers are to be told, groups are divided whatever these are.

    Parameters
    ----------
    y : np.ndarray [shape=(n,) or (n, n_labels), dtype=int or float64]
        number of each row's label, 0 and 1 for each label, or the numbers of a regression
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
        if a label has a single track, or all tracks, of several labels or of numbers, are one
    """
    firsts, owners = _owners(y, tracks)
    divide = DIVIDE[task_of(y)]
    divided = divide(y[firsts], groups[firsts], folds, seed=seed, where=where, purpose=purpose)
    return [
        (np.flatnonzero(np.isin(owners, fitted)), np.flatnonzero(np.isin(owners, predicted)))
        for fitted, predicted in divided
    ]


def keep_back(
    y: np.ndarray, groups: np.ndarray, *, tracks: np.ndarray | None = None, seed: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Part about a tenth of a training part's tracks from the others, by groups.

    Of ten shares of equal stratification (as `inner_folds` has it for several labels) it is the
    one nearest to a tenth without which all labels are still known. A label of a single group
    stays wholly with the others. Where numbers are to be told, groups alone make the shares.

    Parameters
    ----------
    y, groups, tracks, seed
        as `inner_folds` takes them

    Returns
    -------
    (np.ndarray, np.ndarray) or None
        rows to fit on, rows to keep back, both in ascending order; None where every group is
        needed to fit on
    """
    from genreflow.splits.iterative import iterative_folds

    firsts, owners = _owners(y, tracks)
    own = y[firsts]
    has = _labels(own)
    _, units = np.unique(groups[firsts], return_inverse=True)
    counts, sizes = _count(has, units), np.bincount(units)
    alone = (counts > 0).sum(axis=0) < 2
    free = np.flatnonzero(~counts[:, alone].any(axis=1))
    # Of shares of 9 and 1 the small one would get nothing of labels of fewer than 5 groups.
    shares = iterative_folds(counts[free], [1] * KEPT_BACK, seed, sizes=sizes[free])
    kept = [free[shares == share] for share in np.unique(shares)]
    for chosen in sorted(kept, key=lambda some: abs(sizes[some].sum() - len(units) / KEPT_BACK)):
        if np.delete(counts, chosen, axis=0).any(axis=0)[counts.any(axis=0)].all():
            rows = np.isin(units, chosen)[owners]
            return np.flatnonzero(~rows), np.flatnonzero(rows)
    return None


def _owners(y: np.ndarray, tracks: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each track, and the number of each row's track."""
    if tracks is None:
        tracks = np.arange(len(y))
    _, firsts, owners = np.unique(tracks, return_index=True, return_inverse=True)
    return firsts, owners


def _labels(y: np.ndarray) -> np.ndarray:
    """Which labels tracks have; numbers are as a single one that all have."""
    task = task_of(y)
    if task == "regression":
        return np.ones((len(y), 1), dtype=np.int64)
    return y if task == "multi_label" else np.equal.outer(y, np.unique(y))


def _count(y: np.ndarray, units: np.ndarray) -> np.ndarray:
    """How many tracks of each label a unit holds."""
    counts = np.zeros((units.max() + 1, y.shape[1]), dtype=np.int64)
    np.add.at(counts, units, y)
    return counts


def _divide(
    y: np.ndarray, groups: np.ndarray, folds: int, *, seed: int, where: str, purpose: str
) -> Folds:
    """Divide tracks, of which `y` and `groups` tell."""
    tracks = int(np.bincount(y).min())
    if tracks < 2:
        raise GenreflowError(
            f"{purpose} needs at least 2 training tracks of every label; "
            f"one has {tracks}. Add tracks of that label, or leave it out"
        )
    _, units = np.unique(groups, return_inverse=True)
    lacking = [label for label in np.unique(y) if len(np.unique(units[y == label])) < 2]
    parted: set[int] = set()
    while True:
        single = np.isin(y, lacking)
        units[single] = len(y) + np.flatnonzero(single)
        parted.update(lacking)
        found, lacking = _stratify(y, units, folds, seed)
        if not lacking:
            break
    if parted:
        log.warning(
            "%s: %s divides tracks, not artists, of %d labels, which have too few artists in the "
            "training part",
            where,
            purpose,
            len(parted),
        )
    if len(found) < folds:
        few = "artists, or those tracks," if parted else "artists"
        log.warning("%s: %d folds for %s: %s are few", where, len(found), purpose, few)
    return found


def _stratify(y: np.ndarray, units: np.ndarray, folds: int, seed: int) -> tuple[Folds, list[int]]:
    """The most folds without parting units, and the labels that one of two folds does not know."""
    from sklearn.model_selection import StratifiedGroupKFold

    labels = np.unique(y)
    most = min(folds, min(len(np.unique(units[y == label])) for label in labels))
    found: Folds = []
    lacking: list[int] = []
    for count in range(most, 1, -1):
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        found = list(splitter.split(y, y, units))
        lacking = [
            label for label in labels if not all((y[known] == label).any() for known, _ in found)
        ]
        if not lacking:
            break
    return found, lacking


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
    counts = _count(y, units)
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


def _divide_numbers(
    y: np.ndarray, groups: np.ndarray, folds: int, *, seed: int, where: str, purpose: str
) -> Folds:
    """Divide tracks of which numbers are to be told."""
    from sklearn.model_selection import GroupKFold

    if len(y) < 2:
        raise GenreflowError(f"{purpose} needs at least 2 training tracks")
    names, units = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        log.warning("%s: %s divides tracks, not artists: there is one artist", where, purpose)
        units = np.arange(len(y))
    most = min(folds, units.max() + 1)
    if most < folds:
        log.warning("%s: %d folds for %s: artists are few", where, most, purpose)
    return list(GroupKFold(int(most), shuffle=True, random_state=seed).split(y, y, units))


def _in_one_fold(folds: np.ndarray) -> bool:
    return len(np.unique(folds)) == 1


DIVIDE = {
    "single_label": _divide,
    "multi_label": _divide_label_sets,
    "regression": _divide_numbers,
}
