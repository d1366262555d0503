"""A loop with everything around it under the test's control: nothing takes time, nothing is real
but the loop."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from reconciler.app.telemetry import NullTelemetry
from reconciler.app.watch import Inbox, Look
from reconciler.controller import Controller, Working
from reconciler.core.due import Law
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.work import Ended, Halt, Heads, Job, Known, Standing, Task, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def wanted(name: str, **more: object) -> Wanted:
    base = Wanted(
        name,
        f"environments/demo/{name}.yaml",
        "o1",
        "demo",
        "dev",
        "team-web",
        "v1",
        "advisory",
        HOUR,
    )
    return replace(base, **more)  # type: ignore[arg-type]  # its own fields


def known(name: str, **more: object) -> Known:
    base = Known(
        name,
        record=1,
        files="v1",
        commit="c1",
        since=NOON,
        applied=NOON,
        result="done",
        tried="v1",
        ended=NOON,
        there=True,
    )
    return replace(base, **more)  # type: ignore[arg-type]  # its own fields


def law(**more: object) -> Law:
    return replace(Law("law", timedelta(minutes=5), {}, {}), **more)  # type: ignore[arg-type]


class _Clocked(Inbox):
    """Whoever waits lets time pass, until somebody has something to say."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board

    def take(self, seconds: float) -> Look:
        board = self._board
        if board.storm:
            board.pass_by(0.001)
            self.hint(board.storm.popleft())
        elif not self.due:
            board.pass_by(seconds)
        return super().take(0)


@dataclass
class Board:
    """What is declared, what is known, and what carrying out a task comes to."""

    does: Callable[[Board, Task], Ended]
    declared: dict[str, Wanted] = field(default_factory=dict)
    remembered: dict[str, Known] = field(default_factory=dict)
    now: datetime = NOON
    version: int = 0
    records: int = 0
    lasting: float = 1.0
    """Seconds that a task takes."""
    away: bool = False
    frozen: dict[str, Halt] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    jobs: int = 2
    started: list[tuple[float, Task]] = field(default_factory=list)
    most: int = 0
    told: list[ReconcilerError | None] = field(default_factory=list)
    news: list[Ended] = field(default_factory=list)
    listings: int = 0
    until: float = float("inf")
    stopped: int = 0
    own: Collection[Job] = ()
    storm: deque[int] = field(default_factory=deque)
    """Webhooks that come one each millisecond: numbers of merge requests, 0: anything else."""
    requests: dict[int, str] = field(default_factory=dict)
    """Where each merge request of the local forge is."""
    told_beside: list[Mapping[str, Any]] = field(default_factory=list)
    _seconds: float = 0.0
    _running: deque[tuple[float, Task]] = field(default_factory=deque)

    # -- what the loop sees

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.declared) | frozenset(self.remembered)

    @property
    def wanted(self) -> dict[str, Wanted]:
        return self.declared

    def of(self, name: str) -> Known:
        return self.remembered.get(name) or Known(name)

    def untaken(self, _name: str) -> tuple[tuple[str, object], ...]:
        return ()

    def declare(self, _commit: str) -> Collection[str] | None:
        return None

    def follow(self, _tip: str) -> Collection[str]:
        return self.names

    def heads(self) -> Heads:
        self.listings += 1
        if self.away:
            raise TransientError("remote-away", "the remote is away", hint="wait")
        return Heads(
            str(self.version), str(self.records), str(self.requests), requests=dict(self.requests)
        )

    # -- what carries tasks out

    def start(self, task: Task, more: Mapping[str, Any]) -> None:
        self.told_beside.append(more)
        self.started.append((self._seconds, task))
        self._running.append((self._seconds + self.lasting, task))
        marks = {(one.environment, "" if one.environment else one.job) for _, one in self._running}
        assert len(marks) == len(self._running)
        self.most = max(self.most, sum(bool(one.environment) for _, one in self._running))

    def stop(self) -> None:
        self.stopped += 1
        self._running = deque((self._seconds, task) for _, task in self._running)

    def pass_by(self, seconds: float) -> None:
        """Time passes, up to the next end of a task."""
        next_ = min((at for at, _ in self._running), default=self._seconds + seconds)
        step = max(min(next_ - self._seconds, seconds), 0.0)
        self._seconds += step
        self.now += timedelta(seconds=step)
        for one in [one for one in self._running if one[0] <= self._seconds]:
            self._running.remove(one)
            self.loop.over(self.does(self, one[1]))
        if self._seconds >= self.until:
            self.until = float("inf")
            self.loop.inbox.stop()

    # -- the test's own

    def made(self) -> Controller:
        working = Working(
            self,
            self.heads,
            lambda: None,
            lambda: str(self.records),
            lambda _now: law(frozen=dict(self.frozen), kept=dict(self.kept)),
            self,
            lambda: self.now,
            lambda: self._seconds,
            60.0,
            300.0,
            self.jobs,
            60.0,
            self.told.append,
            self._news,
            NullTelemetry(),
            self.own,
        )
        self.loop = Controller(working, _Clocked(self))
        return self.loop

    def run(self, seconds: float) -> Board:
        """So long."""
        self.made()
        return self.go_on(seconds)

    def go_on(self, seconds: float) -> Board:
        """The same controller, so much longer."""
        self.until = self._seconds + seconds
        self.loop.run()
        return self

    def once(self) -> Controller:
        loop = self.made()
        loop.once()
        return loop

    def _news(self, ended: Ended, _standing: Standing | None) -> None:
        self.news.append(ended)

    def jobs_of(self, name: str) -> list[Job]:
        return [task.job for _, task in self.started if task.environment == name]


def as_declared(board: Board, task: Task) -> Ended:
    """Everything goes well, and is recorded."""
    name = task.environment
    one = board.declared.get(name)
    board.records += 1
    if task.job is Job.DESTROY:
        board.remembered[name] = Known(name, record=board.records)
    elif task.job is Job.APPLY and one is not None:
        board.remembered[name] = known(
            name, record=board.records, files=one.files, tried=one.files, ended=board.now
        )
    return Ended(task, "done")
