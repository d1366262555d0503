"""The samples in a project of a fake GitLab, and a clone in which somebody works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.app.review import Room, review_all
from reconciler.cli.reviewing import room_of
from reconciler.model.review import Outcome
from reconciler.wiring import Ports
from tests.forge.gitlab_forges import GitLabForges, gitlab_forges
from tests.repos import Files

_LOCAL = "  forge:\n    kind: local\n"
_GITLAB = """\
  forge:
    kind: gitlab
    url: {url}
    project: {project}
    webhookSecretFrom: HOOK_SECRET
"""


def cloned(origin: Path, work: Path) -> None:
    """As `git clone` does it."""
    git = ["git", "-c", "protocol.file.allow=always"]
    subprocess.run([*git, "clone", "-q", str(origin), str(work)], check=True)


@contextmanager
def samples_at_gitlab(folder: Path, files: Files, work: Path) -> Iterator[GitLabForges]:
    """What lies on `main`, with settings that name the fake."""
    with gitlab_forges(folder) as made:
        settings = _GITLAB.format(url=made.lab.url, project=made.lab.project.path)
        text = files["reconciler.yaml"].replace(_LOCAL, settings)
        assert text != files["reconciler.yaml"]
        made.push("main", {**files, "reconciler.yaml": text})
        cloned(made.lab.git.path, work)
        yield made


@dataclass(frozen=True)
class Watcher:
    """Looks again and again, as `mr watch` does: each round has rules of its own."""

    ports: Ports
    work: Path

    def room(self) -> Room:
        return room_of(self.ports, self.work, plan=False, sandbox=False, post=True)

    def settled(self) -> None:
        """Everything was looked at, and nothing was to be said."""
        room, memory = self.room(), self.ports.reviewed(self.work)
        for one in room.forge.open_ones("main"):
            memory(one.number).put(room.word(one))

    def look_all(self) -> list[Outcome]:
        return list(review_all(self.room(), self.ports.reviewed(self.work)))


def reads(forges: GitLabForges) -> list[str]:
    """What was read since the last look at this, beyond the listing's pages."""
    asked = [(method, path.partition("/projects/")[2]) for method, path in forges.lab.asked]
    forges.lab.asked.clear()
    listing = forges.lab.project.path.replace("/", "%2F") + "/merge_requests?"
    return [path for method, path in asked if method == "GET" and not path.startswith(listing)]
