"""Whether a repository is as work in it needs it: who commits, what judges, what is still followed.

It only reads: the remote is not asked, since the forge tells of that.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.git import common_folder, open_repository
from reconciler.core.records.words import line
from reconciler.model.merge_request import Advice
from reconciler.model.settings import Branches, SettingsSpec

_MANY_PACKS: Final = 100
_REMOTES: Final = "refs/remotes/"
_CLOCKS_DIFFER: Final = 120.0
"""Seconds that a commit may come from the future: clocks of machines are not one."""


class Checkup:
    """One repository on this machine. `named`: who does it by variables, whom git need not know.

    `simulated`: for work in the sandbox, whose records and clock (`now`) are others.
    """

    def __init__(
        self, path: Path, now: Callable[[], datetime], *, named: bool, simulated: bool = False
    ) -> None:
        self._repository = open_repository(path)
        self._now = now
        self._named = named
        self._simulated = simulated

    def examine(self, spec: SettingsSpec | None) -> Iterator[Advice]:
        """Everything about it; what the settings name is left out where they cannot be read."""
        yield self._place()
        yield self._person()
        yield from self._stale()
        if spec is not None:
            yield self._target(spec.branches.target)
            yield self._records(spec)
        yield self._clock((spec.branches if spec else Branches()).records_of(simulated=True))
        yield self._packs()

    def _place(self) -> Advice:
        where = line(self._repository.workdir or self._repository.path, 300)
        if self._repository.is_shallow:
            told = f"{where} is a shallow clone: what was approved and recorded cannot be followed"
            return Advice("history", good=False, told=told, hint="`git fetch --unshallow`")
        kind = "bare" if self._repository.is_bare else "with its files"
        return Advice("history", good=True, told=f"{where} is whole, {kind}")

    def _person(self) -> Advice:
        try:
            who = self._repository.default_signature
        except (KeyError, ValueError, pygit2.GitError):
            if self._named:
                told = "RECONCILER_ACTOR_NAME and RECONCILER_ACTOR_EMAIL say it"
                return Advice("git identity", good=True, told=told)
            told = "git does not know who you are, so nothing can be recorded in your name"
            hint = "`git config --global user.name 'Your Name'` and `git config --global user.email you@example.com`"  # noqa: E501  # commands
            return Advice("git identity", good=False, told=told, hint=hint)
        return Advice("git identity", good=True, told=line(f"{who.name} <{who.email}>", 200))

    def _stale(self) -> Iterator[Advice]:
        """Branches of remotes that are gone: those of `origin` would still judge."""
        there = set(self._repository.remotes.names())
        refs = [one for one in self._repository.references if one.startswith(_REMOTES)]
        gone = {one.removeprefix(_REMOTES).partition("/")[0] for one in refs} - there
        for name in sorted(filter(None, gone)):
            followed = " and are still followed" if name == "origin" else ""
            yield Advice(
                f"remote {name}",
                good=False if name == "origin" else None,
                told=f"there is no remote `{name}`, but its branches are here{followed}",
                hint=f"`git remote add {name} ADDRESS`, or take them away: `git for-each-ref"
                f" --format='delete %(refname)' {_REMOTES}{name} | git update-ref --stdin`",
            )

    def _target(self, branch: str) -> Advice:
        tip = self._tip(branch)
        if tip is not None:
            told = f"`{branch}` is here, at {str(tip.id)[:12]}"
            return Advice("target branch", good=True, told=told)
        told = f"there is no branch `{branch}`, so nothing can be judged or applied"
        hint = "`git add --all && git commit -m 'Begin'`"
        if "origin" in set(self._repository.remotes.names()):
            hint = f"`git fetch origin {branch}`"
        elif not self._repository.head_is_unborn:
            hint = f"`git branch {branch} COMMIT`, or name another in `branches.target`"
        return Advice("target branch", good=False, told=told, hint=hint)

    def _records(self, spec: SettingsSpec) -> Advice:
        branch = spec.branches.records_of(simulated=self._simulated)
        remote = None if self._simulated else spec.records.remote
        own = self._commit(f"refs/heads/{branch}")
        tip = own if self._simulated else self._tip(branch, remote or "origin")
        seen = f"refs/reconciler/seen/{branch}" in self._repository.references
        if tip is not None and own is None and remote is None and not seen:
            told = f"`{branch}` is at `origin` and not here: a record would begin a second history"
            hint = f"`git fetch origin {branch}:{branch}`"
            return Advice("records", good=False, told=told, hint=hint)
        there = "is not here any more" if seen else "is not here yet: the first record makes it"
        there = f"`{branch}` {there}"
        if tip is not None:
            there = f"`{branch}` is here, at {str(tip.id)[:12]}"
        if remote is not None and remote not in set(self._repository.remotes.names()):
            told = f"records are pushed to `{remote}`, and there is no such remote"
            hint = f"`git remote add {remote} ADDRESS`"
            return Advice("records", good=False, told=told, hint=hint)
        origin = "origin" in set(self._repository.remotes.names())
        if remote is None and origin and not self._simulated:
            told = f"{there}; records stay in this clone, where nobody else sees them"
            return Advice("records", None, told, "`records: {remote: origin}` in reconciler.yaml")
        return Advice("records", None if tip is None else True, there)

    def _clock(self, simulated: str) -> Advice:
        """Nothing that is here can have been made later than now.

        `simulated`: the records that the sandbox's clock dates, which goes ahead of this one.
        """
        newest = 0
        for name in self._repository.references:
            other = name.endswith(f"/{simulated}") and not self._simulated
            if name.startswith(("refs/heads/", _REMOTES)) and not other:
                found = self._commit(name)
                newest = max(newest, found.commit_time if found is not None else 0)
        ahead = newest - self._now().timestamp()
        if ahead <= _CLOCKS_DIFFER:
            said = self._now().astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            return Advice("clock", good=True, told=f"{said}, later than every commit here")
        told = f"it is {ahead:.0f} s behind the last commit here; approvals are compared by time"
        if self._simulated:
            hint = f"`reconciler sandbox forward {ahead:.0f}s`: records follow in time"
            return Advice("clock", good=False, told=f"the sandbox's: {told}", hint=hint)
        return Advice("clock", good=False, told=told, hint="`timedatectl set-ntp true`")

    def _packs(self) -> Advice:
        folder = common_folder(Path(self._repository.path)) / "objects" / "pack"
        count = sum(1 for _ in folder.glob("*.pack")) if folder.is_dir() else 0
        told = f"packs of objects: {count}"
        if count > _MANY_PACKS:
            return Advice("speed", None, f"{told}: every look-up goes through them", "`git gc`")
        return Advice("speed", good=True, told=told)

    def _tip(self, branch: str, remote: str = "origin") -> pygit2.Commit | None:
        return self._commit(f"{_REMOTES}{remote}/{branch}") or self._commit(f"refs/heads/{branch}")

    def _commit(self, name: str) -> pygit2.Commit | None:
        try:
            return self._repository.references[name].peel(pygit2.Commit)
        except (KeyError, ValueError, pygit2.GitError):
            return None
