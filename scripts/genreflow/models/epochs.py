"""The loop that trains a torch module, epoch by epoch.

All that is random in an epoch (the order of the rows, windows, masks, what dropout drops) follows
from the seed and the epoch's number, and its learning rate from the history. So the weights, the
optimiser and the history are the whole state, and a training that was interrupted goes on to the
same bits.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genreflow.errors import GenreflowError
from genreflow.journal import progress
from genreflow.models.augmentation import SpecAugment, mix
from genreflow.models.batches import Batch, Source
from genreflow.models.checkpoint import Checkpoint
from genreflow.models.computing import in_precision
from genreflow.models.fine_tuning import FineTuning
from genreflow.models.objectives import Objective

log = logging.getLogger("genreflow")


class Rows(NamedTuple):
    """Rows and their targets, which are on the device, as the objective has them."""

    X: Source
    y: Tensor


@dataclass(frozen=True)
class Recipe:
    """How a module is trained.

    Attributes
    ----------
    objective : Objective
    epochs, batch_size : int > 0
    rate : function of a sequence of float
        the learning rate of the next epoch, from the losses of those that are done
    patience : int > 0 or None
        how many epochs the validation loss may go without improving
    seed : int >= 0
    label_weights : Tensor or None
        as the objective takes them, for the training loss
    mixup : float >= 0
    masks : SpecAugment or None
    autocast : torch.dtype or None
        what the module computes in where it is not float32
    """

    objective: Objective
    epochs: int
    batch_size: int
    rate: Callable[[Sequence[float]], float]
    patience: int | None
    seed: int
    label_weights: Tensor | None = None
    mixup: float = 0.0
    masks: SpecAugment | None = None
    autocast: torch.dtype | None = None


@dataclass
class Training:
    """A training and its state.

    Attributes
    ----------
    module : torch.nn.Module
        on the device of the rows
    forward : callable
        the module, or what it was compiled to
    tuning : FineTuning
        of the module
    optimizer : torch.optim.Optimizer
        of the tuning's groups
    recipe : Recipe
    train : Rows
    validation : Rows or None
        never trained on
    history : list of dict
        two for each epoch that is done, one without a validation part
    best : dict or None
        the weights of the epoch of least validation loss, where there are `patience` and a
        validation part
    """

    module: nn.Module
    forward: Callable[..., Tensor]
    tuning: FineTuning
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    train: Rows
    validation: Rows | None
    history: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Tensor] | None = None

    @property
    def done(self) -> int:
        """How many epochs are done."""
        return self.history[-1]["epoch"] if self.history else 0

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights are kept: of least validation loss, or the last."""
        if self.recipe.patience is None or self.validation is None or not self.history:
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
            if the training diverges, or the module cannot be compiled
        """
        if checkpoint is not None:
            self._go_on_from(checkpoint)
        for _ in progress(self._epochs(), "epochs", total=self.recipe.epochs - self.done):
            if checkpoint is not None:
                checkpoint.write(self._state())
        if self.best is not None:
            self.tuning.restore(self.best)

    def _epochs(self) -> Iterator[None]:
        patience = self.recipe.patience
        for epoch in range(self.done + 1, self.recipe.epochs + 1):
            if patience is not None and self.done - self.best_epoch >= patience:
                log.info("no better validation loss since epoch %d", self.best_epoch)
                return
            self._train(epoch)
            if self.validation is not None:
                self._validate(epoch)
                if patience is not None and self.best_epoch == epoch:
                    self._keep_best()
            yield

    def _train(self, epoch: int) -> None:
        start, waited, recipe = time.perf_counter(), self.train.X.waited, self.recipe
        rate = self._rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        seed_epoch(recipe.seed, epoch)
        # Drawn on the CPU, so that the order does not depend on the device.
        order = torch.randperm(len(self.train.y))
        batches = _batches(order, recipe.batch_size)
        device = self.train.y.device
        targets = self.train.y[order.to(device)].split([len(rows) for rows in batches])
        windows, changes = (np.random.default_rng((recipe.seed, epoch, k)) for k in (1, 2))
        total = torch.zeros((), dtype=torch.float64, device=device)
        sums: Tensor | float = 0.0
        self.tuning.prepare(epoch)
        for x, y in zip(self.train.X.chosen(batches, windows), targets, strict=True):
            x, y, truth = self._changed(x, y, changes)
            with in_precision(device, recipe.autocast):
                outputs = self.forward(*x).float()
            loss = _loss(recipe.objective, outputs, y, recipe.label_weights)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(y)
            sums += recipe.objective.sums(outputs.detach(), truth)
        self._note(epoch, "train", total, sums, rate, start, self.train.X.waited - waited)
        if not all(bool(weight.isfinite().all()) for weight in self.module.parameters()):
            raise self._diverged(epoch, "the weights are no finite numbers", rate)

    def _changed(
        self, x: Batch, y: Tensor, random: np.random.Generator
    ) -> tuple[Batch, Tensor, Tensor]:
        """Rows as they are trained on, their targets, and what outputs are measured against."""
        recipe, truth = self.recipe, y
        if recipe.mixup:
            x, y, heavier = mix(x, recipe.objective.mixable(y), recipe.mixup, random)
            truth = recipe.objective.mixed_truth(truth, y, heavier)
        if recipe.masks is not None:
            x = recipe.masks(x, random)
        return x, y, truth

    def _validate(self, epoch: int) -> None:
        start, (X, y), recipe = time.perf_counter(), self.validation, self.recipe
        waited, rate = X.waited, self.history[-1]["learning_rate"]
        outputs = predict_outputs(
            self.module, X, recipe.objective, recipe.batch_size, recipe.autocast
        ).double()
        y = y.double() if y.is_floating_point() else y
        total = _loss(recipe.objective, outputs, y) * len(y)
        sums = recipe.objective.sums(outputs, y)
        self._note(epoch, "validation", total, sums, rate, start, X.waited - waited)

    def _note(
        self,
        epoch: int,
        part: str,
        total: Tensor,
        sums: Tensor,
        rate: float,
        start: float,
        waited: float,
    ) -> None:
        """Add a row to the history, from sums over the rows of a part."""
        n = len((self.train if part == "train" else self.validation).y)
        loss, measures = total.item() / n, self.recipe.objective.measures(sums, n)
        if not math.isfinite(loss):
            raise self._diverged(epoch, f"the {part} loss is {loss}", rate)
        told = (f"{name} {value:.4f}" for name, value in measures.items() if value is not None)
        log.info(
            "epoch %d of %d: %s",
            *(epoch, self.recipe.epochs, ", ".join([f"{part} loss {loss:.4f}", *told])),
        )
        self.history.append(
            {
                "epoch": epoch,
                "part": part,
                "loss": loss,
                **measures,
                "learning_rate": rate,
                "seconds": time.perf_counter() - start,
                "seconds_loading": waited,
            }
        )

    def _rate(self) -> float:
        part = "train" if self.validation is None else "validation"
        return self.recipe.rate([row["loss"] for row in self.history if row["part"] == part])

    def _diverged(self, epoch: int, how: str, rate: float) -> GenreflowError:
        return GenreflowError(
            f"the training diverged in epoch {epoch}: {how}. Its learning_rate was {rate:g}; "
            "try a smaller one, or scale the features"
        )

    def _keep_best(self) -> None:
        weights = self.tuning.learned()
        if self.best is None:
            self.best = {name: value.clone() for name, value in weights.items()}
        for name, value in weights.items():
            self.best[name].copy_(value)

    def _state(self) -> dict[str, Any]:
        return {
            "module": self.tuning.learned(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
        }

    def _go_on_from(self, checkpoint: Checkpoint) -> None:
        if state := checkpoint.read():
            self._restore(state)
            log.info("the training goes on after epoch %d: %s", self.done, checkpoint.path)

    def _restore(self, state: dict[str, Any]) -> None:
        self.tuning.restore(state["module"])
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


def predict_outputs(
    module: nn.Module,
    X: Source,
    objective: Objective,
    batch_size: int,
    autocast: torch.dtype | None = None,
) -> Tensor:
    """Outputs for rows, without dropout and with the running means of batch normalisation.

    Parameters
    ----------
    module : torch.nn.Module
    X : Source
        on the device of the module
    objective : Objective
        says what stands for the mean of windows, where rows are read in windows
    batch_size : int > 0
    autocast : torch.dtype or None
        as in `Recipe`

    Returns
    -------
    Tensor [shape=(n, n_outputs), dtype=float32, or float64 where there are windows]
    """
    module.eval()
    with torch.inference_mode():
        found = []
        for x in X.in_order(batch_size):
            with in_precision(x[0].device, autocast):
                found.append(module(*x).float())
        outputs = torch.cat(found)
        return outputs if X.windows is None else objective.mean(outputs.double(), X.windows)


def _batches(order: Tensor, size: int) -> list[Tensor]:
    """Cut an order of rows into batches; batch normalisation cannot use a last one of one row."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1 < size:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def _loss(
    objective: Objective, outputs: Tensor, y: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The mean loss of rows, of which a module gave what its makers promise."""
    if outputs.shape != (expected := (len(y), objective.n_outputs)):
        raise GenreflowError(
            f"the module gives an array of shape {tuple(outputs.shape)}, not {expected}: "
            "(rows, outputs)"
        )
    return objective.loss(outputs, y, weights)
