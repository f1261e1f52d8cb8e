"""How many threads numerical libraries use."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def limit_threads(number: int) -> Iterator[None]:
    """Keep BLAS, OpenMP and torch to a number of threads while a block runs, and numba for good.

    Sums depend on it in their last bits, and a job must not take more of the machine than its
    rule asks for.

    Parameters
    ----------
    number : int > 0
        for the libraries that are loaded by then, and for numba whenever it is
    """
    from threadpoolctl import threadpool_limits

    if numba := sys.modules.get("numba"):
        numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
    else:
        os.environ["NUMBA_NUM_THREADS"] = str(number)  # read when numba is imported
    # torch's own BLAS is inside of its library, where threadpoolctl does not find it.
    with _torch_threads(number), threadpool_limits(number):
        yield


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
