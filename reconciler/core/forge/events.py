"""Event -> bytes and words; bytes -> event, strictly. Whatever is read may be hostile."""

from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from reconciler.core.canonical import NotCanonical, canonical, plain, read_canonical
from reconciler.core.git_objects import Who
from reconciler.core.records.words import line
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.base import format_timestamp
from reconciler.model.forge_event import VERSION, Body, Event

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of an event: nobody writes a larger one."""
_SUBJECT: Final = 100
_SHORT: Final = 12


class NotAnEvent(ValueError):  # noqa: N818  # a state of what was read, told in words
    """It is no event that this program knows."""


def event_of(number: int, by: Person, at: datetime, body: Body) -> Event:
    """What somebody does now; NotAnEvent when it is too long or not of that form."""
    fields = {
        "schema": VERSION,
        "number": number,
        "at": format_timestamp(at),
        "by": {"name": by.name, "email": by.email},
        "body": body.model_dump(mode="json", exclude_none=True),
    }
    return _event(plain(fields))


def event_bytes(event: Event) -> bytes:
    """As it is kept."""
    return canonical(event.model_dump(mode="json", exclude_none=True))


def read_event(data: bytes) -> Event:
    """The event; NotAnEvent says why it is none."""
    if len(data) > LARGEST:
        msg = f"it is too large: {len(data)} bytes"
        raise NotAnEvent(msg)
    try:
        value = read_canonical(data)
    except NotCanonical as err:
        raise NotAnEvent(str(err)) from err
    return _event(value)


def _event(value: Any) -> Event:
    try:
        event = Event.model_validate(value)
    except ValidationError as err:
        first = err.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        msg = line(f"{place}: {first['msg']}", 200)
        raise NotAnEvent(msg) from None
    instant(event)
    return event


def instant(event: Event) -> datetime:
    """When, by the clock of whoever did it; NotAnEvent when no calendar has that day."""
    try:
        return datetime.fromisoformat(event.at).astimezone(UTC)
    except ValueError as err:
        msg = f"{event.at} is no time"
        raise NotAnEvent(msg) from err


def person(by: kinds.By) -> Person:
    """Without a forge's id: nobody here could have checked one."""
    return Person(by.name, by.email)


def who(event: Event) -> Who:
    """The commit's author."""
    return Who(event.by.name, event.by.email, int(instant(event).timestamp()))


def message(event: Event) -> str:
    """The commit's message: what a person reads in `git log`."""
    body = event.body
    trailers = [("Merge-Request", str(event.number)), ("Event", body.kind), *_facts(body)]
    said = "\n".join(f"{key}: {line(value, 300)}" for key, value in trailers if value)
    return f"{line(f'!{event.number}: {_subject(body)}', _SUBJECT)}\n\n{said}\n"


def _subject(body: Body) -> str:
    match body:
        case kinds.Opened():
            return f"open: {body.title}"
        case kinds.Edited():
            what = ("title", body.title), ("description", body.description), ("target", body.target)
            return f"edit {', '.join(name for name, value in what if value is not None)}"
        case kinds.Merged():
            return f"merged by {body.commit[:_SHORT]}"
        case kinds.Approved():
            return f"approve {body.head[:_SHORT]}"
        case kinds.Unapproved():
            return "agree no more"
        case kinds.Said():
            return f"say: {body.text}"
        case kinds.Rewritten():
            return f"rewrite note {body.note[:_SHORT]}"
        case kinds.Settled():
            return f"{'settle' if body.resolved else 'open'} thread {body.thread[:_SHORT]}"
        case kinds.Labelled():
            return "labels " + " ".join(
                [f"+{one}" for one in body.add] + [f"-{one}" for one in body.remove]
            )
        case kinds.Invited():
            return f"ask {', '.join(one.name for one in body.people)}"
        case kinds.Shown():
            return f"{body.name}: {body.state}"
        case _:
            return {"closed": "close", "reopened": "reopen"}[body.kind]


def _facts(body: Body) -> list[tuple[str, str]]:
    match body:
        case kinds.Opened():
            return [("Source", body.source), ("Target", body.target), ("Head", body.head)]
        case kinds.Merged():
            return [("Head", body.head), ("Commit", body.commit)]
        case kinds.Approved():
            plans = [("Plan", f"{one.environment} {one.digest}") for one in body.plans]
            return [("Head", body.head), ("Policies", body.policies), *plans]
        case _:
            return []
