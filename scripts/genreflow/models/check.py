"""Whether the classes and parameters that a model names exist, without importing them.

What the source does not tell is let pass: the training job finds it.
"""

import ast
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from genreflow import importing
from genreflow.errors import GenreflowError, closest

# What an estimator tells, by the base class that makes it so; XGBoost has names of its own.
LABELS, NUMBERS = "labels", "numbers"
TOLD = {
    "ClassifierMixin": LABELS,
    "RegressorMixin": NUMBERS,
    "XGBClassifierBase": LABELS,
    "XGBRegressorBase": NUMBERS,
}


class _Class(NamedTuple):
    module: str
    node: ast.ClassDef


def check_model(where: str, spec: Mapping[str, Any]) -> None:
    """Check the names in a model before any job runs.

    Parameters
    ----------
    where : str
        what messages call the model, such as ``"config/models/knn.yaml"``
    spec : mapping
        the model, checked by its schema

    Raises
    ------
    GenreflowError
        where an import path or the name of a parameter is wrong, with the closest right one, or the
        scaler does not go with what the model takes
    """
    known = class_parameters(spec["estimator"], f"{where}: estimator")
    if scaler := spec.get("scaler"):
        class_parameters(scaler, f"{where}: scaler")
        if spec.get("takes") == "arrays" and scaler.startswith("sklearn."):
            raise GenreflowError(
                f"{where}: scaler: {scaler} takes vectors, and the model says 'takes: arrays'; say "
                "'scaler: null', or genreflow.models.flat.FlatScaler, which makes vectors of arrays"
            )
    if known is not None:
        space = spec.get("search", {}).get("space", {})
        check_parameters(
            spec.get("parameters", {}), known, spec["estimator"], f"{where}: parameters"
        )
        check_parameters(space, known, spec["estimator"], f"{where}: search.space")


def class_parameters(path: str, where: str) -> frozenset[str] | None:
    """Names of the parameters that a class's ``__init__`` takes, those of its bases included.

    Parameters
    ----------
    path : str
        import path of the class
    where : str
        what messages call it

    Returns
    -------
    frozenset of str or None
        None where the source does not tell

    Raises
    ------
    GenreflowError
        if there is no such module or class
    """
    importing.check(path, needed_by=where)
    module, _, name = path.rpartition(".")
    found = _find(module, name)
    return None if found is None else _parameters(found)


def tells(path: str) -> str | None:
    """What an estimator tells, as its bases say.

    Parameters
    ----------
    path : str
        import path of a class that exists

    Returns
    -------
    {"labels", "numbers"} or None
        None where the source does not tell
    """
    module, _, name = path.rpartition(".")
    found = _find(module, name)
    return found and _told(found)


def check_parameters(
    parameters: Iterable[str], known: Iterable[str], path: str, where: str
) -> None:
    """Refuse parameters that a class or function does not know.

    Raises
    ------
    GenreflowError
        naming the parameter and the closest that is known
    """
    known = list(known)
    for parameter in parameters:
        if parameter not in known:
            raise GenreflowError(
                f"{where}: {path.rpartition('.')[2]} has no parameter {parameter!r}"
                f"{closest(parameter, known)}"
            )


def _told(found: _Class) -> str | None:
    if found.node.name in TOLD:
        return TOLD[found.node.name]
    bases = [
        _find(found.module, base.id) for base in found.node.bases if isinstance(base, ast.Name)
    ]
    return next(filter(None, (_told(base) for base in bases if base)), None)


def _parameters(found: _Class) -> frozenset[str] | None:
    init = _init(found.node)
    if init and not init.args.kwarg:
        return _arguments(init)
    bases = [
        _find(found.module, base.id) for base in found.node.bases if isinstance(base, ast.Name)
    ]
    if len(bases) < len(found.node.bases) or None in bases:
        return None
    inherited = [_parameters(base) for base in bases]
    if init:
        return None if None in inherited else _arguments(init).union(*inherited)
    return next((known for known in inherited if known != frozenset()), frozenset())


def _init(node: ast.ClassDef) -> ast.FunctionDef | None:
    functions = (f for f in node.body if isinstance(f, ast.FunctionDef))
    return next((f for f in functions if f.name == "__init__"), None)


def _arguments(init: ast.FunctionDef) -> frozenset[str]:
    arguments = [*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs]
    return frozenset(argument.arg for argument in arguments[1:])


def _find(module: str, name: str, depth: int = 0) -> _Class | None:
    """A class by the name that it has in a module, followed through imports."""
    found = importing.defined_names(module).get(name) if depth < 10 else None
    if isinstance(found, ast.ClassDef):
        return _Class(module, found)
    if isinstance(found, tuple):
        return _find(*found, depth + 1)
    return None
