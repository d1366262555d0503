"""Hold an environment's lease while something is done to it.

Whoever waits for a lease gets a WaitingError that says who holds it. Whoever holds one renews it
beside the work, and confirms it right before the deed. A remote that does not answer ends nothing
before the lease itself ends; that is told by a clock that nobody sets.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, RLock, Thread
from typing import Final

from reconciler.core.lease import Claim, free, over, renewed, same, taken
from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.lease import Lease
from reconciler.model.record import Recorded
from reconciler.ports import Leases

_TRIES: Final = 5
_OFTEN: Final = 3
"""A lease is renewed so often in the time that it lasts."""
_SOONER: Final = 3
"""And sooner by this where the last time failed."""


@dataclass
class Held:
    """A lease that is ours, as far as anybody has told us."""

    leases: Leases
    clock: Callable[[], datetime]
    ticks: Callable[[], float]
    lease: Lease
    where: str
    ends: float
    """By `ticks`."""
    _lost: str = ""
    _alone: RLock = field(default_factory=RLock, repr=False)

    @property
    def fence(self) -> int:
        """Goes with the apply, which is refused where somebody else was faster."""
        return self.lease.fence

    @property
    def holder(self) -> str:
        """Goes with the apply, too."""
        return self.lease.holder

    @property
    def lost(self) -> str:
        """Why it is not ours any more; empty: it is."""
        if not self._lost and self.ticks() > self.ends:
            return f"the lease of {self.lease.environment} ended, and could not be renewed"
        return self._lost

    def confirm(self) -> None:
        """Right before the deed: renewed by this very call, or nothing begins.

        A WaitingError when it is not ours any more; a TransientError when nobody can tell.
        """
        with self._alone:
            if self._lost:
                raise _gone(self.lease, self._lost)
            self._renew()
            if self._lost:
                raise _gone(self.lease, self._lost)

    def beat(self) -> bool:
        """Renew it beside the work; False: it could not be told whether that went well."""
        with self._alone:
            try:
                if not self._lost:
                    self._renew()
            except (ReconcilerError, OSError):
                return False
            return True

    def give_back(self) -> None:
        """Let others have it at once; where that fails, it ends by itself."""
        with self._alone, suppress(ReconcilerError, OSError):
            for _ in range(_TRIES):
                if self._lost or self.leases.remove(self.lease.environment, self.where):
                    return
                self._find()

    def _renew(self) -> None:
        for _ in range(_TRIES):
            began = self.ticks()
            lease = renewed(self.lease, self.clock())
            where = self.leases.put(lease.environment, self.where, lease)
            if where:
                self.lease, self.where = lease, where
                self.ends = began + (lease.expires - lease.beat).total_seconds()
                return
            self._find()
            if self._lost:
                return
        raise _busy(self.lease.environment)

    def _find(self) -> None:
        """It is not where we left it: the answer to our own writing was lost, or it is not ours."""
        where, there = self.leases.read(self.lease.environment)
        if there is not None and same(there, self.lease):
            self.lease, self.where = there, where
        else:
            name = self.lease.environment
            self._lost = there.told if there else f"somebody took the lease of {name} away"


@contextmanager
def holding(
    leases: Leases,
    environment: str,
    reason: str,
    holder: str,
    *,
    fence_after: int,
    lasts: timedelta,
    clock: Callable[[], datetime],
    beat: bool = True,
    ticks: Callable[[], float] | None = None,
) -> Iterator[Held]:
    """Hold it; a WaitingError when somebody living does.

    `holder`: other for each deed (`Ports.holder`); `fence_after`: how many records there are;
    `ticks`: a clock that nobody sets.
    """
    claim = Claim(environment, holder, reason, fence_after, lasts)
    held = _taken(leases, claim, clock, ticks or leases.uptime)
    stop = Event()
    beating = Thread(target=_beating, args=(held, lasts, stop), name=f"lease {environment}")
    beating.daemon = True
    if beat:
        beating.start()
    try:
        yield held
    finally:
        stop.set()
        if beat:
            # One that hangs at a remote ends with its time-out, and then finds the lease gone.
            beating.join(lasts.total_seconds() / _OFTEN)
        held.give_back()


def standing(leases: Leases, now: datetime) -> tuple[tuple[Lease, bool], ...]:
    """Every lease, and whether somebody holds it who may be alive: one look at the remote."""
    return tuple(
        (lease, not over(lease, now, leases.stood(lease), gone=leases.gone(lease)))
        for _, lease in sorted(leases.all().items())
    )


def living(leases: Leases, now: datetime) -> Mapping[str, Lease]:
    """Those that somebody holds who may be alive, by environment."""
    return {lease.environment: lease for lease, alive in standing(leases, now) if alive}


def break_lease(
    leases: Leases, environment: str, record: Callable[[Lease], Recorded]
) -> tuple[Recorded, Lease]:
    """Record it, and then take away what stands there, however often its holder renews it."""
    where, broken = leases.read(environment)
    if broken is None:
        raise UsageError(
            "not-held",
            f"{environment} is held by nobody",
            hint="`reconciler lease list` shows what is held",
            subject=environment,
        )
    made = record(broken)
    for _ in range(_TRIES):
        if leases.remove(environment, where):
            break
        where, there = leases.read(environment)
        if there is None:
            break
        if not same(there, broken):
            raise _held(there)
    else:
        raise _busy(environment)
    return made, broken


def _taken(
    leases: Leases, claim: Claim, clock: Callable[[], datetime], ticks: Callable[[], float]
) -> Held:
    failed: TransientError | None = None
    for _ in range(_TRIES):
        where, there = leases.read(claim.environment)
        stood = leases.stood(there) if there is not None else timedelta()
        gone = there is not None and leases.gone(there)
        began = ticks()
        if there is not None and not free(there, claim.holder, clock(), stood, gone=gone):
            raise _held(there)
        lease = taken(there, claim, clock())
        try:
            made = leases.put(claim.environment, where, lease)
        except TransientError as err:
            if failed is not None:
                raise
            failed = err  # it may be written: the next look tells
            continue
        if made:
            ends = began + (lease.expires - lease.beat).total_seconds()
            return Held(leases, clock, ticks, lease, made, ends)
    raise WaitingError(
        "leased",
        f"others took the lease of {claim.environment} again and again",
        hint="run it again",
        subject=claim.environment,
    )


def _beating(held: Held, lasts: timedelta, stop: Event) -> None:
    wait = usual = lasts.total_seconds() / _OFTEN
    while not stop.wait(wait) and not held.lost:
        wait = usual if held.beat() else usual / _SOONER


def _busy(environment: str) -> TransientError:
    return TransientError(
        "lease-busy",
        f"the lease of {environment} moves all the time",
        hint="run it again",
        subject=environment,
    )


def _held(there: Lease) -> WaitingError:
    return WaitingError(
        "leased",
        there.told,
        hint="wait: it ends when they have done, or when they are gone. If nobody is there any"
        f" more: `reconciler lease break {there.environment} --because ...`",
        subject=there.environment,
    )


def _gone(mine: Lease, why: str) -> WaitingError:
    return WaitingError(
        "lease-lost",
        f"nothing was begun: the lease that we had since {mine.since:%H:%M:%S} is not ours any"
        f" more: {why}",
        hint="it is done again when the lease can be had",
        subject=mine.environment,
    )
