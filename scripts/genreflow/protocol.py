"""The splits and clusterings of a study: which keys mean something together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genreflow.datasets import gtzan
from genreflow.errors import GenreflowError, require_known
from genreflow.schema import read_part

# Lists that published formats of `lists` bring along.
LISTS = {"gtzan": tuple(gtzan.SPLITS)}

# What a split divides, and what each track is taken for.
VIEW_KEYS = ("dataset", "task", "choose", "several", "conflicts", "targets", "sample")
# Of these, the ones that mean nothing to a task, and what the task is.
FOREIGN_KEYS = {
    "single_label": (("targets",), "labels are predicted; numbers are where 'task' is regression"),
    "multi_label": (
        ("several", "conflicts", "targets"),
        "tracks may have several labels",
    ),
    "regression": (
        ("choose", "several", "conflicts", "sample"),
        "numbers are predicted, and labels do not matter",
    ),
}
# Methods whose parts do not depend on labels, so that numbers may be predicted.
UNLABELLED = ("kfold", "group_kfold", "group", "fixed", "published", "given")

# Keys of a split beside `method` and `VIEW_KEYS`, by method.
SPLIT_KEYS = {
    "fixed": ("test", "validation", "group", "seed"),
    "stratified": ("test", "validation", "repeats", "seed"),
    "stratified_kfold": ("folds", "validation", "repeats", "seed"),
    "group": ("test", "validation", "repeats", "seed"),
    "stratified_group_kfold": ("folds", "validation", "repeats", "seed"),
    "kfold": ("folds", "validation", "repeats", "seed"),
    "group_kfold": ("folds", "validation", "repeats", "seed"),
    "given": ("list", "merge_validation"),
    "published": ("test", "stratify", "repeats", "seed"),
}
# What a split of clusters does not take from the split that it is made of.
CLUSTER_KEYS = ("of", "clustering", "sample", "seed")

# Keys of a clustering, by algorithm; a map has no other.
ALGORITHM_KEYS = {
    "kmeans": ("clusters", "features"),
    "spectral": ("clusters", "features"),
    "affinity_propagation": ("features",),
}


def read_splits(
    settings: Mapping[str, Any], written: Mapping[str, Any], source: str
) -> dict[str, dict[str, Any]]:
    """The splits of a study with the keys that mean something to each.

    Parameters
    ----------
    settings : mapping
        the study, with the schema's defaults filled in
    written : mapping
        the study as it was written
    source : str
        for messages

    Returns
    -------
    dict of str to dict
        folds and repeats are at most as many as the study's limits; see `check_targets` for the
        targets of splits of numbers

    Raises
    ------
    GenreflowError
        where a key means nothing to the method, or names what there is not
    """
    splits = {}
    for name, split in settings["splits"].items():
        where = f"{source}: splits.{name}"
        _check_split(split, written["splits"][name], where)
        allowed = _allowed(split["method"])
        own = {"dataset": settings["dataset"], "task": settings["task"]} | split
        own = {key: value for key, value in own.items() if key in allowed}
        if own.get("task") == "regression":
            _check_unlabelled(own, where)
        splits[name] = _without_foreign_keys(own, written["splits"][name], where)
    for name, split in splits.items():
        if split["method"] == "clusters":
            _check_made_of_clusters(split, splits, settings, f"{source}: splits.{name}")
            split |= {"dataset": splits[split["of"]]["dataset"], "task": "single_label"}
        for key, most in settings["limits"].items():
            if key in ("folds", "repeats") and key in split:
                split[key] = min(split[key], most)
    return splits


def check_lists(
    splits: Mapping[str, Mapping], datasets: Mapping[str, Mapping], source: str
) -> None:
    """Refuse lists that a split's dataset does not have."""
    for name, split in splits.items():
        if "list" in split:
            lists = _lists_of(datasets[split["dataset"]])
            where = f"{source}: splits.{name}.list"
            require_known(split["list"], lists, where, "dataset's lists")


def check_targets(
    splits: Mapping[str, dict[str, Any]], datasets: Mapping[str, Mapping], source: str
) -> None:
    """Say of every split of numbers which they are: all of the dataset's, unless it names some.

    Parameters
    ----------
    splits : mapping of str to dict
        as `read_splits` returns them; gets ``targets`` where there are none yet
    datasets : mapping of str to mapping
        the datasets' files
    source : str
        for messages

    Raises
    ------
    GenreflowError
        where a dataset does not name such a number
    """
    for name, split in splits.items():
        if split["task"] != "regression":
            continue
        where, dataset = f"{source}: splits.{name}", split["dataset"]
        known = list(datasets[dataset].get("columns", {}).get("targets", {}))
        if not known:
            raise GenreflowError(
                f"{where}: numbers are to be predicted, and config/datasets/{dataset}.yaml names "
                "none; name columns of its table there, such as "
                "`columns: {targets: {tempo: bpm}}`"
            )
        for target in split.setdefault("targets", known):
            require_known(target, known, f"{where}.targets", f"numbers of {dataset!r}")


def check_targets_of_runs(
    runs: Mapping[str, Mapping], splits: Mapping[str, Mapping], source: str
) -> None:
    """Refuse runs that predict a number that one of their splits does not have."""
    for name, run in runs.items():
        for split in run.get("splits", splits) if "targets" in run else ():
            where = f"{source}: runs.{name}.targets"
            if splits[split]["task"] != "regression":
                raise GenreflowError(
                    f"{where}: labels are predicted on the split {split!r}; take targets out, or "
                    "name the run's splits"
                )
            for target in run["targets"]:
                known = splits[split]["targets"]
                require_known(target, known, where, f"targets of the split {split!r}")


