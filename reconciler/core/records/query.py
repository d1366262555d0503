"""Which records somebody asks for."""

from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.model.base import parse_duration, parse_end, parse_start
from reconciler.model.record import Record


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record must be like; what is empty asks for nothing."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    """A part of a name or an address, or a whole forge id."""
    kinds: frozenset[str] = frozenset()
    agent: str = ""
    """An agent's name."""


def moment(text: str, now: datetime, *, end: bool = False) -> datetime:
    """A day, an instant, or how long ago; ValueError says what is expected."""
    try:
        ago = parse_duration(text)
    except ValueError:
        pass
    else:
        try:
            return now - ago
        except OverflowError:
            msg = f"{text} ago there was no calendar"
            raise ValueError(msg) from None
    try:
        return parse_end(text) if end else parse_start(text)
    except ValueError:
        msg = "expected a day (2026-12-31), an instant (2026-12-31T18:00:00Z) or a duration (7d)"
        raise ValueError(msg) from None


def instant(value: datetime) -> str:
    """As records write it. Compared as text: the form allows days that no calendar has."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def older(record: Record, since: datetime | None) -> bool:
    """Whether it lies before."""
    return since is not None and record.at < instant(since)


def wants(wanted: Wanted, record: Record) -> bool:
    """Whether the record is one of those."""
    actor = record.actor
    return (
        not older(record, wanted.since)
        and (wanted.until is None or record.at <= instant(wanted.until))
        and (not wanted.kinds or record.body.kind in wanted.kinds)
        and (not wanted.agent or (actor.agent or "").lower() == wanted.agent.lower())
        and (not wanted.actor or _is(wanted.actor.lower(), record))
    )


def _is(text: str, record: Record) -> bool:
    actor = record.actor
    words = (actor.name, actor.email, actor.agent or "")
    return str(actor.forge_id) == text or any(text in one.lower() for one in words)
