"""The loop: look at the heads, work out what is not as it should be, and have it done.

It decides and starts, and does nothing itself: each task is carried out by a process of its own,
so that one that hangs, dies or is poisoned holds up no other. What it remembers may be lost at any
time; whoever comes next finds out from git.
"""

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from reconciler.app.telemetry import passed_on
from reconciler.app.watch import MOST, Inbox
from reconciler.core.due import WITHOUT_ONE, Law, key_of, standing, waits
from reconciler.core.measures import weighed
from reconciler.core.queue import order
from reconciler.errors import ReconcilerError, TransientError, WaitingError
from reconciler.model.metric import Measure
from reconciler.model.work import (
    Ended,
    Heads,
    Job,
    Known,
    Memory,
    Standing,
    Task,
    Tried,
    Wanted,
)
from reconciler.ports import Telemetry

_OWN: Final = (Job.REVIEW, Job.CHORES)
_UNSEEN: Final = "its document is gone; whether it may go is looked at first"
_WARNED: Final = timedelta(days=90)
"""Nothing is told of its end sooner than that."""
_MOST: Final = 500
_AWAITED: Final = 20
"""Merged merge requests that are looked at each time, while something waits for people there: of
more the next ones the next time."""
_STALE: Final = 4
"""So many times more entries than environments are kept in the clock's order."""
_JUMP: Final = 30.0
"""Seconds by which clocks may differ without anybody having set one."""
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SOON: Final = timedelta(seconds=1)
_BREATH: Final = 1.0
"""Seconds from one look to the next, however many webhooks come."""


class Sight(Protocol):
    """What is declared and known, kept up to date as the heads move."""

    @property
    def names(self) -> frozenset[str]:
        """Every environment that is declared or known."""
        ...

    @property
    def wanted(self) -> Mapping[str, Wanted]:
        """As they are declared."""
        ...

    def of(self, name: str) -> Known:
        """What is known of one."""
        ...

    def untaken(self, name: str) -> tuple[tuple[str, object], ...]:
        """Parameters that do not say what others put out, each with what they do."""
        ...

    def declare(self, commit: str) -> Collection[str] | None:
        """Follow the target branch; what may be wanted otherwise now, None: everything."""
        ...

    def follow(self, tip: str) -> Collection[str]:
        """Follow records; of what something else is known now."""
        ...


class Crew(Protocol):
    """Who carries tasks out, each in a process of its own."""

    def start(self, task: Task, more: Mapping[str, Any]) -> None:
        """Begin; its end is told to whoever made the crew. `more`: what it is told beside."""
        ...

    def stop(self) -> None:
        """Ask everything that runs to end when it is safe."""
        ...


@dataclass(frozen=True, slots=True)
class Working:
    """What the loop works with."""

    view: Sight
    heads: Callable[[], Heads]
    """Ask where they are: the one call that an unchanged repository costs."""
    fetch: Callable[[], None]
    """Have the target branch here."""
    follow: Callable[[], str]
    """Have the records here; the last one's commit."""
    law: Callable[[datetime], Law]
    crew: Crew
    clock: Callable[[], datetime]
    seconds: Callable[[], float]
    """Of a clock that nobody sets."""
    poll: float
    retry: float
    jobs: int
    grace: float
    """Seconds that what runs has to end when it is told to."""
    tell: Callable[[ReconcilerError | None], None]
    """Told once for each reason why it fails, and (None) when it is well again."""
    news: Callable[[Ended, Standing | None], None]
    """Told what came of each task."""
    telemetry: Telemetry
    own: Collection[Job] = _OWN
    """What of no single environment it does."""
    often: float = 0.0
    """Seconds between two looks at all merge requests, where no head tells of them."""
    lost: Callable[[Collection[Standing]], None] = lambda _standings: None
    """Told whenever it is another sandbox, of everything that went with the one before."""


