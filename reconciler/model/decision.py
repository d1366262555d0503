"""Decision: the one true verdict for one environment, with everything that it rests on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from reconciler.model.approval import Approval, Disregarded
from reconciler.model.base import GateLevel, Risk
from reconciler.model.finding import Finding, Gate


class Verdict(StrEnum):
    """What may happen. Only ALLOW ever applies by itself."""

    ALLOW = "ALLOW"
    NEEDS_APPROVAL = "NEEDS_APPROVAL"
    INDETERMINATE = "INDETERMINATE"
    DENY = "DENY"


THE_CHANGE: Final = "the change itself"
"""What a decision without an environment is about."""
STRICTNESS = (Verdict.ALLOW, Verdict.NEEDS_APPROVAL, Verdict.INDETERMINATE, Verdict.DENY)
"""From loosest to strictest; the strictest reason decides."""


@dataclass(frozen=True, slots=True)
class GateRun:
    """What one gate came to: its findings, or why it could not say."""

    gate: Gate
    findings: tuple[Finding, ...] = ()
    failure: str = ""
    """Not empty: the gate could not run, and nothing is known."""
    hint: str = ""
    digest: str = ""
    """Of the tool, its rules and what it looked at."""


@dataclass(frozen=True, slots=True, order=True)
class Silence:
    """A gate of which nothing is known, and what to do about it."""

    gate: Gate
    why: str
    """Empty: it did not run at all."""
    hint: str = ""

    @property
    def reason(self) -> str:
        """In one sentence."""
        if not self.why:
            return f"the gate {self.gate} did not run"
        hint = f" ({self.hint})" if self.hint else ""
        return f"the gate {self.gate} could not say: {self.why}{hint}"


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """A finding with its level, and the waiver that excepts it."""

    finding: Finding
    level: GateLevel
    waived_by: str = ""


@dataclass(frozen=True, slots=True, order=True)
class ApprovalNeed:
    """Whose agreement is wanted, how often and why. No teams: the owner's team."""

    count: int
    teams: tuple[str, ...]
    humans_only: bool
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """ALLOW, NEEDS_APPROVAL, INDETERMINATE or DENY, with the digests of all inputs."""

    environment: str
    verdict: Verdict
    risk: Risk
    findings: tuple[Judged, ...]
    approvals: tuple[ApprovalNeed, ...]
    """All that are wanted, whether they are there or not."""
    reasons: tuple[str, ...]
    inputs: tuple[tuple[str, str], ...]
    now: datetime
    silent: tuple[Silence, ...] = ()
    """The gates that were wanted and could not say; each is one of the reasons, too."""
    missing: tuple[ApprovalNeed, ...] = ()
    """Of the wanted approvals those that are not there yet: how many more, and of whom."""
    agreed: tuple[Approval, ...] = ()
    """Those that count."""
    disregarded: tuple[Disregarded, ...] = ()
    """Those that do not."""

    @property
    def subject(self) -> str:
        """What it is about: an environment, or the change itself."""
        return self.environment or THE_CHANGE
