"""Puts together where an environment is built: engine, run directories, credentials, state.

The real world and the sandbox differ here and nowhere else: another provider, other credentials,
another folder, and states whose lineage says which of the two they are of.
"""

import hashlib
import json
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from reconciler.adapters.aws import AwsAccounts, AwsCloud, AwsSession
from reconciler.adapters.aws_discard import AwsDiscard
from reconciler.adapters.runs import Runs, mark_in
from reconciler.adapters.sandbox import mirror
from reconciler.adapters.sandbox.attached import attached
from reconciler.adapters.sandbox.cloud import Cloud as SandboxCloud
from reconciler.adapters.sandbox.configuration import FAULTS
from reconciler.adapters.sandbox.faults import Faults
from reconciler.adapters.terraform import Beside, Limits, Terraform, Workspace, nothing_beside
from reconciler.core.backend import backend, state_server
from reconciler.core.state import SANDBOX, gone, read_state
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.place import Place
from reconciler.model.run import Engine, StateMark
from reconciler.model.settings import HttpState, LocalState, PgState, SettingsSpec
from reconciler.ports import Cloud, Discarder, Run
from reconciler.settings import ProcessSettings, network_environment, secret_of

STOPPING: Final = Event()
"""Set when everything that runs is to end."""
_HTTP: Final = (("TF_HTTP_USERNAME", "gitlab-ci-token"),)


@dataclass(frozen=True, slots=True)
class Built:
    """Everything about where an environment is built; `app.terraform.Site` is made of it."""

    runs: Runs
    open: Callable[[Run, bool], Workspace]
    backend: Callable[[str], Mapping[str, Any]]
    simulated: bool
    patience: float
    environment: Callable[[], Mapping[str, str]] = dict
    """What a run gets to know; asked for when it is needed, since it may enter an account."""
    applying: Callable[[], Mapping[str, str]] = dict
    """What an apply gets to know beside."""


def repository_name(root: str, repo: Path) -> str:
    """One folder for each repository: by its first commit, or by its place when it has none."""
    return root[:16] or hashlib.sha256(str(repo.absolute()).encode()).hexdigest()[:16]


def _opener(
    settings: ProcessSettings,
    engine: Engine,
    environment: Callable[[], Mapping[str, str]],
    applying: Callable[[], Mapping[str, str]],
    cache: Path | None = None,
    beside: Beside = nothing_beside,
) -> Callable[[Run, bool], Workspace]:
    limits = Limits(
        plan=settings.plan_seconds, apply=settings.apply_seconds, lock=settings.lock_seconds
    )

    def open_(run: Run, locked: bool) -> Workspace:  # noqa: FBT001  # as the port says
        home = run.path / "home"
        home.mkdir(exist_ok=True, mode=0o700)
        terraform = Terraform(
            engine,
            run.path / "terraform",
            home,
            environment(),
            megabytes=settings.plan_megabytes,
            beside=beside,
            stopping=STOPPING,
        )
        return Workspace(terraform, limits, locked=locked, applying=applying, cache=cache)

    return open_


def real(
    settings: ProcessSettings, root: Path, engine: Engine, of: Place, spec: SettingsSpec, jobs: int
) -> Built:
    """A real account: the registry's providers, short-lived credentials, the state of settings."""
    runs = Runs(root / "real", jobs)
    config = root / "real" / "terraformrc"
    if not config.exists():  # another run may be reading it
        mirror.put(config, "disable_checkpoint = true\n", 0o600)
    cache = root / "real" / "plugins"
    cache.mkdir(exist_ok=True, mode=0o700)
    accounts = AwsAccounts(spec.aws, secret_of)

    @lru_cache(maxsize=1)
    def environment() -> Mapping[str, str]:
        return {
            "TF_CLI_CONFIG_FILE": secret_of("TF_CLI_CONFIG_FILE") or str(config),
            "TF_PLUGIN_CACHE_DIR": str(cache),
            **network_environment(),
            **_state_variables(spec),
            **accounts.enter(of.account, of.region, "plan", of.environment),
        }

    def applying() -> Mapping[str, str]:
        return accounts.enter(of.account, of.region, "apply", of.environment)

    return Built(
        runs,
        _opener(settings, engine, environment, applying, cache),
        lambda name: backend(spec.state, name, runs.states),
        simulated=False,
        patience=settings.lock_seconds,
        environment=environment,
        applying=applying,
    )


def _state_variables(spec: SettingsSpec) -> dict[str, str]:
    """What a backend needs to know and must not stand in a file."""
    if isinstance(spec.state, PgState):
        connection = secret_of(spec.state.connection_from)
        if not connection:
            raise ReconcilerError(
                "credentials",
                f"the environment variable {spec.state.connection_from} is not set",
                hint="it holds the connection string of the states' database",
            )
        return {"PG_CONN_STR": connection}
    if isinstance(spec.state, HttpState):
        state_server(spec.state)  # before its token is even read
        found = {}
        for name, otherwise in _HTTP:
            found[name] = secret_of(name) or otherwise
        password = secret_of("TF_HTTP_PASSWORD") or secret_of("CI_JOB_TOKEN")
        return found | ({"TF_HTTP_PASSWORD": password} if password else {})
    return {}


