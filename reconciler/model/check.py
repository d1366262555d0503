"""CheckReport: what one check found, as one value from which every report is made."""

from dataclasses import dataclass
from datetime import datetime

from reconciler.model.decision import STRICTNESS, Decision, Judged, Verdict


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The decisions of one check, by environment, and what made them."""

    base: str
    head: str
    now: datetime
    decisions: tuple[Decision, ...]
    engines: tuple[tuple[str, str], ...]
    """Gate -> what answered, with its version."""

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
                found.setdefault(key, ([], one))[0].append(decision.environment)
        return tuple((", ".join(names), one) for _, (names, one) in sorted(found.items()))
