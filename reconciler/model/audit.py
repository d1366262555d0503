"""What an audit tells: records that were read, and answers that were made from them."""

from dataclasses import dataclass
from typing import Any

from reconciler.model.record import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it was read."""

    commit: str
    digest: str
    """Of its document."""
    record: Record
    subject: str
    """What happened, in a few words."""


@dataclass(frozen=True, slots=True)
class Break:
    """Where reading ended too early: what lies behind it is not known."""

    commit: str
    why: str


@dataclass(frozen=True, slots=True)
class Log:
    """Records, newest first."""

    branch: str
    there: bool
    """Whether the branch is there at all."""
    environment: str
    """Empty: every one."""
    entries: tuple[Entry, ...]
    more: bool
    """Whether older ones that were asked for are left out."""
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Related:
    """Another record that this one rests on, or that rests on this one."""

    earlier: bool
    entry: Entry


@dataclass(frozen=True, slots=True)
class RecordView:
    """Everything about one record."""

    branch: str
    entry: Entry
    document: dict[str, Any]
    """As it is kept."""
    story: tuple[str, ...]
    """The sentences of its commit's message."""
    related: tuple[Related, ...]
    last: int
    """The number of the newest record."""
