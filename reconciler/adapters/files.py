"""Files on a disk, for a scan: what git would commit, below any path. Links are not followed."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.secret import Blob, Content


class DiskFiles:
    """Files by their place; named from the root of the repository where they are in one."""

    def __init__(self, root: Path | None, ignores: Callable[[str], bool]) -> None:
        self._root = root.resolve() if root else None
        self._ignores = ignores

    def list(self, paths: Sequence[Path]) -> Iterator[Blob]:
        """The files at and below paths. A file that is named is read even if git ignores it."""
        seen: set[str] = set()
        for path in paths:
            try:
                mode = path.lstat().st_mode
            except OSError as err:
                raise UsageError(
                    "no-such-file", f"{path} cannot be read: {err.strerror}", subject=str(path)
                ) from err
            found = self._below(path.absolute()) if stat.S_ISDIR(mode) else iter((path.absolute(),))
            for file in found:
                blob = Blob(self._name(file), str(file))
                if blob.oid not in seen:
                    seen.add(blob.oid)
                    yield blob

    def _name(self, file: Path) -> str:
        place = Path(os.path.realpath(file.parent)) / file.name
        if self._root is not None and place.is_relative_to(self._root):
            return place.relative_to(self._root).as_posix()
        return Path(os.path.relpath(file)).as_posix()

    def _below(self, folder: Path) -> Iterator[Path]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as err:
            raise ReconcilerError(
                "unreadable", f"{folder} cannot be read: {err.strerror}", subject=str(folder)
            ) from err
        for entry in entries:
            path = Path(entry.path)
            if entry.name == ".git" or entry.is_symlink():
                continue
            if entry.is_dir():
                if not self._ignored(path, "/"):
                    yield from self._below(path)
            elif entry.is_file() and not self._ignored(path, ""):
                yield path

    def _ignored(self, path: Path, end: str) -> bool:
        if self._root is None:
            return False
        name = self._name(path)
        return not name.startswith("..") and self._ignores(name + end)

    def read(self, oid: str, limit: int) -> Content:
        """The beginning of a file, and the size of the whole; of a link, where it leads."""
        path = Path(oid)
        try:
            if path.is_symlink():
                target = os.fsencode(path.readlink())
                return Content(target, len(target))
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise UsageError("no-such-file", f"{path} is not a file", subject=str(path))
                data = file.read(limit)
                return Content(data, max(found.st_size, len(data)))
        except OSError as err:
            raise ReconcilerError(
                "unreadable", f"{path} cannot be read: {err.strerror}", subject=str(path)
            ) from err
