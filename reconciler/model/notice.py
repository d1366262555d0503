"""Notice: what somebody is to hear of, once."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.settings import Event


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that happened, in words that hold no secret."""

    event: Event
    key: str
    """The same thing has the same; nobody hears of it twice."""
    title: str
    """One line."""
    text: str = ""
    """What, where, why, and what to do next."""
    environment: str = ""
    """Empty: more than one."""
    track: str = ""
    """Empty: of more than one, or of none."""
    owner: str = ""
    """The team that answers for it; empty: more than one, or nobody knows."""
    at: str = ""
    """When, as the record says."""
    link: str = ""
    """Where a person looks at it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice on its way to one target."""

    rule: str
    """The rule of the settings that wants it told."""
    notice: Notice
    written: datetime
    due: datetime
    """Not before."""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Letters about records that were claimed together: all are ours to send, or none is."""

    id: str
    until: str
    """The last of these records."""
    ours: bool
    """False: it is not known yet whether somebody else was faster."""
    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """How far everybody has told, and who told last."""

    place: str = ""
    """Where the ref is; empty: nowhere."""
    until: str = ""
    """The last record of which somebody tells."""
    batches: tuple[str, ...] = ()
    """The last batches, the newest last."""
