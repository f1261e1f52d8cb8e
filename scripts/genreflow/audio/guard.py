"""Do something with every item in worker processes, so that a bad item harms nobody but itself.

A decoder can crash, hang, or ask for more memory than there is. Each worker process has one item
at a time and a connection of its own, so it is always known which item it was; the worker is
then replaced. Workers are plain interpreters that import what the function needs and nothing
else, neither the script of the job nor what it imports.
"""

import errno
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# How many items per worker may be done before the one whose turn it is.
LOOK_AHEAD = 4

# A full disk is no item's fault.
_FULL = {errno.ENOSPC, errno.EDQUOT}

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from genreflow.audio.guard import serve; serve(int(sys.argv[1]))"
)


@dataclass(frozen=True)
class Failed:
    """What became of an item that has no result; the reason is one sentence."""

    reason: str


@dataclass(frozen=True)
class Limits:
    """What one item may take.

    Attributes
    ----------
    seconds : number > 0 [s]
    memory_mb : int > 0 [MB]
        memory that the worker may hold, its interpreter of about 100 MB included
    """

    seconds: float
    memory_mb: int


def guarded(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, limits: Limits
) -> Iterator[tuple[Item, Result | Failed]]:
    """Call a function for every item in worker processes.

    Parameters
    ----------
    function : callable
        defined at the top of a module, since the workers import it
    items : iterable
        of what can be pickled
    workers : int > 0
        number of processes; it changes nothing in what comes out
    limits : Limits

    Yields
    ------
    item, result
        in the order of the items; a `Failed` where the function raised an exception, crashed,
        took too long or needed too much memory

    Raises
    ------
    OSError
        where the disk to which the function writes is full
    """
    idle: SimpleQueue[_Worker] = SimpleQueue()
    crew = [_Worker(function, limits) for _ in range(workers)]
    for worker in crew:
        idle.put(worker)

    def run(item: Item) -> Result | Failed:
        worker = idle.get()
        try:
            return worker.run(item)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)
    try:
        yield from _in_order(threads, run, items, ahead=LOOK_AHEAD * workers)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in crew:
            worker.stop()


def _in_order(
    threads: ThreadPoolExecutor, run: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Results in the order of the items, while at most `ahead` of them are under way."""
    pending: deque[tuple[Item, Future[Result]]] = deque()
    for item in items:
        pending.append((item, threads.submit(run, item)))
        if len(pending) >= ahead:
            first, future = pending.popleft()
            yield first, future.result()
    for item, future in pending:
        yield item, future.result()


class _Worker:
    """One worker process; started when it is needed, and again after each failure."""

    def __init__(self, function: Callable, limits: Limits) -> None:
        # Before a process is started, since not every function can be pickled.
        self._orders, self._limits = pickle.dumps((function, limits)), limits
        self._process: subprocess.Popen | None = None

    def run(self, item: Any) -> Any:
        """What the function gives for an item, or a `Failed`."""
        fresh = self._process is None or self._process.poll() is not None
        if fresh:
            self._start()
        outcome = self._call(item)
        if isinstance(outcome, Failed) and not fresh:
            # Whatever an earlier item left behind must not be blamed on this one.
            self.stop()
            self._start()
            outcome = self._call(item)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    def stop(self) -> None:
        """End the process, whatever it does."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _call(self, item: Any) -> Any:
        try:
            self._connection.send(item)
            if not self._connection.poll(self._limits.seconds):
                self.stop()
                return Failed(f"took longer than {self._limits.seconds:g} s")
            return self._connection.recv()
        except (EOFError, OSError):
            self.stop()
            return Failed("the decoder crashed")

    def _start(self) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            arguments = [str(theirs.fileno()), json.dumps([str(path) for path in sys.path])]
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *arguments],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        try:
            self._connection.send_bytes(self._orders)
            self._connection.recv()
        except (EOFError, OSError):
            raise RuntimeError("a worker process could not be started") from None


def serve(descriptor: int) -> None:
    """Be a worker process: take items from a connection and send back what becomes of them.

    Parameters
    ----------
    descriptor : int
        the worker's end of the connection
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    function, limits = pickle.loads(connection.recv_bytes())
    _lower_limit(resource.RLIMIT_CORE, 0)
    _lower_limit(resource.RLIMIT_DATA, limits.memory_mb << 20)
    connection.send("ready")
    # Decoders write warnings there, without saying of which file they speak.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    while True:
        try:
            item = connection.recv()
        except EOFError:
            return
        # Should the process that waits for us be gone, then nobody else ends a hang.
        signal.alarm(int(limits.seconds) + 60)
        connection.send(_attempt(function, item, limits))
        signal.alarm(0)


def _lower_limit(kind: int, limit: int) -> None:
    """Set a limit of this process, unless a lower one is set already."""
    _, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(kind, (limit, limit))


def _attempt(function: Callable, item: Any, limits: Limits) -> Any:
    try:
        return function(item)
    except OSError as error:
        return error if error.errno in _FULL else _as_failed(error)
    except MemoryError:
        return Failed(f"needed more than {limits.memory_mb} MB of memory")
    except Exception as error:
        return _as_failed(error)


def _as_failed(error: Exception) -> Failed:
    return Failed(" ".join(f"{type(error).__name__}: {error}".split()))
