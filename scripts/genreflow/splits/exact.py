"""The exact splits: scikit-learn's splitters on tracks sorted by track_id, and given lists.

Repeat r is drawn with seed + r. These splits hold published protocols and suit small sets; a
track may change sides when data comes and goes.
"""

import logging
import math
from collections.abc import Callable, Iterator

import numpy as np
import polars as pl

from genreflow.artists import artist_groups
from genreflow.splits.check import require
from genreflow.splits.division import Division, Units, needed_parts, shuffled
from genreflow.splits.eligible import counted, set_aside
from genreflow.tracks import other_copy

log = logging.getLogger("genreflow")

Draw = Callable[[float, np.ndarray], np.ndarray]

# What a fold trains on and what it tests.
Sides = tuple[np.ndarray, np.ndarray]


def stratified(
    rows: pl.DataFrame,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Draw at random, keeping the labels' shares: scikit-learn's StratifiedShuffleSplit.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    test, validation : number in [0, 1)
        shares of all tracks; the validation part is drawn from what is not tested, by the same
        splitter and seed
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import StratifiedShuffleSplit

    labels = counted(rows)["label"].to_numpy()
    needed = needed_parts(validation)
    require(rows, counted(rows)["track_id"].to_numpy(), "tracks", len(needed), "stratified")
    folds = []
    for repeat in range(repeats):

        def draw(size: float | int, among: np.ndarray, state: int = seed + repeat) -> np.ndarray:
            splitter = StratifiedShuffleSplit(1, test_size=size, random_state=state)
            return among[next(splitter.split(among, labels[among]))[1]]

        folds.append((repeat, 0, _three_parts(len(labels), test, validation, draw)))
    return shuffled(rows, folds, needed)


def group(
    rows: pl.DataFrame,
    *,
    test: float = 0.2,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Draw artists at random: scikit-learn's GroupShuffleSplit.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    test, validation : number in [0, 1)
        shares of the artists, not of the tracks; an unknown artist is one of his own
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import GroupShuffleSplit

    groups = artist_groups(rows)["group"].to_numpy()
    needed = needed_parts(validation)
    folds = []
    for repeat in range(repeats):

        def draw(size: float | int, among: np.ndarray, state: int = seed + repeat) -> np.ndarray:
            splitter = GroupShuffleSplit(1, test_size=size, random_state=state)
            return among[next(splitter.split(among, groups=groups[among]))[1]]

        parts = _three_parts(len(groups), test, validation, draw, units=len(set(groups)))
        folds.append((repeat, 0, parts))
    return shuffled(rows, folds, needed, Units(groups, "artists", len(needed)))


def stratified_kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every track once, keeping the labels' shares: scikit-learn's StratifiedKFold.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
    validation : number in [0, 1)
        share of all tracks, drawn from each fold's training side by StratifiedShuffleSplit
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit

    tracks = counted(rows)
    labels = tracks["label"].to_numpy()
    require(rows, tracks["track_id"].to_numpy(), "tracks", folds, "stratified_kfold")
    size = _count(validation, len(labels))

    def split(state: int) -> Iterator[Sides]:
        splitter = StratifiedKFold(folds, shuffle=True, random_state=state)
        return splitter.split(labels, labels)

    def keep_back(train: np.ndarray, state: int) -> np.ndarray:
        inner = StratifiedShuffleSplit(1, test_size=size, random_state=state)
        return next(inner.split(train, labels[train]))[1]

    made = _kfold(len(labels), split, keep_back if size else None, repeats, seed)
    return Division(rows, made, ("train",), needed_parts(validation)[1:])


def stratified_group_kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every artist once, the labels' shares kept as far as that allows.

    scikit-learn's StratifiedGroupKFold. A fold may lack a class where it has fewer artists than
    there are folds; it is tested in others.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
    validation : number in [0, 1)
        share of all tracks, as nearly as one fold of another StratifiedGroupKFold on the
        training side comes to it
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import StratifiedGroupKFold

    labels = counted(rows)["label"].to_numpy()
    groups = artist_groups(rows)["group"].to_numpy()
    needed = needed_parts(validation)
    require(rows, groups, "artists", len(needed), "stratified_group_kfold")
    _require_groups(groups, folds)

    def split(state: int) -> Iterator[Sides]:
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=state)
        return splitter.split(labels, labels, groups)

    def keep_back(train: np.ndarray, state: int) -> np.ndarray:
        pieces = round(len(train) / (validation * len(labels)))
        if pieces < 2:
            raise ValueError("the validation part would be larger than the training part")
        inner = StratifiedGroupKFold(pieces, shuffle=True, random_state=state)
        return next(inner.split(train, labels[train], groups[train]))[1]

    made = _kfold(len(labels), split, keep_back if validation > 0 else None, repeats, seed)
    return Division(rows, made, ("train",), needed[1:])


def kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every track once, whatever its labels: scikit-learn's KFold, shuffled.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
    validation : number in [0, 1)
        share of all tracks, drawn from each fold's training side by ShuffleSplit
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import KFold, ShuffleSplit

    # Where a recording counts under several labels, its tracks are drawn as one.
    firsts = counted(rows).select(pl.col("track_id").min().over("digest"))["track_id"].to_numpy()
    names, recording = np.unique(firsts, return_inverse=True)
    total, needed = len(names), needed_parts(validation)
    if total < folds:
        raise ValueError(f"{folds} folds need {folds} recordings, there are {total}")
    size = _count(validation, total)

    def split(state: int) -> Iterator[Sides]:
        return KFold(folds, shuffle=True, random_state=state).split(names)

    def keep_back(train: np.ndarray, state: int) -> np.ndarray:
        return next(ShuffleSplit(1, test_size=size, random_state=state).split(train))[1]

    of_recordings = _kfold(total, split, keep_back if size else None, repeats, seed)
    made = [(repeat, fold, parts[recording]) for repeat, fold, parts in of_recordings]
    return Division(rows, made, ("train",), needed[1:], Units(firsts, "recordings", len(needed), 2))


def group_kfold(
    rows: pl.DataFrame,
    *,
    folds: int = 5,
    validation: float = 0.0,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Test every artist once, whatever the labels: scikit-learn's GroupKFold, shuffled.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns
    folds : int > 1
        each tests as many artists, not as many tracks
    validation : number in [0, 1)
        share of all artists, drawn from each fold's training side by GroupShuffleSplit
    repeats : int > 0
    seed : int
    """
    from sklearn.model_selection import GroupKFold, GroupShuffleSplit

    groups = artist_groups(rows)["group"].to_numpy()
    _require_groups(groups, folds)
    size, needed = _count(validation, len(set(groups))), needed_parts(validation)

    def split(state: int) -> Iterator[Sides]:
        splitter = GroupKFold(folds, shuffle=True, random_state=state)
        return splitter.split(groups, groups=groups)

    def keep_back(train: np.ndarray, state: int) -> np.ndarray:
        inner = GroupShuffleSplit(1, test_size=size, random_state=state)
        return next(inner.split(train, groups=groups[train]))[1]

    made = _kfold(len(groups), split, keep_back if size else None, repeats, seed)
    return Division(rows, made, ("train",), needed[1:], Units(groups, "artists", len(needed), 2))


def given(rows: pl.DataFrame, *, list: str, merge_validation: bool = False) -> Division:
    """Take the parts from a list that comes with the dataset.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns for the list
    list : str
        its name
    merge_validation : bool
        train on the validation part too, for models that select nothing by it
    """
    if merge_validation:
        rows = rows.with_columns(side=pl.col("side").replace("validation", "train"))
    torn = other_copy(counted(rows), "side").select(
        "track_id",
        reason=pl.format("same recording as {}, which the list puts on another side", "other"),
    )
    rows = set_aside(rows, torn, "excluded", "same recording on different sides of the list")
    parts = counted(rows)["side"].to_numpy()
    wanted = ("validation",) if "validation" in parts else ()
    return Division(rows, [(0, 0, parts)], ("train", "test"), wanted)


def published(
    rows: pl.DataFrame,
    *,
    test: float = 0.2,
    stratify: bool = False,
    repeats: int = 1,
    seed: int = 0,
) -> Division:
    """Draw as published scripts do: scikit-learn's train_test_split on the tracks in order.

    Such scripts know nothing of copies. To measure what they measured, copies of a recording,
    under the same label or another, each count as a track of its own here, and may stand on
    both sides; `genreflow.splits.describe` counts them. Tracks that cannot be used (quarantined,
    unlabelled, too short) are left out before the draw, as the scripts' authors had to. So the
    sides are the published ones where the same files are usable and the script took them in
    the order of their names. A class that is never tested is a warning, not an error.

    Parameters
    ----------
    rows : pl.DataFrame
        as `find_eligible` returns with ``copies``
    test : number in (0, 1)
        share of the tracks
    stratify : bool
        keep the labels' shares
    repeats : int > 0
    seed : int
        random_state of the script
    """
    from sklearn.model_selection import train_test_split

    labels = counted(rows)["label"].to_numpy()
    if stratify:
        require(rows, counted(rows)["track_id"].to_numpy(), "tracks", 2, "published")
    digests, folds = counted(rows)["digest"], []
    for repeat in range(repeats):
        _, tested = train_test_split(
            np.arange(len(labels)),
            test_size=test,
            random_state=seed + repeat,
            stratify=labels if stratify else None,
        )
        parts = _parts(len(labels), tested)
        folds.append((repeat, 0, parts))
        sides = pl.DataFrame({"digest": digests, "tested": parts == "test"})
        torn = sides.group_by("digest").agg(pl.col("tested").n_unique())["tested"] > 1
        log.info("repeat %d: %d recordings stand on both sides", repeat, torn.sum())
    return Division(rows, folds, ("train",), ("test",))


def _require_groups(groups: np.ndarray, folds: int) -> None:
    if len(set(groups)) < folds:
        raise ValueError(f"{folds} folds need {folds} artists, there are {len(set(groups))}")


def _count(share: float, total: int) -> int:
    """Number of a share, rounded up as scikit-learn does, but not by an error of the product."""
    return math.ceil(share * total - 1e-9)


def _kfold(
    total: int,
    split: Callable[[int], Iterator[Sides]],
    keep_back: Callable[[np.ndarray, int], np.ndarray] | None,
    repeats: int,
    seed: int,
) -> list[tuple[int, int, np.ndarray]]:
    """Parts of every fold of every repeat.

    `split` is given the repeat's seed; so is `keep_back`, which says which of a fold's training
    side are its validation part. None: there is no such part.
    """
    made = []
    for repeat in range(repeats):
        for fold, (train, test) in enumerate(split(seed + repeat)):
            parts = _parts(total, test)
            if keep_back:
                parts[train[keep_back(train, seed + repeat)]] = "validation"
            made.append((repeat, fold, parts))
    return made


def _parts(total: int, test: np.ndarray) -> np.ndarray:
    parts = np.full(total, "train", dtype=object)
    parts[test] = "test"
    return parts


def _three_parts(
    total: int, test: float, validation: float, draw: Draw, units: int | None = None
) -> np.ndarray:
    """Draw the test part from all, then the validation part from the others."""
    everything = np.arange(total)
    parts = _parts(total, draw(test, everything))
    if validation > 0:
        size = _count(validation, total if units is None else units)
        parts[draw(size, everything[parts == "train"])] = "validation"
    return parts
