"""When an environment comes to its end, and what is to be done before. Pure.

An end is announced, and never comes sooner than announced: who was away, whose clock jumped, or who
never heard of it, has the time that the profile gives, counted from the announcement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from reconciler.model.base import format_timestamp, parse_start
from reconciler.model.environment import Environment
from reconciler.model.profile import Profile

Step = Literal["", "warn", "end"]
DAY: Final = timedelta(days=1)
_TENTH: Final = 10


@dataclass(frozen=True, slots=True)
class Life:
    """An environment that does not live for ever."""

    name: str
    begins: datetime
    """Its first apply."""
    lives: timedelta
    warn: timedelta
    """How long before its end it is announced."""
    announced: datetime | None = None
    """Which end was announced; None: none, or one that was put off since."""

    @property
    def ends(self) -> datetime:
        """By its document and its profile."""
        return self.begins + self.lives

    @property
    def told(self) -> bool:
        """Whether its present end was announced."""
        return self.announced is not None and self.announced >= self.ends


def step(life: Life, now: datetime) -> Step:
    """What is to be done with it now."""
    return ("end" if life.told else "warn") if now >= due(life) else ""


def due(life: Life) -> datetime:
    """When the next thing is to be done with it."""
    told = life.announced if life.told else None
    return told if told is not None else life.ends - life.warn


def to_announce(life: Life, now: datetime) -> datetime:
    """The end that is announced now: as much later as the announcement is."""
    return max(life.ends, now + life.warn)


def lives_for(document: Environment, profile: Profile) -> timedelta | None:
    """How long; None: for ever."""
    ttl = profile.spec.ttl
    return None if ttl is None else document.spec.ttl or ttl.default


def life_of(document: Environment, profile: Profile, status: Mapping[str, Any]) -> Life | None:
    """By its documents and its records; None: it lives for ever, or was never applied."""
    lives = lives_for(document, profile)
    applied = _part(status, "applied")
    if lives is None or profile.spec.ttl is None or not applied:
        return None
    begins = instant_of(applied.get("since", applied.get("at")))
    if begins is None:
        return None
    known = _part(status, "expiry")
    told = known.get("step") in ("warned", "kept", "ended")
    announced = instant_of(known.get("expires")) if told else None
    warn = profile.spec.ttl.warn_before or min(DAY, lives / _TENTH)
    return Life(document.metadata.name, begins, lives, warn, announced)


def ended_by(status: Mapping[str, Any]) -> int | None:
    """The record that says that its end has come, while it is there; None: none does.

    What was applied anew since then has an end of its own.
    """
    known, applied, last = (_part(status, one) for one in ("expiry", "applied", "lastApply"))
    number = known.get("record")
    if known.get("step") != "ended" or not isinstance(number, int):
        return None
    done = (last.get("action"), last.get("result")) == ("destroy", "done")
    later = last.get("record")
    if done and isinstance(later, int) and later > number:
        return None
    since = str(applied.get("since", applied.get("at", "")))
    return number if since <= str(known.get("at", "")) else None


def expiry_body(expires: datetime, what: str, because: str = "") -> dict[str, Any]:
    """A step of it, for a record."""
    return {
        "kind": "expiry",
        "expires": format_timestamp(expires),
        "step": what,
        "mergeRequest": "",
        "because": because,
    }


def _part(status: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = status.get(key)
    return found if isinstance(found, Mapping) else {}


def instant_of(value: object) -> datetime | None:
    """A time in a status; None: there is none."""
    try:
        return parse_start(value)
    except ValueError:
        return None
