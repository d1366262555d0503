"""The branch of records, here or at a remote: objects, and a ref moved only from where it was.

A remote behind a server compares what is moved, and rejects what does not follow. libgit2 does not
do that at a remote on this machine's disk: there the ref is moved by ourselves, under git's lock.
Everything else is the same for both, and what was seen is remembered here: whoever may push to a
remote could make it forget.
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
from reconciler.core.git_objects import BadObject, read_commit, read_tree
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.record import Elsewhere
from reconciler.ports import RecordStore

_SOON: Final = 1.0
"""What was seen is noted at most so often."""
_SEEN: Final = "refs/reconciler/seen/"
_TRIES: Final = 5
_BATCH: Final = 4096
"""So many objects are held before they are written here."""
_NOUN: Final = "records"
_ORIGIN: Final = "origin"
_CACHE: Final = 16 * 1024 * 1024
"""libgit2 keeps objects that it has read, by itself up to 256 MB in each process; a history is read
once from end to end, and what is read twice is remembered here."""


def record_store(
    path: Path,
    branch: str,
    remote: str = "",
    credentials: Credentials | None = None,
    *,
    alone: bool = False,
) -> RecordStore:
    """Where records are kept: in the repository around a path, or at a remote of it.

    `alone`: there is one such history on each machine, as of its sandbox.
    """
    if not remote:
        return GitRecords(path, branch, credentials, alone=alone)
    place = place_of(open_repository(path), remote, _NOUN)
    if place is None:
        return RemoteRecords(path, branch, remote, credentials)
    return DiskRecords(path, branch, remote, place)


class GitRecords(GitRefs):
    """Records in a repository on this machine."""

    def __init__(
        self,
        path: Path,
        branch: str,
        credentials: Credentials | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """`alone`: it is this machine's, and nobody else's of that name is the same."""
        pygit2.settings.cache_max_size(_CACHE)
        super().__init__(path, _NOUN)
        self._branch = branch
        self._asking = credentials
        self._alone = alone
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
        self.unused()
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

    def elsewhere(self) -> Elsewhere | None:
        """A remote that has the branch: as it was fetched, or as where we were cloned from has it.

        Whoever wrote on here without it would begin a second history.
        """
        if self._alone or self.tip() or self.seen():
            return None
        names = list(self._repository.remotes.names())
        fetched = sorted(name for name, tip in self.others().items() if tip)
        if not fetched and _ORIGIN in names and self._asked(_ORIGIN):
            fetched = [_ORIGIN]
        if not fetched:
            self._alone = True  # who was cloned from is asked once
            return None
        name = _ORIGIN if _ORIGIN in fetched else fetched[0]
        bring = f"git fetch {name} {self._branch}:{self._branch}"
        if name not in names:
            bring = f"git branch {self._branch} refs/remotes/{name}/{self._branch}"
        return Elsewhere(self._branch, name, bring)

    def _asked(self, remote: str) -> bool:
        """Whether a remote has the branch; one that is away is not known to."""
        try:
            place = place_of(self._repository, remote, _NOUN)
            if place is not None:
                return bool(GitRecords(place, self._branch).tip())
            there = RemoteRefs(self._path, _NOUN)
            there.reach(remote, self._asking)
            return self._ref in there.tips(self._ref)
        except ReconcilerError:
            return False

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
        """Keep a tag; this very one may be there."""
        oid = self.write("tag", data)
        self._flush()
        self._on_disk()
        if self._target(f"refs/tags/{name}") == oid:
            return
        try:
            self._repository.references.create(f"refs/tags/{name}", oid)
        except pygit2.AlreadyExistsError as err:
            raise _tag_there(name) from err
        except (OSError, ValueError, pygit2.GitError) as err:
            raise self._not_written(err) from err

    @property
    def _seen_ref(self) -> str:
        return _SEEN + self._branch

    def unused(self) -> None:
        """Nobody works on a checkout of records: their next commit would undo what we write."""
        if self._free:
            return
        folder = self.checked_out(self._ref)
        if folder is not None:
            raise ReconcilerError(
                "records-checked-out",
                f"the branch `{self._branch}` is checked out, and is not written:"
                " the next commit made there would undo what is written now",
                hint="`git worktree list` says where; check out another branch there"
                " (`git switch --detach`), and run it again."
                f" `git log -p {self._branch}` shows it without a checkout",
                subject=str(folder),
            )
        self._free = True


class RemoteRecords(RemoteRefs, GitRecords):
    """Records at a remote: what is pushed there counts, and nothing else."""

    def __init__(
        self, path: Path, branch: str, remote: str, credentials: Credentials | None = None
    ) -> None:
        GitRecords.__init__(self, path, branch, credentials)
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

    def elsewhere(self) -> Elsewhere | None:
        """Nobody: the remote counts."""
        return None

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag, there and then here; one that is in one place only goes to the other."""
        oid = self.write("tag", data)
        self._flush()
        place = f"refs/tags/{name}"
        there = self._tag_at(place)
        if there and there != oid:
            self._bring_tag(place, there)
            raise _tag_there(name)
        if not there:
            self._send_tag(name, oid, data)
        here = self._target(place)
        if here and here != oid:
            raise _tag_there(name)
        if not here:
            with suppress(OSError, ValueError, pygit2.GitError):
                self._repository.references.create(place, oid)

    def _tag_at(self, place: str) -> str:
        """The tag as the remote has it."""
        return self.tips(place).get(place, "")

    def _bring_tag(self, place: str, _oid: str) -> None:
        """Somebody else's tag, here, unless there is another one of that name."""
        if not self._target(place):
            self.fetch(f"{place}:{place}")

    def _send_tag(self, name: str, oid: str, _data: bytes) -> None:
        place, told = f"refs/tags/{name}", self._told({})
        try:
            self._server.push([f"{oid}:{place}"], callbacks=told, proxy=True)
        except (KeyError, OSError, pygit2.GitError) as err:
            raise self._failed(err, "anchored", told) from err
        if told.rejected:
            raise self._refused(told, place)

    def _fetched(self) -> str:
        """The tip at the remote; whatever it stands on is here afterwards."""
        for _ in range(_TRIES):
            tip = self.tips(self._ref).get(self._ref, "")
            if not tip or tip in self._repository:
                self._track(tip)
                return tip
            self._remember_tracked()
            self.fetch(f"+{self._ref}:{self._tracking}")
            if tip in self._repository:
                return tip
        late = OSError("the branch moves faster than it is read")
        raise self._failed(late, "read", self._told({}))

    def _track(self, tip: str) -> None:
        """What an audit reads is what an apply looked at; also that the branch is gone there."""
        if self._target(self._tracking) == tip:
            return
        self._remember_tracked()
        with suppress(KeyError, OSError, ValueError, pygit2.GitError):
            if tip:
                self._repository.references.create(self._tracking, tip, force=True)
            else:
                self._repository.references.delete(self._tracking)

    def _remember_tracked(self) -> None:
        """A plain `git fetch` may have seen more than we: it is not forgotten with its ref."""
        known, seen = self._target(self._tracking), self.seen()
        if known in ("", seen):
            return
        with suppress(KeyError, OSError, ValueError, pygit2.GitError):
            if not seen or self._repository.descendant_of(known, seen):
                self._saved = 0.0
                self.saw(known)


