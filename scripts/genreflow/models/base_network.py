"""What networks have in common, whatever they are trained for.

The loop is our own (`genreflow.models.epochs`): skorch, the usual wrapper, saves neither the state
of generators nor that of schedules, and an interrupted training must go on to the same bits.
"""

import hashlib
import logging
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.importing import keywords, load
from genreflow.models.arrays import Form
from genreflow.models.augmentation import SpecAugment
from genreflow.models.batches import Matrix, Reader, Source
from genreflow.models.check import check_parameters
from genreflow.models.checkpoint import Checkpoint, fingerprint
from genreflow.models.computing import (
    compiled,
    computing,
    find_autocast,
    find_device,
    reading_threads,
)
from genreflow.models.epochs import Recipe, Rows, Training, predict_outputs, seed_epoch
from genreflow.models.fine_tuning import FineTuning, load_pretrained
from genreflow.models.network_parameters import OPTIMIZERS
from genreflow.models.objectives import Objective
from genreflow.models.schedules import learning_rate
from genreflow.provenance import code_digest
from genreflow.weights import file_of

log = logging.getLogger("genreflow")


class BaseNetwork(BaseEstimator):
    """A torch module as an estimator; see `genreflow.models.network.Network`."""

    module_: nn.Module
    form_: Form | None

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
        length: int | Mapping[str, float] | None = None,
        window: int | None = None,
        standardize: bool = True,
        mixup: float = 0.0,
        spec_augment: Mapping[str, float] | None = None,
        weights: str | None = None,
        fine_tune: str = "all",
        frozen_epochs: int = 0,
        backbone_rate: float = 1.0,
        random_state: int = 0,
        device: str = "auto",
        precision: str = "auto",
        compile: bool = False,
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
        self.length = length
        self.window = window
        self.standardize = standardize
        self.mixup = mixup
        self.spec_augment = spec_augment
        self.weights = weights
        self.fine_tune = fine_tune
        self.frozen_epochs = frozen_epochs
        self.backbone_rate = backbone_rate
        self.random_state = random_state
        self.device = device
        self.precision = precision
        self.compile = compile
        self.n_jobs = n_jobs

    def described(self) -> dict[str, Any]:
        """What JSON can hold of a fitted network: all but its tensors and the history.

        Returns
        -------
        dict
            for `restored`
        """
        check_is_fitted(self)
        described = {
            "parameters": self.get_params(),
            **self._described_targets(),
            "n_features": self.n_features_in_,
            "best_epoch": self.best_epoch_,
        }
        if self.form_ is not None:
            described["arrays"] = self.form_.described()
        return described

    def tensors(self) -> dict[str, Tensor]:
        """The numbers of a fitted network: its module's, and what brings arrays to one scale.

        Returns
        -------
        dict
            for `restored`; of a network on arrays, the names begin with ``module.`` or
            ``scaling.``
        """
        check_is_fitted(self)
        state = self._whole().state_dict()
        return {name: value.contiguous() for name, value in state.items()}

    @classmethod
    def restored(cls, described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "BaseNetwork":
        """Make a fitted network again.

        The function that makes its module is imported and called: see first whether it is trusted.

        Parameters
        ----------
        described : mapping
            what `described` gave
        tensors : mapping
            what `tensors` gave

        Returns
        -------
        BaseNetwork
            predicts the same bits; without ``history_``
        """
        network = cls(**described["parameters"])
        network._restore_targets(described)
        network.n_features_in_ = int(described["n_features"])
        network.best_epoch_ = int(described["best_epoch"])
        arrays = described.get("arrays")
        network.form_ = None if arrays is None else Form.restored(arrays)
        with torch.random.fork_rng(devices=[]):
            module = network._made_module()
        network._keep(module)
        network._whole().load_state_dict(tensors)
        return network

    @abstractmethod
    def _objective(self) -> Objective:
        """What the network is trained for."""

    @abstractmethod
    def _described_targets(self) -> dict[str, Any]:
        """What `described` holds of the targets."""

    @abstractmethod
    def _restore_targets(self, described: Mapping[str, Any]) -> None:
        """Take back what `_described_targets` gave."""

    def _validated(self, X: Any, y: Any, **checks: Any) -> tuple[Any, np.ndarray]:
        """Rows to be fitted on, and their targets, as arrays; `checks` are validate_data's."""
        if not isinstance(X, Inputs):
            self.form_ = None
            return validate_data(self, X, y, dtype=np.float32, multi_output=True, **checks)
        if not len(X):
            raise ValueError("there are no rows to be fitted on: n_samples=0")
        _, y = check_X_y(np.zeros((len(X), 1)), y, multi_output=True, **checks)
        self.n_features_in_ = len(X.names)
        self.form_ = Form.of(
            X, length=self.length, window=self.window, standardize=self.standardize
        )
        return X, y

    def _validated_like(self, X: Any) -> Any:
        """Rows that are like those that the network was fitted on."""
        if isinstance(X, Inputs) != (self.form_ is not None):
            kinds = ("arrays", "vectors") if self.form_ else ("vectors", "arrays")
            raise ValueError("the network was fitted on {}; here are {}".format(*kinds))
        if self.form_ is None:
            return validate_data(self, X, dtype=np.float32, reset=False)
        if not len(X):
            raise ValueError("there are no rows: n_samples=0")
        self.form_.check(X)
        return X

    def _train(
        self,
        train: tuple[Any, np.ndarray],
        validation: tuple[Any, np.ndarray] | None,
        checkpoint: str | Path | None,
        label_weights: np.ndarray | None = None,
    ) -> None:
        """Train a module, and keep it.

        Parameters
        ----------
        train, validation
            rows as validated, and targets as the objective has them
        checkpoint
            as ``fit`` has it
        label_weights : np.ndarray [dtype=float32] or None
            as the objective has them
        """
        device = find_device(self.device)
        autocast = find_autocast(self.precision, device, arrays=self.form_ is not None)
        recipe = Recipe(
            objective=self._objective(),
            epochs=self.epochs,
            batch_size=self.batch_size,
            rate=learning_rate(
                self.schedule,
                self.schedule_parameters or {},
                start=self.learning_rate,
                epochs=self.epochs,
            ),
            patience=self.patience,
            seed=self.random_state,
            label_weights=None if label_weights is None else torch.tensor(label_weights).to(device),
            mixup=self.mixup,
            masks=self._masks(),
            autocast=autocast,
        )
        if validation is None and self.patience is not None:
            log.info("no validation part to stop by: all %d epochs are trained", self.epochs)
        with computing(device, self.n_jobs):
            seed_epoch(self.random_state, 0)
            module = self._made_module()
            if self.weights is not None:
                load_pretrained(module, self.weights, self.module)
            module.to(device)
            tuning = FineTuning(
                module,
                policy=self.fine_tune,
                frozen_epochs=self.frozen_epochs,
                backbone_rate=self.backbone_rate,
                made_by=self.module,
            )
            training = Training(
                module,
                compiled(module, self.n_jobs) if self.compile else module,
                tuning,
                OPTIMIZERS[self.optimizer](
                    tuning.groups(),
                    lr=self.learning_rate,
                    weight_decay=self.weight_decay,
                    fused=True,
                ),
                recipe,
                train=self._rows(train, device),
                validation=None if validation is None else self._rows(validation, device),
            )
            if checkpoint is not None:
                parts = [part for part in (train, validation) if part is not None]
                made_from = self._fingerprint(parts, device, autocast)
                checkpoint = Checkpoint(Path(checkpoint), made_from)
            training.run(checkpoint)
        self._keep(module)
        self.history_, self.best_epoch_ = training.history, training.best_epoch
        self.device_ = f"{device}, {str(autocast or torch.float32).removeprefix('torch.')}"

    def _predicted(self, X: Any) -> np.ndarray:
        """Probabilities or numbers, float64 [shape=(n, n_outputs)]."""
        check_is_fitted(self)
        X, objective = self._validated_like(X), self._objective()
        device = find_device(self.device)
        autocast = find_autocast(self.precision, device, arrays=self.form_ is not None)
        with computing(device, self.n_jobs):
            module, source = self.module_.to(device), self._source(X, device)
            outputs = predict_outputs(module, source, objective, self.batch_size, autocast)
            module.cpu()
            return objective.predicted(outputs.cpu().double()).numpy()

    def _made_module(self) -> nn.Module:
        parameters = self.module_parameters or {}
        make = load(self.module, needed_by="module")
        if (known := keywords(self.module)) is not None:
            check_parameters(parameters, known, self.module, "module_parameters")
        inputs = self.n_features_in_ if self.form_ is None else self.form_.shapes
        try:
            return make(inputs, self._objective().n_outputs, **parameters)
        except GenreflowError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise GenreflowError(
                f"module_parameters: {self.module} cannot be made with {dict(parameters)}: {reason}"
            ) from error

    def _keep(self, module: nn.Module) -> None:
        self.module_ = module.cpu().eval()
        state = module.state_dict().values()
        self.n_parameters_ = sum(value.numel() for value in state if value.is_floating_point())

    def _whole(self) -> nn.Module:
        """The module, and its scaling where it has one."""
        if self.form_ is None:
            return self.module_
        scaling = {} if self.form_.scaling is None else {"scaling": self.form_.scaling}
        return nn.ModuleDict({"module": self.module_, **scaling})

    def _rows(self, part: tuple[Any, np.ndarray], device: torch.device) -> Rows:
        X, y = part
        return Rows(self._source(X, device), torch.tensor(y, device=device))

    def _source(self, X: Any, device: torch.device) -> Source:
        if self.form_ is None:
            return Matrix(torch.tensor(X, device=device))
        return Reader(
            X,
            self.form_,
            device,
            windowed=self.window is not None,
            threads=reading_threads(device, self.n_jobs),
        )

    def _masks(self) -> SpecAugment | None:
        if not self.spec_augment:
            return None
        shapes = ((self.n_features_in_,),) if self.form_ is None else self.form_.shapes
        return SpecAugment(self.spec_augment, shapes)

    def _fingerprint(
        self,
        parts: list[tuple[Any, np.ndarray]],
        device: torch.device,
        autocast: torch.dtype | None,
    ) -> str:
        own = f"{type(self).__module__}.{type(self).__name__}"
        settings = self.get_params() | {
            "code": code_digest(__file__, self.module, own),
            "device": device.type,
            "precision": str(autocast),
            "torch": torch.__version__,
            "inputs": [X.digest() for X, _ in parts if isinstance(X, Inputs)],
        }
        if self.weights is not None:
            with file_of(self.weights).open("rb") as file:
                settings["weights"] = hashlib.file_digest(file, "sha256").hexdigest()
        values = [value for part in parts for value in part if isinstance(value, np.ndarray)]
        return fingerprint(settings, map(torch.from_numpy, values))
