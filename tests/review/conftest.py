"""A repository with merge requests, and the program that looks at them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.review import Room, review, review_all
from reconciler.cli.reviewing import room_of
from reconciler.model.approval import Person
from reconciler.model.review import Outcome
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Forge
from reconciler.settings import ProcessSettings
from tests.check.project import ADA, INES, Project, Warm, base_files, warm
from tests.repos import Files, GitRepo
from tests.review.memory_forge import INES as INES_AT_FORGE
from tests.review.memory_forge import MemoryForge


@dataclass(frozen=True)
class Served(Warm):
    """The program's own ports, with a forge of ours."""

    ours: MemoryForge | None = None

    def forge(self, repo: Path, spec: SettingsSpec) -> Forge:
        del repo, spec
        assert self.ours is not None
        return self.ours


@dataclass
class Desk:
    """One repository with a forge, and somebody who looks at what is open."""

    project: Project
    forge: MemoryForge
    files: Files
    base: str
    ports: Served = field(repr=False)

    def branch(self, name: str, commit: str) -> None:
        self.project.repo.repository.references.create(
            f"refs/heads/{name}", pygit2.Oid(hex=commit), force=True
        )

    def push(
        self, name: str, files: Mapping[str, str], author: pygit2.Signature = INES, on: str = ""
    ) -> str:
        """One commit on top of the target branch, on a branch."""
        commit = self.project.commit(files, on or self.base, author)
        self.branch(name, commit)
        return commit

    def open(
        self, name: str, files: Mapping[str, str], author: pygit2.Signature = INES,
        by: Person = INES_AT_FORGE, **more: object,
    ) -> int:  # fmt: skip
        self.push(name, files, author)
        return self.forge.propose(name, by, **more)  # type: ignore[arg-type]  # as the test says

    def moved(self, files: Mapping[str, str], author: pygit2.Signature = INES) -> None:
        """The target branch goes on."""
        self.base = self.project.commit(files, self.base, author)
        self.branch("main", self.base)
        self.files = dict(files)

    def room(self, **changes: object) -> Room:
        made = room_of(self.ports, self.project.repo.path, plan=False, sandbox=False, post=True)
        return replace(made, **changes) if changes else made  # type: ignore[arg-type]  # "

    def look(self, number: int, **changes: object) -> Outcome:
        return review(self.room(**changes), number)

    def look_all(self, **changes: object) -> list[Outcome]:
        return list(review_all(self.room(**changes), self.ports.reviewed(self.project.repo.path)))


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    found = EmbeddedEngine(10, 1)
    yield found
    found.close()


@pytest.fixture(scope="session")
def warmed(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Warm:
    return warm(tmp_path_factory.mktemp("kept"), engine)


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory, warmed: Warm) -> Project:
    """The samples on `main`; each test has a copy."""
    project = Project.make(tmp_path_factory.mktemp("origin") / "repo.git", warmed)
    commit = project.commit(base_files())
    project.repo.repository.references.create("refs/heads/main", pygit2.Oid(hex=commit))
    return project


@pytest.fixture
def desk(origin: Project, warmed: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("RECONCILER_LOCK_SECONDS", "0")
    monkeypatch.delenv("CI_JOB_URL", raising=False)
    path = tmp_path / "repo.git"
    shutil.copytree(origin.repo.path, path)
    repository = pygit2.Repository(str(path))

    def head(branch: str) -> str:
        try:
            return str(repository.references[f"refs/heads/{branch}"].target)
        except KeyError:
            return ""

    def brings(target: str, commit: str) -> str:
        onto = head(target)
        tree = repository.merge_commits(onto, commit).write_tree(repository)
        name = f"refs/heads/{target}"
        parents: list[str | pygit2.Oid] = [pygit2.Oid(hex=onto), pygit2.Oid(hex=commit)]
        return str(repository.create_commit(name, ADA, ADA, "Merge", tree, parents))

    forge = MemoryForge(head, brings)
    ports = Served(ProcessSettings(), warmed.kept, warmed.workers, warmed.engine, forge)
    project = Project(GitRepo(path, repository), ports)
    return Desk(project, forge, base_files(), head("main"), ports)
