"""Several holders, clocks that are set, crashes, humans who break leases: in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reconciler.core.lease import (
    SKEW,
    Claim,
    free,
    lease_bytes,
    mark,
    read_lease,
    renewed,
    same,
    taken,
)
from reconciler.core.records.standing import faster
from reconciler.model.lease import Lease
from tests.leases.places import LASTS, NOW

MACHINES = st.integers(0, 2)


@dataclass
class Process:
    """One that holds a lease, or believes so."""

    lease: Lease
    where: int
    ends: float
    took: int
    """How many records there were."""
    confirmed: bool = False
    lost: bool = False
    robbed: bool = False
    """A human took it away, and it does not know yet."""
    open: int | None = None


@dataclass
class Machine:
    """A machine with a clock of its own."""

    ahead: timedelta = timedelta()
    seen: tuple[str, float] = ("", 0.0)
    process: Process | None = None
    dead: set[str] = field(default_factory=set)


class Leased(RuleBasedStateMachine):
    """One environment; its ref, its records and the machines that share it."""

    honest = False

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.machines = [Machine() for _ in range(3)]
        self.ref: tuple[int, bytes] | None = None
        self.moves = 0
        self.records: list[tuple[str, str]] = []
        self.status: dict[str, Any] = {}
        self.born = 0

    def wall(self, machine: Machine) -> Any:
        return NOW + timedelta(seconds=self.now) + machine.ahead

    def put(self, old: int, lease: Lease) -> int:
        if (self.ref[0] if self.ref else 0) != old:
            return 0
        self.moves += 1
        self.ref = (self.moves, lease_bytes(lease))
        return self.moves

    def there(self) -> tuple[int, Lease | None]:
        if self.ref is None:
            return 0, None
        return self.ref[0], read_lease("box-one", self.ref[1], str(self.ref[0]))

    @rule(seconds=st.sampled_from([0.5, 20, 50, 91, 4000]))
    def time_goes_on(self, seconds: float) -> None:
        self.now += seconds

    @rule(at=MACHINES, minutes=st.integers(-7, 7), hours=st.integers(-300, 300))
    def a_clock_is_set(self, at: int, minutes: int, hours: int) -> None:
        far = timedelta() if self.honest else timedelta(hours=hours)
        self.machines[at].ahead = timedelta(minutes=minutes) + far

    def idle(self) -> list[Machine]:
        return [one for one in self.machines if one.process is None]

    def working(self) -> list[tuple[Machine, Process]]:
        return [(one, one.process) for one in self.machines if one.process is not None]

    @precondition(lambda self: self.idle())
    @rule(at=MACHINES)
    def takes(self, at: int) -> None:
        machine = self.idle()[at % len(self.idle())]
        count = len(self.records)
        where, there = self.there()
        if there is not None and machine.seen[0] != mark(there):
            machine.seen = (mark(there), self.now)
        self.born += 1
        holder = f"process {self.born}"
        stood = timedelta(seconds=self.now - machine.seen[1])
        gone = there is not None and there.holder in machine.dead
        if not free(there, holder, self.wall(machine), stood, gone=gone):
            return
        claim = Claim("box-one", holder, "apply", count, LASTS)
        lease = taken(there, claim, self.wall(machine))
        assert there is None or lease.fence >= there.fence
        where = self.put(where, lease)
        ends = self.now + (lease.expires - lease.beat).total_seconds()
        machine.process = Process(lease, where, ends, count)

    @precondition(lambda self: any(not one.lost for _, one in self.working()))
    @rule(at=MACHINES, why=st.sampled_from(["beats", "confirms"]))
    def renews(self, at: int, why: str) -> None:
        could = [both for both in self.working() if not both[1].lost]
        machine, process = could[at % len(could)]
        lease = renewed(process.lease, self.wall(machine))
        where = self.put(process.where, lease)
        if where:
            process.lease, process.where = lease, where
            process.ends = self.now + LASTS.total_seconds()
            process.confirmed |= why == "confirms"
        else:
            assert not same(self.there()[1], process.lease)
            process.lost = True

    def may_begin(self) -> list[Process]:
        return [one for _, one in self.working() if one.confirmed and one.open is None]

    @precondition(lambda self: self.may_begin())
    @rule(at=MACHINES)
    def begins(self, at: int) -> None:
        """However late after it was confirmed."""
        process = self.may_begin()[at % len(self.may_begin())]
        fence, holder = process.lease.fence, process.lease.holder
        if "applying" in self.status or faster(self.status, fence, holder):
            return
        since = [who for what, who in self.records[process.took :] if what == "begins"]
        assert set(since) <= {holder}, "somebody else applied since the lease was taken"
        process.open = len(self.records)
        self.status["applying"] = {"record": process.open, "fence": fence, "holder": holder}
        self.records.append(("begins", holder))

    @precondition(lambda self: any(one.open is not None for _, one in self.working()))
    @rule()
    def ends(self) -> None:
        for _, process in self.working():
            if process.open is not None:
                if self.status.get("applying", {}).get("record") == process.open:
                    self._told(process.lease.holder)
                process.open = None

    @precondition(lambda self: "applying" in self.status)
    @rule()
    def is_settled(self) -> None:
        self._told("whoever came next")

    def _told(self, by: str) -> None:
        begun = self.status.pop("applying")
        self.status["lastApply"] = {**begun, "began": begun["record"], "record": len(self.records)}
        self.records.append(("ends", by))

    @precondition(lambda self: self.working())
    @rule(at=MACHINES, how=st.sampled_from(["crashes", "gives back"]))
    def is_over(self, at: int, how: str) -> None:
        machine, process = self.working()[at % len(self.working())]
        machine.process = None
        machine.dead.add(process.lease.holder)
        if how == "gives back" and self.ref is not None and self.ref[0] == process.where:
            self.ref = None

    @precondition(lambda self: self.ref is not None)
    @rule()
    def a_human_breaks_it(self) -> None:
        self.records.append(("override", "a human"))
        for _, process in self.working():
            process.robbed |= self.ref is not None and process.where == self.ref[0]
        self.ref = None

    @invariant()
    def one_holds_it(self) -> None:
        alive = [one for _, one in self.working() if not one.lost and self.now <= one.ends]
        if self.honest:
            assert len([one for one in alive if not one.robbed]) <= 1
        assert len([one for one in alive if self.ref and one.where == self.ref[0]]) <= 1


class Honest(Leased):
    """Clocks that differ by less than we say."""

    honest = True


assert timedelta(minutes=14) < SKEW
TestWildClocks = Leased.TestCase
TestWildClocks.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
TestHonestClocks = Honest.TestCase
TestHonestClocks.settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