def sandbox(
    settings: ProcessSettings, root: Path, engine: Engine, of: Place, spec: SettingsSpec, jobs: int
) -> Built:
    """The sandbox: our provider, moto, and states that say what they are."""
    del spec  # nothing of the real world is used
    folder = settings.state_folder() / "sandbox"
    endpoint, cloud_id = _running(folder)
    # A new cloud is empty, so it has states of its own.
    runs = Runs(root / f"sandbox-{cloud_id}", jobs)
    mirror.prepare(folder)
    faults = secret_of(FAULTS)  # tests and demonstrations break things on purpose
    _check_faults(faults or "")
    known = mirror.environment(folder, endpoint, of.account) | ({FAULTS: faults} if faults else {})

    def environment() -> Mapping[str, str]:
        return known

    def where(name: str) -> Mapping[str, Any]:
        path = runs.states / f"{name}.tfstate"
        if not path.exists() and runs.mark(name) is None:
            path.write_text(_empty_state(), encoding="utf-8")
        return backend(LocalState.model_validate({"backend": "local"}), name, runs.states)

    return Built(
        runs,
        _opener(settings, engine, environment, dict, beside=partial(attached, known)),
        where,
        simulated=True,
        patience=settings.lock_seconds,
        environment=environment,
        applying=dict,
    )


class SandboxStates:
    """What the sandbox that runs has of a repository's environments. It only reads.

    `folder`: the sandbox's; `root`: where the runs of the repository are.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self._cloud = SandboxCloud(folder)
        self._root = root

    def cloud(self) -> str:
        """Which sandbox it is; empty: none runs."""
        return self._cloud.status().cloud_id

    def gone(self, environment: str, recorded: StateMark | None) -> str:
        """Why what is recorded is not there any more; empty: it is."""
        cloud = self.cloud()
        runs = self._root / f"sandbox-{cloud}"
        try:
            data = (runs / "states" / f"{environment}.tfstate").read_bytes()
        except OSError:
            data = b""
        try:
            state = read_state(data, environment)
        except ReconcilerError:
            return ""  # it is being written, or broken: who plans finds out
        found = state.mark if state is not None else None
        return gone(recorded, mark_in(runs, environment), found, cloud)


def _check_faults(text: str) -> None:
    """Here, since the provider could only say it through Terraform, and for each of its starts."""
    try:
        Faults.parse(text)
    except (ValueError, OSError, LookupError, TypeError, AttributeError) as err:
        raise UsageError(
            "bad-setting",
            f"the environment variable {FAULTS} is neither faults as JSON nor a file with them:"
            f" {err}",
            hint=f"unset {FAULTS}, or set it right",
        ) from err


def _empty_state() -> str:
    return json.dumps(
        {
            "version": 4,
            "terraform_version": "1.9.0",
            "serial": 0,
            "lineage": SANDBOX + secrets.token_hex(16),
            "outputs": {},
            "resources": [],
            "check_results": None,
        }
    )


def _running(folder: Path) -> tuple[str, str]:
    status = SandboxCloud(folder).status()
    if not status.running:
        raise ReconcilerError(
            "no-sandbox", "the sandbox does not run", hint="`reconciler sandbox start`"
        )
    return status.endpoint, status.cloud_id


def session(built: Built, of: Place, *, applying: bool = False) -> AwsSession:
    """Clients of the account, or of the simulated one. `applying`: they may change something."""
    if not built.simulated:
        return AwsSession(built.applying() if applying else built.environment())
    variables = {**built.environment(), "AWS_REGION": of.region}
    endpoint = variables["AWS_ENDPOINT_URL"]
    return AwsSession(variables, endpoint, {"x-moto-account-id": of.account})


def cloud(built: Built, of: Place) -> Cloud:
    """What the account says of itself, or the simulated one."""
    return AwsCloud(session(built, of))


def discarder(built: Built, of: Place) -> Discarder:
    """What takes things away there, with the credentials of an apply."""
    return AwsDiscard(session(built, of, applying=True))


def held_by(root: Path, cloud_id: str) -> dict[str, int]:
    """What a sandbox holds: how many of each type its environments' states know.

    The cloud itself is not asked: moto counts things of its own, also those that are gone.
    """
    found: Counter[str] = Counter()
    for path in root.glob(f"*/sandbox-{cloud_id}/states/*.tfstate"):
        with suppress(OSError, ReconcilerError):  # one is being written
            state = read_state(path.read_bytes(), path.stem)
            found.update(one.type for one in (state.resources if state else ()) if one.managed)
    return dict(sorted(found.items()))


def forget_clouds(root: Path, alive: str) -> None:
    """Remove what is left of sandboxes that are gone."""
    with suppress(OSError):
        for folder in root.glob("*/sandbox-*"):
            if not folder.name.endswith(alive):
                shutil.rmtree(folder, ignore_errors=True)
