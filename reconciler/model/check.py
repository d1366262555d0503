"""CheckReport: what one check found, as one value from which every report is made."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.affected import Affected
from reconciler.model.decision import STRICTNESS, Decision, Judged, Verdict


@dataclass(frozen=True, slots=True, order=True)
class Impact:
    """What changed rules would do to one environment that is there already."""

    environment: str
    before: Verdict
    """By the gates that look at what is rendered, under the rules of the target branch."""
    after: Verdict
    """The same, under the rules as the change would have them."""
    newly_failing: tuple[Judged, ...]
    newly_passing: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class ImpactPreview:
    """Every environment under the old rules and under the new ones."""

    looked_at: int
    differing: tuple[Impact, ...]
    """With those of which the new rules could not say anything."""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The decisions of one check, by environment, and what made them."""

    base: str
    head: str
    now: datetime
    decisions: tuple[Decision, ...]
    """The one without an environment is about the change itself."""
    engines: tuple[tuple[str, str], ...]
    """Gate -> what answered, with its version."""
    touched: tuple[Affected, ...] = ()
    """The environments that are decided about, and what the change does to each."""
    impact: ImpactPreview | None = None
    """None: the change leaves the rules alone."""
    notes: tuple[str, ...] = ()
    """What was looked at in a lesser way, or not at all."""
    due: datetime | None = None
    """When it is another one because time has passed; None: it is not, or nobody can tell."""

    @property
    def changing(self) -> bool:
        """Whether a change was checked, and not everything as it is."""
        return self.base != self.head

    def subject(self, decision: Decision) -> str:
        """What a decision is about: an environment, the change itself, or the repository."""
        return decision.subject if decision.environment or self.changing else "the repository"

    @property
    def verdict(self) -> Verdict:
        """The strictest of all; ALLOW when nothing is touched."""
        return max(
            (one.verdict for one in self.decisions), key=STRICTNESS.index, default=Verdict.ALLOW
        )

    @property
    def worst_first(self) -> tuple[Decision, ...]:
        """The decisions, strictest first, then by name."""
        return tuple(
            sorted(
                self.decisions,
                key=lambda one: (-STRICTNESS.index(one.verdict), one.environment),
            )
        )

    def judged(self) -> tuple[tuple[str, Judged], ...]:
        """Every finding once, with the environments that it stands against."""
        found: dict[tuple[str, str, str, int], tuple[list[str], Judged]] = {}
        for decision in self.decisions:
            for one in decision.findings:
                finding = one.finding
                key = (
                    finding.rule,
                    finding.fingerprint or finding.message,
                    f"{finding.environment}:{finding.location.path}",
                    finding.location.line,
                )
                found.setdefault(key, ([], one))[0].append(self.subject(decision))
        return tuple((", ".join(names), one) for _, (names, one) in sorted(found.items()))
