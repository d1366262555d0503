"""Local forges for tests: a bare repository, a clone beside it, and a clone of a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
from pygit2.enums import FileMode

from reconciler.adapters.local_forge import LocalForge
from reconciler.adapters.merge_request_refs import MergeRequestRefs
from reconciler.adapters.ssh_keys import verify
from reconciler.model.approval import Person
from reconciler.ports import Signer
from tests.repos import AUTHOR

BEGINNING = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def person(name: str) -> Person:
    return Person(name.title(), f"{name}@example.com")


@dataclass
class Clock:
    """A second later with every look."""

    now: datetime = BEGINNING

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class LocalForges:
    """`Forges` over a bare repository on this disk; people work in it, or in clones of it."""

    path: Path
    """The bare repository, where pushes arrive."""
    home: Callable[[str], Path]
    """Where somebody works."""
    remote: str = ""
    signers: Mapping[str, Signer] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    forks: bool = False

    @property
    def repository(self) -> pygit2.Repository:
        return pygit2.Repository(str(self.path))

    def as_user(self, name: str) -> LocalForge:
        refs = MergeRequestRefs(self.home(name), self.remote, None, self.signers.get(name), verify)
        return LocalForge(refs, person(name), self.clock)

    def push(
        self,
        branch: str,
        files: Mapping[str, str | None],
        *,
        anew: bool = False,
        fork: bool = False,
    ) -> str:
        assert not fork
        repository = self.repository
        name = f"refs/heads/{branch}"
        there = name in repository.references
        onto = self.tip("main" if anew or not there else branch)
        index = pygit2.Index()
        if onto:
            index.read_tree(repository[onto].peel(pygit2.Tree))
        for path, text in files.items():
            if text is None:
                index.remove(path)
            else:
                index.add(
                    pygit2.IndexEntry(path, repository.create_blob(text.encode()), FileMode.BLOB)
                )
        tree = index.write_tree(repository)
        parents = [pygit2.Oid(hex=onto)] if onto else []
        words = f"Change {', '.join(files)[:40]}"
        made = repository.create_commit(None, AUTHOR, AUTHOR, words, tree, parents)
        repository.references.create(name, made, force=True)
        return str(made)

    def delete_branch(self, branch: str) -> None:
        self.repository.references.delete(f"refs/heads/{branch}")

    def open_from_fork(self, branch: str, title: str) -> int:
        raise NotImplementedError

    def deleted_note(self, number: int) -> str:
        """Nobody can take a note away here: one that never was is as much gone."""
        del number
        return "0" * 40

    def tip(self, branch: str) -> str:
        repository = self.repository
        name = f"refs/heads/{branch}"
        return str(repository.references[name].target) if name in repository.references else ""

    def behind(self, branch: str, commit: str) -> bool:
        tip = self.tip(branch)
        return tip == commit or self.repository.descendant_of(tip, commit)

    def file(self, branch: str, path: str) -> str | None:
        tree = self.repository[self.tip(branch)].peel(pygit2.Tree)
        try:
            found = tree[path]
        except KeyError:
            return None
        assert isinstance(found, pygit2.Blob)
        return found.data.decode()

    def message(self, commit: str) -> str:
        return self.repository[commit].peel(pygit2.Commit).message


def bare(path: Path) -> LocalForges:
    """Everybody works in the bare repository itself."""
    pygit2.init_repository(str(path), bare=True, initial_head="main")
    made = LocalForges(path, lambda _name: path)
    made.push("main", {"README.md": "hello\n"})
    return made


def cloned(path: Path, url: str, homes: Path) -> LocalForges:
    """Everybody has a clone."""

    def home(name: str) -> Path:
        place = homes / name
        if not place.exists():
            pygit2.clone_repository(url, str(place))
        return place

    made = LocalForges(path, home, "origin")
    made.push("main", {"README.md": "hello\n"})
    return made
