"""Fitting of a model on a training part, with everything that is selected inside it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.models.build import ESTIMATOR, build_estimator, estimator_path
from genreflow.models.predict import predict_tracks
from genreflow.training.inner import Folds, inner_folds, keep_back
from genreflow.training.rows import Rows, task_of
from genreflow.training.search import search_parameters
from genreflow.training.thresholds import best_thresholds

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from genreflow.features.inputs import Inputs

log = logging.getLogger("genreflow")

CALIBRATION_FOLDS = 5
THRESHOLD_FOLDS = 3


class Fitted(NamedTuple):
    """What fitting gives.

    Attributes
    ----------
    pipeline : sklearn.pipeline.Pipeline
        fitted on the training part
    best : dict or None
        the parameters that the search chose, where there is a search
    thresholds : np.ndarray [shape=(n_labels,), dtype=float64] or None
        the probability from which on a track gets a label, where it may have several
    history : list of dict
        what the estimator tells of its epochs, where it has any
    """

    pipeline: "Pipeline"
    best: dict[str, Any] | None
    thresholds: np.ndarray | None
    history: list[dict[str, Any]]


def fit_model(
    spec: Mapping[str, Any],
    X: "np.ndarray | Inputs",
    y: np.ndarray,
    groups: np.ndarray,
    *,
    tracks: np.ndarray | None = None,
    copied: np.ndarray | None = None,
    labels: Sequence[str] = (),
    features: Sequence[str] = (),
    preparation: Mapping[str, Any] | None = None,
    validation: Rows | None = None,
    thresholds: float | str | None = None,
    checkpoint: Path | None = None,
    seed: int,
    threads: int = 1,
    where: str = "model",
) -> Fitted:
    """Search, calibrate and fit a model; nothing but the arguments is looked at.

    The rows of a track, of its segments and copies, stay together in all folds. A search fits on
    copies, and scores on the rows of the tracks as they are; so it is with thresholds.

    Parameters
    ----------
    spec : mapping
        a model as in config/models, with the schema's defaults filled in
    X : np.ndarray [shape=(n, n_features), dtype=float64] or Inputs
        NaN where a value is missing that `preparation` replaces
    y : np.ndarray [shape=(n,) or (n, n_labels), dtype=int or float64]
        number of each row's label, every number from 0 on occurring; 0 and 1 for each of at least
        two labels, every label occurring; or, as float64, the numbers that a regression tells
    groups : np.ndarray [shape=(n,)]
        artist of each row, or the track itself; kept together by search and calibration
    tracks : np.ndarray [shape=(n,)], optional
        the track that each row is of, in ascending order; each row is a track where absent
    copied : np.ndarray [shape=(n,), dtype=bool], optional
        whether a row describes a copy; none does where absent
    labels : sequence of str, optional
        what messages call the labels; their numbers where absent
    features, preparation
        columns of `X` and what they need, as `build_estimator` takes them
    validation : Rows, optional
        the split's validation part without copies: for early stopping and thresholds alone
    thresholds : float, ``"validation"`` or None
        the probability from which on a track gets a label; or that of the best F1 of each label
        on the validation part, without one on out-of-fold predictions of the training part; None
        where each track has one label, or numbers
    checkpoint : Path, optional
        file from which an estimator that can do so goes on where a killed job stopped
    seed : int >= 0
    threads : int > 0
    where : str
        what messages call this fit

    Returns
    -------
    Fitted

    Raises
    ------
    GenreflowError
        if the model cannot be fitted
    """
    rows = Rows(
        X,
        y,
        groups,
        np.arange(len(y)) if tracks is None else tracks,
        np.zeros(len(y), dtype=bool) if copied is None else copied,
    )
    pipeline = build_estimator(
        spec,
        seed=seed,
        threads=threads,
        features=features,
        preparation=preparation,
        task=task_of(y),
        where=where,
    )
    fitting = _Fitting(calibrate=spec["calibrate"], labels=labels, seed=seed, where=where)
    best = chosen = None
    try:
        if search := spec.get("search"):
            folds = fitting.divide(rows, search["folds"], "the search")
            best = search_parameters(pipeline, search, rows, folds, seed=seed, where=where)
            own = estimator_path(pipeline)
            pipeline.set_params(**{f"{own}__{name}": value for name, value in best.items()})
        choosing, tried = thresholds == "validation", None
        if choosing and validation is None:
            tried = fitting.try_out_of_fold(pipeline, rows)
        fitting.fit(pipeline, rows, validation, checkpoint)
        if choosing:
            chosen = best_thresholds(*(tried or _try(pipeline, validation)))
        elif thresholds is not None:
            chosen = np.full(y.shape[1], float(thresholds))
    except GenreflowError as error:
        raise GenreflowError(f"{where}: {error}") from error
    except ValueError as error:  # what scikit-learn and XGBoost raise for values they cannot use
        raise GenreflowError(f"{where}: {spec['estimator']} cannot be fitted: {error}") from error
    return Fitted(pipeline, best, chosen, getattr(pipeline[ESTIMATOR], "history_", []))


@dataclass(frozen=True)
class _Fitting:
    """How pipelines are fitted: the one that is kept, and those that only try."""

    calibrate: bool
    labels: Sequence[str]
    seed: int
    where: str

    def divide(self, rows: Rows, folds: int, purpose: str) -> Folds:
        return inner_folds(
            rows.y,
            rows.groups,
            folds,
            tracks=rows.tracks,
            seed=self.seed,
            where=self.where,
            purpose=purpose,
        )

    def fit(
        self,
        pipeline: "Pipeline",
        rows: Rows,
        validation: Rows | None = None,
        checkpoint: Path | None = None,
        *,
        trying: bool = False,
    ) -> None:
        """Fit on rows; validation is for an estimator that looks at it while it learns.

        Of a label that cannot be calibrated nothing is learned where this only tries.
        """
        if self.calibrate:
            folds = self.divide(rows, CALIBRATION_FOLDS, "calibration")
            if rows.y.ndim == 2:
                lacking = _in_part(rows.y, folds)
                if not trying:
                    self._require_calibrated(rows, lacking, len(folds))
                rows = replace(rows, y=np.where(lacking, 0, rows.y))
            _fit_calibrated(pipeline, rows, folds)
        elif {"validation", "checkpoint"} <= signature(pipeline[ESTIMATOR].fit).parameters.keys():
            if validation is None and pipeline[ESTIMATOR].patience is not None:
                rows, validation = self._keep_back(rows)
            _fit_watched(pipeline, rows, validation, checkpoint)
        else:
            pipeline.fit(rows.X, rows.y)

    def try_out_of_fold(self, unfitted: "Pipeline", rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """What the tracks are, and what models say that were not fitted on them."""
        from sklearn.base import clone

        log.info(
            "%s: thresholds are chosen in %d folds of the training part",
            self.where,
            THRESHOLD_FOLDS,
        )
        tried = []
        for known, held_out in self.divide(rows, THRESHOLD_FOLDS, "the thresholds"):
            pipeline, seen = clone(unfitted), rows.take(held_out).as_they_are()
            self.fit(pipeline, rows.take(known), seen, trying=True)
            tried.append(_try(pipeline, seen))
        truth, scores = zip(*tried, strict=True)
        return np.concatenate(truth), np.concatenate(scores)

    def _require_calibrated(self, rows: Rows, lacking: np.ndarray, folds: int) -> None:
        """Refuse labels that cannot be calibrated, with how many artists make the difference."""
        if not lacking.any():
            return
        told, names = [], self.labels or range(len(lacking))
        for number in np.flatnonzero(lacking):
            sides = (rows.groups[rows.y[:, number] == side] for side in (0, 1))
            artists = min(len(np.unique(side)) for side in sides)
            told.append(f"{names[number]!r} ({artists} artists)")
        raise GenreflowError(
            f"calibration divides the artists of the training part into {folds} folds, and needs "
            "tracks with and tracks without each label in at least 2 of them; "
            f"{len(told)} labels have them in one alone: {', '.join(told[:5])}. Leave them out, "
            "or say 'calibrate: false'"
        )

    def _keep_back(self, rows: Rows) -> tuple[Rows, Rows | None]:
        """A tenth of the training part for early stopping, where the split has no other."""
        kept = keep_back(rows.y, rows.groups, tracks=rows.tracks, seed=self.seed)
        if kept is None:
            log.warning(
                "%s: nothing is kept back for early stopping: the artists of the labels are too "
                "few in the training part",
                self.where,
            )
            return rows, None
        known, held_out = kept
        log.info(
            "%s: %d of %d training tracks are kept back for early stopping, since the split has no "
            "validation part",
            self.where,
            len(np.unique(rows.tracks[held_out])),
            len(np.unique(rows.tracks)),
        )
        return rows.take(known), rows.take(held_out).as_they_are()


def _fit_watched(
    pipeline: "Pipeline", rows: Rows, validation: Rows | None, checkpoint: Path | None
) -> None:
    """Fit an estimator that goes through epochs, and is told how it does on other tracks."""
    X, seen = rows.X, None if validation is None else validation.X
    for _, step in pipeline.steps[:-1]:
        X = step.fit_transform(X, rows.y)
        seen = None if seen is None else step.transform(seen)
    pipeline[ESTIMATOR].fit(
        X,
        rows.y,
        validation=None if validation is None else (seen, validation.y),
        checkpoint=checkpoint,
    )


def _in_part(y: np.ndarray, folds: Folds) -> np.ndarray:
    """Labels that some tracks have and some lack, but not so in what each fold is fitted on."""
    alike = [np.ptp(y[known], axis=0) == 0 for known, _ in folds]
    return np.any(alike, axis=0) & (np.ptp(y, axis=0) > 0)


def _fit_calibrated(pipeline: "Pipeline", rows: Rows, folds: Folds) -> None:
    """Fit with sigmoids from decisions to probabilities (Platt 1999), one per label.

    They are fitted on decisions about rows, those of copies too, whose artists the deciding
    estimator has not seen; the estimator that is kept has seen the whole training part, as without
    calibration.
    """
    from sklearn.calibration import CalibratedClassifierCV

    own = estimator_path(pipeline)
    calibrated = CalibratedClassifierCV(
        pipeline.get_params()[own], method="sigmoid", ensemble=False, cv=folds
    )
    pipeline.set_params(**{own: calibrated})
    pipeline.fit(rows.X, rows.y)
    # Needed for fitting only; they would be written to the model's file.
    for made in (calibrated, *getattr(pipeline[ESTIMATOR], "estimators_", ())):
        if isinstance(made, CalibratedClassifierCV):
            made.set_params(estimator=None, cv=None)


def _try(pipeline: "Pipeline", rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """What tracks are, and what a model says of them: 0 and 1, and probabilities, per label."""
    firsts, scores = predict_tracks(pipeline, rows.X, rows.tracks, multi_label=True)
    return rows.y[firsts], scores
