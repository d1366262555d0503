"""What the suite needs of a forge under test: people, pushes by plain git, and what others do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from reconciler.ports import Forge


class Forges(Protocol):
    """One repository with `main` in it (README.md), at a forge that starts with nothing.

    Its people are `ada`, `ben` and `bot`. Each may push, merge and approve.
    """

    forks: bool
    """Whether this forge knows forks."""

    def as_user(self, name: str) -> Forge:
        """The forge as somebody uses it: a new one each time, which remembers nothing."""
        ...

    def push(
        self,
        branch: str,
        files: Mapping[str, str | None],
        *,
        anew: bool = False,
        fork: bool = False,
    ) -> str:
        """Commit on top of a branch and push, as git does; the commit.

        A branch that is not there begins at main's tip; `anew`: so does one that is (a forced
        push). None takes a file away. `fork`: into a fork of the repository.
        """
        ...

    def delete_branch(self, branch: str) -> None:
        """As `git push --delete` does."""
        ...

    def open_from_fork(self, branch: str, title: str) -> int:
        """What somebody else opens from a fork's branch to main; its number."""
        ...

    def deleted_note(self, number: int) -> str:
        """The id of a note of ada's that was there and that somebody took away."""
        ...

    def tip(self, branch: str) -> str:
        """Where a branch is; empty: there is none."""
        ...

    def behind(self, branch: str, commit: str) -> bool:
        """Whether the branch has that commit in its history."""
        ...

    def file(self, branch: str, path: str) -> str | None:
        """What lies at a path."""
        ...

    def message(self, commit: str) -> str:
        """What a commit says."""
        ...
