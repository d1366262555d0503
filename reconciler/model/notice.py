"""Notice: what somebody is to hear of, once."""

from dataclasses import dataclass

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
    link: str = ""
    """Where a person looks at it."""
