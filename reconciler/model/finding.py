"""Finding: one thing that a gate has to say."""

from dataclasses import dataclass
from typing import Literal

from reconciler.model.base import Category

Severity = Literal["critical", "high", "medium", "low"]
Gate = Literal["documents", "authority", "secrets", "policy", "checkov"]


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """Where: a path, a line from 1 (0 = the file as a whole), and for history the commit.

    The path is one of the repository, or one below an environment's rendered files.
    """

    path: str
    line: int = 0
    commit: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong, how bad it is, where, and what to do. Its level comes from the profile."""

    gate: Gate
    rule: str
    title: str
    severity: Severity
    category: Category
    environment: str
    """Empty: the repository as a whole."""
    message: str
    location: Location
    fix: str
    link: str = ""
    resource: str = ""
    """The Terraform address, where there is one."""
    fingerprint: str = ""
    """Stays the same when lines move."""

    @property
    def rendered(self) -> bool:
        """Whether the place is one in the environment's rendered files, and not in a document."""
        own = self.gate in ("policy", "checkov")
        return own and not self.location.path.startswith("environments/")
