"""Published checkpoints: reading their files, and putting their weights into modules of our own.

A module of ours names its layers as the checkpoint does. What differs (the head, which is new for
our labels) is named by the caller, and everything else must fit to the last key.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from genreflow.errors import SetupError

# How many keys an error names before it counts.
NAMED = 5

# Batch normalisation counts its batches only since PyTorch 0.4.1; older checkpoints do without.
COUNTER = "num_batches_tracked"


def read_state(path: str | Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a checkpoint; no code in it is run.

    Parameters
    ----------
    path : str or Path
        a file of `torch.save` (``.pth``, ``.pt``, ``.bin``, of any version of torch), or
        ``.safetensors``

    Returns
    -------
    dict of str to torch.Tensor
        on the CPU

    Raises
    ------
    SetupError
        if there is no such file, or it does not hold tensors by name alone
    """
    path = Path(path)
    if not path.is_file():
        raise SetupError(f"{path}: there is no such file of weights")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(
            f"{path} cannot be read as weights: {reason}. Fetch it again, and compare its checksum"
        ) from error
    if not isinstance(state, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise SetupError(f"{path} holds no state_dict: names with a tensor each")
    return dict(state)


def load_checkpoint(module: nn.Module, path: str | Path, *, without: Sequence[str] = ()) -> None:
    """Put the weights of a published checkpoint into a module.

    Parameters
    ----------
    module : torch.nn.Module
        changed in place
    path : str or Path
        what `read_state` reads
    without : sequence of str
        layers (``"fc"`` is also ``"fc.weight"``) that the module keeps as they are, and that the
        checkpoint may have or not

    Raises
    ------
    SetupError
        if the file cannot be read, or a key or shape of another layer does not fit
    """
    load_state(module, read_state(path), str(path), without=without)


def load_state(
    module: nn.Module, state: Mapping[str, torch.Tensor], source: str, *, without: Sequence[str]
) -> None:
    """Put tensors into a module, as `load_checkpoint` does.

    Parameters
    ----------
    module : torch.nn.Module
        changed in place, or not at all
    state : mapping of str to torch.Tensor
    source : str
        where the tensors are from, for an error
    without : sequence of str

    Raises
    ------
    SetupError
        if a key or shape does not fit
    """
    own = _kept(module.state_dict(), without)
    new = _kept(state, without)
    missing = [name for name in own if name not in new and name.rpartition(".")[2] != COUNTER]
    unknown = [name for name in new if name not in own]
    other = [
        f"{name} {tuple(new[name].shape)} instead of {tuple(value.shape)}"
        for name, value in own.items()
        if name in new and new[name].shape != value.shape
    ]
    found = {"it lacks": missing, "it has more": unknown, "of other shapes": other}
    if any(found.values()):
        told = "; ".join(f"{what}: {_few(names)}" for what, names in found.items() if names)
        raise SetupError(f"{source} does not hold the weights of {type(module).__name__}: {told}")
    with torch.no_grad():
        for name, value in new.items():
            own[name].copy_(value)


def _kept(state: Mapping[str, torch.Tensor], without: Sequence[str]) -> dict[str, torch.Tensor]:
    left_out = tuple(f"{layer}." for layer in without)
    return {name: value for name, value in state.items() if not f"{name}.".startswith(left_out)}


def _few(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
