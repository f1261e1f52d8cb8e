"""A result is made again when the code behind it changes, and only then."""

import shutil

import pytest

from genreflow import provenance
from genreflow.provenance import code_digest

SCRIPT = "from genreflow.core import add\n\nprint(add(1))\n"
CORE = '''"""Adds."""


def add(x):
    """Add one."""
    from genreflow.deep.inner import ONE

    return x + ONE
'''


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A small package with a script: write(path, text) changes a file and forgets what was read."""
    package = tmp_path / "scripts" / "genreflow"
    monkeypatch.setattr(provenance, "PACKAGE", package)

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        provenance._parse.cache_clear()
        provenance._walk.cache_clear()

    write("scripts/run.py", SCRIPT)
    write("scripts/genreflow/__init__.py", "")
    write("scripts/genreflow/core.py", CORE)
    write("scripts/genreflow/other.py", "TWO = 2\n")
    write("scripts/genreflow/deep/__init__.py", "")
    write("scripts/genreflow/deep/inner.py", "ONE = 1\n")
    return tmp_path, write


def digest(folder, *functions):
    return code_digest(folder / "scripts" / "run.py", *functions, folder=folder)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("scripts/run.py", SCRIPT + "# a comment\n"),
        ("scripts/genreflow/core.py", CORE.replace("Add one.", "Add the number one.")),
        ("scripts/genreflow/core.py", CORE.replace('"""Adds."""', "# Adds.")),
        ("scripts/genreflow/core.py", CORE.replace("return x + ONE", "return (x\n        + ONE)")),
        ("scripts/genreflow/other.py", "TWO = 3\n"),
    ],
    ids=["comment", "docstring", "module docstring", "layout", "module that is not imported"],
)
def test_what_changes_no_result_changes_no_digest(clone, path, text):
    folder, write = clone
    before = digest(folder)
    write(path, text)
    assert digest(folder) == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("scripts/run.py", SCRIPT.replace("add(1)", "add(2)")),
        ("scripts/genreflow/core.py", CORE.replace("x + ONE", "x - ONE")),
        ("scripts/genreflow/deep/inner.py", "ONE = 2\n"),
        ("scripts/genreflow/deep/__init__.py", "import os\n"),
        ("scripts/genreflow/deep/page.html", "<p>"),
    ],
    ids=["script", "module", "module imported inside a function", "package", "template"],
)
def test_what_changes_a_result_changes_the_digest(clone, path, text):
    folder, write = clone
    before = digest(folder)
    write(path, text)
    assert digest(folder) != before


def test_functions_that_the_config_names_count(clone):
    folder, write = clone
    write("my_features.py", "from my_helpers import a\n\ndef loudness(y): return a\n")
    write("my_helpers.py", "a = 1\n")
    names = ("my_features.loudness", "genreflow.other.TWO", "sklearn.svm.SVC")
    before = digest(folder, *names)
    assert before != digest(folder)
    write("my_helpers.py", "a = 2\n")
    after = digest(folder, *names)
    assert after != before
    write("scripts/genreflow/other.py", "TWO = 3\n")
    assert digest(folder, *names) != after


def test_relative_imports_of_a_package_of_ones_own_count(clone):
    folder, write = clone
    write("pk/__init__.py", "from .deep import loud\n")
    write("pk/deep.py", "from ..pk import inner\n\ndef loud(y): return inner\n")
    write("pk/inner.py", "inner = 1\n")
    before = digest(folder, "pk.loud")
    write("pk/inner.py", "inner = 2\n")
    after = digest(folder, "pk.loud")
    assert after != before
    write("pk/deep.py", "def loud(y): return 2\n")
    assert digest(folder, "pk.loud") != after


@pytest.mark.parametrize("name", [".core.py.swp", "core.py~", ".DS_Store", "core.cpython-311.pyc"])
def test_stray_files_are_no_code(clone, name):
    folder, write = clone
    before = digest(folder)
    write(f"scripts/genreflow/{name}", "anything")
    assert digest(folder) == before


def test_the_digest_does_not_depend_on_where_the_clone_lies(clone, tmp_path_factory, monkeypatch):
    folder, _ = clone
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.copytree(folder, elsewhere)
    before = digest(folder)
    monkeypatch.setattr(provenance, "PACKAGE", elsewhere / "scripts" / "genreflow")
    provenance._walk.cache_clear()
    assert digest(elsewhere) == before


def test_a_module_that_imports_itself_in_a_circle_is_digested(clone):
    folder, write = clone
    write("scripts/genreflow/deep/inner.py", "import genreflow.core\n\nONE = 1\n")
    assert len(digest(folder)) == 16
