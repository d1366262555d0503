"""Builds the ports from settings. Alone imports adapters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.checkov import Checkov
from reconciler.adapters.files import DiskFiles
from reconciler.adapters.git import GitSource, make_repository
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.program import program_digest
from reconciler.adapters.starter import Starter, write_new
from reconciler.adapters.tools import Toolbox
from reconciler.adapters.workers import Workers
from reconciler.adapters.worktree import WorkTree
from reconciler.app.kept import Kept
from reconciler.app.scan import fingerprint_key
from reconciler.app.terraform import Site
from reconciler.errors import IndeterminateError, UsageError
from reconciler.model.place import Place
from reconciler.model.policy import EngineChoice
from reconciler.model.run import Engine
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Cloud, Files, History, PolicyEngine, RepoTree
from reconciler.settings import ProcessSettings, installers_environment

if TYPE_CHECKING:
    from reconciler.adapters.regorus_engine import EmbeddedEngine
    from reconciler.adapters.sandbox.cloud import Cloud as SandboxCloud


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
class Policies:
    """The engine that was taken, what reads Rego, and how the choice was made."""

    engine: PolicyEngine
    reader: "EmbeddedEngine"
    choice: str

    def close(self) -> None:
        """End both."""
        self.engine.close()
        self.reader.close()


@dataclass(frozen=True, slots=True)
class Building:
    """Where one environment is built."""

    site: Site
    cloud: Callable[[], Cloud]


@dataclass(frozen=True)
class Ports:
    """Everything that a command may need."""

    settings: ProcessSettings
    kept: Kept
    workers: Workers

    def repository(self, path: Path) -> Repository:
        """The repository around a path."""
        return Repository(GitSource(path))

    def history(self, path: Path) -> History:
        """The history of the repository around a path."""
        return GitHistory(path)

    def files(self, path: Path) -> tuple[Files, str]:
        """Files on the disk, and the id of the first commit of the repository around them."""
        try:
            history = GitHistory(path)
        except UsageError:
            return DiskFiles(None, lambda _path: False), ""
        return DiskFiles(history.workdir, history.ignores), history.root

    def toolbox(self) -> Toolbox:
        """The tools that have environments of their own."""
        return Toolbox(self.settings.tools_folder(), installers_environment())

    @cached_property
    def checkov(self) -> Checkov:
        """The scanner of Terraform and pipelines; it starts with its first scan."""
        return Checkov(self.toolbox(), self.settings.scan_seconds, self.workers.jobs)

    def starter_files(self) -> Iterator[tuple[str, bytes]]:
        """What a new repository begins with."""
        return Starter().files()

    def write_new(self, root: Path, files: dict[str, bytes]) -> None:
        """Write files that are not there yet; all of them, or none when one is."""
        write_new(root, files)

    def policies(self, choice: EngineChoice, url: str | None, seconds: float) -> Policies:
        """The engine of that name. Rego is always read by the embedded one: it shows its tree."""
        from reconciler.adapters.regorus_engine import EmbeddedEngine

        embedded = EmbeddedEngine(seconds, self.workers.jobs)
        if choice != "opa":
            why = "auto takes the embedded engine" if choice == "auto" else "as the settings say"
            return Policies(embedded, embedded, why)
        from reconciler.adapters.opa_engine import OpaEngine, PrivateOpa, opa_program

        if url is not None:
            return Policies(OpaEngine(url, seconds), embedded, "the server of the settings")
        program = opa_program()
        if program is None:
            raise IndeterminateError(
                "no-opa",
                "the engine is opa, and there is no `opa` on PATH",
                hint="install it, or name a server with `policy.url`, or take `engine: embedded`",
            )
        return Policies(PrivateOpa(program, seconds), embedded, "an `opa` from PATH")

    def sandbox(self) -> "SandboxCloud":
        """The cloud of the sandbox; one for each user."""
        from reconciler.adapters.sandbox.cloud import Cloud as SandboxCloud

        return SandboxCloud(self.settings.state_folder() / "sandbox")

    def held_by_sandbox(self) -> dict[str, int]:
        """How many resources of each type are in the sandbox; nothing when it does not run."""
        from reconciler.adapters.building import held_by

        status = self.sandbox().status()
        if not status.running:
            return {}
        return held_by(self.settings.state_folder(), status.cloud_id)

    def forget_sandboxes(self) -> None:
        """Remove the states of sandboxes that are gone."""
        from reconciler.adapters.building import forget_clouds

        forget_clouds(self.settings.state_folder(), self.sandbox().status().cloud_id or "none")

    @cached_property
    def terraform(self) -> Engine:
        """The program that plans and applies; looked for once."""
        from reconciler.adapters.terraform import find_engine

        return find_engine(self.settings.state_folder())

    def building(self, repo: Path, of: Place, spec: SettingsSpec, *, simulated: bool) -> Building:
        """Where one environment is built, and what its account says of itself."""
        from reconciler.adapters import building

        folder = self.settings.state_folder()
        history = GitHistory(repo)
        root = folder / building.repository_name(history.root, repo)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        make = building.sandbox if simulated else building.real
        built = make(self.settings, root, self.terraform, of, spec, self.workers.jobs)
        own = self.settings.secret_key.get_secret_value() if self.settings.secret_key else ""
        key = fingerprint_key(own, history.root)
        site = Site(
            built.runs, built.open, built.backend, key, built.simulated, patience=built.patience
        )
        return Building(
            site,
            lambda: building.sandbox_cloud(built, of) if simulated else building.real_cloud(built),
        )

    @staticmethod
    def stop_building() -> None:
        """Ask everything that runs to end; whoever runs it waits."""
        from reconciler.adapters.building import STOPPING

        STOPPING.set()

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
