"""Builds the ports from settings. Alone imports adapters."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import ValidationError

from reconciler import __version__
from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.checkov import Checkov
from reconciler.adapters.files import DiskFiles
from reconciler.adapters.git import GitSource, make_repository
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.merging import Merging
from reconciler.adapters.program import program_digest
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.starter import Starter, write_new
from reconciler.adapters.tools import Toolbox
from reconciler.adapters.workers import Workers
from reconciler.adapters.worktree import WorkTree
from reconciler.app.kept import Kept
from reconciler.app.scan import fingerprint_key
from reconciler.app.terraform import Site
from reconciler.core.fingerprint import fingerprint
from reconciler.errors import IndeterminateError, UsageError
from reconciler.model.agent import Agent
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.blueprint import HealthCheck
from reconciler.model.merge_request import Advice
from reconciler.model.place import Place
from reconciler.model.policy import EngineChoice
from reconciler.model.profile import HealthRules
from reconciler.model.record import Actor, Program
from reconciler.model.run import Engine
from reconciler.model.settings import GitLabForge as GitLabSettings
from reconciler.model.settings import Notification, RecordWriter, SettingsSpec
from reconciler.model.work import Ended, Heads
from reconciler.ports import (
    Cloud,
    Commits,
    Discarder,
    Files,
    Forge,
    Health,
    History,
    Leases,
    Log,
    Memory,
    PolicyEngine,
    RecordStore,
    RepoTree,
    Signer,
    Speaker,
    Telemetry,
    Vanishing,
    Verify,
)
from reconciler.settings import (
    ProcessSettings,
    installers_environment,
    network_environment,
    secret_of,
)

if TYPE_CHECKING:
    from reconciler.adapters.deeds import Deeds
    from reconciler.adapters.demo_stage import Stage
    from reconciler.adapters.git_remote import Credentials
    from reconciler.adapters.gitlab.forge import GitLabForge
    from reconciler.adapters.health_server import HealthServer
    from reconciler.adapters.regorus_engine import EmbeddedEngine
    from reconciler.adapters.sandbox.clock import SandboxClock
    from reconciler.adapters.sandbox.cloud import Cloud as SandboxCloud
    from reconciler.adapters.speakers.mail import MailServer
    from reconciler.adapters.speakers.post import Poster
    from reconciler.adapters.telemetry import LiveTelemetry
    from reconciler.adapters.traces import Traces
    from reconciler.adapters.webhook_server import WebhookServer
    from reconciler.app.bench import Bench
    from reconciler.app.carried import Proof
    from reconciler.app.makings import Makings
    from reconciler.app.proposing import Bot
    from reconciler.app.record import Recorder
    from reconciler.app.records import Records
    from reconciler.app.telemetry import Gathering
    from reconciler.app.telling import Desk as NewsDesk
    from reconciler.model.ssh import PublicKey


T = TypeVar("T")
_OF_TASKS: Final = (
    "adapters.aws_health",
    "adapters.building",
    "adapters.claim_refs",
    "adapters.health",
    "adapters.lease_refs",
    "adapters.local_forge",
    "adapters.memory",
    "adapters.outbox",
    "adapters.regorus_engine",
    "adapters.runs",
    "adapters.sandbox.clock",
    "adapters.sandbox.cloud",
    "adapters.ssh_keys",
    "adapters.terraform",
    "adapters.web_check",
    "app.audit.reading",
)


def stand_by(work: Callable[[], int]) -> None:
    """Load what most tasks of the controller need, and fork for each of them to do its work."""
    from reconciler.adapters.deeds import stand_by as wait_for_tasks

    for name in _OF_TASKS:
        import_module(f"reconciler.{name}")
    wait_for_tasks(work)


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
    discarder: Callable[[], Discarder]


@dataclass(frozen=True)
class Ports:
    """Everything that a command may need."""

    settings: ProcessSettings
    kept: Kept
    workers: Workers
    _servers: "dict[tuple[Path, GitLabSettings, str, str], GitLabForge]" = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """The one that was asked last: who we are there need not be asked at each look."""

    def repository(self, path: Path) -> Repository:
        """The repository around a path."""
        return Repository(GitSource(path))

    def merging(self, path: Path) -> Merging:
        """What merges in the repository around a path would make."""
        return Merging(path)

    def history(self, path: Path) -> History:
        """The history of the repository around a path."""
        return GitHistory(path)

    def commits(self, path: Path) -> Commits:
        """The commits of the repository around a path."""
        return GitHistory(path)

    def record_store(self, path: Path, branch: str) -> RecordStore:
        """The records of the repository around a path, as they are here."""
        return GitRecords(path, branch)

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

    def program(self) -> Iterator[Advice]:
        """What runs here, with its packages."""
        from reconciler.adapters.machine import program

        return program()

    def folders(self) -> Iterator[Advice]:
        """Whether what is kept on this machine can be kept."""
        from reconciler.adapters.machine import folders

        own = self.settings
        return folders(
            {
                "cache": (own.cache_folder(), "RECONCILER_CACHE_DIR"),
                "state": (own.state_folder(), "RECONCILER_STATE_DIR"),
                "tools": (own.tools_folder(), "RECONCILER_TOOLS_DIR"),
            },
            complete=["tools"] if all(one.installed for one in self.toolbox().tools()) else [],
        )

    def checkup(
        self, path: Path, spec: SettingsSpec | None, *, simulated: bool = False
    ) -> Iterator[Advice]:
        """Whether the repository around a path is as work in it needs it."""
        from reconciler.adapters.git_checkup import Checkup

        named = bool(self.settings.actor_name and self.settings.actor_email)
        clock = self.clock(simulated=simulated)
        return Checkup(path, clock, named=named, simulated=simulated).examine(spec)

    @staticmethod
    def gather(path: Path) -> int:
        """Make one pack of what lies alone in a repository, if that is much: how many objects."""
        from reconciler.adapters.git_upkeep import gather

        return gather(path)

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

    def opa(self) -> str:
        """The `opa` on PATH; empty: there is none."""
        from reconciler.adapters.opa_engine import opa_program

        return opa_program() or ""

    def sandbox(self) -> "SandboxCloud":
        """The cloud of the sandbox; one for each user."""
        from reconciler.adapters.sandbox.cloud import Cloud as SandboxCloud

        return SandboxCloud(self.settings.state_folder() / "sandbox")

    @staticmethod
    def demo_stage(folder: Path, main: Callable[[list[str]], None]) -> "Stage":
        """Where the demonstration happens. `main`: what runs a command of the program."""
        from reconciler.adapters.demo_stage import Stage

        return Stage(folder, main)

    def sandbox_clock(self) -> "SandboxClock":
        """What time it is in the sandbox."""
        from reconciler.adapters.sandbox.clock import SandboxClock

        return SandboxClock(self.settings.state_folder() / "sandbox")

    def clock(self, *, simulated: bool) -> Callable[[], datetime]:
        """What time it is; the sandbox has a clock of its own."""
        return self.sandbox_clock().now if simulated else _exactly

    def held_by_sandbox(self) -> dict[str, int]:
        """How many resources of each type are in the sandbox; nothing when it does not run."""
        from reconciler.adapters.building import held_by

        status = self.sandbox().status()
        if not status.running:
            return {}
        return held_by(self.settings.state_folder(), status.cloud_id)

    def vanishing(self, repo: Path) -> Vanishing:
        """What the sandbox that runs has of a repository."""
        from reconciler.adapters.building import SandboxStates

        return SandboxStates(self.settings.state_folder() / "sandbox", self._known_of(repo))

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
        from reconciler.app.audit.reading import unknown_of
        from reconciler.core.records.standing import state_of

        folder = self.settings.state_folder()
        history = GitHistory(repo)
        root = folder / building.repository_name(history.root, repo)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        make = building.sandbox if simulated else building.real
        built = make(self.settings, root, self.terraform, of, spec, self.workers.jobs)
        own = self.settings.secret_key.get_secret_value() if self.settings.secret_key else ""
        key = fingerprint_key(own, history.root)
        recorded = self._known(
            repo, spec, lambda of, name: state_of(of.status(name)), None, simulated=simulated
        )
        site = Site(
            built.runs,
            built.open,
            built.backend,
            key,
            built.simulated,
            # A sandbox's states end with it, and its records do not: that stops no plan.
            (lambda _name: None) if simulated else recorded,
            (lambda _name: frozenset())
            if simulated
            else self._known(repo, spec, unknown_of, frozenset()),
            built.patience,
            (lambda name: self.vanishing(repo).gone(name, recorded(name)))
            if simulated
            else (lambda _name: ""),
        )
        return Building(
            site,
            lambda: building.cloud(built, of),
            lambda: building.discarder(built, of),
        )

    def health(
        self,
        repo: Path,
        of: Place,
        spec: SettingsSpec,
        rules: HealthRules,
        checks: Sequence[HealthCheck],
        *,
        simulated: bool,
    ) -> Health:
        """What looks at an environment's health, by its blueprint's checks and its profile."""
        from reconciler.adapters import building
        from reconciler.adapters.aws_health import AwsHealth
        from reconciler.adapters.health import Checks
        from reconciler.adapters.web_check import WebCheck, inside, outside

        make = building.sandbox if simulated else building.real
        root = self._known_of(repo)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        built = make(self.settings, root, self.terraform, of, spec, self.workers.jobs)
        session = building.session(built, of)
        web = None if simulated else WebCheck(inside if rules.inside_addresses else outside)
        return Checks(checks, AwsHealth(session.client), web)

    def records(self, repo: Path, spec: SettingsSpec, *, simulated: bool) -> "Records":
        """The records of a repository; those of the sandbox have a branch of their own."""
        from reconciler.adapters.git_remote import ssh_agent, token_credentials
        from reconciler.adapters.record_store import record_store
        from reconciler.app.records import Records

        branch = spec.branches.records_of(simulated=simulated)
        keeping = spec.records
        remote = "" if simulated else keeping.remote or ""
        token = self.settings.git_token
        credentials = token_credentials(token.get_secret_value()) if token else ssh_agent
        store = record_store(repo, branch, remote, credentials, alone=simulated)
        signer = self.signer()
        return Records(store, signer, _writer(signer, keeping.writers))

    def leases(self, repo: Path, spec: SettingsSpec, *, simulated: bool) -> Leases:
        """The leases of environments: where the records are, since a fence is a count of them."""
        from reconciler.adapters.git_remote import ssh_agent, token_credentials
        from reconciler.adapters.lease_refs import LeaseRefs
        from reconciler.adapters.memory import FileMemory

        remote = "" if simulated else spec.records.remote or ""
        token, own, author = self.settings.git_token, self.settings, GitSource(repo).author
        credentials = token_credentials(token.get_secret_value()) if token else ssh_agent
        me = Author(
            own.actor_email or (author.email if author else ""),
            own.actor_name or (author.name if author else ""),
        )
        folder = self._known_of(repo) / f"leases{'-sandbox' if simulated else ''}"
        seen: Callable[[str], Memory] = lambda name: FileMemory(folder / name)  # noqa: E731
        return LeaseRefs(repo, remote, credentials, me, seen, simulated=simulated)

    @staticmethod
    def holder(program: str) -> str:
        """This process as a holder of leases; another one at each call."""
        from reconciler.adapters.processes import name_of_process

        return name_of_process(program)

    def forge(self, repo: Path, spec: SettingsSpec) -> Forge:
        """Where the merge requests of a repository live."""
        return (
            self._local_forge(repo)
            if spec.forge.kind == "local"
            else self._gitlab(repo, spec.forge)
        )

    def _gitlab(self, repo: Path, where: GitLabSettings) -> Forge:
        from reconciler.adapters.git_remote import same_server, ssh_agent, token_credentials
        from reconciler.adapters.gitlab.client import Client, Pace
        from reconciler.adapters.gitlab.forge import GitLabForge
        from reconciler.adapters.remote_fetch import RemoteFetch

        token = secret_of(where.token_from)
        if not token:
            raise UsageError(
                "no-token",
                f"merge requests are on {where.url}, and {where.token_from} has no token",
                hint=f"put one with the scope `api` into the variable {where.token_from}",
                subject=where.token_from,
            )
        address = GitSource(repo).address("origin")
        key = (repo, where, token, address)
        if key in self._servers:
            return self._servers[key]
        for other in self._servers.values():
            other.end()
        self._servers.clear()
        client = Client(where.url, where.project, token, where.token_from, Pace())
        own = self.settings.git_token
        if not address or same_server(address, where.url):
            credentials = token_credentials(token)
        else:  # a mirror gets a token of its own, or none
            credentials = token_credentials(own.get_secret_value()) if own else ssh_agent
        fetch = RemoteFetch(
            repo,
            "origin" if address else where.url,
            lambda: address or client.address(),
            credentials,
        )
        self._servers[key] = GitLabForge(client, fetch, where.accounts)
        return self._servers[key]

    def _local_forge(self, repo: Path) -> Forge:
        from reconciler.adapters.git_remote import ssh_agent, token_credentials
        from reconciler.adapters.local_forge import LocalForge
        from reconciler.adapters.merge_request_refs import MergeRequestRefs, home_of
        from reconciler.adapters.ssh_keys import verify

        token, own, author = self.settings.git_token, self.settings, GitSource(repo).author
        credentials = token_credentials(token.get_secret_value()) if token else ssh_agent
        refs = MergeRequestRefs(repo, home_of(repo), credentials, self.signer(), verify)
        me = Person(
            own.actor_name or (author.name if author else ""),
            own.actor_email or (author.email if author else ""),
        )
        return LocalForge(refs, me, _now)

    def bot(self, repo: Path, spec: SettingsSpec) -> "Bot":
        """What commits and proposes in our own name."""
        from reconciler.app.proposing import Bot

        signer = self.signer()
        own, author = self.settings, GitSource(repo).author
        name = own.actor_name or (author.name if author else "")
        email = own.actor_email or (author.email if author else "")
        me = _writer(signer, spec.records.writers) or Author(email, name)
        return Bot(
            self.forge(repo, spec),
            spec.branches.target,
            self.shared_branches(repo, spec),
            me,
            _now,
            signer,
        )

    @staticmethod
    def has_home(repo: Path) -> bool:
        """Whether others see what is pushed: there is an origin."""
        from reconciler.adapters.merge_request_refs import home_of

        return bool(home_of(repo))

    def heads(self, repo: Path, spec: SettingsSpec, *, simulated: bool) -> Callable[[], Heads]:
        """Where everything is that a controller follows: one listing where all is in one place."""
        from reconciler.adapters.merge_request_refs import REQUESTS, home_of

        target = f"refs/heads/{spec.branches.target}"
        records = f"refs/heads/{spec.branches.records_of(simulated=simulated)}"
        leases = f"refs/reconciler/leases{'-sandbox' if simulated else ''}/"
        home, other = home_of(repo), "" if simulated else spec.records.remote or ""
        listed = self._listing(repo, home, spec)
        kept = listed if other == home else self._listing(repo, other, spec)
        vanishing = self.vanishing(repo) if simulated else None

        def look() -> Heads:
            tips = listed(target, records, REQUESTS, leases)
            if target not in tips:
                raise UsageError(
                    "no-target",
                    f"there is no branch `{spec.branches.target}`",
                    hint="push it, or name another one in reconciler.yaml",
                )
            more = tips if kept is listed else kept(records, leases)
            held = sum(name.startswith(leases) for name in more)
            reviews = {name: tip for name, tip in tips.items() if REQUESTS in name}
            requests = {
                int(number): tip
                for name, tip in reviews.items()
                if (number := name.removeprefix(REQUESTS)).isdecimal()
            }
            mark = fingerprint(*sorted(f"{name} {tip}" for name, tip in reviews.items()))
            return Heads(
                tips[target],
                more.get(records, ""),
                mark,
                held,
                vanishing.cloud() if vanishing is not None else "",
                requests,
            )

        return look

    def _listing(
        self, repo: Path, remote: str, spec: SettingsSpec
    ) -> Callable[..., Mapping[str, str]]:
        """Lists refs: here, at a remote on this machine's disk, or at a server."""
        from reconciler.adapters.git import open_repository
        from reconciler.adapters.git_refs import GitRefs
        from reconciler.adapters.git_remote import RemoteRefs, place_of

        place = place_of(open_repository(repo), remote, "branches") if remote else repo
        if place is not None:
            return GitRefs(place, "branches").tips
        refs = RemoteRefs(repo, "branches")
        refs.reach(remote, self._credentials(repo, spec))
        return refs.tips

    def deeds(
        self,
        order: Mapping[str, Any],
        told: "Callable[[Ended, Mapping[str, Any]], None]",
    ) -> "Deeds":
        """Processes that carry tasks out. `order`: what all of them are told."""
        from reconciler.adapters.deeds import Deeds

        return Deeds("reconciler.cli.deed", order, told)

    def proof(self, repo: Path, spec: SettingsSpec) -> "Proof":
        """What tells whether commits of the target branch are ours."""
        from reconciler.app.carried import Proof
        from reconciler.core.approve import key_fingerprint

        store = self.record_store(repo, spec.branches.target)
        keys = (key for one in spec.records.writers for key in one.keys)
        return Proof(
            self.makings(repo),
            lambda commit: store.read(commit)[1],
            self.verify,
            frozenset(key_fingerprint(key) for key in keys),
        )

    def makings(self, repo: Path) -> "Makings":
        """What environments are made of, at any commit."""
        from reconciler.app.makings import Makings
        from reconciler.app.render import Rendering

        rendering = Rendering(self.workers, self.settings.render_seconds)
        return Makings(GitHistory(repo), GitSource(repo), rendering)

    def shared_branches(self, repo: Path, spec: SettingsSpec) -> Callable[[str], RecordStore]:
        """Branches as everybody has them: at `origin` where there is one."""
        from reconciler.adapters.merge_request_refs import home_of
        from reconciler.adapters.record_store import record_store

        credentials = self._credentials(repo, spec)
        return lambda branch: record_store(repo, branch, home_of(repo), credentials)

    def fetch_branch(self, repo: Path, branch: str, spec: SettingsSpec) -> None:
        """Have a branch here as everybody has it now; nothing to do where it lives here."""
        from reconciler.adapters.git_remote import RemoteRefs
        from reconciler.adapters.merge_request_refs import home_of

        remote = home_of(repo)
        if remote:
            refs = RemoteRefs(repo, "branches")
            refs.reach(remote, self._credentials(repo, spec))
            refs.fetch(f"+refs/heads/{branch}:refs/remotes/{remote}/{branch}")

    def _credentials(self, repo: Path, spec: SettingsSpec) -> "Credentials":
        """What proves us to `origin`; the forge's token only where that is the forge."""
        from reconciler.adapters.git_remote import same_server, ssh_agent, token_credentials

        own = self.settings.git_token
        token = own.get_secret_value() if own is not None else None
        if token is None and spec.forge.kind == "gitlab":
            address = GitSource(repo).address("origin")
            if address and same_server(address, spec.forge.url):
                token = secret_of(spec.forge.token_from)
        return token_credentials(token) if token else ssh_agent

    def webhook_server(
        self,
        host: str,
        port: int,
        spec: SettingsSpec,
        hint: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> "WebhookServer":
        """Listens for what the forge says; an error when nobody could prove to be it."""
        from reconciler.adapters.webhook_server import Listening, WebhookServer
        from reconciler.core.webhook import BadSecret, Secrets

        forge = spec.forge
        if forge.kind != "gitlab":
            raise UsageError(
                "no-webhooks",
                "the local forge sends no webhooks",
                hint="leave out `--listen`: it is looked at every `intervals.poll`",
            )
        name = forge.webhook_secret_from
        if name is None:
            raise UsageError(
                "no-webhook-secret",
                "reconciler.yaml names no secret for webhooks, so anybody could send one",
                hint="name a variable: `forge: {webhookSecretFrom: GITLAB_WEBHOOK_SECRET}`",
            )
        try:
            secrets = Secrets.read(secret_of(name) or "")
        except BadSecret as err:
            raise UsageError(
                "bad-webhook-secret",
                f"the variable {name} holds no good secret for webhooks: {err}",
                hint=f"put GitLab's signing token (`whsec_...`) or secret token into {name}",
            ) from None
        listening = Listening(
            secrets,
            forge.project,
            lambda found: hint(found.number),
            tell,
            lambda: datetime.now(UTC),
        )
        return WebhookServer(host, port, listening)

    def telemetry(self) -> "LiveTelemetry":
        """What keeps this process's numbers, and sends traces where somebody takes them."""
        from reconciler.adapters.telemetry import LiveTelemetry

        return LiveTelemetry(self._traces())

    def gathering(self) -> "Gathering":
        """What a child measures, for its parent; traces it sends by itself."""
        from reconciler.app.telemetry import Gathering

        return Gathering(self._traces())

    def _traces(self) -> "Traces | None":
        """What sends traces; None: nobody takes them."""
        endpoint = self.settings.otlp_endpoint
        if not endpoint:
            return None
        try:
            from reconciler.adapters.traces import Traces, headers_of
        except ImportError as err:
            raise UsageError(
                "no-traces",
                f"traces are to be sent, and {err.name} is not installed",
                hint="install `reconciler[traces]`, or unset RECONCILER_OTLP_ENDPOINT",
            ) from err
        given = self.settings.otlp_headers
        return Traces(endpoint, headers_of(endpoint, given.get_secret_value() if given else ""))

    def health_server(
        self,
        place: tuple[str, int],
        telemetry: "LiveTelemetry",
        alive: Callable[[], str],
        ready: Callable[[], str],
        tell: Callable[[str], None],
    ) -> "HealthServer":
        """Shows `/healthz`, `/readyz` and `/metrics`; `alive` and `ready`: why not, or nothing."""
        from reconciler.adapters.health_server import HealthServer, Showing

        return HealthServer(*place, Showing(telemetry.metrics, alive, ready, tell))

    def telling(
        self,
        repo: Path,
        spec: SettingsSpec,
        telemetry: Telemetry,
        complain: Callable[[str], None],
        *,
        simulated: bool,
    ) -> "NewsDesk":
        """What tells people of new records; `complain` hears what nobody will hear of."""
        from reconciler.adapters.claim_refs import ClaimRefs
        from reconciler.adapters.git_remote import ssh_agent, token_credentials
        from reconciler.adapters.memory import FileMemory
        from reconciler.adapters.outbox import DiskOutbox
        from reconciler.app.telling import Desk as NewsDesk

        token, author = self.settings.git_token, GitSource(repo).author
        credentials = token_credentials(token.get_secret_value()) if token else ssh_agent
        me = _writer(self.signer(), spec.records.writers) or Author(
            self.settings.actor_email or (author.email if author else ""),
            self.settings.actor_name or (author.name if author else ""),
        )
        remote = "" if simulated else spec.records.remote or ""
        folder = self._known_of(repo) / ("telling-sandbox" if simulated else "telling")
        return NewsDesk(
            self.records(repo, spec, simulated=simulated),
            ClaimRefs(repo, remote, credentials, me, _now, simulated=simulated),
            FileMemory(folder / "told"),
            DiskOutbox(folder / "outbox"),
            spec.notifications,
            self.speaker,
            pages_of(spec),
            _now,
            # In the order of time, so that what was written first is sent first.
            lambda: f"{time.time_ns():020d}-{token_hex(8)}",
            telemetry,
            complain,
        )

    def speaker(self, rule: Notification) -> Speaker:
        """What speaks to a rule's target; a UsageError when this machine is not set up for it."""
        target = rule.target
        match target.kind:
            case "slack":
                from reconciler.adapters.speakers.slack import SlackSpeaker

                return SlackSpeaker(self._poster(_needed(target.url_from), target.url_from))
            case "webhook":
                from reconciler.adapters.speakers.webhook import WebhookSpeaker, key_of

                name = target.secret_from
                poster = self._poster(target.url, f"the webhook of `{rule.name}`")
                return WebhookSpeaker(poster, key_of(_needed(name), name), _now)
            case "sns":
                from reconciler.adapters.aws_sns import SnsSpeaker

                return SnsSpeaker(target.topic)
            case "email":
                from reconciler.adapters.speakers.mail import MailSpeaker

                return MailSpeaker(self._mail_server(), target.to, _now)

    def _poster(self, address: str, name: str) -> "Poster":
        from reconciler.adapters.speakers.post import Poster

        network = network_environment()
        proxy = network.get("https_proxy") or network.get("HTTPS_PROXY")
        return Poster(address, name, {"https": proxy} if proxy else {})

    def _mail_server(self) -> "MailServer":
        from reconciler.adapters.speakers.mail import MailServer

        own = self.settings
        for name, value in (("HOST", own.smtp_host), ("FROM", own.smtp_from)):
            if not value:
                raise UsageError(
                    "no-mail-server",
                    f"somebody is to get mail, and RECONCILER_SMTP_{name} is not set",
                    hint="set RECONCILER_SMTP_HOST and RECONCILER_SMTP_FROM, and what the server"
                    " asks for beside",
                    subject=f"RECONCILER_SMTP_{name}",
                )
        return MailServer(
            own.smtp_host,
            own.smtp_port,
            own.smtp_from,
            own.smtp_user,
            own.smtp_password.get_secret_value() if own.smtp_password else "",
            own.smtp_tls,
        )

    def found_whole(self, repo: Path, branch: str) -> Memory:
        """Up to which record this machine found the history whole."""
        from reconciler.adapters.building import repository_name
        from reconciler.adapters.memory import FileMemory

        folder = self.settings.state_folder() / repository_name(GitHistory(repo).root, repo)
        return FileMemory(folder / "whole" / branch.replace("/", "~"))

    def reviewing(self, repo: Path) -> Callable[[int], AbstractContextManager[None]]:
        """Turns: a merge request is looked at by one process of this machine at a time."""
        from reconciler.adapters.locks import reviewing

        folder, seconds = self._known_of(repo) / "reviews", self.settings.lock_seconds
        return lambda number: reviewing(folder, number, seconds)

    def reviewed(self, repo: Path) -> Callable[[int], Memory]:
        """How each merge request was when this machine looked at it."""
        from reconciler.adapters.memory import FileMemory

        folder = self._known_of(repo) / "reviews"
        return lambda number: FileMemory(folder / str(number))

    def signing(self) -> "tuple[Signer | None, Verify]":
        """Our own key, if there is one, and what tells whose signature one is."""
        return self.signer(), self.verify

    @staticmethod
    def verify(message: bytes, armored: str) -> "PublicKey":
        """The key that signed a message; what it needs is only loaded for a signature."""
        from reconciler.adapters.ssh_keys import verify

        return verify(message, armored)

    def _known_of(self, repo: Path) -> Path:
        """Where this machine keeps what it knows of a repository."""
        from reconciler.adapters.building import repository_name

        return self.settings.state_folder() / repository_name(GitHistory(repo).root, repo)

    def _known(
        self,
        repo: Path,
        spec: SettingsSpec,
        of: "Callable[[Records, str], T]",
        otherwise: T,
        *,
        simulated: bool = False,
    ) -> Callable[[str], T]:
        """Something that the records that are here know of environments."""
        from reconciler.app.audit.reading import trail
        from reconciler.app.records import Broken

        branch = spec.branches.records_of(simulated=simulated)
        remote = "" if simulated else spec.records.remote or ""

        def recorded(name: str) -> T:
            try:
                return of(trail(self.record_store(repo, branch), branch, remote).records, name)
            except Broken:
                return otherwise  # whoever writes records stops at that

        return recorded

    def signer(self) -> "Signer | None":
        """The key that records are signed with; None: there is none."""
        if self.settings.signing_key is None:
            return None
        from reconciler.adapters.ssh_keys import load_signer

        phrase = self.settings.signing_passphrase
        return load_signer(
            self.settings.signing_key, phrase.get_secret_value() if phrase is not None else None
        )

    def bench(self, repo: Path, target: str) -> "Bench":
        """What judges records: the documents of this clone."""
        from reconciler.adapters.ssh_keys import verify
        from reconciler.app.bench import Bench

        git = GitSource(repo)
        return Bench(git, git.snapshot(target).revision, verify)

    def recorder(
        self, repo: Path, records: "Records", agents: Iterable[Agent], *, simulated: bool
    ) -> "Recorder":
        """What writes records, in the name of whoever runs this."""
        from reconciler.app.record import Recorder

        git, clock = GitSource(repo), self.clock(simulated=simulated)
        return Recorder(
            records,
            git,
            self._actor(git.author, agents),
            Program.model_construct(
                name="reconciler", version=__version__, digest=self.kept.program
            ),
            lambda: clock().replace(microsecond=0),
            lambda: token_hex(16),
            simulated,
        )

    def _actor(self, author: Author | None, agents: Iterable[Agent]) -> Actor:
        own = self.settings
        name = own.actor_name or (author.name if author else "")
        email = own.actor_email or (author.email if author else "")
        if not name or not email:
            raise UsageError(
                "nobody",
                "nobody knows who does this, and it has to be recorded",
                hint="`git config user.name 'Your Name'` and `git config user.email"
                " you@example.com`, or RECONCILER_ACTOR_NAME and RECONCILER_ACTOR_EMAIL",
            )
        agent = next(
            (one for one in agents if one.spec.identity.email.lower() == email.lower()), None
        )
        return Actor.model_construct(
            name=name,
            email=email,
            forge_id=own.actor_id,
            kind="agent" if agent is not None else "human",
            agent=agent.metadata.name if agent is not None else None,
            task=own.task or None,
        )

    @staticmethod
    def stop_building() -> None:
        """Ask everything that runs to end; whoever runs it waits."""
        from reconciler.adapters.building import STOPPING

        STOPPING.set()

    def make_repository(self, root: Path) -> bool:
        """Make a git repository of a folder, unless it is in one; whether it made one."""
        return make_repository(root)


def lines(*, as_json: bool, quiet: bool) -> Log:
    """Lines about what is done, on standard error. Settings that are wrong can be told by them."""
    from reconciler.adapters.log import Log as Lines

    return Lines(as_json=as_json, quiet=quiet)


def pages_of(spec: SettingsSpec) -> str:
    """Where the project's pages are; empty: nobody knows, as of a project known by its number."""
    forge = spec.forge
    if forge.kind != "gitlab" or forge.project.isdigit():
        return ""
    return f"{forge.url.rstrip('/')}/{forge.project}"


def _now() -> datetime:
    return _exactly().replace(microsecond=0)


def _exactly() -> datetime:
    return datetime.now(UTC)


def _needed(name: str) -> str:
    """A variable that the settings name."""
    value = secret_of(name)
    if not value:
        raise UsageError(
            "no-secret",
            f"the environment variable {name} is not set",
            hint="reconciler.yaml names it under `notifications`",
            subject=name,
        )
    return value


def _writer(signer: "Signer | None", writers: Iterable[RecordWriter]) -> Author | None:
    """What the settings call whoever has this key."""
    if signer is None:
        return None
    from reconciler.core.approve import key_fingerprint

    own = signer.public_key.fingerprint
    for one in writers:
        if any(key_fingerprint(key) == own for key in one.keys):
            return Author(one.email, one.name)
    return None


def build() -> Ports:
    """The ports of this process."""
    try:
        settings = ProcessSettings()
    except ValidationError as err:
        first = err.errors(include_url=False)[0]
        place = str(first["loc"][0]).upper()
        # Those of others are told by their own names.
        name = (
            place if place.startswith(("GITLAB_", "RECONCILER_", "XDG_")) else f"RECONCILER_{place}"
        )
        raise UsageError(
            "bad-setting",
            f"the environment variable {name} is `{first['input']}`: {first['msg']}",
            hint=f"unset {name}, or set it right",
        ) from None
    folder = settings.cache_folder()
    return Ports(settings, Kept(SqliteCache(folder), program_digest()), Workers(settings.jobs))
