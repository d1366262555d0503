"""Where leases are kept in tests: real repositories, and a real server over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.adapters.lease_refs import LeaseRefs
from reconciler.adapters.memory import FileMemory
from reconciler.adapters.processes import name_of_process
from reconciler.model.author import Author
from reconciler.model.lease import Lease
from tests.records.chains import clone, git
from tests.records.git_server import Server, serving
from tests.repos import GitRepo

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
LASTS = timedelta(seconds=90)
ME = Author("ada@example.com", "Ada Berg")
ELSEWHERE = "controller on far-away, process 7 [0123456789ab-01234567-89abcdef]"
ROOT = "refs/reconciler/leases/"
KINDS = ("here", "path", "file", "http")


@dataclass
class Place:
    """A repository whose leases are shared, and clones that share them."""

    folder: Path
    kind: str
    shared: Path
    server: Server | None = None

    def machine(self, name: str) -> LeaseRefs:
        """The leases, as a machine with a clone of its own has them."""
        home, remote = self.shared, ""
        if self.kind != "here":
            home, remote = self.folder / name, "origin"
            if not home.exists():
                clone(home, self.url)
        known = self.folder / "known" / name
        return LeaseRefs(home, remote, None, ME, lambda one: FileMemory(known / one))

    @property
    def url(self) -> str:
        if self.server is not None:
            return self.server.url()
        return f"file://{self.shared}" if self.kind == "file" else str(self.shared)

    def refs(self) -> dict[str, str]:
        """What is there, by git's own word."""
        lines = git(self.shared, "for-each-ref", "--format=%(refname) %(objectname)", ROOT)
        return {name.removeprefix(ROOT): oid for name, oid in map(str.split, lines.splitlines())}

    def seen_long_ago(self, name: str, environment: str, ago: timedelta) -> None:
        """As if a machine had seen a lease so much earlier."""
        file = self.folder / "known" / name / environment
        boot, since, mark = file.read_text().split()
        file.write_text(f"{boot} {max(int(since) - int(ago.total_seconds()), 0)} {mark}\n")


@contextmanager
def place(folder: Path, kind: str) -> Iterator[Place]:
    if kind == "http":
        with serving(folder / "served") as server:
            yield Place(folder, kind, server.root / "r.git", server)
        return
    GitRepo.make(folder / "r.git")
    yield Place(folder, kind, folder / "r.git")


def lease(environment: str = "box-one", holder: str = ELSEWHERE, *, fence: int = 4) -> Lease:
    return Lease(environment, holder, "apply", NOW, NOW, NOW + LASTS, fence)


def me() -> str:
    return name_of_process("a test")
