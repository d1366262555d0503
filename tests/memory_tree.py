"""A RepoTree over a dict of path -> bytes, with object ids as git has them: by content alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from reconciler.model.tree import Entry, EntryKind


class MemoryTree:
    """Equal folders have equal ids, wherever they stand: what comparing trees relies on."""

    revision = "memory"

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self._files = {
            path: text.encode() if isinstance(text, str) else text for path, text in files.items()
        }
        self._folders: dict[str, tuple[Entry, ...]] = {}
        self.root = self._folder("", sorted(self._files))

    def _folder(self, path: str, below: Sequence[str]) -> str:
        start = len(path) + 1 if path else 0
        entries: dict[str, Entry] = {}
        for file in below:
            name, _, deeper = file[start:].partition("/")
            here = file[:start] + name
            if here in entries:
                continue
            if deeper:
                inside = [one for one in below if one.startswith(here + "/")]
                entries[here] = Entry(here, self._folder(here, inside), EntryKind.FOLDER)
            else:
                oid = hashlib.sha256(b"blob" + self._files[file]).hexdigest()
                entries[here] = Entry(here, oid, EntryKind.FILE)
        self._folders[path] = tuple(entries.values())
        listing = "\n".join(f"{one.kind} {one.name} {one.oid}" for one in entries.values())
        return hashlib.sha256(b"tree" + listing.encode()).hexdigest()

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        return self._folders[folder.path if folder else ""]

    def read(self, entry: Entry, limit: int) -> bytes | None:
        data = self._files[entry.path]
        return data if len(data) <= limit else None
