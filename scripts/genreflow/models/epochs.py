"""The loop that trains a torch module, epoch by epoch.

All that is random in an epoch (the order of the rows, what dropout drops) follows from the seed
and the epoch's number, and its learning rate is given beforehand. So the weights, the optimiser
and the history are the whole state, and a training that was interrupted goes on to the same bits.
"""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from genreflow.errors import GenreflowError
from genreflow.journal import progress
from genreflow.models.checkpoint import Checkpoint

log = logging.getLogger("genreflow")


class Rows(NamedTuple):
    """Rows and their targets, on one device.

    ``X`` is float32 [shape=(n, ...)]; ``y`` the number of each row's label, int64 [shape=(n,)], or,
    where a row may have several labels, float32 of 0 and 1 [shape=(n, n_labels)].
    """

    X: torch.Tensor
    y: torch.Tensor


@dataclass
class Training:
    """A training and its state.

    Attributes
    ----------
    module : torch.nn.Module
        gives one logit for each label; on the device of the rows
    optimizer : torch.optim.Optimizer
    rates : sequence of float > 0
        the learning rate of every epoch
    train : Rows
    validation : Rows or None
        never trained on
    batch_size : int > 0
    patience : int > 0 or None
        how many epochs the validation loss may go without improving
    seed : int >= 0
    history : list of dict
        two for each epoch that is done, one without a validation part
    best : dict or None
        the weights of the epoch of least validation loss, where there are `patience` and a
        validation part
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    rates: Sequence[float]
    train: Rows
    validation: Rows | None
    batch_size: int
    patience: int | None
    seed: int
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None

    @property
    def done(self) -> int:
        """How many epochs are done."""
        return self.history[-1]["epoch"] if self.history else 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept: of least validation loss, or the last."""
        if self.patience is None or self.validation is None or not self.history:
            return self.done
        held = (row for row in self.history if row["part"] == "validation")
        return min(held, key=lambda row: row["loss"])["epoch"]

    def run(self, checkpoint: Checkpoint | None) -> None:
        """Train to the end, from a checkpoint on where there is one, and keep the best weights.

        Parameters
        ----------
        checkpoint : Checkpoint or None
            written after every epoch

        Raises
        ------
        GenreflowError
            if the training diverges
        """
        if checkpoint is not None and (state := checkpoint.read()):
            self._restore(state)
            log.info("the training goes on after epoch %d: %s", self.done, checkpoint.path)
        for _ in progress(self._epochs(), "epochs", total=len(self.rates) - self.done):
            if checkpoint is not None:
                checkpoint.write(self._state())
        if self.best is not None:
            self.module.load_state_dict(self.best)

    def _epochs(self) -> Iterator[None]:
        for epoch in range(self.done + 1, len(self.rates) + 1):
            if self.patience is not None and self.done - self.best_epoch >= self.patience:
                log.info("no better validation loss since epoch %d", self.best_epoch)
                return
            self._train(epoch)
            if self.validation is not None:
                self._validate(epoch)
                if self.patience is not None and self.best_epoch == epoch:
                    weights = self.module.state_dict()
                    self.best = {name: value.clone() for name, value in weights.items()}
            yield

    def _train(self, epoch: int) -> None:
        start = time.perf_counter()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rates[epoch - 1]
        device = self.train.y.device
        seed_epoch(self.seed, epoch)
        # Drawn on the CPU, so that the order does not depend on the device.
        order = torch.randperm(len(self.train.y)).to(device)
        total = torch.zeros((), dtype=torch.float64, device=device)
        right = torch.zeros((), dtype=torch.int64, device=device)
        self.module.train()
        for rows in _batches(order, self.batch_size):
            y = self.train.y[rows]
            logits = self.module(self.train.X[rows])
            loss = _loss(logits, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
            right += _right(logits, y)
        self._note(epoch, "train", total, right, start)
        if not all(bool(weight.isfinite().all()) for weight in self.module.parameters()):
            raise self._diverged(epoch, "the weights are no finite numbers")

    def _validate(self, epoch: int) -> None:
        start = time.perf_counter()
        X, y = self.validation
        logits = predict_logits(self.module, X, self.batch_size).double()
        total = _loss(logits, y.double() if y.is_floating_point() else y) * len(y)
        self._note(epoch, "validation", total, _right(logits, y), start)

    def _note(
        self, epoch: int, part: str, total: torch.Tensor, right: torch.Tensor, start: float
    ) -> None:
        """Add a row to the history, from sums over the rows of a part."""
        n = len((self.train if part == "train" else self.validation).y)
        loss, accuracy = total.item() / n, right.item() / n
        if not math.isfinite(loss):
            raise self._diverged(epoch, f"the {part} loss is {loss}")
        log.info(
            "epoch %d of %d: %s loss %.4f, accuracy %.4f",
            *(epoch, len(self.rates), part, loss, accuracy),
        )
        self.history.append(
            {
                "epoch": epoch,
                "part": part,
                "loss": loss,
                "accuracy": accuracy,
                "learning_rate": self.rates[epoch - 1],
                "seconds": time.perf_counter() - start,
            }
        )

    def _diverged(self, epoch: int, how: str) -> GenreflowError:
        return GenreflowError(
            f"the training diverged in epoch {epoch}: {how}. Its learning_rate was "
            f"{self.rates[epoch - 1]:g}; try a smaller one, or scale the features"
        )

    def _state(self) -> dict[str, Any]:
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.best = state["history"], state["best"]


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed torch for an epoch; epoch 0 is the making of the first weights.

    Parameters
    ----------
    seed, epoch : int >= 0
    """
    mixed = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)
    torch.manual_seed(int(mixed[0]))


def predict_logits(module: nn.Module, X: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Logits of rows, without dropout and with the running means of batch normalisation.

    Parameters
    ----------
    module : torch.nn.Module
    X : torch.Tensor [shape=(n, ...), dtype=float32]
        on the device of the module
    batch_size : int > 0

    Returns
    -------
    torch.Tensor [shape=(n, n_labels), dtype=float32]
    """
    module.eval()
    with torch.inference_mode():
        return torch.cat([module(rows) for rows in X.split(batch_size)])


def _batches(order: torch.Tensor, size: int) -> list[torch.Tensor]:
    """Cut an order of rows into batches; batch normalisation cannot use a last one of one row."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1 < size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _loss(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy, binary where a row may have several labels (then over the labels too)."""
    if y.is_floating_point():
        return functional.binary_cross_entropy_with_logits(logits, y)
    return functional.cross_entropy(logits, y)


def _right(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Number of rows that are right, with all their labels where there may be several."""
    if y.is_floating_point():
        return ((logits >= 0) == (y > 0)).all(dim=1).sum()
    return (logits.argmax(dim=1) == y).sum()
