"""What a model is to learn and to be measured by: the labels that a split gives its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from genreflow.errors import GenreflowError, require_known
from genreflow.parts import PARTS

TASKS = ("single_label", "multi_label")


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
        own = self.labels.filter(pl.col("repeat") == repeat, pl.col("fold") == fold)
        asked = pl.DataFrame({"track_id": list(track_ids)}, schema={"track_id": pl.String})
        found = asked.with_row_index("row").join(own, on="track_id").explode("labels")
        truth = np.zeros((len(asked), len(self.classes)), dtype=bool)
        truth[found["row"], np.searchsorted(self.classes, found["labels"].to_list())] = True
        return truth

    def encode(self, truth: np.ndarray) -> np.ndarray:
        """What an estimator is fitted on.

        Parameters
        ----------
        truth : np.ndarray [shape=(n, n_labels), dtype=bool]

        Returns
        -------
        np.ndarray [shape=(n,) or (n, n_labels), dtype=int64]
            the number of each row's label, or 0 and 1 where there may be several
        """
        return truth.astype(np.int64) if self.multi_label else truth.argmax(axis=1)


def read_targets(split: pl.DataFrame, task: str, *, where: str) -> Targets:
    """The labels that a split gives the tracks of its parts.

    Parameters
    ----------
    split : pl.DataFrame [columns: track_id, repeat, fold, part, labels, ...]
    task : str
        one of `TASKS`
    where : str
        what messages call the run

    Raises
    ------
    GenreflowError
        if the task is not known, or a track does not have as many labels as the task says
    """
    require_known(task, TASKS, where, "tasks")
    rows = split.filter(pl.col("part").is_in(PARTS)).select("repeat", "fold", "track_id", "labels")
    rows = rows.with_columns(pl.col("labels").list.unique().list.sort())
    counts = pl.col("labels").list.len().fill_null(0)
    odd, wanted = (counts < 1, "any") if task == "multi_label" else (counts != 1, "exactly one")
    tracks = rows.filter(odd)["track_id"].unique().sort()
    if len(tracks):
        raise GenreflowError(
            f"{where}: {len(tracks)} tracks of the split do not have {wanted} label, the first "
            f"is {tracks[0]!r}"
        )
    classes = tuple(sorted(rows["labels"].explode().unique().to_list()))
    return Targets(task, classes, rows.sort("repeat", "fold", "track_id"))
