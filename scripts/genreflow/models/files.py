"""Models in files that execute nothing when they are read.

A model is a folder: ``model.json`` names its labels or targets, ``pipeline.skops`` holds what
scikit-learn fitted, and, where there is one, ``xgboost.json`` the boosted trees in XGBoost's own
format or ``network.safetensors`` the weights of a network. Skops builds objects of types that are
trusted by name and refuses all others before it imports them; the list of trusted types stands
here, never in the folder, and so does that of the functions that make the modules of networks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED

import numpy as np

from genreflow.errors import GenreflowError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FORMAT = 1
DESCRIPTION, PIPELINE = "model.json", "pipeline.skops"
BOOSTER, WEIGHTS = "xgboost.json", "network.safetensors"

# Types beyond those that skops trusts by itself: plain data, but for the trees, into which
# `_check_trees` looks. Those of neighbours are not here: nothing looks into them.
TRUSTED = (
    "genreflow.models.cluster_vote.ClusterVote",
    "genreflow.models.flat.FlatScaler",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
)
BOOSTERS = ("XGBClassifier", "XGBRFClassifier", "XGBRegressor", "XGBRFRegressor")
NETWORKS = {
    "Network": "genreflow.models.network",
    "NetworkRegressor": "genreflow.models.network_regressor",
}
MODULES = (
    "genreflow.models.alexnet.alexnet",
    "genreflow.models.cnn.cnn",
    "genreflow.models.cnn.crnn",
    "genreflow.models.hybrid.hybrid",
    "genreflow.models.networks.feed_forward",
    "genreflow.models.recurrent.bidirectional_lstm",
    "genreflow.models.recurrent.lstm",
    "genreflow.models.residual.residual_cnn",
    "genreflow.models.resnet.resnet18",
    "genreflow.models.sections.section_cnn",
    "genreflow.models.vgg.vgg16",
    "genreflow.models.wav2vec2.wav2vec2",
)


def save_model(
    pipeline: "Pipeline",
    classes: Sequence[str],
    folder: str | Path,
    *,
    targets: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Write a fitted model to a folder.

    Parameters
    ----------
    pipeline : sklearn.pipeline.Pipeline
        fitted on the labels' numbers, or on targets that are brought to 0..1
    classes : sequence of str
        the labels, in the order of the numbers; or the names of the targets
    folder : str or Path
        made where it does not exist
    targets : mapping of str to (float, float), optional
        of a regression model, for each target its numbers that became 0 and 1

    Raises
    ------
    GenreflowError
        if the model holds something that skops cannot write
    """
    import skops.io

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    description: dict[str, Any] = {"format": FORMAT, "classes": list(classes)}
    if targets is not None:
        description["targets"] = {name: list(targets[name]) for name in classes}
    estimator = _estimator(pipeline)
    apart = _write_apart(estimator, folder)
    if apart:
        description |= apart
        _exchange(pipeline, "passthrough")
    try:
        skops.io.dump(pipeline, folder / PIPELINE, compression=ZIP_DEFLATED, compresslevel=1)
    except Exception as error:
        raise GenreflowError(
            f"{type(estimator).__name__} cannot be written to a file: {error}"
        ) from error
    finally:
        if apart:
            _exchange(pipeline, estimator)
    text = json.dumps(description, indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def load_model(folder: str | Path, *, trusted: Sequence[str] = ()) -> tuple["Pipeline", list[str]]:
    """Read a model from a folder.

    Parameters
    ----------
    folder : str or Path
        as `save_model` left it
    trusted : sequence of str
        types that the caller trusts beyond `TRUSTED`, such as an estimator of the user's own, and
        functions beyond `MODULES` that make the module of a network

    Returns
    -------
    pipeline : sklearn.pipeline.Pipeline
        predicts the same, to the last bit, as the one that was saved
    classes : list of str
        the label of each number that it predicts; or the names of the targets, which it predicts
        as 0..1 (`load_targets` has their ranges)

    Raises
    ------
    GenreflowError
        if a file is missing or not whole, or holds a type that is not trusted
    """
    folder = Path(folder)
    description = _described(folder)
    pipeline = _read_pipeline(folder / PIPELINE, [*TRUSTED, *trusted])
    if "xgboost" in description:
        _exchange(pipeline, _read_booster(folder, description["xgboost"]))
    if "network" in description:
        modules = [*MODULES, *trusted]
        _exchange(pipeline, _read_network(folder, description["network"], modules))
    return pipeline, description["classes"]


def load_targets(folder: str | Path) -> dict[str, list[float]] | None:
    """Read what the predictions of a regression model mean.

    Parameters
    ----------
    folder : str or Path
        as `save_model` left it

    Returns
    -------
    dict or None
        for each target, its numbers that became 0 and 1; None for a model of labels

    Raises
    ------
    GenreflowError
        if the file that says so is missing or damaged
    """
    return _described(Path(folder)).get("targets")


def _write_apart(estimator: Any, folder: Path) -> dict[str, Any]:
    """Write an estimator that has a format of its own; what the description says of it."""
    package = type(estimator).__module__
    if package.startswith("xgboost."):
        estimator.save_model(folder / BOOSTER)
        parameters = _set_parameters(estimator)
        return {"xgboost": {"class": type(estimator).__name__, "parameters": parameters}}
    if NETWORKS.get(kind := type(estimator).__name__) == package:
        from safetensors.torch import save_file

        save_file(estimator.tensors(), folder / WEIGHTS)
        return {"network": {"class": kind, **estimator.described()}}
    return {}


def _described(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    if not file.is_file():
        raise GenreflowError(f"{folder} holds no model: there is no {DESCRIPTION}")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        version, classes = description["format"], description["classes"]
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(file, error) from error
    if version != FORMAT:
        raise GenreflowError(
            f"{file}: a model of format {version}; this version of genreflow reads format {FORMAT}"
        )
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise _damaged(file, "its classes are no list of labels")
    for apart in ("xgboost", "network"):
        if not isinstance(description.get(apart, {}), dict):
            raise _damaged(file, f"{apart!r} tells nothing by name")
    targets = description.get("targets")
    if targets is not None and not (isinstance(targets, dict) and list(targets) == classes):
        raise _damaged(file, "its targets are not those that it names")
    return description


def _read_pipeline(file: Path, trusted: list[str]) -> "Pipeline":
    import skops.io
    from sklearn.pipeline import Pipeline
    from skops.io.exceptions import UntrustedTypesFoundException

    if not file.is_file():
        raise GenreflowError(f"{file.parent} holds no whole model: there is no {file.name}")
    try:
        pipeline = skops.io.load(file, trusted=trusted)
        if not isinstance(pipeline, Pipeline):
            raise ValueError(f"it holds a {type(pipeline).__name__}, not a pipeline")
        for estimator in _deciding(pipeline.steps[-1][1]):
            _check_trees(estimator)
    except UntrustedTypesFoundException as error:
        unknown = sorted(set(skops.io.get_untrusted_types(file=file)) - set(trusted))
        brute = any(name.startswith("sklearn.neighbors.") for name in unknown)
        raise GenreflowError(
            f"{file} was not read: it holds types that are not trusted: {', '.join(unknown)}. "
            "The models that are shipped hold none; a run of a model that does cannot stand under "
            f"'explain'{'. Neighbours hold none with algorithm: brute' if brute else ''}"
        ) from error
    except Exception as error:
        raise _damaged(file, error) from error
    return pipeline


def _read_booster(folder: Path, made: dict[str, Any]) -> Any:
    import xgboost

    file = folder / BOOSTER
    if not file.is_file():
        raise GenreflowError(f"{folder} holds no whole model: there is no {BOOSTER}")
    if made.get("class") not in BOOSTERS:
        raise _damaged(folder / DESCRIPTION, f"{made.get('class')!r} is no class of XGBoost")
    try:
        booster = getattr(xgboost, made["class"])(**made["parameters"])
        booster.load_model(file)
    except Exception as error:
        raise _damaged(file, error) from error
    return booster


def _read_network(folder: Path, made: dict[str, Any], trusted: Sequence[str]) -> Any:
    from safetensors.torch import load_file

    # Not by a statement: the code of a network would count as that of every model.
    kind = made.get("class", "Network")
    if kind not in NETWORKS:
        raise _damaged(folder / DESCRIPTION, f"{kind!r} is no network")
    network = getattr(import_module(NETWORKS[kind]), kind)
    file = folder / WEIGHTS
    if not file.is_file():
        raise GenreflowError(f"{folder} holds no whole model: there is no {WEIGHTS}")
    try:
        module = made["parameters"]["module"]
    except (TypeError, KeyError) as error:
        raise _damaged(folder / DESCRIPTION, error) from error
    if module not in trusted:
        raise GenreflowError(
            f"{folder} was not read: the function that makes its network is not trusted: {module}"
        )
    try:
        return network.restored(made, load_file(file))
    except Exception as error:
        raise _damaged(file, error) from error


def _deciding(estimator: Any) -> Iterator[Any]:
    """The estimators that are given the table: of each label, inside of their calibration."""
    from sklearn.multiclass import OneVsRestClassifier

    if isinstance(estimator, OneVsRestClassifier):
        for one in estimator.estimators_:
            yield from _deciding(one)
    elif inner := getattr(estimator, "calibrated_classifiers_", None):
        for one in inner:
            yield from _deciding(one.estimator)
    else:
        yield estimator


def _check_trees(estimator: Any) -> None:
    """Refuse trees whose branches lead outside: scikit-learn would read foreign memory there."""
    # Bagging hands some of the columns to each tree, and each tree counts them.
    counted = hasattr(estimator, "estimators_features_")
    for owner, tree in _trees(estimator, set()):
        inner, children, features = _branches(tree)
        columns = (owner if counted else estimator).n_features_in_
        ahead = (np.flatnonzero(inner) < children) & (children < len(inner))
        described = (features >= 0) & (features < columns)
        counts = getattr(tree, "n_features", columns) == columns
        if not (len(inner) and ahead.all() and described.all() and counts):
            raise ValueError("a decision tree has a branch that leads nowhere")


def _branches(tree: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which nodes of a tree branch, into which two nodes, and by which column."""
    if hasattr(tree, "n_features"):
        nodes = tree.__getstate__()["nodes"]
        inner, names = nodes["left_child"] != -1, ("left_child", "right_child", "feature")
    else:
        nodes = tree.nodes
        inner, names = nodes["is_leaf"] == 0, ("left", "right", "feature_idx")
        if nodes["is_categorical"][inner].any():
            raise ValueError("a decision tree divides by categories, which is not read")
    left, right, features = (nodes[name][inner] for name in names)
    return inner, np.stack([left, right]), features


def _trees(value: Any, seen: set[int], owner: Any = None) -> Iterator[tuple[Any, Any]]:
    """All decision trees inside an object, each with what holds it."""
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
    from sklearn.tree._tree import Tree

    if isinstance(value, np.ndarray):
        value = value.ravel().tolist() if value.dtype.hasobject else []
    if isinstance(value, Tree | TreePredictor):
        yield owner, value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _trees(item, seen, owner)
    elif hasattr(value, "__dict__") and id(value) not in seen:
        seen.add(id(value))
        for item in vars(value).values():
            yield from _trees(item, seen, value)


def _damaged(file: Path, error: Exception | str) -> GenreflowError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return GenreflowError(f"{file} is damaged, or no model of genreflow: {first}")


def _estimator(pipeline: "Pipeline") -> Any:
    """The fitted estimator at the pipeline's end, or inside its calibration."""
    last = pipeline.steps[-1][1]
    inner = getattr(last, "calibrated_classifiers_", None)
    return inner[0].estimator if inner else last


def _exchange(pipeline: "Pipeline", estimator: Any) -> None:
    """Put something else where `_estimator` finds the estimator."""
    name, last = pipeline.steps[-1]
    inner = getattr(last, "calibrated_classifiers_", None)
    if inner:
        inner[0].estimator = estimator
    else:
        pipeline.steps[-1] = (name, estimator)


def _set_parameters(estimator: Any) -> dict[str, Any]:
    """Parameters that are set; XGBoost's unset ones are None or, for `missing`, NaN."""
    values = estimator.get_params()
    return {name: value for name, value in values.items() if value is not None and value == value}
