"""Who may work on an environment now: taken, renewed, and over. Pure.

A lease ends by itself, so it has to be told when one is over whose holder says nothing more; and
clocks differ. A holder moves its lease every third of the time that it lasts. Whoever has seen one
stand still for all of that time, by a clock that nobody sets, knows that it is over: it was written
before it was seen, and its holder counts from before it was written. Whoever sees it for the first
time has no such knowledge: it goes by the wall clock, and then only when it is over by far more
than clocks differ. A wrong clock may still take a lease away from somebody living. Nothing is
doubled by that: the holder finds it gone when it confirms it, and the fence refuses an apply that
somebody else was faster with.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from reconciler.core.canonical import LARGEST, NotCanonical, canonical, digest, read_canonical
from reconciler.core.records.words import line
from reconciler.model.base import NAME_MAX, NAME_PATTERN
from reconciler.model.lease import END, Lease

SKEW: Final = timedelta(minutes=15)
"""Clocks of machines that share environments differ by less."""
LONGEST: Final = timedelta(hours=1)
"""No lease lasts longer without its holder saying so again: anybody who may push could write one
that lasts for ever."""
_VERSION: Final = "reconciler.lease/v1"
_SAID: Final = 300
_TICK: Final = timedelta(microseconds=1)
_NAME: Final = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody wants to have."""

    environment: str
    holder: str
    reason: str
    fence_after: int
    """How many records there are."""
    lasts: timedelta


def environment_named(name: str) -> bool:
    """Whether an environment can have this name: no other becomes a part of a ref."""
    return len(name) <= NAME_MAX and _NAME.fullmatch(name) is not None


def over(there: Lease, now: datetime, stood: timedelta, *, gone: bool) -> bool:
    """Whether a lease is nobody's any more.

    `stood`: for how long it has been seen to stand still; `gone`: its holder is known to have died.
    """
    promised = min(there.expires - there.beat, LONGEST)
    return gone or stood > promised or now - SKEW > there.expires


def free(there: Lease | None, holder: str, now: datetime, stood: timedelta, *, gone: bool) -> bool:
    """Whether it can be had. One of our own is ours: only the answer to its writing was lost."""
    ours = there is None or there.holder == line(holder, _SAID)
    return ours or (there is not None and over(there, now, stood, gone=gone))


def taken(there: Lease | None, claim: Claim, now: datetime) -> Lease:
    """The lease as it is to be written over what stands there."""
    fence = max(claim.fence_after, there.fence) if there is not None else claim.fence_after
    holder, reason = line(claim.holder, _SAID), line(claim.reason, _SAID)
    ends = now + min(claim.lasts, LONGEST)
    return Lease(claim.environment, holder, reason, now, now, ends, fence)


def renewed(mine: Lease, now: datetime) -> Lease:
    """The same for as long again. It always moves, also when a clock was set back."""
    beat = max(now, mine.beat + _TICK)
    return replace(mine, beat=beat, expires=beat + (mine.expires - mine.beat))


def same(there: Lease | None, mine: Lease) -> bool:
    """Whether it is the very taking that is ours, however often it was renewed."""
    return there is not None and (there.holder, there.fence, there.since) == (
        mine.holder,
        mine.fence,
        mine.since,
    )


def mark(lease: Lease) -> str:
    """Another one whenever it moved."""
    return digest(lease_bytes(lease))


def lease_bytes(lease: Lease) -> bytes:
    """As it is kept."""
    return canonical(
        {
            "version": _VERSION,
            "environment": lease.environment,
            "holder": lease.holder,
            "reason": lease.reason,
            "since": _written(lease.since),
            "beat": _written(lease.beat),
            "expires": _written(lease.expires),
            "fence": lease.fence,
        }
    )


def read_lease(environment: str, data: bytes, where: str) -> Lease:
    """What stands at a place. What cannot be read is held by somebody, until it stands still."""
    try:
        found: Any = read_canonical(data)
        if found["version"] != _VERSION or found["environment"] != environment:
            return unreadable(environment, where)
        times = [_read(found[key]) for key in ("since", "beat", "expires")]
        fence = found["fence"]
        if type(fence) is not int or not 0 <= fence <= LARGEST:
            return unreadable(environment, where)
        said = [line(str(found[key]), _SAID) for key in ("holder", "reason")]
    except (NotCanonical, KeyError, TypeError, ValueError, OverflowError):
        return unreadable(environment, where)
    return Lease(environment, said[0], said[1], times[0], times[1], times[2], fence)


def unreadable(environment: str, where: str) -> Lease:
    """One of which nothing is known but that it is there: a newer program may have written it."""
    holder = f"somebody ({where[:12]} cannot be read)"
    return Lease(environment, holder, "", END - LONGEST, END - LONGEST, END, 0)


def _written(when: datetime) -> str:
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _read(text: Any) -> datetime:
    if type(text) is not str or not text.endswith("Z"):
        msg = "it is no instant"
        raise ValueError(msg)
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
