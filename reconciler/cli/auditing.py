"""What the commands of `audit` have in common: which records, and as of when."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click

from reconciler.app.audit.reading import Trail, trail
from reconciler.cli.target import target_of
from reconciler.core.load import lazy_shared
from reconciler.core.records.query import moment
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.base import parse_start
from reconciler.model.settings import Branches
from reconciler.ports import RepoTree
from reconciler.wiring import Ports, Repository, build

F = TypeVar("F", bound=Callable[..., object])


def records_option(function: F) -> F:
    """`--sandbox`: the records of the sandbox."""
    return click.option(
        "--sandbox",
        is_flag=True,
        envvar="RECONCILER_SANDBOX",
        help="The records of the sandbox, which have a branch of their own.",
    )(function)


def when_option(
    name: str, words: str, *, end: bool = False, default: str | None = None
) -> Callable[[F], F]:
    """An option that takes a day, an instant, or how long ago."""

    def read(
        _context: click.Context, _option: click.Parameter, value: str | None
    ) -> datetime | None:
        try:
            return None if value is None else moment(value, _now(), end=end)
        except ValueError as err:
            raise click.BadParameter(str(err)) from err

    return click.option(
        f"--{name}",
        metavar="WHEN",
        callback=read,
        default=default,
        show_default=default is not None,
        help=words,
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Audit:
    """A repository as an audit reads it."""

    ports: Ports
    path: Path
    repository: Repository
    target: RepoTree | None
    """What the target branch declares; None where there is no such branch here."""
    trail: Trail
    now: datetime
    name: str = ""
    """The repository's own, by its settings."""
    remote: str = "origin"
    """Where records are fetched from."""
    beside: str = ""
    """Where there are none: how to read the other ones, of the sandbox or real, that are here."""

    def declared(self) -> Collection[str]:
        """The names of the environments that the target branch declares."""
        entries = files_below(self.target, "environments") if self.target else ()
        return frozenset(
            one.name.removesuffix(".yaml") for one in entries if one.path.endswith(".yaml")
        )

    def commit_named(self, prefix: str) -> str | None:
        """The one commit whose id begins so, if git knows one."""
        try:
            return self.repository.git.snapshot(prefix).revision
        except ReconcilerError:
            return None


def audit(repo: Path, *, sandbox: bool) -> Audit:
    """The records to read. The target branch's settings say where they are."""
    ports = build()
    repository = ports.repository(repo)
    target = _target(repository)
    settings = lazy_shared(target).settings if target is not None else None
    branches = settings.document.spec.branches if settings else Branches()
    branch = branches.records_of(simulated=sandbox)
    kept_at = (settings.document.spec.records.remote if settings else "") or ""
    found = trail(ports.record_store(repo, branch), branch, "" if sandbox else kept_at)
    name = settings.document.metadata.name if settings else ""
    now = ports.clock(simulated=sandbox)().replace(microsecond=0)
    tip = found.records.store.tip()
    if sandbox and tip:
        now = max(now, _newest(found, tip, now))
    beside = "" if tip else _beside(ports, repo, branches.records_of(simulated=not sandbox))
    if beside:
        how = "without `--sandbox` it reads" if sandbox else "`--sandbox` reads"
        beside = f"{how} `{beside}`, which is here"
    return Audit(ports, repo, repository, target, found, now, name, kept_at or "origin", beside)


def _newest(found: Trail, tip: str, now: datetime) -> datetime:
    """When the last record was written: a clone knows of the sandbox's clock no more than that."""
    try:
        return parse_start(found.records.kept(tip).record.at)
    except (ReconcilerError, ValueError):
        return now


def _beside(ports: Ports, repo: Path, branch: str) -> str:
    """The branch, where there are records on it."""
    found = trail(ports.record_store(repo, branch), branch)
    return found.branch if found.records.store.tip() else ""


def past(repo: Path, *, sandbox: bool) -> Audit:
    """The records to tell of; an error where they were seen, and are not there any more.

    Whoever reads that nothing is recorded yet would take a branch that was deleted for a new one.
    """
    found = audit(repo, sandbox=sandbox)
    store, name = found.trail.records.store, found.trail.branch
    known = store.seen()
    if store.tip() or not known:
        return found
    branch = name.removeprefix(f"{found.remote}/")
    restore = f"git branch {branch} {known[:12]}"
    if branch != name:
        restore = f"git push {found.remote} {known[:12]}:refs/heads/{branch}"
    raise ReconcilerError(
        "records-gone",
        f"there were records, and the branch `{name}` is gone or cannot be read; it had come to"
        f" {known[:12]}",
        hint=f"ask who removed it; `git log {known[:12]}` shows what this machine knows of it, and"
        f" where nobody knows more, `{restore}` brings it back. `reconciler audit verify` names"
        " what is broken",
        subject=name,
    )


def _target(repository: Repository) -> RepoTree | None:
    try:
        return repository.snapshot(target_of(repository))
    except UsageError:
        return None  # an auditor may have been given nothing but the records
