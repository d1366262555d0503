"""Rendered: the files that an environment, its profile and its blueprint produce."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file: its path below the environment's folder, and its bytes."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Rendered:
    """All files of one environment, sorted by path."""

    environment: str
    files: tuple[RenderedFile, ...]

    @property
    def digest(self) -> str:
        """sha256 over paths and contents; equal digests mean equal files."""
        state = hashlib.sha256()
        for file in self.files:
            path = file.path.encode()
            state.update(b"%d %d\n" % (len(path), len(file.content)))
            state.update(path)
            state.update(file.content)
        return "sha256:" + state.hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.content) for file in self.files)

    def summary(self) -> "RenderSummary":
        """Everything but the contents."""
        return RenderSummary(
            self.digest, tuple((file.path, len(file.content)) for file in self.files)
        )


@dataclass(frozen=True, slots=True)
class RenderSummary:
    """What was rendered, without the contents: digest, and path and size of each file."""

    digest: str
    files: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files)
