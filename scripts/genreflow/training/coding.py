"""How the targets of a fold are told to its model, and what its predictions mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.models.predict import predict_numbers, predict_tracks
from genreflow.training.targets import NumberTargets, Targets

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from genreflow.features.inputs import Inputs


@dataclass(frozen=True)
class LabelCoding:
    """Labels as numbers: of those that the training part knows.

    Attributes
    ----------
    targets : Targets
    learned : np.ndarray [shape=(n_learned,), dtype=int64]
        which of the labels are learned; the others keep the probability 0
    """

    targets: Targets
    learned: np.ndarray

    @property
    def names(self) -> list[str]:
        """The labels that are learned, in the order of their numbers."""
        return [self.targets.classes[column] for column in self.learned]

    @property
    def ranges(self) -> None:
        """None: labels have no range."""

    def is_known(self, truth: np.ndarray) -> np.ndarray:
        """Which tracks the model can be told of: not those of a single label not learned."""
        if self.targets.multi_label:
            return np.ones(len(truth), dtype=bool)
        return truth[:, self.learned].any(axis=1)

    def encode(self, truth: np.ndarray) -> np.ndarray:
        """What an estimator is fitted on.

        Parameters
        ----------
        truth : np.ndarray [shape=(n, n_classes), dtype=bool]

        Returns
        -------
        np.ndarray [shape=(n,) or (n, n_learned), dtype=int64]
            the number of each row's label, or 0 and 1 where there may be several
        """
        known = truth[:, self.learned]
        return known.astype(np.int64) if self.targets.multi_label else known.argmax(axis=1)

    def spread(self, values: np.ndarray, otherwise: float) -> np.ndarray:
        """Values of the learned labels [shape=(..., n_learned)] as those of all labels."""
        found = np.full((*values.shape[:-1], len(self.targets.classes)), otherwise)
        found[..., self.learned] = values
        return found

    def predict(
        self, pipeline: "Pipeline", X: "np.ndarray | Inputs", tracks: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """First row of each track, and its probabilities [shape=(n_tracks, n_classes)]."""
        firsts, scores = predict_tracks(pipeline, X, tracks, multi_label=self.targets.multi_label)
        return firsts, self.spread(scores, 0.0)


@dataclass(frozen=True)
class NumberCoding:
    """Numbers on the scale of the training part, where each goes from 0 to 1.

    Attributes
    ----------
    targets : NumberTargets
    low, high : np.ndarray [shape=(n_targets,), dtype=float64]
        least and greatest value of each in the training part
    """

    targets: NumberTargets
    low: np.ndarray
    high: np.ndarray

    @property
    def names(self) -> list[str]:
        """The numbers that are learned."""
        return list(self.targets.classes)

    @property
    def ranges(self) -> dict[str, list[float]]:
        """Least and greatest value in the training part, by name."""
        both = np.stack([self.low, self.high], axis=1)
        return dict(zip(self.names, both.tolist(), strict=True))

    def is_known(self, truth: np.ndarray) -> np.ndarray:
        """Which tracks the model can be told of: all."""
        return np.ones(len(truth), dtype=bool)

    def encode(self, truth: np.ndarray) -> np.ndarray:
        """What an estimator is fitted on.

        Parameters
        ----------
        truth : np.ndarray [shape=(n, n_targets), dtype=float64]

        Returns
        -------
        np.ndarray [shape=(n,) or (n, n_targets), dtype=float64]
            0 to 1 in the training part; of a single target one axis
        """
        scaled = (truth - self.low) / (self.high - self.low)
        return scaled[:, 0] if len(self.low) == 1 else scaled

    def predict(
        self, pipeline: "Pipeline", X: "np.ndarray | Inputs", tracks: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """First row of each track, and its numbers in their own units [shape=(n_tracks, n)]."""
        firsts, scaled = predict_numbers(pipeline, X, tracks)
        return firsts, self.low + scaled * (self.high - self.low)


Coding = LabelCoding | NumberCoding


def code_targets(
    targets: Targets | NumberTargets, truth: np.ndarray, *, tracks: int, where: str
) -> Coding:
    """How the targets of a fold are told to its model.

    Parameters
    ----------
    targets : Targets or NumberTargets
    truth : np.ndarray [shape=(n, n_classes)]
        of the rows of the training part
    tracks : int
        how many tracks these are, for messages
    where : str
        what messages call the fold

    Raises
    ------
    GenreflowError
        if the training part has fewer than 2 labels, or the same number for all tracks
    """
    if isinstance(targets, NumberTargets):
        return _code_numbers(targets, truth, tracks, where)
    learned = np.flatnonzero(truth.any(axis=0))
    if len(learned) < 2:
        raise GenreflowError(
            f"{where}: the training part has {tracks} tracks with features and "
            f"{len(learned)} labels; at least 2 labels are needed"
        )
    return LabelCoding(targets, learned)


def _code_numbers(
    targets: NumberTargets, truth: np.ndarray, tracks: int, where: str
) -> NumberCoding:
    if not tracks:
        raise GenreflowError(f"{where}: the training part has no tracks with features")
    low, high = truth.min(axis=0), truth.max(axis=0)
    for name, value, constant in zip(targets.classes, low, low == high, strict=True):
        if constant:
            raise GenreflowError(
                f"{where}: {name} is {value:g} for all {tracks} tracks of the training part with "
                "features, so that there is nothing to learn; leave it out of 'targets'"
            )
    return NumberCoding(targets, low, high)
