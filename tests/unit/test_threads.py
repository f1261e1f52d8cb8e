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


TORCH = """
{first}
import torch
from genreflow.threads import limit_threads

def in_use():
    # What torch says of its own, and of the BLAS inside of it.
    info = torch.__config__.parallel_info().splitlines()
    named = ("at::get_num_threads", "omp_get_max_threads", "mkl_get_max_threads")
    return [int(line.split()[-1]) for line in info if line.strip().startswith(named)]

torch.set_num_threads(2)
before = in_use()
with limit_threads(1):
    print(in_use())
    with limit_threads(2):
        print(in_use())
    print(in_use())
assert in_use() == before, in_use()
"""


@pytest.mark.parametrize("first", ["", "import sklearn.cluster"])
def test_torch_is_limited_and_set_back(first):
    command = [sys.executable, "-c", TORCH.format(first=first)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [set(line.strip("[]").split(", ")) for line in done.stdout.splitlines()]
    assert lines == [{"1"}, {"2"}, {"1"}]


def test_torch_is_not_imported_to_be_limited():
    code = (
        "import sys\n"
        "from genreflow.threads import limit_threads\n"
        "with limit_threads(1):\n"
        "    assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
