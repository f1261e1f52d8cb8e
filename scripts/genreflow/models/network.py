"""Neural networks as scikit-learn classifiers.

The loop is our own (`genreflow.models.epochs`): skorch, the usual wrapper, saves neither the state
of generators nor that of schedules, and an interrupted training must go on to the same bits.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from genreflow.errors import GenreflowError, closest
from genreflow.importing import keywords, load
from genreflow.models.check import check_parameters
from genreflow.models.checkpoint import Checkpoint, fingerprint
from genreflow.models.epochs import Rows, Training, predict_logits, seed_epoch
from genreflow.models.schedules import learning_rates
from genreflow.provenance import code_digest
from genreflow.threads import limit_threads

log = logging.getLogger("genreflow")

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}

# The least of each whole number that a network takes, and the kinds of its other parameters.
WHOLE = {"batch_size": 1, "epochs": 1, "patience": 1, "random_state": 0, "n_jobs": 1}
REAL = ("learning_rate", "weight_decay")
TEXTS = ("module", "optimizer", "schedule", "device")
MAPPINGS = ("module_parameters", "schedule_parameters")


class Network(ClassifierMixin, BaseEstimator):
    """A torch module as a classifier, of one label for each row or of several.

    Parameters
    ----------
    module : str
        import path of a function ``(n_inputs, n_outputs, **module_parameters)`` that gives a
        torch.nn.Module, from rows to one logit for each label
    module_parameters : mapping or None
    optimizer : {"adam", "adamw", "sgd"}
        torch's, with its defaults
    learning_rate : float > 0
        of the first epoch, or the highest of a schedule that warms up
    weight_decay : float >= 0
    schedule : str
        how the learning rate changes from epoch to epoch: one of `genreflow.models.schedules`
    schedule_parameters : mapping or None
    batch_size : int > 0
    epochs : int > 0
        the most that there are
    patience : int > 0 or None
        how many epochs the loss on the validation part may go without improving; the weights of
        its best epoch are kept. None: no early stopping
    random_state : int >= 0
    device : str
        a device of torch, such as ``"cpu"`` or ``"cuda:1"``; ``"auto"`` is a GPU where there is
        one
    n_jobs : int > 0
        threads of the CPU

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        with several labels, their numbers
    n_features_in_ : int
    module_ : torch.nn.Module
        with the weights that predict
    n_parameters_ : int
        the numbers in `module_`, running means and variances included, as Keras counts
    best_epoch_ : int > 0
        the epoch of the weights
    history_ : list of dict
        for each epoch, and ``part`` "train" and "validation": ``epoch`` (from 1), ``part``,
        ``loss`` (cross entropy, natural logarithm), ``accuracy`` (with several labels, of rows
        where all are right), ``learning_rate``, ``seconds``. Those of "train" are means over the
        epoch as it ran, with dropout and changing weights. Not in a model's file
    """

    # It takes a matrix of labels as it is: no classifier for each label is needed.
    multi_label = True

    def __init__(
        self,
        module: str = "genreflow.models.networks.feed_forward",
        module_parameters: Mapping[str, Any] | None = None,
        *,
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: str = "constant",
        schedule_parameters: Mapping[str, Any] | None = None,
        batch_size: int = 32,
        epochs: int = 20,
        patience: int | None = None,
        random_state: int = 0,
        device: str = "auto",
        n_jobs: int = 1,
    ):
        self.module = module
        self.module_parameters = module_parameters
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.schedule_parameters = schedule_parameters
        self.batch_size = batch_size
        self.epochs = epochs
        self.patience = patience
        self.random_state = random_state
        self.device = device
        self.n_jobs = n_jobs

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        *,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        checkpoint: str | Path | None = None,
    ) -> "Network":
        """Train, from the checkpoint on where there is one of this training.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]
        y : np.ndarray [shape=(n,)] or [shape=(n, n_labels)]
            a label for each row (softmax, cross entropy), or 0 and 1 for each label (sigmoid,
            binary cross entropy)
        validation : (X, y), optional
            rows that are never trained on: for the history, and for early stopping
        checkpoint : str or Path, optional
            file that holds the state after each epoch; the caller removes it

        Returns
        -------
        self

        Raises
        ------
        GenreflowError
            if a parameter cannot be used, or the training diverges
        ValueError
            if the rows or the labels cannot be used
        """
        self._check_parameters()
        rates = learning_rates(
            self.schedule,
            self.schedule_parameters or {},
            start=self.learning_rate,
            epochs=self.epochs,
        )
        device = self._device()
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        check_classification_targets(y)
        self.several_ = y.ndim == 2
        self.classes_ = np.arange(y.shape[1]) if self.several_ else np.unique(y)
        train = self._rows(X, y, device)
        held = None
        if validation is not None:
            Xv = validate_data(self, validation[0], dtype=np.float32, reset=False)
            yv = check_array(validation[1], ensure_2d=self.several_, dtype=None)
            held = self._rows(Xv, yv, device)
        elif self.patience is not None:
            log.info("no validation part to stop by: all %d epochs are trained", self.epochs)

        with self._computing(device):
            seed_epoch(self.random_state, 0)
            module = self._module().to(device)
            training = Training(
                module,
                OPTIMIZERS[self.optimizer](
                    module.parameters(),
                    lr=self.learning_rate,
                    weight_decay=self.weight_decay,
                    fused=True,
                ),
                rates=rates,
                train=train,
                validation=held,
                batch_size=self.batch_size,
                patience=self.patience,
                seed=self.random_state,
            )
            if checkpoint is not None:
                settings = self.get_params() | {
                    "code": code_digest(__file__, self.module),
                    "device": device.type,
                    "torch": torch.__version__,
                }
                made_from = fingerprint(settings, [*train, *(held or ())])
                checkpoint = Checkpoint(Path(checkpoint), made_from)
            training.run(checkpoint)
        self._keep(module)
        self.history_, self.best_epoch_ = training.history, training.best_epoch
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each label.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]

        Returns
        -------
        np.ndarray [shape=(n, n_classes), dtype=float64]
            each row sums to 1, but not where there may be several labels
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        device = self._device()
        with self._computing(device):
            module = self.module_.to(device)
            logits = predict_logits(module, torch.tensor(X, device=device), self.batch_size)
            module.cpu()
            logits = logits.cpu().double()
            found = logits.sigmoid() if self.several_ else logits.softmax(dim=1)
        return found.numpy()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The most probable label; or 0 and 1 for each label, 1 from a probability of 0.5 on.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)]

        Returns
        -------
        np.ndarray [shape=(n,)] or [shape=(n, n_labels), dtype=int]
        """
        found = self.predict_proba(X)
        if self.several_:
            return (found >= 0.5).astype(int)
        return self.classes_[found.argmax(axis=1)]

    def described(self) -> dict[str, Any]:
        """What JSON can hold of a fitted network: all but ``module_.state_dict()`` and the history.

        Returns
        -------
        dict
            for `restored`
        """
        check_is_fitted(self)
        return {
            "parameters": self.get_params(),
            "classes": self.classes_.tolist(),
            "several": self.several_,
            "n_features": self.n_features_in_,
            "best_epoch": self.best_epoch_,
        }

    @classmethod
    def restored(
        cls, described: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> "Network":
        """Make a fitted network again.

        The function that makes its module is imported and called: see first whether it is trusted.

        Parameters
        ----------
        described : mapping
            what `described` gave
        weights : mapping
            the module's ``state_dict()``

        Returns
        -------
        Network
            predicts the same bits; without ``history_``
        """
        network = cls(**described["parameters"])
        network.several_ = bool(described["several"])
        network.classes_ = np.asarray(described["classes"])
        network.n_features_in_ = int(described["n_features"])
        network.best_epoch_ = int(described["best_epoch"])
        with torch.random.fork_rng(devices=[]):
            module = network._module()
        module.load_state_dict(weights)
        network._keep(module)
        return network

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _check_parameters(self) -> None:
        for name, least in WHOLE.items():
            value = getattr(self, name)
            if name == "patience" and value is None:
                continue
            _check_number(name, value, Integral)
            if value < least:
                none = "; null is for none" if name == "patience" else ""
                raise GenreflowError(f"{name}: {value} is less than {least}{none}")
        for name in REAL:
            _check_number(name, getattr(self, name), Real)
        if self.learning_rate <= 0:
            raise GenreflowError(f"learning_rate: {self.learning_rate} is not more than 0")
        if self.weight_decay < 0:
            raise GenreflowError(f"weight_decay: {self.weight_decay} is less than 0")
        for name in TEXTS:
            if not isinstance(getattr(self, name), str):
                raise GenreflowError(f"{name}: {getattr(self, name)!r} is no text")
        for name in MAPPINGS:
            if not isinstance(getattr(self, name), Mapping | None):
                raise GenreflowError(
                    f"{name}: {getattr(self, name)!r} is no mapping of names to values"
                )
        for name, value in (self.schedule_parameters or {}).items():
            _check_number(f"schedule_parameters: {name}", value, Real)
        if self.optimizer not in OPTIMIZERS:
            raise GenreflowError(
                f"optimizer: there is no {self.optimizer!r}{closest(self.optimizer, OPTIMIZERS)}"
            )

    def _device(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise GenreflowError(f"device: {self.device!r} cannot be used: {reason}") from error
        return device

    def _rows(self, X: np.ndarray, y: np.ndarray, device: torch.device) -> Rows:
        """Rows on the device, with the numbers of their labels."""
        if self.several_:
            if y.shape[1] != len(self.classes_) or not np.isin(y, (0, 1)).all():
                raise ValueError(f"{len(self.classes_)} labels need as many columns of 0 and 1")
            y = y.astype(np.float32)
        else:
            unknown = np.setdiff1d(y, self.classes_)
            if len(unknown):
                raise ValueError(f"the training part has no row of label {unknown[0]}")
            y = np.searchsorted(self.classes_, y)
        return Rows(torch.tensor(X, device=device), torch.tensor(y, device=device))

    def _module(self) -> nn.Module:
        parameters = self.module_parameters or {}
        make = load(self.module, needed_by="module")
        if (known := keywords(self.module)) is not None:
            check_parameters(parameters, known, self.module, "module_parameters")
        return make(self.n_features_in_, len(self.classes_), **parameters)

    def _keep(self, module: nn.Module) -> None:
        self.module_ = module.cpu().eval()
        state = module.state_dict().values()
        self.n_parameters_ = sum(value.numel() for value in state if value.is_floating_point())

    @contextmanager
    def _computing(self, device: torch.device) -> Iterator[None]:
        """Compute with as many threads as told, always in the same way, on a generator's copy."""
        with (
            limit_threads(self.n_jobs),
            torch.backends.cudnn.flags(deterministic=True),
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
        ):
            yield


def _check_number(name: str, value: Any, kind: type) -> None:
    """Refuse what is no number of a kind, ``Integral`` or ``Real``."""
    if isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value):
        return
    needed = "whole number" if kind is Integral else "finite number"
    # YAML takes 1e-3 for text.
    advice = "; write numbers without quotes, and such as 1.0e-3 with a point"
    raise GenreflowError(
        f"{name}: {value!r} is no {needed}{advice if isinstance(value, str) else ''}"
    )
