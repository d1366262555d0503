"""The files as they lie in a working tree, committed or not, seen as a RepoTree.

An engineer checks what is not committed yet. Object ids are git's own, so whatever is keyed by them
is shared with commits. Links are never followed: files are opened with O_NOFOLLOW.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from reconciler.adapters.git import safe_name
from reconciler.core.tree import check_depth
from reconciler.errors import ReconcilerError
from reconciler.model.tree import STATIC_LIMIT, Entry, EntryKind

ROOTS = ("environments", "policies", "profiles", "reconciler.yaml", "templates")
"""What the program reads; the rest of a working tree is nobody's business."""


class WorkTree:
    """One look at the working tree: every file is read once and kept."""

    def __init__(self, root: Path, ignores: Callable[[str], bool]) -> None:
        self._root = root
        self._ignores = ignores
        self._children: dict[str, Sequence[Entry]] = {}
        self._data: dict[str, bytes | None] = {}

    @property
    def revision(self) -> str:
        """The word for what is not a commit."""
        return "working tree"

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        """The entries of a folder, sorted by name."""
        key = "" if folder is None else folder.path
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = self._list(key)
        return found

    def _list(self, folder: str) -> Sequence[Entry]:
        prefix = folder + "/" if folder else ""
        try:
            names = (
                ROOTS
                if not folder
                else sorted(path.name for path in (self._root / folder).iterdir())
            )
        except OSError as err:
            raise ReconcilerError(
                "unreadable", f"{folder} cannot be read: {err.strerror}", subject=folder
            ) from err
        entries = []
        for name in names:
            path = prefix + name
            try:
                mode = os.lstat(self._root / path).st_mode
            except FileNotFoundError:
                continue
            if not _is_utf8(name):
                path = prefix + ascii(os.fsencode(name))
                entries.append(Entry(path, "", EntryKind.BAD_NAME))
                continue
            kind = _kind(mode) if safe_name(name) else EntryKind.BAD_NAME
            if kind is EntryKind.FOLDER:
                if self._ignores(path + "/"):
                    continue
                if os.path.lexists(self._root / path / ".git"):
                    kind = EntryKind.SUBMODULE
                    entries.append(Entry(path, "", kind))
                    continue
                check_depth(path)
                inner = self._list(path)
                self._children[path] = inner
                if inner:
                    entries.append(Entry(path, _tree_id(inner), kind))
            elif not self._ignores(path):
                entries.append(
                    Entry(path, self._file_id(path) if kind is EntryKind.FILE else "", kind)
                )
        return tuple(sorted(entries, key=_order))

    def _file_id(self, path: str) -> str:
        try:
            descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                size = os.fstat(descriptor).st_size
                if size > STATIC_LIMIT:
                    self._data[path] = None
                    return f"too-large-{size}"
                data = file.read(STATIC_LIMIT + 1)
        except OSError as err:
            raise ReconcilerError(
                "unreadable", f"{path} cannot be read: {err.strerror}", subject=path
            ) from err
        self._data[path] = data
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()

    def read(self, entry: Entry, limit: int) -> bytes | None:
        """A file's bytes, or None when it is over the limit."""
        data = self._data.get(entry.path)
        return None if data is None or len(data) > limit else data


def _order(entry: Entry) -> str:
    """As git sorts: a folder as if its name ended in a slash."""
    return entry.path + "/" if entry.kind is EntryKind.FOLDER else entry.path


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(mode: int) -> EntryKind:
    if stat.S_ISDIR(mode):
        return EntryKind.FOLDER
    if stat.S_ISREG(mode):
        return EntryKind.FILE
    return EntryKind.LINK if stat.S_ISLNK(mode) else EntryKind.OTHER


def _tree_id(entries: Sequence[Entry]) -> str:
    """An id that changes with anything below; not git's own, since we see a part of the tree."""
    lines = "\n".join(f"{entry.kind.value} {entry.oid} {entry.path}" for entry in entries)
    return hashlib.sha256(lines.encode()).hexdigest()
