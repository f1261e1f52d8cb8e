"""What a model is to learn and to be measured by: labels or numbers that a split gives tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError, require_known
from genreflow.parts import PARTS

TASKS = ("single_label", "multi_label", "regression")


@dataclass(frozen=True)
class Targets:
    """Labels of the tracks of a split, which may differ between its folds.

    Attributes
    ----------
    task : str
        ``"single_label"``, one label for each track, or ``"multi_label"``, one or more
    classes : tuple of str
        all labels of the split's tracks, sorted
    labels : pl.DataFrame [columns: repeat, fold, track_id, labels]
        of the tracks that are in train, validation or test; labels is list[str], sorted
    """

    task: str
    classes: tuple[str, ...]
    labels: pl.DataFrame

    @property
    def multi_label(self) -> bool:
        """Whether tracks may have several labels."""
        return self.task == "multi_label"

    def truth(self, repeat: int, fold: int, track_ids: Sequence[str]) -> np.ndarray:
        """Which labels each of some tracks of a fold has.

        Returns
        -------
        np.ndarray [shape=(len(track_ids), n_classes), dtype=bool]
        """
        found = _of_tracks(self.labels, repeat, fold, track_ids).explode("labels")
        truth = np.zeros((len(track_ids), len(self.classes)), dtype=bool)
        truth[found["row"], np.searchsorted(self.classes, found["labels"].to_list())] = True
        return truth

    def told(self, track_ids: Sequence[str]) -> list[Any]:
        """All that is told of some tracks, as JSON can hold it: repeat, fold, track_id, labels."""
        return self.labels.filter(pl.col("track_id").is_in(track_ids)).rows()


@dataclass(frozen=True)
class NumberTargets:
    """Numbers of the tracks of a split, such as tempos.

    Attributes
    ----------
    classes : tuple of str
        their names, in the order of the split or of the run
    values : pl.DataFrame [columns: repeat, fold, track_id, values]
        of the tracks that are in train, validation or test; values is list[f64], one for each name
    """

    task: ClassVar[str] = "regression"
    multi_label: ClassVar[bool] = False

    classes: tuple[str, ...]
    values: pl.DataFrame

    def truth(self, repeat: int, fold: int, track_ids: Sequence[str]) -> np.ndarray:
        """The numbers of some tracks of a fold.

        Returns
        -------
        np.ndarray [shape=(len(track_ids), n_targets), dtype=float64]
            in the targets' own units
        """
        found = _of_tracks(self.values, repeat, fold, track_ids)["values"].to_list()
        return np.array(found, dtype=np.float64).reshape(-1, len(self.classes))

    def told(self, track_ids: Sequence[str]) -> list[Any]:
        """All that is told of some tracks, as JSON can hold it: names, and as of labels."""
        known = pl.col("track_id").is_in(track_ids)
        return [list(self.classes), self.values.filter(known).rows()]


def read_targets(
    split: pl.DataFrame, task: str, *, where: str, names: Sequence[str] | None = None
) -> Targets | NumberTargets:
    """What a split tells of the tracks of its parts.

    Parameters
    ----------
    split : pl.DataFrame [columns: track_id, repeat, fold, part, labels, ...]
        of regression with ``values``, list[f64]; labels are the names of these numbers then
    task : str
        one of `TASKS`
    where : str
        what messages call the run
    names : sequence of str, optional
        which numbers are meant; all that the split tells where absent

    Raises
    ------
    GenreflowError
        if the task or a name is not known, a track does not have as many labels as the task says,
        or lacks a number
    """
    require_known(task, TASKS, where, "tasks")
    rows = split.filter(pl.col("part").is_in(PARTS)).sort("repeat", "fold", "track_id")
    if task == "regression":
        return _read_numbers(rows, names, where)
    if names:
        raise GenreflowError(
            f"{where}: 'targets' chooses among numbers, and the split is of labels"
        )
    return _read_labels(rows, task, where)


def _read_labels(rows: pl.DataFrame, task: str, where: str) -> Targets:
    rows = rows.select("repeat", "fold", "track_id", pl.col("labels").list.unique().list.sort())
    counts = pl.col("labels").list.len().fill_null(0)
    odd, wanted = (counts < 1, "any") if task == "multi_label" else (counts != 1, "exactly one")
    tracks = rows.filter(odd)["track_id"].unique().sort()
    if len(tracks):
        raise GenreflowError(
            f"{where}: {len(tracks)} tracks of the split do not have {wanted} label, the first "
            f"is {tracks[0]!r}"
        )
    classes = tuple(sorted(rows["labels"].explode().unique().to_list()))
    return Targets(task, classes, rows)


def _read_numbers(rows: pl.DataFrame, names: Sequence[str] | None, where: str) -> NumberTargets:
    given = rows["labels"].unique().to_list()
    if "values" not in rows.columns or len(given) != 1:
        raise GenreflowError(
            f"{where}: the split's table does not tell the same numbers of all tracks; delete its "
            "file and run again"
        )
    known = list(given[0])
    chosen = list(names or known)
    for name in chosen:
        require_known(name, known, f"{where}: targets", "numbers that the split tells")
    values = pl.concat_list(pl.col("values").list.get(known.index(name)) for name in chosen)
    rows = rows.select("repeat", "fold", "track_id", values=values)
    told = pl.col("values").list.eval(pl.element().is_finite().fill_null(False)).list.all()
    tracks = rows.filter(~told)["track_id"].unique().sort()
    if len(tracks):
        raise GenreflowError(
            f"{where}: {len(tracks)} tracks of the split lack one of {', '.join(chosen)}, the "
            f"first is {tracks[0]!r}; delete the split's file and run again"
        )
    return NumberTargets(tuple(chosen), rows)


def _of_tracks(
    told: pl.DataFrame, repeat: int, fold: int, track_ids: Sequence[str]
) -> pl.DataFrame:
    """What is told of some tracks of a fold, in their order; ``row`` is the number of each."""
    own = told.filter(pl.col("repeat") == repeat, pl.col("fold") == fold)
    asked = pl.DataFrame({"track_id": list(track_ids)}, schema={"track_id": pl.String})
    return asked.with_row_index("row").join(own, on="track_id", maintain_order="left")
