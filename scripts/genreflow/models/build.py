"""From the description of a model to an estimator that is not fitted yet."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from genreflow.errors import GenreflowError, require_known
from genreflow.importing import load
from genreflow.models.check import check_parameters, class_parameters

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

# Names of the steps of a pipeline, in their order; every pipeline has the last one.
IMPUTER, MIN_MAX, SCALER, ESTIMATOR = "imputer", "min_max", "scaler", "estimator"

# How missing values are replaced; where tracks that miss some are left out, nothing is.
STRATEGIES = ("median", "mean", "most_frequent")


def build_estimator(
    spec: Mapping[str, Any],
    *,
    seed: int,
    threads: int = 1,
    features: Sequence[str] = (),
    preparation: Mapping[str, Any] | None = None,
    task: str = "single_label",
    where: str = "model",
) -> "Pipeline":
    """Make the pipeline of a model: what its data need, its scaler if any, and its estimator.

    Parameters
    ----------
    spec : mapping
        a model as in config/models, with the schema's defaults filled in. Its search and its
        calibration are no part of the pipeline: they need the training part.
    seed : int >= 0
        becomes every ``random_state``, nested ones too, that `spec` does not set
    threads : int > 0
        becomes the ``n_jobs`` that `spec` does not set, but for scikit-learn's own estimators:
        they take one thread, since forests add up in the order in which threads end
    features : sequence of str
        names of the columns that `preparation` may name
    preparation : mapping, optional
        what the dataset's columns need: ``missing`` (how missing values are replaced, one of
        `STRATEGIES`) and ``min_max`` (columns that are put to 0..1)
    task : {"single_label", "multi_label", "regression"}
        where tracks may have several labels, an estimator that takes one label each is fitted once
        for each label, as sklearn.multiclass.OneVsRestClassifier does it; numbers need a regressor
    where : str
        what messages call the model

    Returns
    -------
    sklearn.pipeline.Pipeline
        not fitted; steps ``"imputer"``, ``"min_max"``, ``"scaler"`` where they are asked for, and
        ``"estimator"``

    Raises
    ------
    GenreflowError
        where a class cannot be imported, a parameter or a column is not known, the estimator or
        the scaler is none for the task or for what the model takes, or is to be calibrated and to
        stop early
    """
    estimator = _make(spec["estimator"], spec["parameters"], where, "estimator")
    if not hasattr(estimator, "fit"):
        raise GenreflowError(f"{where}: estimator: {spec['estimator']} has no method 'fit'")
    if task == "regression":
        _require_regressor(estimator, spec, where)
    else:
        _require_probabilities(estimator, spec, where)
    takes_arrays = spec.get("takes") == "arrays"
    if takes_arrays:
        _require_arrays_unprepared(spec, preparation or {}, where)
    steps = [] if takes_arrays else _prepare(preparation or {}, features, where)
    if spec["scaler"]:
        steps.append((SCALER, _make(spec["scaler"], {}, where, "scaler")))

    from sklearn.pipeline import Pipeline

    pipeline = Pipeline([*steps, (ESTIMATOR, estimator)])
    ours = {"random_state": seed}
    if not type(estimator).__module__.startswith("sklearn."):
        ours["n_jobs"] = threads
    for name in pipeline.get_params():
        step, _, parameter = name.rpartition("__")
        if parameter in ours and not (step == ESTIMATOR and parameter in spec["parameters"]):
            pipeline.set_params(**{name: ours[parameter]})
    if task == "multi_label":
        _take_label_sets(pipeline, spec, where)
    return pipeline


def estimator_path(pipeline: "Pipeline") -> str:
    """Where the model's own estimator stands among the parameters of its pipeline.

    Returns
    -------
    str
        such as ``"estimator"``, or ``"estimator__estimator"`` where each label has its own
    """
    from sklearn.multiclass import OneVsRestClassifier

    one_each = isinstance(pipeline[ESTIMATOR], OneVsRestClassifier)
    return f"{ESTIMATOR}__estimator" if one_each else ESTIMATOR


def _require_probabilities(estimator: Any, spec: Mapping[str, Any], where: str) -> None:
    """Refuse what cannot tell how sure a label is."""
    from sklearn.base import is_regressor

    if is_regressor(estimator):
        raise GenreflowError(
            f"{where}: {spec['estimator']} tells numbers, and the split is of labels; choose a "
            "classifier, such as sklearn.linear_model.LogisticRegression"
        )
    if not hasattr(estimator, "predict_proba") and not spec["calibrate"]:
        raise GenreflowError(
            f"{where}: {spec['estimator']} gives no probabilities with these parameters; "
            "say 'calibrate: true' to have them fitted"
        )
    if spec["calibrate"] and getattr(estimator, "patience", None) is not None:
        raise GenreflowError(
            f"{where}: {spec['estimator']} cannot stop early where it is calibrated, which keeps "
            "no tracks back for that; say 'calibrate: false', or leave out 'patience'"
        )


def _require_regressor(estimator: Any, spec: Mapping[str, Any], where: str) -> None:
    """Refuse what decides between labels, where numbers are asked for."""
    from sklearn.base import is_classifier

    if is_classifier(estimator) or not hasattr(estimator, "predict"):
        raise GenreflowError(
            f"{where}: {spec['estimator']} tells labels, and the split is of numbers; choose a "
            "regressor, such as sklearn.linear_model.Ridge"
        )
    if spec["calibrate"]:
        raise GenreflowError(
            f"{where}: calibration is for probabilities, and the split is of numbers; say "
            "'calibrate: false'"
        )


def _require_arrays_unprepared(
    spec: Mapping[str, Any], preparation: Mapping[str, Any], where: str
) -> None:
    """Refuse steps that take a matrix, where the model takes arrays."""
    if (spec["scaler"] or "").startswith("sklearn."):
        raise GenreflowError(
            f"{where}: scaler: {spec['scaler']} takes vectors, and the model says 'takes: arrays'; "
            "say 'scaler: null', or genreflow.models.flat.FlatScaler, which makes vectors of arrays"
        )
    replaced = preparation.get("missing") in STRATEGIES
    if replaced or preparation.get("min_max"):
        asked = "missing" if replaced else "min_max"
        raise GenreflowError(
            f"{where}: the dataset's file says {asked!r}, which is done to vectors, and the model "
            "says 'takes: arrays'; choose a model that takes vectors"
        )


def _take_label_sets(pipeline: "Pipeline", spec: Mapping[str, Any], where: str) -> None:
    """Have each label decided on its own, by estimators that cannot do so themselves, too."""
    from sklearn.multiclass import OneVsRestClassifier

    kind = type(pipeline[ESTIMATOR])
    if not (getattr(kind, "multi_label", False) or kind.__module__.startswith("xgboost.")):
        pipeline.set_params(**{ESTIMATOR: OneVsRestClassifier(pipeline[ESTIMATOR])})
    elif spec["calibrate"]:
        raise GenreflowError(
            f"{where}: {spec['estimator']} gives a probability for each of several labels; "
            "say 'calibrate: false'"
        )


def _prepare(
    preparation: Mapping[str, Any], features: Sequence[str], where: str
) -> list[tuple[str, Any]]:
    """The steps that a dataset's columns need before any model takes them."""
    steps: list[tuple[str, Any]] = []
    if preparation.get("missing") in STRATEGIES:
        from sklearn.impute import SimpleImputer

        # A column without any value in the training part stays, as zeros.
        imputer = SimpleImputer(strategy=preparation["missing"], keep_empty_features=True)
        steps.append((IMPUTER, imputer))
    if chosen := preparation.get("min_max"):
        for name in chosen:
            require_known(name, features, f"{where}: min_max", "features")
        steps.append((MIN_MAX, _min_max(frozenset(chosen), features)))
    return steps


def _min_max(chosen: frozenset[str], features: Sequence[str]) -> "ColumnTransformer":
    """Put some columns to 0..1; all columns stay where they are."""
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import MinMaxScaler

    # The columns come out in the order of the blocks.
    blocks = groupby(range(len(features)), lambda column: features[column] in chosen)
    return ColumnTransformer(
        [
            (f"{number}", MinMaxScaler() if scaled else "passthrough", list(columns))
            for number, (scaled, columns) in enumerate(blocks)
        ]
    )


def _make(path: str, parameters: Mapping[str, Any], where: str, key: str) -> Any:
    """An object of a class, with parameters that the class knows."""
    class_parameters(path, f"{where}: {key}")  # its message knows the closest name
    made = load(path, needed_by=f"{where}: {key}")
    try:
        instance = made()
    except TypeError as error:
        raise GenreflowError(f"{where}: {key}: {path} cannot be used here: {error}") from error
    if not hasattr(instance, "get_params"):
        raise GenreflowError(f"{where}: {key}: {path} is no scikit-learn estimator")
    check_parameters(parameters, instance.get_params(), path, f"{where}: parameters")
    return instance.set_params(**parameters)
