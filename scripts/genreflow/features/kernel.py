"""Kernels: small loops over frames and bins, compiled by numba.

A kernel works on arrays that its caller made, and gives back nothing that needs memory. It must
give the same numbers, up to the last digits, when it is not compiled (NUMBA_DISABLE_JIT=1).
"""

import fcntl
import functools
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding
import numba
import numpy as np
from numba.core import config

log = logging.getLogger("genreflow")

# What a compiler may assume so that loops become vector instructions: sums in any order, no NaN.
RELAXED = {"reassoc", "contract", "nsz", "nnan", "arcp"}


def kernel(function: Callable | None = None, *, relaxed: bool = False) -> Callable:
    """Compile a function when it is first called, and keep the result for all processes.

    Parameters
    ----------
    function : callable
        of arrays and numbers
    relaxed : bool
        whether sums may be taken in another order than written, and NaN left out of account

    Returns
    -------
    callable
    """
    if function is None:
        return functools.partial(kernel, relaxed=relaxed)
    compiled = numba.njit(error_model="numpy", fastmath=RELAXED if relaxed else False)(function)
    if isinstance(compiled, numba.core.registry.CPUDispatcher):
        before, config.CACHE_DIR = config.CACHE_DIR, str(cache_folder())
        compiled.enable_caching()
        config.CACHE_DIR = before
    return compiled


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: a folder of the user's, for this version of the code.

    numba looks only at the file that a kernel stands in, not at those whose kernels it calls, so
    the folder is named by the digest of them all, and of where they stand, which numba goes by too.

    Returns
    -------
    Path
        under NUMBA_CACHE_DIR, or else XDG_CACHE_HOME or ~/.cache, or else the temporary folder
    """
    library = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256(bytes(library))
    for package in ("features", "variants"):
        for module in sorted((library / package).glob("*.py")):
            digest.update(module.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    choices = [os.environ.get("NUMBA_CACHE_DIR"), home, tempfile.gettempdir()]
    for choice in filter(None, choices):
        folder = Path(choice, f"genreflow-{os.getuid()}", digest.hexdigest()[:16])
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError:
            continue
        # What stands in it is executed: in a folder for all, somebody else may have made it.
        owners = {folder.stat().st_uid, folder.parent.stat().st_uid}
        if owners == {os.getuid()} and os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="genreflow-"))


def compile_once(name: str, use: Callable[[np.ndarray], object], *, n: int) -> None:
    """Have kernels compiled by the first process that needs them, while the others wait for it.

    Without it, jobs that start together would all compile the same. Where it does not work, they
    do so, and nothing else is lost.

    Parameters
    ----------
    name : str
        what the kernels belong to
    use : callable
        calls them all, for audio [shape=(n,), dtype=float32]
    n : int > 0
        samples of noise to call it with
    """
    if config.DISABLE_JIT:
        return
    machine = f"{llvmlite.binding.get_host_cpu_name()} numba {numba.__version__}"
    done = cache_folder() / f"{name} {machine}.compiled"
    try:
        if done.exists():
            return
        with (cache_folder() / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                _try(use, n)
                done.touch()
    except OSError as error:
        log.info("kernels of %s are not compiled beforehand: %s", name, error)


def _try(use: Callable[[np.ndarray], object], n: int) -> None:
    """Call a function with noise; what it cannot do with that, it will tell where it matters."""
    y = np.random.default_rng(0).normal(0, 0.1, n).astype(np.float32)
    y.flags.writeable = False  # as the audio of tracks: kernels are compiled for that
    try:
        use(y)
    except Exception as error:
        log.info("not all kernels are compiled beforehand: %s", error)
