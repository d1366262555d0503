"""The same pure function over many items, on all cores, each item within a time limit.

Workers are forked, so they inherit what is loaded and read nothing again. A worker that outstays
its time is told by a timer of its own, and killed when it does not listen: the time limit also
holds for code that does not return to the interpreter.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, TypeVar

from reconciler.errors import TransientError

T = TypeVar("T")
R = TypeVar("R")

_BLOCK = 64
"""Items that a worker does in a row: neighbours in memory, so that a fork copies fewer pages. Also
what it answers at once."""
_SHARES = 8
"""There are so many rows for each worker at least, so that none waits for another for long."""
_TURN = 4
"""Bytes of a row's number."""
_MOST_ROWS = 1024
"""What any pipe takes at once, in turns: all are written before anybody reads."""
_GRACE = 5.0
_FORK_FROM = 64
"""Fewer items than this are done here: forking would cost more than it gives."""


class OutOfTime(BaseException):
    """Raised in the middle of what ran; no Exception, so that nothing on the way swallows it."""


def _cores() -> int:
    """The cores that this process may use; not every system can tell them from all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Workers:
    """Runs functions over items. `jobs` = 0 means one process for each core."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs or _cores()

    def map(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        seconds: float,
        late: Callable[[T], R],
        *,
        row: int = _BLOCK,
    ) -> Iterator[R]:
        """Results in the order of items; `late` gives the result of one that ran out of time.

        `row`: so many items at most go to one worker in a row, where one helps with the next.
        """
        if self.jobs == 1 or len(items) < _FORK_FROM:
            with _timer() as limit:
                for item in items:
                    yield limit(function, item, seconds, late)
            return
        share = len(items) // (self.jobs * _SHARES)
        least = max(_BLOCK, -(-len(items) // _MOST_ROWS))
        yield from self._forked(function, items, seconds, late, max(least, min(row, share)))

    def _forked(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        seconds: float,
        late: Callable[[T], R],
        row: int,
    ) -> Iterator[R]:
        context = get_context("fork")
        pipes: dict[Connection, int] = {}
        processes = []
        turns = _turns(range(self.jobs, -(-len(items) // row)))  # each begins with one of its own
        for number in range(self.jobs):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_work,
                args=(theirs, function, items, (number, turns, row), seconds, late),
                daemon=True,
            )
            process.start()
            theirs.close()
            pipes[ours] = number
            processes.append(process)
        following = 0
        try:
            for results in self._in_order(pipes, len(items), (seconds + _GRACE) * _BLOCK):
                following += len(results)
                yield from results
        finally:
            for process in processes:
                if following < len(items):
                    process.kill()
                process.join()
            for pipe in pipes:
                pipe.close()
            os.close(turns)

    @staticmethod
    def _in_order(pipes: dict[Connection, int], total: int, patience: float) -> Iterator[list[Any]]:
        """Blocks of results as their turn comes; an error when a worker is gone or hangs."""
        ready: dict[int, list[Any]] = {}
        following = 0
        while following < total:
            readable = wait(list(pipes), timeout=patience)
            if not readable:
                raise TransientError(
                    "worker-hangs", "a worker did not answer in time and was killed"
                )
            for pipe in readable:
                if isinstance(pipe, Connection) and not _receive(pipe, ready):
                    del pipes[pipe]
            while following in ready:
                results = ready.pop(following)
                following += len(results)
                yield results
            if not pipes and following < total:
                raise TransientError(
                    "worker-died",
                    "a worker process died while it rendered",
                    hint="run again; when it happens again, the machine may be out of memory",
                )


def _receive(pipe: Connection, ready: dict[int, list[Any]]) -> bool:
    """Put a block into its place; False when the worker has nothing more to say."""
    try:
        first, results = pipe.recv()
    except (EOFError, OSError):
        return False
    if isinstance(results, Exception):
        raise results
    ready[first] = results
    return True


def _work(
    pipe: Connection,
    function: Callable[[T], R],
    items: Sequence[T],
    share: tuple[int, int, int],
    seconds: float,
    late: Callable[[T], R],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _timer() as limit:
        try:
            for first, end in _blocks(len(items), *share):
                block = items[first:end]
                pipe.send((first, [limit(function, item, seconds, late) for item in block]))
        except Exception as err:  # noqa: BLE001  # it is raised again where the results are read
            pipe.send((-1, err))
    pipe.close()


def _turns(rows: range) -> int:
    """A pipe that holds the numbers of rows: who has time takes the next.

    A core that somebody else is busy on does fewer, and nobody waits for it.
    """
    read, write = os.pipe()
    os.write(write, b"".join(number.to_bytes(_TURN, "big") for number in rows))
    os.close(write)
    # A process that another thread forked just now may hold the other end: empty is the end.
    os.set_blocking(read, False)
    return read


def _blocks(total: int, number: int, turns: int, row: int) -> Iterator[tuple[int, int]]:
    """What one of the workers does, in pieces that it answers one by one."""
    turn: int | None = number
    while turn is not None:
        begin = turn * row
        end = min(begin + row, total)
        yield from ((first, min(first + _BLOCK, end)) for first in range(begin, end, _BLOCK))
        turn = _next(turns)


def _next(turns: int) -> int | None:
    try:
        found = os.read(turns, _TURN)
    except BlockingIOError:
        return None
    return int.from_bytes(found, "big") if found else None


@contextmanager
def _timer() -> Iterator[Callable[[Callable[[T], R], T, float, Callable[[T], R]], R]]:
    """Gives a caller that stops a function after so many seconds."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    def limited(function: Callable[[T], R], item: T, seconds: float, late: Callable[[T], R]) -> R:
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                return function(item)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except OutOfTime:
            return late(item)

    before = signal.signal(signal.SIGALRM, stop)
    try:
        yield limited
    finally:
        with suppress(OutOfTime):
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
