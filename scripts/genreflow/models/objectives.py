"""What networks are trained for: one label for each row, several labels, or numbers.

An objective gives the loss that is made small, what tells how good the outputs of an epoch are,
and how the outputs for the windows of a row become one.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Objective(ABC):
    """A kind of targets.

    Attributes
    ----------
    n_outputs : int > 0
        how many numbers a module gives for each row
    """

    n_outputs: int

    @abstractmethod
    def loss(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """The mean loss of rows.

        Parameters
        ----------
        outputs : Tensor [shape=(n, n_outputs)]
        y : Tensor
            targets, mixed ones too
        weights : Tensor, optional
            how much the labels count
        """

    @abstractmethod
    def sums(self, outputs: Tensor, y: Tensor) -> Tensor:
        """What `measures` needs of some rows, float64; that of all rows is the sum."""

    @abstractmethod
    def measures(self, sums: Tensor, n: int) -> dict[str, float | None]:
        """``accuracy`` and ``r2`` of n rows; None for what the targets do not have."""

    @abstractmethod
    def mean(self, outputs: Tensor, counts: Sequence[int]) -> Tensor:
        """Outputs that stand for the mean prediction of the windows of each row.

        Parameters
        ----------
        outputs : Tensor [shape=(n_windows, n_outputs), dtype=float64]
            of the windows of all rows, one row after the other
        counts : sequence of int > 0
            the windows of each row

        Returns
        -------
        Tensor [shape=(n, n_outputs), dtype=float64]
        """

    def predicted(self, outputs: Tensor) -> Tensor:
        """Probabilities or numbers from outputs."""
        return outputs

    def mixable(self, y: Tensor) -> Tensor:
        """Targets as float32 numbers that can be averaged."""
        return y

    def mixed_truth(self, y: Tensor, mixed: Tensor, heavier: Tensor) -> Tensor:
        """What the outputs of mixed rows are measured against: the labels of the heavier row."""
        return y[heavier]


class OneLabel(Objective):
    """The number of each row's label, int64 [shape=(n,)]: softmax and cross entropy.

    Mixed targets are shares of the labels, float32 [shape=(n, n_labels)]; weights have a number for
    each label.
    """

    def loss(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """The mean cross entropy."""
        if weights is None:
            return functional.cross_entropy(outputs, y)
        # The mean over rows, as in Keras; torch's own mean divides by the sum of the weights.
        return functional.cross_entropy(outputs, y, weight=weights, reduction="sum") / len(y)

    def sums(self, outputs: Tensor, y: Tensor) -> Tensor:
        """How many rows are right."""
        return (outputs.argmax(dim=1) == y).sum().double()

    def measures(self, sums: Tensor, n: int) -> dict[str, float | None]:
        """The share of rows that are right."""
        return {"accuracy": sums.item() / n, "r2": None}

    def mean(self, outputs: Tensor, counts: Sequence[int]) -> Tensor:
        """Logarithms of the mean probabilities."""
        return _log_mean(outputs.log_softmax(dim=1), counts)

    def predicted(self, outputs: Tensor) -> Tensor:
        """Probabilities that sum to 1."""
        return outputs.softmax(dim=1)

    def mixable(self, y: Tensor) -> Tensor:
        """A share of 1 for the label of each row."""
        return functional.one_hot(y, self.n_outputs).float()


class SeveralLabels(Objective):
    """0 and 1 for each label, float32 [shape=(n, n_labels)]: sigmoid and binary cross entropy.

    Weights have a number for not having each label, and one for having it [shape=(2, n_labels)].
    A row is right where all its labels are.
    """

    def loss(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """The mean binary cross entropy over rows and labels."""
        if weights is None:
            return functional.binary_cross_entropy_with_logits(outputs, y)
        lacking, having = functional.softplus(outputs), functional.softplus(-outputs)
        return (weights[0] * (1 - y) * lacking + weights[1] * y * having).mean()

    def sums(self, outputs: Tensor, y: Tensor) -> Tensor:
        """How many rows are right."""
        return ((outputs >= 0) == (y > 0)).all(dim=1).sum().double()

    def measures(self, sums: Tensor, n: int) -> dict[str, float | None]:
        """The share of rows that are right."""
        return {"accuracy": sums.item() / n, "r2": None}

    def mean(self, outputs: Tensor, counts: Sequence[int]) -> Tensor:
        """Log-odds of the mean probabilities."""
        having, lacking = (
            _log_mean(functional.logsigmoid(side), counts) for side in (outputs, -outputs)
        )
        return having - lacking

    def predicted(self, outputs: Tensor) -> Tensor:
        """A probability for each label."""
        return outputs.sigmoid()


class Numbers(Objective):
    """Numbers, float32 [shape=(n, n_targets)]: mean squared error."""

    def loss(self, outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """The mean squared error over rows and targets."""
        return functional.mse_loss(outputs, y)

    def sums(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Of each target, what is missed, squared, the sum and the squares."""
        outputs, y = outputs.double(), y.double()
        return torch.stack([((y - outputs) ** 2).sum(0), y.sum(0), (y**2).sum(0)])

    def measures(self, sums: Tensor, n: int) -> dict[str, float | None]:
        """The mean of the targets' coefficients of determination, as scikit-learn's r2_score."""
        if n < 2:
            return {"accuracy": None, "r2": None}
        missed, total, squares = sums.cpu()
        spread = (squares - total**2 / n).clamp(min=0)
        # A target that is constant in all rows has nothing to be explained.
        constant = (missed == 0).double()
        r2 = torch.where(spread > 1e-12 * squares, 1 - missed / spread, constant)
        return {"accuracy": None, "r2": r2.mean().item()}

    def mean(self, outputs: Tensor, counts: Sequence[int]) -> Tensor:
        """The mean numbers."""
        return torch.stack([windows.mean(dim=0) for windows in outputs.split(list(counts))])

    def mixed_truth(self, y: Tensor, mixed: Tensor, heavier: Tensor) -> Tensor:
        """Measure against the mixed numbers."""
        return mixed


def _log_mean(logs: Tensor, counts: Sequence[int]) -> Tensor:
    """Logarithm of the mean of the windows of each row."""
    rows = [windows.logsumexp(dim=0) for windows in logs.split(list(counts))]
    return torch.stack(rows) - torch.tensor(counts, device=logs.device).log()[:, None]
