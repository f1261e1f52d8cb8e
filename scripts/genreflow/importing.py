"""Functions and classes that a config names by import path, such as ``my_features.loudness``.

A module of the user's own stands in the working directory.
"""

import ast
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from genreflow.errors import GenreflowError


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
    # Last, so that a file of the user's never takes the place of a library's.
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise GenreflowError(
            f"{needed_by}: {path!r} cannot be imported ({reason}). "
            "A module of your own stands in the working directory"
        ) from error


def check(path: str, *, needed_by: str) -> None:
    """Find a function or class without importing its module, which may take seconds.

    Raises
    ------
    GenreflowError
        where there is no such module, or a module of genreflow's or of the user's own does not
        define the name
    """
    module, _, name = path.rpartition(".")
    for root in (Path(__file__).parents[1], Path.cwd()):
        stem = root.joinpath(*module.split("."))
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                if name not in _defined(file):
                    raise GenreflowError(f"{needed_by}: {path!r}: {file.name} defines no {name!r}")
                return
    if importlib.util.find_spec(module.split(".")[0]) is None:
        raise GenreflowError(
            f"{needed_by}: {path!r}: there is no module {module!r}. "
            f"A module of your own stands in the working directory, as {module.split('.')[0]}.py"
        )


def _defined(file: Path) -> set[str]:
    """Names that a file's top level defines or imports."""
    names: set[str] = set()
    for node in ast.parse(file.read_bytes(), filename=str(file)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            names.update(t.id for t in node.targets if isinstance(t, ast.Name))
    return names
