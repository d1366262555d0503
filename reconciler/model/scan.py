"""What a scanner is asked, and what it answers."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from reconciler.model.finding import Finding
from reconciler.model.rendered import RenderedFile

Framework = Literal["terraform", "terraform_plan", "gitlab_ci"]


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """Files to look at, all of one kind and of one environment."""

    framework: Framework
    environment: str
    files: tuple[RenderedFile, ...]

    @property
    def digest(self) -> str:
        """sha256 over the kind, the paths and the contents."""
        state = hashlib.sha256(self.framework.encode() + b"\n")
        for file in sorted(self.files, key=lambda one: one.path):
            path = file.path.encode("utf-8", "surrogatepass")
            state.update(b"%d %d\n" % (len(path), len(file.content)))
            state.update(path)
            state.update(file.content)
        return state.hexdigest()


@dataclass(frozen=True, slots=True, order=True)
class Skip:
    """A comment that asks the scanner to skip a check. It is told, and not obeyed."""

    path: str
    line: int
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a scanner found."""

    findings: tuple[Finding, ...] = ()
    skips: tuple[Skip, ...] = ()
    passed: frozenset[tuple[str, str]] = frozenset()
    """Rule and resource of each check that passed."""


@dataclass(frozen=True, slots=True)
class ScanFailed:
    """There is no verdict; whoever asked for one treats that as INDETERMINATE."""

    reason: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that we run in an environment of its own."""

    name: str
    version: str
    installed: bool
    folder: str
    packages: int
    digest: str
    """Of the lock file that names all its packages."""
