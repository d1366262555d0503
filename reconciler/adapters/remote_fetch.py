"""Merge requests of a server, by git: their commits come into the repository here, and stay."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.git import open_repository
from reconciler.adapters.git_remote import Credentials, RemoteRefs

_KEPT: Final = "refs/reconciler/forge/"
"""Where what was fetched is kept, so that git does not tidy it away; no branch of anybody moves."""


class RemoteFetch(RemoteRefs):
    """Fetches from one address, which may be found out only when it is needed."""

    def __init__(
        self, path: Path, name: str, address: Callable[[], str], credentials: Credentials
    ) -> None:
        super().__init__(path, "merge requests")
        self._name = name
        self._address = address
        self._credentials = credentials

    def commit(self, number: int, target: str) -> str:
        """A merge request's last commit, which is here now; and its target, as it is."""
        source = f"{_KEPT}merge-requests/{number}"
        self._bring(
            f"+refs/merge-requests/{number}/head:{source}",
            f"+refs/heads/{target}:refs/remotes/origin/{target}",
        )
        return self._now(source)

    def conflicts(self, number: int, target: str) -> Sequence[str]:
        """The files in which a merge request and its target do not fit together."""
        head = self.commit(number, target)
        base = self._now(f"refs/remotes/origin/{target}")
        if not head or not base:
            return ()
        repository = open_repository(self._path)
        index = repository.merge_commits(pygit2.Oid(hex=base), pygit2.Oid(hex=head))
        if index.conflicts is None:
            return ()
        return sorted({side.path for found in index.conflicts for side in found if side})

    def ends(self, commit: str) -> tuple[str, ...]:
        """A commit and its parents, by git; nothing where it is not here."""
        try:
            found = open_repository(self._path)[commit].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            return ()
        return (str(found.id), *map(str, found.parent_ids))

    def _bring(self, *specs: str) -> None:
        self._url = self._address()
        self.connect()
        self.fetch(*specs)

    @property
    def _server(self) -> pygit2.Remote:
        return self._repository.remotes.create_anonymous(self._url)

    def _now(self, name: str) -> str:
        try:
            return str(open_repository(self._path).references[name].resolve().target)
        except (KeyError, pygit2.GitError):
            return ""
