"""Where and how torch computes: the device, the threads, the precision, the compiler."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from genreflow.errors import GenreflowError
from genreflow.threads import limit_threads

AUTO, FLOAT32, BFLOAT16 = "auto", "float32", "bfloat16"
PRECISIONS = (AUTO, FLOAT32, BFLOAT16)


def find_device(name: str) -> torch.device:
    """The device of a name; ``"auto"`` is a GPU where there is one.

    Raises
    ------
    GenreflowError
        if there is no such device
    """
    if name == AUTO:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GenreflowError(f"device: {name!r} cannot be used: {reason}") from error
    return device


def find_autocast(precision: str, device: torch.device, *, arrays: bool) -> torch.dtype | None:
    """What modules compute in where they need not do so in float32; None: all is float32.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
    device : torch.device
    arrays : bool
        what ``"auto"`` gives up precision for, on a GPU that has bfloat16; networks on vectors
        are too small to gain by it
    """
    if precision == AUTO:
        able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if arrays and able else None
    return torch.bfloat16 if precision == BFLOAT16 else None


@contextmanager
def in_precision(device: torch.device, autocast: torch.dtype | None) -> Iterator[None]:
    """Compute modules in what `find_autocast` gave."""
    with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
        yield


@contextmanager
def computing(device: torch.device, threads: int) -> Iterator[None]:
    """Compute with as many threads as told, always in the same way, on a generator's copy."""
    with (
        limit_threads(threads),
        torch.backends.cudnn.flags(enabled=True, deterministic=True),
        torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
    ):
        yield


def reading_threads(device: torch.device, threads: int) -> int:
    """How many threads read ahead beside the one that computes.

    On the CPU that one needs all it can get; a GPU leaves it free.
    """
    return threads if device.type == "cuda" else min(threads - 1, 1)


def compiled(module: nn.Module, threads: int) -> Callable[..., Tensor]:
    """A module's forward pass, compiled when it is first called; the module stays as it is.

    From then on, torch compiles in no more than so many processes at once.

    Raises
    ------
    GenreflowError
        at that call, if torch cannot compile it here: there is no C++ compiler or no Triton, or
        the module does what torch's compiler cannot follow
    """
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor import config

    config.compile_threads = threads
    forward = torch.compile(module)

    def call(*x: Tensor) -> Tensor:
        try:
            return forward(*x)
        except TorchDynamoException as error:
            cause = getattr(error, "inner_exception", error)
            reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            raise GenreflowError(
                f"compile: the module cannot be compiled here: {reason}. "
                "Say 'compile: false', or install what the compiler needs"
            ) from error

    return call
