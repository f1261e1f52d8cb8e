"""Neural networks as scikit-learn classifiers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from genreflow.errors import GenreflowError
from genreflow.features.inputs import Inputs
from genreflow.models.base_network import BaseNetwork
from genreflow.models.network_parameters import BALANCED, check_network
from genreflow.models.objectives import Objective, OneLabel, SeveralLabels


class Network(ClassifierMixin, BaseNetwork):
    """A torch module as a classifier, of one label for each row or of several.

    Its rows are those of a matrix, or have an array of every feature set
    (`genreflow.features.inputs.Inputs`), which is read when it is needed.

    Parameters
    ----------
    module : str
        import path of a function ``(inputs, n_outputs, **module_parameters)`` that gives a
        torch.nn.Module, from rows to one logit for each label. ``inputs`` is the number of columns
        of a matrix, or the shape of the arrays of each feature set
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
        of rows; in prediction, of windows where there are any
    epochs : int > 0
        the most that there are
    patience : int > 0 or None
        how many epochs the loss on the validation part may go without improving; the weights of
        its best epoch are kept. None: no early stopping
    length : int > 0, mapping or None
        that of arrays along their last axis, for each feature set on its own; longer ones are cut
        at the end, shorter ones filled up there with the mean (zeros without `standardize`). A
        number; or ``percentile`` of the lengths in the training part, but ``at_least`` so many
        values in an array; None: the longest of the training part
    window : int > 0 or None
        arrays of one axis, such as waveforms, are read in windows of so many samples: in training
        a random one of each row in each epoch; in prediction all of them, one behind the other,
        whose predictions are averaged. The last one ends where the array does
    standardize : bool
        whether arrays are standardised by mean and standard deviation of the training part, for
        each index of their first axis (band, coefficient, colour); for all values together where
        they have one axis. Vectors are left as they are
    class_weight : None, "balanced" or mapping
        how much labels count in the training loss: all the same; as scikit-learn balances them, of
        several labels each one on its own; or a weight for each label, where a row has one
    mixup : float >= 0
        alpha of the shares by which rows and their targets are mixed in training (Zhang et al.
        2018); 0: none are. The accuracy of the training is that of the heavier row's label
    spec_augment : mapping or None
        masks over spectrograms in training, one for ``frames`` and one for ``bands``, of at most
        that share (`genreflow.models.augmentation.SpecAugment`)
    weights : str or None
        file of published weights, which the module's ``load_pretrained`` reads before the training
    fine_tune : {"all", "head", "head_then_all"}
        what is trained: everything; the submodules that the module's ``head`` names; or those
        alone for `frozen_epochs`, and then everything
    frozen_epochs : int >= 0
    backbone_rate : float > 0
        learning rate of all but the head, as a share of `learning_rate`
    random_state : int >= 0
    device : str
        a device of torch, such as ``"cpu"`` or ``"cuda:1"``; ``"auto"`` is a GPU where there is
        one
    precision : {"auto", "float32", "bfloat16"}
        of what the module computes; ``"auto"`` is bfloat16 (mixed with float32, as torch's autocast
        has it) for arrays on a GPU that can do so, otherwise float32
    compile : bool
        whether training goes through torch.compile
    n_jobs : int > 0
        threads of the CPU

    Attributes
    ----------
    classes_ : np.ndarray [shape=(n_classes,)]
        with several labels, their numbers
    n_features_in_ : int
        columns, or feature sets
    form_ : genreflow.models.arrays.Form or None
        shapes, mean and standard deviation of arrays
    module_ : torch.nn.Module
        with the weights that predict
    n_parameters_ : int
        the numbers in `module_`, running means and variances included, as Keras counts
    best_epoch_ : int > 0
        the epoch of the weights
    device_ : str
        where it was trained, and how exactly, such as ``"cpu, float32"``. Not in a model's file
    history_ : list of dict
        for each epoch, and ``part`` "train" and "validation": ``epoch`` (from 1), ``part``,
        ``loss`` (cross entropy, natural logarithm; that of the training as it is made small, with
        `class_weight` and `mixup`), ``accuracy`` (with several labels, of rows where all are
        right), ``r2`` (None), ``learning_rate``, ``seconds``, and ``seconds_loading``, how many of
        them batches were waited for. Those of "train" are means over the epoch as it ran, with
        dropout and changing weights. Not in a model's file
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
        length: int | Mapping[str, float] | None = None,
        window: int | None = None,
        standardize: bool = True,
        class_weight: str | Mapping[Any, float] | None = None,
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
        super().__init__(
            module,
            module_parameters,
            optimizer=optimizer,
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            schedule=schedule,
            schedule_parameters=schedule_parameters,
            batch_size=batch_size,
            epochs=epochs,
            patience=patience,
            length=length,
            window=window,
            standardize=standardize,
            mixup=mixup,
            spec_augment=spec_augment,
            weights=weights,
            fine_tune=fine_tune,
            frozen_epochs=frozen_epochs,
            backbone_rate=backbone_rate,
            random_state=random_state,
            device=device,
            precision=precision,
            compile=compile,
            n_jobs=n_jobs,
        )
        self.class_weight = class_weight

    def fit(
        self,
        X: np.ndarray | Inputs,
        y: np.ndarray,
        *,
        validation: tuple[np.ndarray | Inputs, np.ndarray] | None = None,
        checkpoint: str | Path | None = None,
    ) -> "Network":
        """Train, from the checkpoint on where there is one of this training.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)] or Inputs
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
        check_network(self.get_params())
        X, y = self._validated(X, y)
        check_classification_targets(y)
        self.several_ = y.ndim == 2
        self.classes_ = np.arange(y.shape[1]) if self.several_ else np.unique(y)
        train = X, self._targets(y)
        if validation is not None:
            X, y = validation
            X, y = self._validated_like(X), check_array(y, ensure_2d=self.several_, dtype=None)
            validation = X, self._targets(y)
        self._train(train, validation, checkpoint, self._label_weights(train[1]))
        return self

    def predict_proba(self, X: np.ndarray | Inputs) -> np.ndarray:
        """Probability of each label.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)] or Inputs

        Returns
        -------
        np.ndarray [shape=(n, n_classes), dtype=float64]
            each row sums to 1, but not where there may be several labels
        """
        return self._predicted(X)

    def predict(self, X: np.ndarray | Inputs) -> np.ndarray:
        """The most probable label; or 0 and 1 for each label, 1 from a probability of 0.5 on.

        Parameters
        ----------
        X : np.ndarray [shape=(n, n_features)] or Inputs

        Returns
        -------
        np.ndarray [shape=(n,)] or [shape=(n, n_labels), dtype=int]
        """
        found = self.predict_proba(X)
        if self.several_:
            return (found >= 0.5).astype(int)
        return self.classes_[found.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """Numbers of the labels, or float32 of 0 and 1."""
        if self.several_:
            if y.shape[1] != len(self.classes_) or not np.isin(y, (0, 1)).all():
                raise ValueError(f"{len(self.classes_)} labels need as many columns of 0 and 1")
            return y.astype(np.float32)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"the training part has no row of label {unknown[0]}")
        return np.searchsorted(self.classes_, y)

    def _label_weights(self, targets: np.ndarray) -> np.ndarray | None:
        """Weights of the labels; of several, those of lacking and of having each one."""
        if self.class_weight is None:
            return None
        if not self.several_:
            weights = compute_class_weight(
                self.class_weight, classes=self.classes_, y=self.classes_[targets]
            )
            return weights.astype(np.float32)
        if self.class_weight != BALANCED:
            raise GenreflowError(
                f"class_weight: {self.class_weight!r}: where a row may have several labels, their "
                f"weights are {BALANCED!r} or none"
            )
        having = targets.mean(axis=0, dtype=np.float64)
        # A label that all rows have, or none, has nothing to balance.
        weights = [1 / (2 * np.where(share, share, 0.5)) for share in (1 - having, having)]
        return np.where((having == 0) | (having == 1), 1, weights).astype(np.float32)

    def _objective(self) -> Objective:
        return (SeveralLabels if self.several_ else OneLabel)(len(self.classes_))

    def _described_targets(self) -> dict[str, Any]:
        return {"classes": self.classes_.tolist(), "several": self.several_}

    def _restore_targets(self, described: Mapping[str, Any]) -> None:
        self.several_ = bool(described["several"])
        self.classes_ = np.asarray(described["classes"])
