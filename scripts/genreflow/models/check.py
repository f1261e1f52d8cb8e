"""Whether the classes and parameters that a model names exist, without importing them.

scikit-learn and xgboost take two seconds to import; reading the source of the classes that a study
names takes some hundredths. What the source does not tell, such as a class made while its module
is imported, is let pass: the training job finds it.
"""

import ast
import difflib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from genreflow.errors import GenreflowError


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
        where an import path or the name of a parameter is wrong, with the closest right one
    """
    known = class_parameters(spec["estimator"], f"{where}: estimator")
    if spec.get("scaler"):
        class_parameters(spec["scaler"], f"{where}: scaler")
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
    module, _, name = path.rpartition(".")
    file = _file(module)
    if file is None:
        raise GenreflowError(f"{where}: there is no module {module!r}{_closest_module(module)}")
    if file.suffix != ".py":
        return None
    found = _find(module, name)
    if found is None:
        if _file(path):
            raise GenreflowError(f"{where}: {path!r} is a module; name a class in it")
        names = _names(module)
        if name in names or "__getattr__" in names or "*" in names:
            return None
        classes = [known for known in names if not known.startswith("_")]
        raise GenreflowError(
            f"{where}: the module {module} has no class {name!r}{_closest(name, classes)}"
        )
    return _parameters(found)


def check_parameters(
    parameters: Iterable[str], known: Iterable[str], path: str, where: str
) -> None:
    """Refuse parameters that a class does not know.

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
                f"{_closest(parameter, known)}"
            )


def _closest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: what may have been meant."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


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
    found = _names(module).get(name) if depth < 10 else None
    if isinstance(found, ast.ClassDef):
        return _Class(module, found)
    if isinstance(found, tuple):
        return _find(*found, depth + 1)
    return None


@cache
def _names(module: str) -> dict[str, ast.AST | tuple[str, str]]:
    """What stands at the top of a module: definitions, and (module, name) of what it imports."""
    file = _file(module)
    if file is None or file.suffix != ".py":
        return {}
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: dict[str, ast.AST | tuple[str, str]] = {}
    for node in _top(ast.parse(file.read_bytes()).body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = package.split(".")
                source = ".".join([*parents[: len(parents) + 1 - node.level], *source.split(".")])
            for alias in node.names:
                names[alias.asname or alias.name] = (source.strip("."), alias.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return names


def _top(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported, those under ``if`` and ``try`` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _top(node.body)
            yield from _top(node.orelse)
            for handler in getattr(node, "handlers", ()):
                yield from _top(handler.body)


@cache
def _file(module: str) -> Path | None:
    """The file of a module, found without importing its package."""
    top, *rest = module.split(".")
    # The working directory comes last, as where a job imports.
    spec = importlib.util.find_spec(top) or PathFinder.find_spec(top, [str(Path.cwd())])
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin)
    for part in rest:
        if path.name != "__init__.py":
            return None
        folder = path.parent
        choices = [
            folder / part / "__init__.py",
            folder / f"{part}.py",
            *folder.glob(f"{part}.*.so"),
        ]
        path = next((choice for choice in choices if choice.is_file()), None)
        if path is None:
            return None
    return path


def _closest_module(module: str) -> str:
    parent = module.rpartition(".")[0]
    if not parent:
        return _closest(module, ["sklearn", "xgboost", "genreflow"])
    file = _file(parent)
    if file is None:
        return _closest_module(parent)
    names = [p.parent.name for p in file.parent.glob("*/__init__.py")]
    names += [p.stem for p in file.parent.glob("*.py") if p.name != "__init__.py"]
    return _closest(module, [f"{parent}.{name}" for name in names])
