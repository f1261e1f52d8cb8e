"""The state of a training after an epoch, from which an interrupted one goes on."""

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

log = logging.getLogger("genreflow")


def fingerprint(settings: Mapping[str, Any], tensors: Iterable[torch.Tensor]) -> str:
    """Digest of what a training is made from: its settings and its data.

    Parameters
    ----------
    settings : mapping
        names and values that JSON can write, or whose repr tells them apart
    tensors : iterable of torch.Tensor

    Returns
    -------
    str
        64 hexadecimal digits
    """
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode())
    for tensor in tensors:
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().contiguous().numpy())
    return digest.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """A file for the state of a training.

    Attributes
    ----------
    path : Path
        at any moment the file is whole or absent; its folder is made where it does not exist
    made_from : str
        the `fingerprint` of the training
    """

    path: Path
    made_from: str

    def write(self, state: Mapping[str, Any]) -> None:
        """Write the state of the training, in place of an earlier one.

        Parameters
        ----------
        state : mapping
            tensors, numbers, texts, and lists and dicts of them
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        torch.save({"made_from": self.made_from, "state": dict(state)}, part)
        part.replace(self.path)

    def read(self) -> dict[str, Any] | None:
        """Read the state of the training.

        Returns
        -------
        dict or None
            None where there is no file and, with a line in the log, where it is not whole or of
            another training
        """
        if not self.path.is_file():
            return None
        try:
            # torch leaves the checksums of its archive alone.
            with ZipFile(self.path) as archive:
                if member := archive.testzip():
                    raise ValueError(f"{member} is not what was written")
            # With weights_only, torch builds nothing but tensors and plain values.
            content = torch.load(self.path, map_location="cpu", weights_only=True)
            made_from, state = content["made_from"], content["state"]
        except Exception as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            log.warning("%s is damaged; the training begins anew: %s", self.path, reason)
            return None
        if made_from != self.made_from:
            log.info("%s is of another training; this one begins anew", self.path)
            return None
        return state
