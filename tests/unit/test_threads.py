"""A job takes no more threads than its rule asks for."""

import subprocess
import sys

import pytest

THREADS = """
import numpy
{first}
from threadpoolctl import threadpool_info
from genreflow.threads import limit_threads

def blas():
    return {{pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}}

before = blas()
with limit_threads(1):
    import numba
    print(blas(), numba.get_num_threads())
assert blas() == before
"""


@pytest.mark.parametrize("first", ["", "import numba"])
def test_blas_and_numba_are_limited_whenever_they_are_imported(first, monkeypatch):
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", THREADS.format(first=first)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "{1} 1\n"