class DiskRecords(RemoteRecords):
    """Records at a remote on this machine's disk."""

    def __init__(self, path: Path, branch: str, remote: str, place: Path) -> None:
        super().__init__(path, branch, remote)
        self._there = GitRecords(place, branch)

    def move(self, name: str, old: str, new: str, *, durable: bool) -> bool:
        """Everything that is new goes there, and the ref moves there if it is where it was."""
        self._there.unused()
        fresh = dict(self._waiting)
        self._flush()
        if durable:
            self._on_disk()
        for kind, data in fresh.values():
            self._there.write(kind, data)
        try:
            return self._there.move(name, old, new, durable=durable)
        finally:
            self._there.drop()

    def _fetched(self) -> str:
        tip = self._there.tip()
        self._copy(tip)
        self._track(tip)
        return tip

    def _copy(self, tip: str) -> None:
        """Bring here what a commit stands on, oldest first.

        libgit2 would copy the whole history each time. What is missing or damaged there is left
        out: verifying names it.
        """
        commits: dict[str, bytes] = {}
        todo = [tip] if tip else []
        while todo:
            at = todo.pop()
            if at in commits or at in self._repository:
                continue
            with suppress(LookupError, BadObject):
                kind, data = self._there.read(at)
                if kind == "commit":
                    commits[at] = data
                    todo += read_commit(data).parents
        for data in reversed(commits.values()):
            with suppress(BadObject):
                self._copy_tree(read_commit(data).tree)
            self.write("commit", data)
            if len(self._waiting) > _BATCH:
                self._flush()
        if commits:
            self._flush()

    def _copy_tree(self, tree: str) -> None:
        todo = [tree]
        while todo:
            at = todo.pop()
            if at in self._waiting or at in self._repository:
                continue
            with suppress(LookupError, BadObject):
                kind, data = self._there.read(at)
                if kind == "tree":
                    self.write("tree", data)
                    todo += [entry.oid.hex() for entry in read_tree(data).values()]
                elif kind == "blob":
                    self.write("blob", data)

    def _tag_at(self, place: str) -> str:
        return self._there.here(place)

    def _bring_tag(self, place: str, oid: str) -> None:
        if self._target(place):
            return
        with suppress(LookupError, OSError, ValueError, pygit2.GitError):
            kind, data = self._there.read(oid)
            if kind == "tag":
                self.write("tag", data)
                self._flush()
                self._repository.references.create(place, oid)

    def _send_tag(self, name: str, _oid: str, data: bytes) -> None:
        self._there.tag(name, data)


def _tag_there(name: str) -> UsageError:
    return UsageError("tag-there", f"there is a tag {name} already", subject=name)
