"""Kernels are compiled by one job while the others wait, and never at the cost of a job."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from genreflow.features import kernel

JOB = """
import sys, time
import numpy as np
from genreflow.features.kernel import compile_once

def use(y):
    assert y.dtype == np.float32 and y.shape == (100,) and not y.flags.writeable
    with open(sys.argv[1], "a") as calls:
        calls.write("begun ")
        calls.flush()
        time.sleep(0.5)
        calls.write("done ")

compile_once("a set", use, n=100)
print(open(sys.argv[1]).read())
"""


def test_one_job_compiles_and_the_others_wait(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-c", JOB, str(tmp_path / "calls")]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for job in jobs:
        assert job.communicate()[0].split() == ["begun", "done"]
        assert job.returncode == 0


COMPILES = """
import sys
import numpy as np
from genreflow.features import bands
from genreflow.features.kernel import compile_once

def use(_):
    if sys.argv[1] == "second":
        sys.exit("compiled again")
    sum_up()

def sum_up():
    bands.mel_bands(np.ones((2, 1025), np.float32), sr=22050, out=np.empty((2, 128)))

compile_once("bands", use, n=10)
sum_up()
assert sys.argv[1] == "first" or not bands._sum_bands.stats.cache_misses, "not found"
"""


def test_what_is_compiled_is_found_by_others_and_each_copy_of_the_code_has_its_own(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    for copy in ("one", "other"):
        scripts = Path(kernel.__file__).parents[2]
        shutil.copytree(scripts, tmp_path / copy, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / copy))
        for which in ("first", "second"):
            subprocess.run([sys.executable, "-c", COMPILES, which], check=True)
    (folder,) = (tmp_path / "cache").iterdir()
    assert len(list(folder.iterdir())) == 2


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(kernel.config, "DISABLE_JIT", False)
    return tmp_path / "cache"


def test_each_set_is_compiled_once(folder):
    folder.mkdir()
    calls = []
    for name in ("one", "other", "one"):
        kernel.compile_once(name, lambda y, name=name: calls.append(name), n=10)
    assert calls == ["one", "other"]


def test_what_noise_cannot_be_used_for_fails_no_job(folder, caplog):
    folder.mkdir()

    def use(y):
        raise ValueError("needs music")

    with caplog.at_level("INFO"):
        kernel.compile_once("a set", use, n=10)
    assert "needs music" in caplog.text


@pytest.mark.parametrize("there", ["nothing", "file"])
def test_a_folder_that_cannot_be_used_fails_no_job(folder, there, caplog):
    if there == "file":
        folder.touch()
    with caplog.at_level("INFO"):
        kernel.compile_once("a set", lambda y: pytest.fail("without the lock"), n=10)
    assert "a set are not compiled beforehand" in caplog.text


def test_nothing_is_compiled_where_numba_is_off(folder, monkeypatch):
    monkeypatch.setattr(kernel.config, "DISABLE_JIT", True)
    kernel.compile_once("a set", lambda y: pytest.fail("called"), n=10)
