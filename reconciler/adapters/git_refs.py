"""Git's objects and refs in a repository on this machine: a ref moves only from where it was."""

import fcntl
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Final

import pygit2
from pygit2.enums import ObjectType

from reconciler.adapters.git import common_folder, open_repository
from reconciler.adapters.loose import loose_objects, read_loose
from reconciler.core.git_objects import object_id
from reconciler.core.git_pack import pack
from reconciler.core.records.words import line
from reconciler.errors import ReconcilerError, TransientError
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
_ODD: Final = 100
_MANY: Final = 64
_FRESH: Final = 4096
"""So many files are waited for one by one; of more the whole disk is."""
_LARGEST: Final = 64 * 1024 * 1024
"""Nobody writes a larger object; whoever pushes one only wants to take our memory."""
_NOT_READ: Final = (KeyError, ValueError, pygit2.GitError)
_SAID: Final = 300
_CACHE: Final = 16 * 1024 * 1024
"""libgit2 keeps objects that it has read, by itself up to 256 MB in each process; a history is read
once from end to end, and what is read twice is remembered here."""


class _Packs:
    """The packs of a folder of objects, as they were when they were opened.

    libgit2 would look for a file, too, for each object that it reads: here nobody asks for one.
    """

    def __init__(self, objects: Path) -> None:
        backend = pygit2.OdbBackendPack(str(objects))
        self._header = backend.read_header
        odb = pygit2.Odb()
        odb.add_backend(backend, 1)
        self._read = odb.read

    def read(self, name: pygit2.Oid) -> tuple[str, bytes]:
        """An object's kind and bytes; KeyError when no pack has it."""
        _sized(self._header(name)[1])
        kind, data = self._read(name)
        return _NAMES[kind], data


def _sized(size: int) -> None:
    if size > _LARGEST:
        msg = f"it is too large: {size} bytes"
        raise ValueError(msg)


