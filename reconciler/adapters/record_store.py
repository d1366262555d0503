"""The branch of records, here or at a remote: objects, and a ref moved only from where it was.

A remote on this machine's disk is worked on directly: libgit2 does not compare what it overwrites
there. A remote behind a server does, and rejects what does not follow.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pygit2

from reconciler.adapters.git import open_repository
from reconciler.adapters.git_refs import GitRefs
from reconciler.adapters.git_remote import Credentials, RemoteRefs, place_of
from reconciler.errors import ReconcilerError, UsageError
from reconciler.ports import RecordStore

_SOON: Final = 1.0
"""What was seen is noted at most so often."""
_SEEN: Final = "refs/reconciler/seen/"
_TRIES: Final = 5
_NOUN: Final = "records"


def record_store(
    path: Path, branch: str, remote: str = "", credentials: Credentials | None = None
) -> RecordStore:
    """Where records are kept: in the repository around a path, or at a remote of it."""
    if not remote:
        return GitRecords(path, branch)
    place = place_of(open_repository(path), remote, _NOUN)
    if place is None:
        return RemoteRecords(path, branch, remote, credentials)
    return GitRecords(place, branch)


class GitRecords(GitRefs):
    """Records in a repository on this machine."""

    def __init__(self, path: Path, branch: str) -> None:
        super().__init__(path, _NOUN)
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        if not pygit2.reference_is_valid_name(self._ref):
            raise UsageError("not-a-branch", f"{branch!a} is no name of a branch")
        self._known = ""
        self._saved = 0.0
        self._free = False

    def tip(self, *, fresh: bool = False) -> str:  # it always is
        """The last commit of the branch."""
        return self._target(self._ref)

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Move the branch, if it is still where it was."""
        if self._target(self._ref) != old:
            return False
        self._unused()
        moved = self.move(self._ref, old, new, durable=durable)
        if moved:
            if durable:
                self._saved = 0.0  # what has to last is remembered at once
            self.saw(new)
        return moved

    def seen(self) -> str:
        """The last commit that was on the branch."""
        return self._known or self._target(self._seen_ref)

    def saw(self, commit: str) -> None:
        """Remember where the branch was: in this process always, on the disk when it can be."""
        self._known = commit
        if self._saved and time.monotonic() - self._saved < _SOON:
            return
        self._saved = time.monotonic()
        with suppress(OSError, ValueError, pygit2.GitError):
            self._repository.references.create(self._seen_ref, commit, force=True)

    def others(self) -> Mapping[str, str]:
        """The branch at remotes, as it was fetched last."""
        found = {}
        for name in self._repository.references:
            parts = name.split("/", 3)
            if name.startswith("refs/remotes/") and parts[-1] == self._branch:
                found[parts[2]] = self._target(name)
        return found

    def tags(self, prefix: str) -> Mapping[str, str]:
        """Tags whose names begin so."""
        start = f"refs/tags/{prefix}"
        return {
            name.removeprefix("refs/tags/"): self._target(name)
            for name in self._repository.references
            if name.startswith(start)
        }

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag."""
        oid = self.write("tag", data)
        self._flush()
        self._on_disk()
        try:
            self._repository.references.create(f"refs/tags/{name}", oid)
        except pygit2.AlreadyExistsError as err:
            raise _tag_there(name) from err
        except (OSError, ValueError, pygit2.GitError) as err:
            raise self._not_written(err) from err

    @property
    def _seen_ref(self) -> str:
        return _SEEN + self._branch

    def _unused(self) -> None:
        """Nobody works on a checkout of records: their next commit would undo what we write."""
        if self._free:
            return
        folder = self.checked_out(self._ref)
        if folder is not None:
            raise ReconcilerError(
                "records-checked-out",
                f"nothing was recorded: the branch `{self._branch}` is checked out,"
                " and a commit made there would undo records",
                hint="`git worktree list` says where; check out another branch there."
                f" `git log -p {self._branch}` shows records without a checkout",
                subject=str(folder),
            )
        self._free = True


class RemoteRecords(RemoteRefs, GitRecords):
    """Records at a remote: what is pushed there counts, and nothing else."""

    def __init__(
        self, path: Path, branch: str, remote: str, credentials: Credentials | None = None
    ) -> None:
        GitRecords.__init__(self, path, branch)
        self.reach(remote, credentials)
        self._tracking = f"refs/remotes/{remote}/{branch}"
        self._tip: str | None = None

    def tip(self, *, fresh: bool = False) -> str:
        """The last commit of the branch as the remote has it."""
        if fresh or self._tip is None:
            self._tip = self._fetched()
        return self._tip

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Push; the server compares."""
        if self._tip != old or not self.move(self._ref, old, new, durable=durable):
            return False
        self._tip = new
        self._track(new)
        if durable:
            self._saved = 0.0
        self.saw(new)
        return True

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag, there and then here."""
        oid = self.write("tag", data)
        self._flush()
        place = f"refs/tags/{name}"
        told = self._told({})
        try:
            heads = self._server.list_heads(callbacks=told, proxy=True)
            there = next((str(one.oid) for one in heads if one.name == place), oid)
            if there != oid:
                raise _tag_there(name)
            told = self._told({})
            self._server.push([f"{oid}:{place}"], callbacks=told, proxy=True)
        except (KeyError, OSError, pygit2.GitError) as err:
            raise self._failed(err, "anchored", told) from err
        if told.rejected:
            raise self._refused(told, place)
        with suppress(OSError, pygit2.GitError):
            self._repository.references.create(place, oid)

    def _fetched(self) -> str:
        """The tip at the remote; whatever it stands on is here afterwards."""
        for _ in range(_TRIES):
            tip = self.tips(self._ref).get(self._ref, "")
            if not tip or tip in self._repository:
                self._track(tip)
                return tip
            self.fetch(f"+{self._ref}:{self._tracking}")
            if tip in self._repository:
                return tip
        late = OSError("the branch moves faster than it is read")
        raise self._failed(late, "read", self._told({}))

    def _track(self, tip: str) -> None:
        """For people who look at what they fetched; nothing rests on it."""
        if tip and self._target(self._tracking) != tip:
            with suppress(OSError, ValueError, pygit2.GitError):
                self._repository.references.create(self._tracking, tip, force=True)


def _tag_there(name: str) -> UsageError:
    return UsageError("tag-there", f"there is a tag {name} already", subject=name)
