"""Pretrained weights: files of others, under ``data/weights`` and known by their SHA-256.

Models and feature sets name them by an entry of ``config/weights.yaml``. Where they are missing,
the runs that need them are skipped, and the report says what to put where.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genreflow.errors import GenreflowError

FOLDER = Path("data/weights")

# What a folder's weights are called, the preferred name first.
IN_FOLDER = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class Weights:
    """An entry of ``config/weights.yaml``.

    Attributes
    ----------
    name : str
    path : str
        a file or a folder below `FOLDER`
    source : str
        where they can be had
    sha256 : str or None
        of the file, or its beginning; None: any file will do
    hub : str or None
        name on the Hugging Face hub, in whose cache on this machine they may be, too
    licence : str or None
    """

    name: str
    path: str
    source: str
    sha256: str | None = None
    hub: str | None = None
    licence: str | None = None

    def found(self, folder: Path = Path()) -> str | None:
        """Path of the weights, relative to the working directory; None where they are missing."""
        own = FOLDER / self.path
        if file_of(folder / own).is_file():
            return str(own)
        cached = _in_cache(self.hub) if self.hub else None
        return str(cached) if cached else None

    def located(self, folder: Path = Path()) -> dict[str, Any]:
        """What a model or a feature set is told: name, path (where it would be) and SHA-256."""
        path = self.found(folder) or str(FOLDER / self.path)
        return {"name": self.name, "path": path, "sha256": self.sha256}

    def missing(self, folder: Path = Path()) -> str | None:
        """What to put where; None where they are there."""
        if self.found(folder):
            return None
        also = f", or run 'hf download {self.hub}' once" if self.hub else ""
        return (
            f"the weights {self.name!r} are missing: put {self.path} from {self.source} into "
            f"{FOLDER}{also}"
        )


def file_of(path: str | Path) -> Path:
    """The file that holds the weights: the path itself, or what is in a folder.

    Parameters
    ----------
    path : str or Path
        of a file or a folder, there or not
    """
    path = Path(path)
    inside = [path / name for name in IN_FOLDER if (path / name).is_file()]
    return inside[0] if inside else path


def files_of(path: str | Path) -> list[str]:
    """The files that results depend on: the weights, and the config.json of a folder.

    Parameters
    ----------
    path : str or Path
        of a file or a folder, there or not
    """
    config = Path(path) / "config.json"
    return [str(file_of(path)), *([str(config)] if config.is_file() else [])]


def verify(weights: Mapping[str, Any]) -> None:
    """See whether weights are those that the config means.

    Parameters
    ----------
    weights : mapping
        what `Weights.located` gave

    Raises
    ------
    GenreflowError
        if they are gone, or have another SHA-256
    """
    path = file_of(weights["path"])
    if not path.is_file():
        within = f" in it; expected {' or '.join(IN_FOLDER)}" if path.is_dir() else ""
        raise GenreflowError(f"{path}: there are no weights{within}")
    expected = weights["sha256"]
    if not expected:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(expected):
        raise GenreflowError(
            f"{path}: its SHA-256 is {found}, and that of {weights['name']!r} in "
            f"config/weights.yaml {'begins with ' if len(expected) < 64 else 'is '}{expected}. Put "
            "the published file there"
        )


def _in_cache(hub: str) -> Path | None:
    """The folder of a model in the Hugging Face hub's cache, as its library lays it out."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache/huggingface")
    models = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    model = models / f"models--{hub.replace('/', '--')}"
    revision = model / "refs/main"
    if not revision.is_file():
        return None
    folder = model / "snapshots" / revision.read_text().strip()
    return folder if file_of(folder).is_file() else None
