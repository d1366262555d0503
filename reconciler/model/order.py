"""Orders: what somebody writes in a note for us to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.model.freeze import Scope

WORD: Final = "/reconciler"

Verb = Literal["check", "explain", "retry", "override", "freeze", "unfreeze"]
VERBS: Final[tuple[Verb, ...]] = ("check", "explain", "retry", "override", "freeze", "unfreeze")
POWERS: Final = frozenset({"override", "freeze", "unfreeze"})
"""What changes what may happen."""

FORMS: Final = {
    "check": "check",
    "explain": "explain RULE, or the beginning of a FINGERPRINT",
    "retry": "retry",
    "override": "override RULE until 2026-12-31 because REASON",
    "freeze": "freeze [everything | track NAME | environment NAME | agent NAME]"
    " [for 2h] [because REASON]",
    "unfreeze": "unfreeze [everything | track NAME | environment NAME | agent NAME]"
    " [because REASON]",
}


@dataclass(frozen=True, slots=True)
class Order:
    """One order, as it was written."""

    verb: Verb
    line: str
    mark: str = ""
    """The rule, or the beginning of a fingerprint."""
    scope: Scope | None = None
    """What stands still; None: what the merge request touches."""
    until: datetime | None = None
    lasting: timedelta | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Misread:
    """A line that begins as an order does and is none."""

    line: str
    why: str
