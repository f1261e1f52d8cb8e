"""What a decoder may do to the process that runs it."""

import os
import time
from pathlib import Path

from genreflow.audio.track import Job, decode_track


def act(item: str) -> str:
    """Do what the item says."""
    if item == "abort":
        os.abort()
    if item == "exit":
        os._exit(3)
    if item == "hang":
        time.sleep(600)
    if item == "allocate":
        return str(len(bytearray(4 << 30)))
    if item == "raise":
        raise ValueError("two\nlines")
    if item == "sleep":
        time.sleep(0.2)
    return item.upper()


def poison(item: str) -> str:
    """Leave something behind upon which the next item in the same process crashes."""
    if "GENREFLOW_POISONED" in os.environ:
        os.abort()
    if item == "poison":
        os.environ["GENREFLOW_POISONED"] = "yes"
    return item


def modules(_) -> list[str]:
    """What the worker has imported."""
    import sys

    return sorted({name.split(".")[0] for name in sys.modules})


def decode_or_act(job: Job):
    """Decode, unless the file's name says otherwise."""
    name = Path(os.fsdecode(job.path)).stem
    return decode_track(job) if name not in {"abort", "hang", "allocate"} else act(name)


def read_or_act(path: bytes, **how):
    """Read a file, unless its name says otherwise."""
    from genreflow.describe import read_excerpt

    name = Path(os.fsdecode(path)).stem
    return read_excerpt(path, **how) if name not in {"abort", "hang", "allocate"} else act(name)
