"""Entries of a repository's tree, and the limits on what is read from it."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

DOCUMENT_LIMIT: Final = 256 * 1024
"""Bytes of one document or template. A person writes a hundredth of this."""
STATIC_LIMIT: Final = 1024 * 1024
"""Bytes of a file that a blueprint carries along unchanged."""


class EntryKind(Enum):
    """What a tree entry is. Only files and folders are ever followed."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    SUBMODULE = "submodule"
    OTHER = "special file"
    BAD_NAME = "name that is not allowed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its path from the root, and the git object id of its content."""

    path: str
    oid: str
    kind: EntryKind

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]
