"""Training of modules that begin with published weights: which part of them learns, and when.

Such a module says in ``head`` which of its submodules are new; all the others are its backbone.
"""

from typing import Any

import torch
from torch import nn

from genreflow.errors import GenreflowError

ALL, HEAD, HEAD_THEN_ALL = "all", "head", "head_then_all"
POLICIES = (ALL, HEAD, HEAD_THEN_ALL)


def load_pretrained(module: nn.Module, path: str, made_by: str) -> None:
    """Give a module published weights, all but those of its head.

    Parameters
    ----------
    module : torch.nn.Module
    path : str
        the file of the weights
    made_by : str
        what messages call the module

    Raises
    ------
    GenreflowError
        if the module takes none, or these do not fit
    """
    if not callable(getattr(module, "load_pretrained", None)):
        raise GenreflowError(
            f"weights: {made_by} takes no pretrained weights: it has no method 'load_pretrained'. "
            "Say 'weights: none', or leave them out"
        )
    module.load_pretrained(path)


class FineTuning:
    """What learns in which epoch.

    While the backbone is frozen it is in evaluation mode: it drops nothing, and the running means
    of its batch normalisation stay. It gets no gradients, and so the optimiser has no state of it.

    Parameters
    ----------
    module : torch.nn.Module
    policy : {"all", "head", "head_then_all"}
    frozen_epochs : int >= 0
        of ``"head_then_all"``: how many epochs train the head alone
    backbone_rate : float > 0
        learning rate of the backbone, as a share of that of the head
    made_by : str
        what messages call the module

    Raises
    ------
    GenreflowError
        if the module has no head, and one is needed
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        policy: str = ALL,
        frozen_epochs: int = 0,
        backbone_rate: float = 1.0,
        made_by: str = "the module",
    ) -> None:
        self._module, self._policy, self._frozen_epochs = module, policy, frozen_epochs
        self._backbone_rate = backbone_rate
        self._divided = policy != ALL or backbone_rate != 1
        self._heads: tuple[str, ...] = ()
        if self._divided:
            self._heads = _heads(module, made_by)
        # Some may be fixed for good by those who made the module.
        backbone = (value for name, value in module.named_parameters() if not self._in_head(name))
        self._backbone = [value for value in backbone if value.requires_grad]

    def groups(self) -> list[dict[str, Any]]:
        """Parameters for an optimiser, and ``share``, by which each group's rate is multiplied."""
        if not self._divided:
            return [{"params": list(self._module.parameters()), "share": 1.0}]
        named = self._module.named_parameters()
        groups = [{"params": [value for name, value in named if self._in_head(name)], "share": 1.0}]
        if self._policy != HEAD and self._backbone:
            groups.append({"params": self._backbone, "share": self._backbone_rate})
        return groups

    def prepare(self, epoch: int) -> None:
        """Put the module into the mode in which an epoch trains it; the first epoch is 1."""
        frozen = self._policy == HEAD or (
            self._policy == HEAD_THEN_ALL and epoch <= self._frozen_epochs
        )
        if self._divided:
            for value in self._backbone:
                value.requires_grad_(not frozen)
        self._module.train(not frozen)
        if frozen:
            for name in self._heads:
                self._module.get_submodule(name).train()

    def learned(self) -> dict[str, torch.Tensor]:
        """What training may change: the part of the ``state_dict()`` that must be kept of it."""
        state = self._module.state_dict()
        if self._policy != HEAD:
            return state
        return {name: value for name, value in state.items() if self._in_head(name)}

    def restore(self, learned: dict[str, torch.Tensor]) -> None:
        """Put back what `learned` gave."""
        self._module.load_state_dict(learned, strict=self._policy != HEAD)

    def _in_head(self, name: str) -> bool:
        return any(name == head or name.startswith(f"{head}.") for head in self._heads)


def _heads(module: nn.Module, made_by: str) -> tuple[str, ...]:
    heads = getattr(module, "head", None)
    if not isinstance(heads, tuple) or not heads:
        raise GenreflowError(
            f"fine_tune: {made_by} does not say what its head is, in an attribute 'head' with the "
            "names of submodules; only 'fine_tune: all' with a backbone_rate of 1 needs none"
        )
    known = {name for name, _ in module.named_modules()}
    if missing := [name for name in heads if name not in known]:
        raise GenreflowError(f"fine_tune: the head of {made_by} has no submodule {missing[0]!r}")
    return heads