@dataclass
class Controller:
    """One controller. Everything in it is derived, or only saves work."""

    working: Working
    inbox: Inbox
    standings: dict[str, Standing] = field(default_factory=dict)
    running: dict[tuple[str, Job], Task] = field(default_factory=dict)
    ended: deque[Ended] = field(default_factory=deque)
    ready: bool = False
    """Whether everything was looked at once."""
    _memory: dict[str, Memory] = field(default_factory=dict)
    _heads: Heads | None = None
    _new: set[str] | None = field(default_factory=set)
    _law: Law | None = None
    _due: list[tuple[datetime, str]] = field(default_factory=list)
    _waiting: dict[str, Task] = field(default_factory=dict)
    _own: dict[Job, Task] = field(default_factory=dict)
    _gone: dict[str, str] = field(default_factory=dict)
    _planned: dict[Job, float] = field(default_factory=dict)
    _begun: dict[tuple[str, Job], float] = field(default_factory=dict)
    _saw: dict[str, Heads | None] = field(default_factory=dict)
    """Where everything was when an apply began that runs; None: somebody agreed to it since."""
    _turn: int = 0
    """The last merged merge request that was looked at."""
    _weighed: tuple[Measure, ...] = ()
    _stale: bool = True
    _numbers: set[int] | None = field(default_factory=set)
    """Merge requests to look at; None: at all of them."""
    _dependents: dict[str, set[str]] = field(default_factory=dict)
    _failing: set[str] = field(default_factory=set)
    _wait: float = 0.0
    _began: datetime | None = None
    _clocks: tuple[datetime, float] | None = None

    # -- from outside --------------------------------------------------------------------------

    def run(self) -> None:
        """Until it is told to end; then what runs may finish."""
        self._began = self.working.clock()
        poll = looked = self.working.seconds()
        before = looked - 2 * _BREATH
        while True:
            if self.working.seconds() >= poll:
                self._plan_own()
                well = self._tried(self.tick)
                before, looked = looked, self.working.seconds()
                poll = looked + (self.working.poll if well else self._wait)
            if not self._failing:
                self.dispatch()
            look = self.inbox.take(self._patience(poll))
            self._reap()
            if look.stop:
                break
            if look.numbers or look.everything:
                self.working.telemetry.counted("webhooks")
            self._hinted(look.numbers)
            if look.everything and not self._failing:
                # Two in a row, but no more than one each time: who pushes twice waits for neither.
                poll = min(poll, max(looked, before + 2 * _BREATH))
        self.drain()

    def once(self) -> None:
        """One pass over everything: whatever is due is tried once, and again what follows of it."""
        self._began = _LONG_AGO
        self.tick()
        for own in (Job.REVIEW, Job.CHORES):
            if not self._pass():
                break
            self._own.clear()
            self._plan(own, self.working.clock())
            if not self._pass():
                break
        else:
            self._pass()
        self.drain()

    def _pass(self) -> bool:
        """Every task that is due now, each once; False: it was told to end."""
        tried: set[tuple[str, Job]] = set()
        while True:
            self._own = {job: one for job, one in self._own.items() if ("", job) not in tried}
            self._gather()
            for name, task in tuple(self._waiting.items()):
                if (name, task.job) in tried:
                    del self._waiting[name]
            tried |= {(one.environment, one.job) for one in self.dispatch()}
            if not self.running and not self._waiting and not self._own:
                return True
            look = self.inbox.take(self._patience(self.working.seconds() + self.working.poll))
            self._reap()
            if look.stop:
                return False

    def over(self, ended: Ended) -> None:
        """A task has ended; any thread may say so."""
        self.ended.append(ended)
        self.inbox.wake()

    def drain(self) -> None:
        """Start nothing more, and let what runs end; after a while, or asked twice, it is stopped.

        Even then it ends where that is safe.
        """
        working = self.working
        patience = working.seconds() + working.grace
        stopped = False
        while self.running:
            left = max(patience - working.seconds(), 0.0)
            asked = self.inbox.take(working.poll if stopped else left).stop
            if not stopped and (asked or working.seconds() >= patience):
                working.crew.stop()
                stopped = True
            self._reap()

    # -- looking -------------------------------------------------------------------------------

    def tick(self) -> None:
        """Follow the heads; nothing that did not move is looked at again."""
        working, now = self.working, self.working.clock()
        began = working.seconds()
        heads = working.heads()
        before = self._heads
        if before is None or heads.target != before.target:
            working.fetch()
            self._moved(working.view.declare(heads.target))
            with working.telemetry.span("change", heads.target):
                pass  # every step of what becomes of it hangs below this one
        if before is None or (heads.records, heads.cloud) != (before.records, before.cloud):
            self._moved(working.view.follow(working.follow()))
        law, jumped = self._lawful(now), self._jumped(now, began)
        if law != self._law or jumped:
            self._law = law
            self._moved(None)
        if jumped:
            self._plan(Job.CHORES, now)  # ends, and what else only time brings
        if before is not None and heads != before:
            self._plan(Job.CHORES, now + _SOON)
            if heads.reviews != before.reviews or heads.target != before.target:
                self._plan(Job.REVIEW, now)
                self._moved(self._woken(heads.moved(before)))
        self._heads = heads
        changed, self._new = self._new, set()
        everything = {*working.view.names, *self.standings}
        self._stand(everything if changed is None else self._touched(changed), now)
        if before is None or heads.cloud != before.cloud:
            working.lost([one for one in self.standings.values() if one.lost])
        self.ready = True
        working.telemetry.took("tick", working.seconds() - began)
        working.telemetry.counted("ticks", result="done")
        working.telemetry.stands("last_tick", now.timestamp())

    def _moved(self, names: Collection[str] | None) -> None:
        """To be looked at, None: all. A look that fails in between has not forgotten it."""
        self._new = None if names is None or self._new is None else {*self._new, *names}

    def _lawful(self, now: datetime) -> Law:
        """What holds for all; nothing is destroyed before somebody saw that it may be."""
        law = self.working.law(now)
        if Job.CHORES not in self.working.own:
            return law
        view = self.working.view
        gone = (one for one in view.names if one not in view.wanted and view.of(one).there)
        kept = {one: self._gone.get(one, _UNSEEN) for one in gone}
        return replace(law, kept={name: why for name, why in kept.items() if why})

    def _jumped(self, now: datetime, seconds: float) -> bool:
        """Whether somebody set the clock: what waits for a time is told anew when that is."""
        before, self._clocks = self._clocks, (now, seconds)
        if before is None:
            return False
        passed = (now - before[0]).total_seconds() - (seconds - before[1])
        return abs(passed) > _JUMP

    def _touched(self, names: Iterable[str]) -> set[str]:
        """These, and what waits for them."""
        found = {*names}
        for name in tuple(found):
            found |= self._dependents.get(name, set())
        return found

    def _stand(self, names: Iterable[str], now: datetime) -> None:
        view, law = self.working.view, self._law
        if law is None:
            return
        self._stale = True
        for name in names:
            wanted, known = view.wanted.get(name), view.of(name)
            self._waiting.pop(name, None)
            if wanted is None and not known.there:
                self.standings.pop(name, None)
                self._memory.pop(name, None)
                continue
            for other in wanted.after if wanted else ():
                self._dependents.setdefault(other, set()).add(name)
            found = standing(
                name, wanted, known, law, self._remembered(name), self._waits(name), now
            )
            self.standings[name] = found
            if found.task is not None:
                heapq.heappush(self._due, (found.task.due, name))
        if len(self._due) > _STALE * len(self.standings) + _STALE:
            tasks = (one.task for one in self.standings.values() if one.task is not None)
            self._due = [(task.due, task.environment) for task in tasks]
            heapq.heapify(self._due)

    def _waits(self, name: str) -> str:
        """What has to be there before it, or gone before it goes."""
        view, dependents = self.working.view, self._dependents.get(name, set())
        return waits(name, view.wanted, view.of, dependents, view.untaken)

    def _remembered(self, name: str) -> Memory:
        return self._memory.get(name) or Memory(self._began or self.working.clock())

    # -- doing ---------------------------------------------------------------------------------

    def dispatch(self) -> tuple[Task, ...]:
        """Start what is due, as far as there is room."""
        now = self.working.clock()
        self._gather()
        free = self.working.jobs - sum(one.job not in _OWN for one in self.running.values())
        tasks = [*self._waiting.values(), *self._own.values()]
        begun: list[Task] = []
        for task in order(tasks, self.running.values(), free, now):
            if task.environment:
                del self._waiting[task.environment]
            else:
                del self._own[task.job]
            self.running[task.environment, task.job] = task
            self._begun[task.environment, task.job] = self.working.seconds()
            if task.job is Job.APPLY:
                self._saw[task.environment] = self._heads
            waited = max((now - task.due).total_seconds(), 0.0)
            self.working.telemetry.took("waited", waited, job=task.job)
            self.working.crew.start(task, self._more(task, now))
            begun.append(task)
        self._count()
        return tuple(begun)

    def _more(self, task: Task, now: datetime) -> Mapping[str, Any]:
        """What a task is told beside, so that it need not look at everything."""
        if task.job is Job.REVIEW:
            numbers, self._numbers = self._numbers, set()
            return {"numbers": sorted(numbers or ()), "awaited": [] if numbers else self._next()}
        if task.job is not Job.CHORES:
            return {"mend": self._remembered(task.environment).mend}
        view = self.working.view
        ends = [
            (known.since + one.ttl, name)
            for name, one in view.wanted.items()
            if one.ttl is not None and (known := view.of(name)).since is not None
        ]
        near = [name for end, name in sorted(ends) if end - now < _WARNED][:_MOST]
        over = [
            name
            for name in view.names
            if name not in view.wanted and view.of(name).expiry == "ended"
        ]
        taking = [name for name, one in view.wanted.items() if one.takes and view.untaken(name)]
        return {"expiring": near, "over": over[:_MOST], "taking": taking[:_MOST]}

    def _count(self) -> None:
        telemetry, waiting = self.working.telemetry, (*self._waiting.values(), *self._own.values())
        for job in Job:
            telemetry.stands("queue", sum(one.job is job for one in waiting), job=job)
            running = sum(one.job is job for one in self.running.values())
            telemetry.stands("running", running, job=job)
        ours = sum(bool(one.environment) for one in self.running.values())
        held = self._heads.leases if self._heads is not None else 0
        telemetry.stands("leases", min(ours, held), whose="ours")
        telemetry.stands("leases", max(held - ours, 0), whose="others")
        if self._stale:
            self._weighed = weighed(self.standings.values(), self._weighed)
            passed_on(self._weighed, telemetry)
            self._stale = False

    def _gather(self) -> None:
        """Take out of the clock's order what is due by now."""
        now = self.working.clock()
        busy = {name for name, _ in self.running}
        while self._due and self._due[0][0] <= now:
            due, name = heapq.heappop(self._due)
            found = self.standings.get(name)
            if found and found.task and found.task.due == due and name not in busy:
                self._waiting[name] = found.task

    def _reap(self) -> None:
        """Take in what has ended."""
        found = []
        while self.ended:
            found.append(self.ended.popleft())
        for ended in found:
            mark = ended.task.environment, ended.task.job
            self.running.pop(mark, None)
            took = self.working.seconds() - self._begun.pop(mark, self.working.seconds())
            self.working.telemetry.took("deed", took, job=ended.task.job, result=ended.state)
        if found:
            self._tried(self.tick)
        for ended in found:
            self._over(ended)
            self.working.news(ended, self.standings.get(ended.task.environment))

    def _over(self, ended: Ended) -> None:
        now, task = self.working.clock(), ended.task
        self.working.telemetry.counted("deeds", job=task.job, result=ended.state)
        if not task.environment:
            self._follows(ended, now)
            return
        name, law = task.environment, self._law
        view, memory = self.working.view, self._remembered(task.environment)
        if law is None:
            return
        key = key_of(task.job, view.wanted.get(name), view.of(name), law)
        before = memory.tried
        # What is done and still wanted with the same was not done: it is not tried all the time.
        again = before is not None and before.job is task.job and before.state == ended.state
        again = again and (ended.state != "done" or (before is not None and before.key == key))
        first = 0 if ended.state == "done" else 1
        failures = 1 + before.failures if before is not None and again else first
        memory = replace(memory, tried=Tried(task.job, key, ended.state, now, failures, ended.why))
        if ended.state in ("done", "held") and task.job in (Job.APPLY, Job.LOOK):
            # Who holds it looks at it, too.
            memory = replace(memory, looked=now)
        if task.job is Job.APPLY:
            memory = replace(memory, mend="", awaits=ended.awaits)
            if self._overheard(name, ended.awaits):
                memory = replace(memory, tried=None)
        if task.job is Job.LOOK and ended.state == "done":
            memory = replace(memory, seen=now)
        if task.job is Job.ROLL and ended.state == "done":
            over = view.of(name).applied if ended.later is None else memory.rolled
            memory = replace(memory, rolled=over, roll=ended.later)
        self._memory[name] = memory
        self._stand([name], now)

    def _overheard(self, name: str, number: int) -> bool:
        """Whether somebody may have agreed on a merge request since an apply began that has ended.

        It may have looked before they did.
        """
        began = self._saw.pop(name, self._heads)
        if not number:
            return False
        return began is None or (self._heads is not None and number in self._heads.moved(began))

    def _follows(self, ended: Ended, now: datetime) -> None:
        """What is to be done since something of no single environment was."""
        for name, drift in ended.mend:
            self._memory[name] = replace(self._remembered(name), mend=drift)
        for name in ended.look:
            self._memory[name] = replace(self._remembered(name), looked=_LONG_AGO)
        self._forget(ended.agreed)
        self._saw |= dict.fromkeys(self._saw.keys() & {*ended.agreed})
        if ended.task.job is Job.CHORES and dict(ended.gone) != self._gone:
            self._gone = dict(ended.gone)
            self._tried(self.tick)
        self._stand([*(name for name, _ in ended.mend), *ended.look, *ended.agreed], now)
        if ended.state != "done":
            self._plan(ended.task.job, now + timedelta(seconds=self.working.poll))
        elif ended.later is not None:
            self._plan(ended.task.job, ended.later)

    def _awaiting(self) -> dict[str, int]:
        """Environments that wait for people, each with where they agree."""
        return {
            name: one.awaits
            for name, one in self._memory.items()
            if one.awaits and one.tried is not None and one.tried.state == "waiting"
        }

    def _next(self) -> list[int]:
        """Where people are waited for, as many as are looked at each time; all have their turn."""
        all_of_them = sorted({*self._awaiting().values()})
        found = sorted(all_of_them, key=lambda one: (one <= self._turn, one))[:_AWAITED]
        self._turn = found[-1] if found else 0
        return sorted(found)

    def _woken(self, numbers: Collection[int]) -> list[str]:
        """What waits for people on these merge requests is tried at once: somebody may have agreed.

        It is planned and judged as at any other time, which alone tells.
        """
        if not numbers:
            return []
        names = [name for name, number in self._awaiting().items() if number in numbers]
        self._forget(names)
        return names

    def _forget(self, names: Iterable[str]) -> None:
        """That these were tried."""
        for name in names:
            self._memory[name] = replace(self._remembered(name), tried=None, awaits=0)

    def _plan_own(self) -> None:
        """What no head tells of: a server's merge requests, and what only time brings."""
        seconds, now = self.working.seconds(), self.working.clock()
        for job in self.working.own:
            every = self.working.often if job is Job.REVIEW else self.working.retry
            if seconds - self._planned.get(job, -every) >= every:
                self._planned[job] = seconds
                self._plan(job, now)

    def _hinted(self, numbers: Collection[int]) -> None:
        """Somebody says that there is something to see at these merge requests."""
        if not numbers:
            return
        hinted = None if self._numbers is None else {*self._numbers, *numbers}
        self._plan(Job.REVIEW, self.working.clock())
        # Many are all, and nothing grows while nothing can be looked at.
        self._numbers = hinted if hinted is None or len(hinted) <= MOST else None

    def _plan(self, job: Job, due: datetime) -> None:
        if job is Job.REVIEW:
            self._numbers = None
        known = self._own.get(job)
        if job in self.working.own and (known is None or due < known.due):
            self._own[job] = Task("", job, due, rank=WITHOUT_ONE)

    # -- waiting -------------------------------------------------------------------------------

    def _patience(self, poll: float) -> float:
        """Seconds until there is something to do by itself."""
        now, left = self.working.clock(), poll - self.working.seconds()
        if not self._failing and len(self.running) < self.working.jobs:
            # What runs already begins again when that has ended, which is told.
            own = self._own.items()
            dues = [one.due for job, one in own if ("", job) not in self.running]
            dues += [due for due, _ in self._due[:1]]
            left = min([left, *((due - now).total_seconds() for due in dues)])
        return max(left, 0.0)

    def _tried(self, step: Callable[[], None]) -> bool:
        """Do it; what can be tried again is, later and later, and told once."""
        working = self.working
        try:
            step()
        except ReconcilerError as error:
            if error.reason not in self._failing:
                working.tell(error)
            self._failing.add(error.reason)
            shortest = min(working.poll, working.retry)
            by_itself = isinstance(error, TransientError | WaitingError)
            self._wait = (
                min(self._wait * 2 or shortest, working.retry) if by_itself else working.retry
            )
            working.telemetry.counted("failures", kind="again" if by_itself else "stuck")
            working.telemetry.counted("ticks", result="failed")
            return False
        if self._failing:
            working.tell(None)
        self._failing.clear()
        self._wait = 0.0
        return True
