"""Functions and classes that a config names by import path, such as ``my_features.loudness``.

A module of the user's own stands in the working directory; it never takes the place of a
library's. Modules can be looked into without importing them: scikit-learn takes two seconds to
import, reading the source that a study names takes some hundredths.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from genreflow.errors import GenreflowError, closest


def load(path: str, *, needed_by: str) -> Any:
    """Import a function or class by its path.

    Parameters
    ----------
    path : str
        dotted path of the object
    needed_by : str
        file and key that name it, for messages

    Returns
    -------
    object

    Raises
    ------
    GenreflowError
        where there is no such module or object, or the module fails
    """
    module, _, name = path.rpartition(".")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        found = importlib.import_module(module)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise GenreflowError(
            f"{needed_by}: {path!r} cannot be imported ({reason}). "
            f"A module of your own stands in the working directory, {here}"
        ) from error
    if not callable(getattr(found, name, None)):
        known = [key for key, value in vars(found).items() if callable(value)]
        raise GenreflowError(
            f"{needed_by}: {path!r}: the module {module} has no {name!r}{closest(name, known)}"
        )
    return getattr(found, name)


def check(path: str, *, needed_by: str) -> None:
    """See whether a function or class exists, without importing its module.

    What the source does not tell, such as a class made while its module is imported, is let pass.

    Raises
    ------
    GenreflowError
        where there is no such module, or it does not define the name
    """
    module, _, name = path.rpartition(".")
    file = find_module(module)
    if file is None:
        raise GenreflowError(
            f"{needed_by}: there is no module {module!r}{_closest_module(module)}. "
            "A module of your own stands in the working directory"
        )
    if file.suffix != ".py":
        return
    if find_module(path):
        raise GenreflowError(f"{needed_by}: {path!r} is a module; name something in it")
    names = defined_names(module)
    if name not in names and "__getattr__" not in names and "*" not in names:
        public = [known for known in names if not known.startswith("_")]
        raise GenreflowError(
            f"{needed_by}: {path!r}: the module {module} has no {name!r}{closest(name, public)}"
        )


def keywords(path: str) -> list[str] | None:
    """Keyword arguments that a function takes; None where its source does not tell."""
    module, _, name = path.rpartition(".")
    found = defined_names(module).get(name)
    if isinstance(found, tuple):
        return keywords(".".join(found))
    if not isinstance(found, ast.FunctionDef) or found.args.kwarg:
        return None
    return [argument.arg for argument in [*found.args.args[1:], *found.args.kwonlyargs]]


def needed(path: str) -> list[str]:
    """Arguments without a default beside the first one; none where a source does not tell."""
    module, _, name = path.rpartition(".")
    found = defined_names(module).get(name)
    if isinstance(found, tuple):
        return needed(".".join(found))
    if not isinstance(found, ast.FunctionDef):
        return []
    own = found.args
    positional = own.args[1 : len(own.args) - len(own.defaults)]
    keyword = [a for a, default in zip(own.kwonlyargs, own.kw_defaults, strict=True) if not default]
    return [argument.arg for argument in (*positional, *keyword)]


@cache
def find_module(module: str) -> Path | None:
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


@cache
def defined_names(module: str) -> dict[str, ast.AST | tuple[str, str]]:
    """What stands at the top of a module: definitions, and (module, name) of what it imports."""
    file = find_module(module)
    if file is None or file.suffix != ".py":
        return {}
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    names: dict[str, ast.AST | tuple[str, str]] = {}
    for node in _top(ast.parse(file.read_bytes()).body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names[node.name] = node
        elif isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: node for alias in node.names}
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


def _closest_module(module: str) -> str:
    parent = module.rpartition(".")[0]
    if not parent:
        return closest(module, ["sklearn", "xgboost", "genreflow"])
    file = find_module(parent)
    if file is None:
        return _closest_module(parent)
    names = [p.parent.name for p in file.parent.glob("*/__init__.py")]
    names += [p.stem for p in file.parent.glob("*.py") if p.name != "__init__.py"]
    return closest(module, [f"{parent}.{name}" for name in names])
