"""Search over hyper-parameters inside a training part."""

import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from genreflow.errors import GenreflowError, require_known
from genreflow.models.build import estimator_path
from genreflow.models.predict import predict_probabilities
from genreflow.training.inner import Folds
from genreflow.training.rows import Rows, task_of

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

log = logging.getLogger("genreflow")

# Of several numbers each is the mean over them.
NUMBER_SCORES = ("r2", "neg_mean_squared_error", "neg_mean_absolute_error")


def search_parameters(
    pipeline: "Pipeline",
    search: Mapping[str, Any],
    rows: Rows,
    folds: Folds,
    *,
    seed: int,
    where: str,
) -> dict[str, Any]:
    """The best of the candidates, the first of them where several are.

    Candidates are fitted on copies, too, and scored on rows of the tracks as they are.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        not fitted, and left so
    search : mapping
        the search of a model as in config/models
    rows : Rows
    folds : list of (np.ndarray, np.ndarray)
        rows to fit on, rows to score
    seed : int >= 0
        of what a randomized search draws
    where : str
        what the log calls the model

    Returns
    -------
    dict
        by the estimator's own names of its parameters

    Raises
    ------
    GenreflowError
        if the score is none of the task's
    """
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    prefix = f"{estimator_path(pipeline)}__"
    space = {f"{prefix}{name}": values for name, values in sorted(search["space"].items())}
    count = math.prod(len(values) for values in space.values())
    common = {
        "scoring": _scoring(search["scoring"], rows.y),
        "cv": [(fitted, scored[~rows.copied[scored]]) for fitted, scored in folds],
        "refit": False,
        "error_score": "raise",
    }
    if search["method"] == "grid":
        searcher = GridSearchCV(pipeline, space, **common)
    else:
        count = min(count, search["iterations"])
        searcher = RandomizedSearchCV(pipeline, space, n_iter=count, random_state=seed, **common)
    log.info("%s: searching among %d candidates in %d folds", where, count, len(folds))
    searcher.fit(rows.X, rows.y)
    best = {name.removeprefix(prefix): value for name, value in searcher.best_params_.items()}
    log.info("%s: %s = %.4f with %s", where, search["scoring"], searcher.best_score_, best)
    return best


def _scoring(name: str, y: np.ndarray) -> str | Callable:
    """What scikit-learn's searches take: its own name of a score, or a function for label sets."""
    task = task_of(y)
    if task == "multi_label":
        require_known(name, LABEL_SET_SCORES, "search.scoring", "scores for several labels")
        return LABEL_SET_SCORES[name]
    if task == "regression":
        require_known(name, NUMBER_SCORES, "search.scoring", "scores for numbers")
    elif name in NUMBER_SCORES:
        raise GenreflowError(f"search.scoring: {name!r} is for numbers, and the split is of labels")
    return name


def _exact_match(pipeline: "Pipeline", X: np.ndarray, y: np.ndarray) -> float:
    return float((_guesses(pipeline, X) == y).all(axis=1).mean())


def _f1(pipeline: "Pipeline", X: np.ndarray, y: np.ndarray, *, average: str) -> float:
    from sklearn.metrics import f1_score

    return f1_score(y, _guesses(pipeline, X), average=average, zero_division=0)


def _roc_auc(pipeline: "Pipeline", X: np.ndarray, y: np.ndarray) -> float:
    """Mean over the labels that some rows have and some have not."""
    from sklearn.metrics import roc_auc_score

    both = y.any(axis=0) & ~y.all(axis=0)
    return roc_auc_score(y[:, both], _decisions(pipeline, X)[:, both], average="macro")


def _guesses(pipeline: "Pipeline", X: np.ndarray) -> np.ndarray:
    """Labels that are at least as probable as not."""
    return (_decisions(pipeline, X) >= 0).astype(np.int64)


def _decisions(pipeline: "Pipeline", X: np.ndarray) -> np.ndarray:
    """Above zero for labels that are more probable than not."""
    if hasattr(pipeline, "predict_proba"):
        return predict_probabilities(pipeline, X, multi_label=True) - 0.5
    return pipeline.decision_function(X)  # of what gets its probabilities by calibration


LABEL_SET_SCORES = {
    "accuracy": _exact_match,
    "f1_macro": partial(_f1, average="macro"),
    "f1_micro": partial(_f1, average="micro"),
    "roc_auc": _roc_auc,
}