def read_clusterings(
    clusterings: Mapping[str, Mapping], source: str, folder: Path
) -> dict[str, dict[str, Any]]:
    """The clusterings of a study, maps with their content.

    Parameters
    ----------
    clusterings : mapping
        as in the study
    source : str
        for messages
    folder : Path
        the working directory

    Returns
    -------
    dict of str to dict
        ``map`` is the map itself: ``clusters`` (labels by cluster) and ``dropped`` labels

    Raises
    ------
    GenreflowError
        where keys are missing or mean nothing together, or a map cannot be used
    """
    found = {}
    for name, clustering in clusterings.items():
        where = f"{source}: clusterings.{name}"
        if ("map" in clustering) == ("algorithm" in clustering):
            raise GenreflowError(f"{where}: needs either 'algorithm' or 'map'")
        if "map" in clustering:
            found[name] = {"map": _read_map(clustering["map"], f"{where}.map", folder)}
            continue
        algorithm = clustering["algorithm"]
        allowed = ("algorithm", *ALGORITHM_KEYS[algorithm])
        for key in clustering:
            if key not in allowed:
                raise GenreflowError(
                    f"{where}: {key!r} means nothing to {algorithm!r}; "
                    f"its keys are {', '.join(allowed)}"
                )
        if "clusters" in allowed and "clusters" not in clustering:
            raise GenreflowError(f"{where}: {algorithm!r} needs 'clusters', their number")
        found[name] = dict(clustering)
    return found


def _allowed(method: str) -> tuple[str, ...]:
    own = CLUSTER_KEYS if method == "clusters" else (*VIEW_KEYS, *SPLIT_KEYS[method])
    return ("method", *own)


def _check_split(split: Mapping, written: Mapping, where: str) -> None:
    """Refuse keys that mean nothing to the split's method, and shares that leave nothing."""
    method, allowed = split["method"], _allowed(split["method"])
    for key in written:
        if key not in allowed:
            raise GenreflowError(
                f"{where}: {key!r} means nothing to the method {method!r}; "
                f"its keys are {', '.join(allowed)}"
            )
    needed = {"given": ("list",), "clusters": ("of", "clustering")}.get(method, ())
    for key in needed:
        if key not in split:
            raise GenreflowError(f"{where}: the method {method!r} needs {key!r}")
    if "test" in allowed and split["test"] + split["validation"] >= 1:
        raise GenreflowError(f"{where}: test and validation leave nothing to train on")


def _check_unlabelled(split: Mapping, where: str) -> None:
    """Refuse methods that look at labels, where numbers are predicted."""
    method, stratified = split["method"], split.get("stratify", False)
    if method not in UNLABELLED or stratified:
        odd = "'stratify'" if stratified else f"the method {method!r}"
        raise GenreflowError(
            f"{where}: {odd} keeps the shares of labels, and numbers are predicted; "
            + ("take it out" if stratified else f"methods for them are {', '.join(UNLABELLED)}")
        )


def _without_foreign_keys(split: Mapping, written: Mapping, where: str) -> dict[str, Any]:
    """A split without the keys that mean nothing to its task."""
    keys, task = FOREIGN_KEYS.get(split.get("task"), ((), ""))
    for key in keys:
        if key in written:
            raise GenreflowError(f"{where}: {key!r} means nothing where {task}")
    return {key: value for key, value in split.items() if key not in keys}


def _check_made_of_clusters(
    split: Mapping, splits: Mapping[str, Mapping], settings: Mapping, where: str
) -> None:
    require_known(split["of"], splits, f"{where}.of", "splits")
    known = settings["clusterings"]
    require_known(split["clustering"], known, f"{where}.clustering", "clusterings")
    base = splits[split["of"]]
    if base["method"] == "clusters" or base["task"] != "single_label":
        kinds = {"multi_label": "several labels", "regression": "numbers"}
        kind = "clusters" if base["method"] == "clusters" else kinds[base["task"]]
        raise GenreflowError(
            f"{where}.of: {split['of']!r} is a split of "
            f"{kind}; name one with a genre for each track"
        )


def check_one_fold(
    splits: Mapping[str, Mapping], clusterings: Mapping[str, Mapping], source: str
) -> None:
    """Refuse clusters that would be others in every fold: figures over all folds mean nothing then.

    Those of a map are the same in all of them.
    """
    for name, split in splits.items():
        if split["method"] == "clusters" and "algorithm" in clusterings[split["clustering"]]:
            base = splits[split["of"]]
            if base.get("folds", 1) * base.get("repeats", 1) > 1:
                raise GenreflowError(
                    f"{source}: splits.{name}.of: the clusters are found in the training part, and "
                    f"{split['of']!r} has several; name a split with one fold and one repeat"
                )


def _lists_of(dataset: Mapping[str, Any]) -> list[str]:
    """Names of the lists that give the tracks of a dataset their parts."""
    published = LISTS.get(dataset.get("lists"), ())
    return sorted({*dataset.get("columns", {}).get("given", {}), *published})


def _read_map(name: str, where: str, folder: Path) -> dict[str, Any]:
    """A map made by hand, in which every label stands once."""
    found = read_part("map", name, where, folder)
    placed: dict[str, str] = {}
    for cluster, labels in [*found["clusters"].items(), ("dropped", found["dropped"])]:
        for label in labels:
            if label in placed:
                raise GenreflowError(
                    f"config/maps/{name}.yaml: {label!r} stands under {placed[label]!r} and "
                    f"{cluster!r}; keep one of them"
                )
            placed[label] = cluster
    return {"clusters": found["clusters"], "dropped": found["dropped"]}
