"""The branch of records, here or at a remote: objects, and a ref moved only from where it was.

A remote on this machine's disk is worked on directly: libgit2 does not compare what it overwrites
there. A remote behind a server does, and rejects what does not follow.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pygit2
from pygit2.enums import CredentialType, ObjectType

from reconciler.adapters.git import open_repository
from reconciler.core.git_objects import object_id
from reconciler.core.git_pack import pack
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.git import ObjectKind

_KINDS: Final = {
    "blob": ObjectType.BLOB,
    "tree": ObjectType.TREE,
    "commit": ObjectType.COMMIT,
    "tag": ObjectType.TAG,
}
_NAMES: Final = {int(kind): name for name, kind in _KINDS.items()}
_LOCKED: Final = 10.0
_STALE: Final = 60.0
"""A ref is locked for a moment; a lock of this age was left by somebody who died."""
_PAUSE: Final = 0.002
_SOON: Final = 1.0
"""What was seen is noted at most so often."""
_MANY: Final = 64
_LATE: Final = (
    "fast-forward",
    "fast forward",
    "failed to lock",
    "cannot lock",
    "incorrect old value",
    "fetch first",
    "stale info",
    "already exists",
)
_SEEN: Final = "refs/reconciler/seen/"
_VERIFIED: Final = "refs/reconciler/verified/"

Credentials = Callable[[str, str | None, CredentialType], Any]


class GitRecords:
    """Records in a repository on this machine."""

    def __init__(self, path: Path, branch: str) -> None:
        self._repository = open_repository(path)
        self._odb = self._repository.odb
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._known = ""
        self._saved = 0.0
        self._waiting: dict[str, tuple[ObjectKind, bytes]] = {}
        self._fresh: list[Path] = []

    def tip(self, *, fresh: bool = False) -> str:  # it always is
        """The last commit of the branch."""
        return self._target(self._ref)

    def read(self, oid: str) -> tuple[str, bytes]:
        """An object's kind and bytes."""
        if oid in self._waiting:
            return self._waiting[oid]
        try:
            kind, data = self._odb.read(pygit2.Oid(hex=oid))
        except (KeyError, ValueError, pygit2.GitError) as err:
            raise LookupError(oid[:12]) from err
        return _NAMES.get(int(kind), "object"), data

    def write(self, kind: ObjectKind, data: bytes) -> str:
        """Keep an object; it reaches the disk before anything points to it."""
        oid = object_id(kind, data)
        self._waiting[oid] = (kind, data)
        return oid

    def _flush(self) -> None:
        """What waits, onto the disk: few by themselves, many in one pack."""
        waiting, self._waiting = self._waiting, {}
        try:
            if len(waiting) < _MANY:
                for kind, data in waiting.values():
                    oid = str(self._odb.write(_KINDS[kind], data))
                    self._fresh.append(self._objects / oid[:2] / oid[2:])
                return
            name, body, index = pack(waiting)
            for suffix, data in (("pack", body), ("idx", index)):
                path = self._objects / "pack" / f"pack-{name}.{suffix}"
                part = path.with_name(f"tmp_{path.name}")
                part.parent.mkdir(exist_ok=True)
                part.write_bytes(data)
                part.chmod(0o444)
                part.rename(path)  # the index last: a pack without one is not there yet
                self._fresh.append(path)
        except (OSError, pygit2.GitError) as err:
            raise _not_written(err) from err

    @property
    def _objects(self) -> Path:
        return Path(self._repository.path) / "objects"

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Move the branch, if it is still where it was."""
        if self._target(self._ref) != old:
            return False
        self._flush()
        if durable:
            self._on_disk()
        moved = self._moved(self._ref, old, new)
        if moved:
            self._saw(new)
            if durable:
                _synced(Path(self._repository.path) / self._ref)
        return moved

    def seen(self) -> str:
        """The last commit that was on the branch."""
        return self._known or self._target(self._seen_ref)

    def verified(self) -> str:
        """The last commit up to which everything was found whole."""
        return self._target(_VERIFIED + self._branch)

    def found_whole(self, commit: str) -> None:
        """Remember that."""
        with suppress(OSError, pygit2.GitError):
            self._repository.references.create(_VERIFIED + self._branch, commit, force=True)

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
        try:
            self._repository.references.create(f"refs/tags/{name}", oid)
        except pygit2.AlreadyExistsError as err:
            raise UsageError("tag-there", f"there is a tag {name} already", subject=name) from err

    @property
    def _seen_ref(self) -> str:
        return _SEEN + self._branch

    def _saw(self, commit: str) -> None:
        """Remember where the branch was: in this process always, on the disk when it can be."""
        self._known = commit
        if time.monotonic() - self._saved < _SOON:
            return
        self._saved = time.monotonic()
        with suppress(OSError, pygit2.GitError):
            self._repository.references.create(self._seen_ref, commit, force=True)

    def _target(self, name: str) -> str:
        try:
            found = self._repository.references[name].resolve().target
        except (KeyError, pygit2.GitError):
            return ""
        return str(found)

    def _moved(self, name: str, old: str, new: str) -> bool:
        until = time.monotonic() + _LOCKED
        while True:
            try:
                if old:
                    reference = self._repository.references[name]
                    if str(reference.target) != old:
                        return False
                    reference.set_target(new)
                else:
                    self._repository.references.create(name, new)
            except (KeyError, pygit2.AlreadyExistsError):
                return False
            except OSError as err:
                if not self._wait(name, until):
                    raise _not_written(err) from err
            except pygit2.GitError as err:
                if "does not match" in str(err):
                    return False
                raise _not_written(err) from err
            else:
                return True

    def _wait(self, name: str, until: float) -> bool:
        """Wait for whoever holds the ref; False when that takes too long."""
        lock = Path(self._repository.path) / f"{name}.lock"
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime > _STALE:
                lock.unlink()
                return True
        time.sleep(_PAUSE)
        return time.monotonic() < until

    def _on_disk(self) -> None:
        """Wait until everything that was written here since the last time is on the disk."""
        while self._fresh:
            _synced(self._fresh[-1])
            self._fresh.pop()


class RemoteRecords(GitRecords):
    """Records at a remote: what is pushed there counts, and nothing else."""

    def __init__(
        self, path: Path, branch: str, remote: str, credentials: Credentials | None = None
    ) -> None:
        super().__init__(path, branch)
        try:
            self._remote = self._repository.remotes[remote]
        except KeyError as err:
            raise UsageError(
                "no-such-remote",
                f"records are kept at the remote `{remote}`, and there is none of that name here",
                hint=f"`git remote add {remote} ...`, or say in reconciler.yaml where they are",
            ) from err
        self._name = remote
        self._credentials = credentials
        self._tracking = f"refs/remotes/{remote}/{branch}"
        self._fetched = False

    def tip(self, *, fresh: bool = False) -> str:
        """The last commit of the branch as the remote has it."""
        if fresh or not self._fetched:
            self._fetch()
        return self._target(self._tracking)

    def advance(self, old: str, new: str, *, durable: bool) -> bool:
        """Push; the server compares."""
        if self._target(self._tracking) != old:
            return False
        self._flush()
        if durable:
            self._on_disk()
        told = _Push(self._credentials)
        try:
            self._remote.push([f"{new}:{self._ref}"], callbacks=told)
        except pygit2.GitError as err:
            if _outdated(str(err)):
                return False
            raise self._away(err, "written") from err
        if told.rejected:
            if _outdated(told.rejected):
                return False
            raise ReconcilerError(
                "records-rejected",
                f"the remote `{self._name}` does not take records: {told.rejected}",
                hint=f"whoever writes records must be allowed to push to `{self._branch}`,"
                " and nobody to force it",
            )
        self._repository.references.create(self._tracking, new, force=True)
        self._saw(new)
        return True

    def tag(self, name: str, data: bytes) -> None:
        """Keep a tag, here and there."""
        super().tag(name, data)
        told = _Push(self._credentials)
        try:
            self._remote.push([f"refs/tags/{name}"], callbacks=told)
        except pygit2.GitError as err:
            raise self._away(err, "anchored") from err

    def _fetch(self) -> None:
        try:
            self._remote.fetch(
                [f"+{self._ref}:{self._tracking}"], callbacks=_Push(self._credentials)
            )
        except pygit2.GitError as err:
            raise self._away(err, "read") from err
        self._fetched = True

    def _away(self, err: Exception, what: str) -> TransientError:
        return TransientError(
            "records-away",
            f"records could not be {what} at the remote `{self._name}`: {err}",
            hint="is the network there, and may this machine reach the repository? then again",
        )


class _Push(pygit2.RemoteCallbacks):
    """Hears what became of a push."""

    def __init__(self, credentials: Credentials | None) -> None:
        super().__init__()
        self._ask = credentials
        self.rejected = ""

    def push_update_reference(self, refname: str, message: str | None) -> None:
        """The server's word for one ref; none when it went well."""
        del refname
        if message:
            self.rejected = message

    def credentials(self, url: str, username: str | None, allowed: CredentialType) -> Any:
        """What proves who we are."""
        if self._ask is None:
            raise pygit2.Passthrough
        return self._ask(url, username, allowed)


def _outdated(why: str) -> bool:
    """Whether a push was refused since somebody else was faster."""
    words = ("fast-forward", "fast forward", "failed to lock", "cannot lock", "incorrect old value")
    return any(
        one in why.lower() for one in (*words, "fetch first", "stale info", "already exists")
    )


def _not_written(err: Exception) -> ReconcilerError:
    return ReconcilerError(
        "records-not-written",
        f"records could not be written: {err}",
        hint="is the disk full, or the repository read-only? nothing is done before it is written",
    )


def _synced(path: Path) -> None:
    """Wait until a file is on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
