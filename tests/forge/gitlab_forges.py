"""A fake GitLab with three people, a clone, and the genuine adapter for each of them."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pygit2

from reconciler.adapters.git_remote import ssh_agent
from reconciler.adapters.gitlab.client import Client, Pace
from reconciler.adapters.gitlab.forge import GitLabForge
from reconciler.adapters.remote_fetch import RemoteFetch
from tests.fakes.gitlab.server import serving
from tests.fakes.gitlab.state import MAINTAINER, Lab, Tier

WHO = pygit2.Signature("Somebody", "somebody@example.com", 1_750_000_000, 0)


class Clock:
    """Notes how long somebody would have waited, and does not."""

    def __init__(self) -> None:
        self.paused: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.paused.append(seconds)


class GitLabForges:
    """What the suite asks for, and the lab behind it."""

    forks = True

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.server = lab.git.repository
        self.clock = Clock()
        self._used: list[GitLabForge] = []
        for name in ("ada", "ben", "bot"):
            lab.user(name, MAINTAINER)
        self.clone = folder / "clone"
        pygit2.init_repository(str(self.clone), initial_head="main")

    def as_user(self, name: str, *, request: float = 20.0) -> GitLabForge:
        made = self.using(f"glpat-{name}", request=request)
        self._used.append(made)
        return made

    def using(
        self, token: str, *, request: float = 20.0, project: str = "", **bounds: Any
    ) -> GitLabForge:
        pace = Pace(request=request, wait=30.0, pause=self.clock, **bounds)
        client = Client(self.lab.url, project or self.lab.project.path, token, "GITLAB_TOKEN", pace)
        fetch = RemoteFetch(self.clone, "the fake", lambda: str(self.lab.git.path), ssh_agent)
        made = GitLabForge(client, fetch)
        self._used.append(made)
        return made

    def close(self) -> None:
        for one in self._used:
            one.end()

    # ------------------------------------------------------------------------------- git

    def push(
        self,
        branch: str,
        files: Mapping[str, str | None],
        *,
        anew: bool = False,
        fork: bool = False,
    ) -> str:
        with self.lab.lock:
            server = self.fork if fork else self.server
            main = self.tip("main")
            start = "" if anew else self._tip(server, branch)
            if fork and not start:
                remote = server.remotes.create_anonymous(str(self.lab.git.path))
                remote.fetch(["+refs/heads/main:refs/heads/main"])
            commit = commit_on(server, start or main, files)
            server.references.create(f"refs/heads/{branch}", commit, force=True)
            self.lab.notice()
            return commit

    @property
    def fork(self) -> pygit2.Repository:
        path = self.folder / "fork.git"
        if not path.exists():
            pygit2.init_repository(str(path), bare=True, initial_head="main")
        return pygit2.Repository(str(path))

    def open_from_fork(self, branch: str, title: str) -> int:
        author = self.lab.user("outsider", 0)
        path = self.folder / "fork.git"
        return self.lab.opened(author, branch, "main", title, fork=path).iid

    def delete_branch(self, branch: str) -> None:
        with self.lab.lock:
            self.server.references.delete(f"refs/heads/{branch}")

    def deleted_note(self, number: int) -> str:
        with self.lab.lock:
            merge = self.lab.merges[number]
            ada = next(one for one in self.lab.users.values() if one.username == "ada")
            made = self.lab.said(merge, ada, "not for long")
            merge.discussions.remove(made)
            return str(made.notes[0].id)

    def tip(self, branch: str) -> str:
        return self._tip(self.server, branch)

    def _tip(self, repository: pygit2.Repository, branch: str) -> str:
        try:
            return str(repository.references[f"refs/heads/{branch}"].target)
        except KeyError:
            return ""

    def behind(self, branch: str, commit: str) -> bool:
        tip = self.tip(branch)
        return tip == commit or self.server.descendant_of(tip, commit)

    def file(self, branch: str, path: str) -> str | None:
        tree = self.server[pygit2.Oid(hex=self.tip(branch))].peel(pygit2.Tree)
        try:
            found = tree[path]
        except KeyError:
            return None
        assert isinstance(found, pygit2.Blob)
        return found.data.decode()

    def message(self, commit: str) -> str:
        return self.server[pygit2.Oid(hex=commit)].peel(pygit2.Commit).message


def commit_on(repository: pygit2.Repository, parent: str, files: Mapping[str, str | None]) -> str:
    """A commit with files put in, or (None) taken away."""
    index = pygit2.Index()
    parents: list[str | pygit2.Oid] = []
    if parent:
        parents.append(pygit2.Oid(hex=parent))
        index.read_tree(repository[pygit2.Oid(hex=parent)].peel(pygit2.Tree))
    for path, text in files.items():
        if text is None:
            index.remove(path)
        else:
            blob = repository.create_blob(text.encode())
            index.add(pygit2.IndexEntry(path, blob, pygit2.enums.FileMode.BLOB))
    tree = index.write_tree(repository)
    return str(repository.create_commit(None, WHO, WHO, "A change", tree, parents))


@contextmanager
def gitlab_forges(folder: Path, tier: Tier = "Free") -> Iterator[GitLabForges]:
    """All of it, running."""
    path = folder / "r.git"
    server = pygit2.init_repository(str(path), bare=True, initial_head="main")
    first = commit_on(server, "", {"README.md": "# here\n"})
    server.references.create("refs/heads/main", first)
    with serving(path, tier) as lab:
        made = GitLabForges(lab, folder)
        try:
            yield made
        finally:
            made.close()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
