"""The log of a job, and how far a long step has come."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import TypeVar

from genreflow.errors import GenreflowError

Item = TypeVar("Item")

log = logging.getLogger("genreflow")

# Characters of a progress bar.
BAR = 20


def log_to(path: str | Path) -> None:
    """Send everything that the job logs to a file, and its final error to the terminal too.

    A `GenreflowError` is shown as its message alone; any other exception with its traceback.

    Parameters
    ----------
    path : str or Path
        the log file; it is begun anew
    """
    handler = logging.FileHandler(path, mode="w", encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = _report


def _report(kind, error, traceback) -> None:
    if issubclass(kind, GenreflowError):
        log.error("%s", error)
        print(f"Error: {error}", file=sys.stderr)
    else:
        log.error("unexpected error", exc_info=(kind, error, traceback))
        sys.__excepthook__(kind, error, traceback)


def progress(
    items: Iterable[Item], what: str, *, total: int | None = None, every: float = 10.0
) -> Iterator[Item]:
    """Pass items on, and say from time to time how far the loop has come.

    The log gets lines. So does standard error, on a terminal with a bar: lines, since jobs that run
    side by side share the terminal with Snakemake.

    Parameters
    ----------
    items : iterable
    what : str
        the noun that stands behind the count, such as ``"tracks decoded"``
    total : int > 0 or None
        number of items; taken from `items` where it has a length
    every : number > 0 [s]
        least time between two lines; the last line is always written
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    of = f" of {total}" if total is not None else ""
    done, last = 0, time.monotonic()
    for item in items:
        yield item
        done += 1
        if time.monotonic() - last >= every:
            last = time.monotonic()
            log.info("%d%s %s", done, of, what)
            print(f"  {_bar(done, total)}{done}{of} {what}", file=sys.stderr, flush=True)
    log.info("%d%s %s", done, of, what)


def _bar(done: int, total: int | None) -> str:
    """How much of a loop is done, as a bar; nothing where that is not known, or not shown."""
    if not total or not sys.stderr.isatty():
        return ""
    full = min(BAR * done // total, BAR)
    return f"{'█' * full}{'░' * (BAR - full)} "
