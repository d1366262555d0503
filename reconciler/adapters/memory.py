"""A word in a file of this machine.

It is never kept in a repository: whoever may push there could write it.
"""

from contextlib import suppress
from pathlib import Path


class FileMemory:
    """One word in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self) -> str:
        """The word."""
        try:
            return self._path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def put(self, word: str) -> None:
        """Remember it, when that is possible."""
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = self._path.with_suffix(".part")
            part.write_text(word + "\n", encoding="utf-8")
            part.replace(self._path)
