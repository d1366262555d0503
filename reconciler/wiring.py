"""Builds the ports from settings. Alone imports adapters."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.git import GitSource, make_repository
from reconciler.adapters.program import program_digest
from reconciler.adapters.starter import Starter, write_new
from reconciler.adapters.workers import Workers
from reconciler.adapters.worktree import WorkTree
from reconciler.app.kept import Kept
from reconciler.errors import UsageError
from reconciler.ports import RepoTree
from reconciler.settings import ProcessSettings


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository, as the use cases see it."""

    git: GitSource

    def snapshot(self, revision: str | None) -> RepoTree:
        """A revision; None: the files as they are, or the last commit of a bare repository."""
        if revision is not None:
            return self.git.snapshot(revision)
        if self.git.workdir is None:
            return self.git.snapshot("HEAD")
        return WorkTree(self.git.workdir, self.git.ignores)

    @property
    def workdir(self) -> Path | None:
        """Where the files lie; None for a bare repository."""
        return self.git.workdir


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that a command may need."""

    settings: ProcessSettings
    kept: Kept
    workers: Workers

    def repository(self, path: Path) -> Repository:
        """The repository around a path."""
        return Repository(GitSource(path))

    def starter_files(self) -> Iterator[tuple[str, bytes]]:
        """What a new repository begins with."""
        return Starter().files()

    def write_new(self, root: Path, files: dict[str, bytes]) -> None:
        """Write files that are not there yet; all of them, or none when one is."""
        write_new(root, files)

    def make_repository(self, root: Path) -> bool:
        """Make a git repository of a folder, unless it is in one; whether it made one."""
        return make_repository(root)


def build() -> Ports:
    """The ports of this process."""
    try:
        settings = ProcessSettings()
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        name = f"RECONCILER_{first['loc'][0]}".upper()
        raise UsageError(
            "bad-setting",
            f"the environment variable {name} is `{first['input']}`: {first['msg']}",
            hint=f"unset {name}, or set it right",
        ) from None
    folder = settings.cache_folder()
    return Ports(settings, Kept(SqliteCache(folder), program_digest()), Workers(settings.jobs))
