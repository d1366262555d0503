"""Story: everything there is to say about one finding."""

from dataclasses import dataclass

from reconciler.model.decision import Decision, Judged
from reconciler.model.policy import Rule


@dataclass(frozen=True, slots=True)
class Story:
    """A finding, what it does to its decision and why, and the lines that it is about."""

    decision: Decision
    judged: Judged
    why_level: str
    """Where the level comes from."""
    lines: tuple[tuple[int, str], ...]
    """Numbered lines of the file around the place."""
    rule: Rule | None
    """What METADATA says, for a rule of ours."""
    waiver: str
    """A document that would except it; empty where nothing can."""
