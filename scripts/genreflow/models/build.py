"""From the description of a model to an estimator that is not fitted yet."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genreflow.errors import GenreflowError
from genreflow.importing import load
from genreflow.models.check import check_parameters, class_parameters

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# Names of the two steps of every pipeline.
SCALER, ESTIMATOR = "scaler", "estimator"


def build_estimator(
    spec: Mapping[str, Any], *, seed: int, threads: int = 1, where: str = "model"
) -> "Pipeline":
    """Make the pipeline of a model: its scaler, where it has one, then its estimator.

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
    where : str
        what messages call the model

    Returns
    -------
    sklearn.pipeline.Pipeline
        not fitted; steps ``"scaler"`` and ``"estimator"``

    Raises
    ------
    GenreflowError
        where a class cannot be imported, a parameter is not known, or the estimator gives no
        probabilities
    """
    estimator = _make(spec["estimator"], spec["parameters"], where, "estimator")
    if not hasattr(estimator, "fit"):
        raise GenreflowError(f"{where}: estimator: {spec['estimator']} has no method 'fit'")
    if not hasattr(estimator, "predict_proba") and not spec["calibrate"]:
        raise GenreflowError(
            f"{where}: {spec['estimator']} gives no probabilities with these parameters; "
            "say 'calibrate: true' to have them fitted"
        )
    steps = [(ESTIMATOR, estimator)]
    if spec["scaler"]:
        steps.insert(0, (SCALER, _make(spec["scaler"], {}, where, "scaler")))

    from sklearn.pipeline import Pipeline

    pipeline = Pipeline(steps)
    ours = {"random_state": seed}
    if not type(estimator).__module__.startswith("sklearn."):
        ours["n_jobs"] = threads
    for name in pipeline.get_params():
        step, _, parameter = name.rpartition("__")
        if parameter in ours and not (step == ESTIMATOR and parameter in spec["parameters"]):
            pipeline.set_params(**{name: ours[parameter]})
    return pipeline


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