class GitRefs:
    """A repository on this machine, for what is kept in it: `noun` says to people what that is."""

    def __init__(self, path: Path, noun: str) -> None:
        pygit2.settings.cache_max_size(_CACHE)
        self._path = path
        self._noun = noun
        self._repository = open_repository(path)
        self._odb = self._repository.odb
        self._common = common_folder(Path(self._repository.path))
        self._packs = _Packs(self._objects)
        self._waiting: dict[str, tuple[ObjectKind, bytes]] = {}
        self._fresh: dict[str, None] = {}

    def tips(self, *prefixes: str) -> Mapping[str, str]:
        """Where every ref is whose name begins so.

        A folder that others write to may be listed without a file that is there: looked at twice.
        """
        return {
            name: tip
            for name in sorted({*self._repository.references, *self._repository.references})
            if name.startswith(prefixes) and (tip := self._target(name))
        }

    def here(self, name: str) -> str:
        """Where a ref is in the repository here, whatever a remote says; empty: it is not there."""
        return self._target(name)

    def read(self, oid: str) -> tuple[str, bytes]:
        """An object's kind and bytes."""
        if oid in self._waiting:
            return self._waiting[oid]
        if oid in self._loose:
            found = read_loose(self._objects, oid, _LARGEST)
            if found is not None:
                return found
        try:
            name = pygit2.Oid(hex=oid)
        except ValueError as err:
            raise LookupError(oid[:12]) from err
        try:
            return self._packs.read(name)
        except _NOT_READ:
            return self._anywhere(name)

    def _anywhere(self, name: pygit2.Oid) -> tuple[str, bytes]:
        try:
            return self._looked_up(name)
        except _NOT_READ:
            # `git gc` may have moved everything since the repository was opened.
            self._odb = open_repository(self._path).odb
            self._packs = _Packs(self._objects)
            try:
                return self._looked_up(name)
            except _NOT_READ as err:
                raise LookupError(str(name)[:12]) from err

    def _looked_up(self, name: pygit2.Oid) -> tuple[str, bytes]:
        _sized(self._odb.read_header(name)[1])
        kind, data = self._odb.read(name)
        return _NAMES[kind], data

    def write(self, kind: ObjectKind, data: bytes) -> str:
        """Keep an object; it reaches the disk before anything points to it."""
        oid = object_id(kind, data)
        self._waiting[oid] = (kind, data)
        return oid

    def drop(self) -> None:
        """Forget what waits: nothing will point to it."""
        self._waiting = {}

    def _flush(self) -> None:
        """What waits, onto the disk: few by themselves, many in one pack."""
        waiting, self._waiting = self._waiting, {}
        try:
            if len(waiting) < _MANY:
                for kind, data in waiting.values():
                    oid = str(self._odb.write(_KINDS[kind], data))
                    self._wrote(f"{oid[:2]}/{oid[2:]}")
            else:
                self._pack(waiting)
        except (OSError, pygit2.GitError) as err:
            raise self._not_written(err) from err

    def _pack(self, objects: Mapping[str, tuple[ObjectKind, bytes]]) -> None:
        name, body, index = pack(objects)
        folder = self._objects / "pack"
        folder.mkdir(exist_ok=True)
        for suffix, data in (("pack", body), ("idx", index)):
            path = folder / f"pack-{name}.{suffix}"
            part = folder / f"tmp_{os.getpid()}_{path.name}"
            try:
                part.write_bytes(data)
                part.chmod(0o444)
                part.rename(path)  # the index last: a pack without one is not there yet
            finally:
                part.unlink(missing_ok=True)
            self._wrote(f"pack/{path.name}")

    def _wrote(self, name: str) -> None:
        if len(self._fresh) <= _FRESH:
            self._fresh[name] = None

    @cached_property
    def _loose(self) -> frozenset[str]:
        """Those that others wrote, in whatever state they are."""
        return loose_objects(self._objects)

    @property
    def _objects(self) -> Path:
        return self._common / "objects"

    def move(self, name: str, old: str, new: str, *, durable: bool) -> bool:
        """Move a ref, if it is still where it was; empty: it is not there."""
        if self._target(name) != old:
            return False
        self._flush()
        if durable:
            self._on_disk()
        moved = self._moved(name, old, new)
        if moved and durable:
            _synced(self._common / name)
            _synced((self._common / name).parent)
        return moved

    def replace(self, name: str, old: str, new: str) -> bool:
        """Let a ref be at something that need not stand on what it was at; empty: it is not there.

        Only when it is still where it was.
        """
        if new:
            return self.move(name, old, new, durable=False)
        return self._target(name) == old and (not old or self._moved(name, old, ""))

    def checked_out(self, name: str) -> Path | None:
        """Where somebody works on a branch: their next commit would undo what is written to it."""
        folders = list((self._common / "worktrees").glob("*"))
        config = self._repository.config
        if "core.bare" not in config or not config.get_bool("core.bare"):
            folders.append(self._common)
        for folder in folders:
            with suppress(OSError):
                if (folder / "HEAD").read_text(encoding="utf-8").strip() == f"ref: {name}":
                    return folder
        return None

    def _target(self, name: str) -> str:
        try:
            found = self._repository.references[name].resolve().target
        except (KeyError, ValueError, pygit2.GitError):
            return ""
        return str(found)

    def _moved(self, name: str, old: str, new: str) -> bool:
        until = time.monotonic() + _LOCKED
        odd = 0
        while True:
            try:
                if not (self._changed(name, old, new) if old else self._made(name, new)):
                    return False
            except (KeyError, pygit2.AlreadyExistsError):
                return False
            except OSError as err:
                odd += not self._lock(name).exists()  # its holder may just have let go
                if odd > _ODD:
                    raise self._not_written(err) from err
                if not self._wait(name, until):
                    raise self._held(name) from err
            except pygit2.GitError as err:
                if "does not match" in str(err):
                    return False
                raise self._not_written(err) from err
            else:
                return True

    def _changed(self, name: str, old: str, new: str) -> bool:
        reference = self._repository.references[name].resolve()
        if str(reference.target) != old:
            return False
        if new:
            reference.set_target(new)
        else:
            reference.delete()
        return True

    def _made(self, name: str, new: str) -> bool:
        """Make a ref, if nobody has. libgit2 looks first and locks then: two would both make it."""
        with (self._common / "reconciler.lock").open("a") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            if self._target(name):
                return False
            self._repository.references.create(name, new)
        return True

    def _lock(self, name: str) -> Path:
        return self._common / f"{name}.lock"

    def _held(self, name: str) -> ReconcilerError:
        lock = self._lock(name)
        return TransientError(
            f"{self._slug}-locked",
            f"nothing was written: somebody else holds {lock}",
            hint=f"if they died, it is taken away by itself {_STALE:.0f} s after they began;"
            " run it again then",
            subject=str(lock),
        )

    def _wait(self, name: str, until: float) -> bool:
        """Wait for whoever holds the ref; False when that takes too long."""
        lock = self._lock(name)
        with suppress(OSError):
            if time.time() - lock.stat().st_mtime > _STALE:
                self._unlock(lock)
                return True
        time.sleep(_PAUSE)
        return time.monotonic() < until

    def _unlock(self, lock: Path) -> None:
        """Take a dead man's lock away. One at a time: a second one would take a living man's."""
        with (self._common / "reconciler.lock").open("a") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            if time.time() - lock.stat().st_mtime > _STALE:
                lock.unlink()

    def _on_disk(self) -> None:
        """Wait until everything that was written here since the last time is on the disk."""
        if len(self._fresh) > _FRESH:
            os.sync()
        else:
            paths = [self._objects / name for name in self._fresh]
            for path in (*paths, *{path.parent for path in paths}):
                _synced(path)
        self._fresh = {}

    def _not_written(self, err: Exception) -> ReconcilerError:
        return ReconcilerError(
            f"{self._slug}-not-written",
            f"{self._noun} could not be written: {line(str(err), _SAID)}",
            hint="is the disk full, or the repository read-only? nothing is done before it is"
            " written",
        )

    @property
    def _slug(self) -> str:
        return self._noun.replace(" ", "-")


def _synced(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
