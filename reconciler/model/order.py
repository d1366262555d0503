"""Orders: what somebody writes in a note for us to do."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from reconciler.model.freeze import Scope

WORD: Final = "/reconciler"

Verb = Literal["check", "explain", "retry", "override", "freeze", "unfreeze", "approve"]
VERBS: Final[tuple[Verb, ...]] = (
    "check",
    "explain",
    "retry",
    "override",
    "freeze",
    "unfreeze",
    "approve",
)
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
    "approve": "approve ENVIRONMENT at COMMIT plan DIGEST policies DIGEST, once it is merged",
}


@dataclass(frozen=True, slots=True)
class Agrees:
    """What an order agrees to, whole: nothing of it is told by when it was said."""

    environment: str
    head: str
    """The last commit of the merge request."""
    plan: str
    policies: str

    @property
    def words(self) -> str:
        """The line that orders it."""
        at = f"at {self.head} plan {self.plan} policies {self.policies}"
        return f"{WORD} approve {self.environment} {at}"


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
    agrees: Agrees | None = None


@dataclass(frozen=True, slots=True)
class Misread:
    """A line that begins as an order does and is none."""

    line: str
    why: str
