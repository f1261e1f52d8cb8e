"""Fitting of a model on a training part, with everything that is selected inside it."""

import logging
import math
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from genreflow.errors import GenreflowError
from genreflow.models.build import ESTIMATOR, build_estimator
from genreflow.training.inner import Folds, inner_folds

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

log = logging.getLogger("genreflow")

CALIBRATION_FOLDS = 5


def fit_model(
    spec: Mapping[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray,
    *,
    tracks: np.ndarray | None = None,
    copied: np.ndarray | None = None,
    seed: int,
    threads: int = 1,
    where: str = "model",
) -> tuple["Pipeline", dict[str, Any] | None]:
    """Search, calibrate and fit a model; nothing but the arguments is looked at.

    The rows of a track, of its segments and copies, stay together in the folds of search and
    calibration. A search fits on copies, and scores on the rows of the tracks as they are.

    Parameters
    ----------
    spec : mapping
        a model as in config/models, with the schema's defaults filled in
    X : np.ndarray [shape=(n, n_features), dtype=float64]
    y : np.ndarray [shape=(n,), dtype=int]
        number of each row's label, every number from 0 on occurring
    groups : np.ndarray [shape=(n,)]
        artist of each row, or the track itself; kept together by search and calibration
    tracks : np.ndarray [shape=(n,)], optional
        the track that each row is of; each row is a track where absent
    copied : np.ndarray [shape=(n,), dtype=bool], optional
        whether a row describes a copy; none does where absent
    seed : int >= 0
    threads : int > 0
    where : str
        what messages call this fit

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        fitted on the whole training part
    best : dict or None
        the parameters that the search chose, where there is a search

    Raises
    ------
    GenreflowError
        if the model cannot be fitted
    """
    pipeline = build_estimator(spec, seed=seed, threads=threads, where=where)
    divide = partial(inner_folds, y, groups, tracks=tracks, seed=seed, where=where)
    best = None
    try:
        if search := spec.get("search"):
            folds = divide(folds=search["folds"], purpose="the search")
            if copied is not None:
                folds = [(fitted, scored[~copied[scored]]) for fitted, scored in folds]
            best = _search(pipeline, search, X, y, folds, seed=seed, where=where)
            pipeline.set_params(**{f"{ESTIMATOR}__{name}": value for name, value in best.items()})
        if spec["calibrate"]:
            _fit_calibrated(pipeline, X, y, divide(folds=CALIBRATION_FOLDS, purpose="calibration"))
        else:
            pipeline.fit(X, y)
    except ValueError as error:  # what scikit-learn and XGBoost raise for values they cannot use
        raise GenreflowError(f"{where}: {spec['estimator']} cannot be fitted: {error}") from error
    return pipeline, best


def _search(
    pipeline: "Pipeline",
    search: Mapping[str, Any],
    X: np.ndarray,
    y: np.ndarray,
    folds: Folds,
    *,
    seed: int,
    where: str,
) -> dict[str, Any]:
    """The best of the candidates, the first of them where several are."""
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    space = {f"{ESTIMATOR}__{name}": values for name, values in sorted(search["space"].items())}
    count = math.prod(len(values) for values in space.values())
    common = {"scoring": search["scoring"], "cv": folds, "refit": False, "error_score": "raise"}
    if search["method"] == "grid":
        searcher = GridSearchCV(pipeline, space, **common)
    else:
        count = min(count, search["iterations"])
        searcher = RandomizedSearchCV(pipeline, space, n_iter=count, random_state=seed, **common)
    log.info("%s: searching among %d candidates in %d folds", where, count, len(folds))
    searcher.fit(X, y)
    best = {name.removeprefix(f"{ESTIMATOR}__"): v for name, v in searcher.best_params_.items()}
    log.info("%s: %s = %.4f with %s", where, search["scoring"], searcher.best_score_, best)
    return best


def _fit_calibrated(pipeline: "Pipeline", X: np.ndarray, y: np.ndarray, folds: Folds) -> None:
    """Fit with sigmoids from decisions to probabilities (Platt 1999), one per label.

    They are fitted on decisions about rows, those of copies too, whose artists the deciding
    estimator has not seen; the estimator that is kept has seen the whole training part, as without
    calibration.
    """
    from sklearn.calibration import CalibratedClassifierCV

    calibrated = CalibratedClassifierCV(
        pipeline[ESTIMATOR], method="sigmoid", ensemble=False, cv=folds
    )
    pipeline.set_params(**{ESTIMATOR: calibrated})
    pipeline.fit(X, y)
    # Needed for fitting only; they would be written to the model's file.
    calibrated.set_params(estimator=None, cv=None)
