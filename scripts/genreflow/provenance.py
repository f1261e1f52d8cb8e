"""What a result was made with: the digest of the code behind it.

A result depends on the script that made it and on every genreflow module which that script
imports, directly or not. Comments, docstrings and layout do not count, so editing them
reruns nothing.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from genreflow.errors import GenreflowError

PACKAGE = Path(__file__).parent
TEMPLATES = {".html", ".css", ".js"}


def code_digest(script: str | Path, *functions: str, folder: str | Path = ".") -> str:
    """Digest of the code that a script runs.

    Parameters
    ----------
    script : str or Path
        a Python file
    functions : str
        import paths of functions or classes that a config names, such as
        ``"genreflow.features.summary.summary"``; their modules count too. Those of installed
        libraries do not.
    folder : str or Path
        where modules of the user's own are looked for

    Returns
    -------
    str
        16 hexadecimal digits; the same for files that differ in comments and docstrings only
    """
    files = _closure([Path(script), *_named(functions, Path(folder))], Path(folder))
    lines = sorted(f"{_name(file)} {_read(file)[1]}" for file in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@contextmanager
def made_by(code: str, script: str) -> Iterator[None]:
    """Do a job with the code that its result will be recorded as made by.

    Parameters
    ----------
    code : str
        the digest that `code_digest` gave when the run began, and the functions that it was given,
        with spaces between them
    script : str
        the job's own file

    Raises
    ------
    GenreflowError
        before or after the job, where the code has been edited since
    """
    _require(code, script)
    yield
    _require(code, script)


def imported_files(file: Path, folder: Path = Path()) -> set[Path]:
    """Files of genreflow and of the user's own folder that a Python file imports directly."""
    found: set[Path] = set()
    for name in _read(file)[0]:
        level = len(name) - len(name.lstrip("."))
        if level:
            found.update(_walk(file.parents[level - 1], name[level:]))
        else:
            found.update(_locate(name, folder))
    return found


def _require(code: str, script: str) -> None:
    digest, *functions = code.split()
    _walk.cache_clear()
    if code_digest(script, *functions) != digest:
        raise GenreflowError(
            f"the code of {Path(script).stem} has been edited since this run started; "
            "run the workflow again"
        )


def _closure(start: Iterable[Path], folder: Path) -> set[Path]:
    todo, seen = list(start), set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        if file.suffix == ".py":
            todo.extend(imported_files(file, folder))
            todo.extend(_data_files(file))
    return seen


def _named(functions: Iterable[str], folder: Path) -> Iterator[Path]:
    for path in functions:
        yield from _locate(path, folder)


def _data_files(module: Path) -> list[Path]:
    """Templates and the like, which stand beside the modules that use them."""
    if PACKAGE not in module.parents:
        return []
    return [file for file in module.parent.iterdir() if file.suffix in TEMPLATES]


def _locate(name: str, folder: Path) -> tuple[Path, ...]:
    return _walk(PACKAGE.parent if name.split(".")[0] == PACKAGE.name else folder, name)


@cache
def _walk(root: Path, name: str) -> tuple[Path, ...]:
    """Files behind a dotted name: its module and the packages above it."""
    found, parts = [], name.split(".")
    for depth in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:depth])
        found += [f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()]
    return tuple(found)


def _name(file: Path) -> str:
    """The part of a path that does not depend on where the clone lies."""
    if PACKAGE in file.parents:
        return file.relative_to(PACKAGE.parent).as_posix()
    return file.name


def _read(file: Path) -> tuple[frozenset[str], str]:
    """Dotted names that a file imports, and the digest of what it does."""
    now = file.stat()
    return _parse(file, now.st_mtime_ns, now.st_size)


@cache
def _parse(file: Path, mtime_ns: int, size: int) -> tuple[frozenset[str], str]:
    """What `_read` gives, worked out once for each state of a file."""
    if file.suffix != ".py":
        return frozenset(), hashlib.sha256(file.read_bytes()).hexdigest()
    tree = ast.parse(file.read_bytes(), filename=str(file))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # ``from a import b`` may name the module ``a.b``; leading dots stay, as in the source.
            module = "." * node.level + (node.module or "")
            dot = "" if module.endswith(".") else "."
            names.update(f"{module}{dot}{alias.name}" for alias in node.names)
        _drop_docstring(node)
    return frozenset(names), hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _drop_docstring(node: ast.AST) -> None:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        first = node.body[0] if node.body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            del node.body[0]
