"""The documents that orders come to, and how they are called. Pure: values in, text out.

A name follows from what ordered it, a note or a command: whoever does it twice writes the same
file.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.core.compose import scalar
from reconciler.core.fingerprint import fingerprint
from reconciler.model.base import NAME_MAX, format_timestamp
from reconciler.model.freeze import Scope
from reconciler.model.waiver import Subject

WAIVERS: Final = "policies/waivers/"
FREEZES: Final = "policies/freezes/"
_MARK: Final = 5
_ODD: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asked for a document, and where."""

    number: int
    """The merge request; 0: none, a command asked."""
    note: str
    """The note's id, or whatever tells the command from any other."""
    name: str
    """Who, as the documents call them."""
    team: str


def name_of(asked: Asked, about: str) -> str:
    """A document's name: where it was asked for, what it is about, and a mark of the asking."""
    first = f"mr{asked.number}" if asked.number else "by-hand"
    last = f"-{fingerprint(asked.note, about)[:_MARK]}"
    middle = _ODD.sub("-", about.lower()).strip("-")[: NAME_MAX - len(first) - len(last) - 1]
    return f"{first}-{middle}".rstrip("-") + last


def waiver(asked: Asked, rule: str, subject: Subject, because: str, until: datetime) -> str:
    """A waiver for what a merge request is stopped by."""
    fields = {
        "environments": subject.environments,
        "fingerprints": subject.fingerprints,
    }
    lines = [f"    {key}: {scalar(value)}" for key, value in fields.items() if value]
    return "\n".join(
        [
            *_head("Waiver", name_of(asked, rule), asked),
            f"  rule: {scalar(rule)}",
            "  subject:",
            *lines,
            f"  reason: {scalar(because)}",
            f"  expires: {format_timestamp(until)}",
            "",
        ]
    )


def freeze(
    asked: Asked, scope: Scope, because: str, since: datetime, expires: datetime | None
) -> str:
    """A freeze of one scope."""
    kind, subject = parts(scope)
    return "\n".join(
        [
            *_head("Freeze", name_of(asked, subject or kind), asked),
            f"  scope: {{{kind}: {scalar(subject) if subject else 'true'}}}",
            f"  reason: {scalar(because)}",
            f"  since: {format_timestamp(since)}",
            *([f"  expires: {format_timestamp(expires)}"] if expires else []),
            "",
        ]
    )


def parts(scope: Scope) -> tuple[str, str]:
    """A scope in two words: its kind, and its name (empty for everything)."""
    if scope.track is not None:
        return "track", scope.track
    if scope.environment is not None:
        return "environment", scope.environment
    if scope.agent is not None:
        return "agent", scope.agent
    return "everything", ""


def _head(kind: str, name: str, asked: Asked) -> list[str]:
    where = f"on merge request {asked.number}" if asked.number else "by a command"
    about = f"Asked for by {asked.name} {where}"
    return [
        "apiVersion: reconciler/v1",
        f"kind: {kind}",
        "metadata:",
        f"  name: {name}",
        f"  owner: {scalar(asked.team)}",
        f"  description: {scalar(about)}",
        "spec:",
    ]
