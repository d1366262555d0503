"""What `check` and `explain` have in common: the range, and running the check."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

import click

from reconciler.app.audit.reading import trail
from reconciler.app.check import Checked, Tools, judge_all, judge_change
from reconciler.app.explain import explain
from reconciler.app.grounds import Span
from reconciler.app.held import Past
from reconciler.app.policy import engine_settings, load_policies
from reconciler.app.render import Rendering
from reconciler.app.scan import fingerprint_key
from reconciler.app.world import World
from reconciler.cli.screen import progress
from reconciler.cli.target import target_of
from reconciler.core.load import lazy_shared
from reconciler.core.secrets.rules import RULES
from reconciler.errors import UsageError
from reconciler.model.approval import Given
from reconciler.model.base import parse_start
from reconciler.model.check import CheckReport
from reconciler.model.settings import Branches
from reconciler.model.story import Story
from reconciler.ports import RepoTree
from reconciler.wiring import Ports, Repository

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Asked:
    """What to check."""

    repo: Path
    base: str | None
    head: str | None
    everything: bool
    environments: tuple[str, ...]
    now: datetime
    merged: bool = False
    """Judge what merging into the target branch would make, where that went on meanwhile."""
    only_making: bool = False
    """Judge who makes the change and what it carries, and not what it comes to."""
    records: Literal["here", "fresh", "none"] = "here"
    """How what rests on records is told: as they were fetched last, as they are now, or not."""


def range_options(function: F) -> F:
    """`--base`, `--head`, `--all`, `--env`, `--now`."""
    for option in reversed(
        (
            click.option(
                "--base",
                help="The target branch, which judges; by default the one of reconciler.yaml.",
            ),
            click.option(
                "--head",
                help="The change's last commit; by default the files as they lie there"
                " (a bare repository: HEAD).",
            ),
            click.option(
                "--all",
                "everything",
                is_flag=True,
                help="No change: every environment as it is, by the rules beside it.",
            ),
            click.option(
                "--env", "environments", multiple=True, help="Only this environment; repeatable."
            ),
            click.option(
                "--now",
                callback=_instant,
                metavar="TIME",
                help="Judge as at this time, such as 2026-12-31T18:00:00Z; by default now.",
            ),
        )
    ):
        function = option(function)
    return function


def _instant(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime:
    if value is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_start(value).replace(tzinfo=UTC)
    except ValueError as err:
        raise click.BadParameter(str(err)) from err


def run(ports: Ports, asked: Asked) -> CheckReport:
    """Check what was asked for."""
    with judged(ports, asked) as done:
        return done.report


def tell(ports: Ports, asked: Asked, mark: str) -> Story:
    """Check what was asked for, and tell of one finding."""
    with judged(ports, asked) as done:
        world = World(done.head, done.tools.rendering)
        pack = load_policies(done.target, done.tools.reader, ports.kept)
        return explain(done.report, mark, world, pack)


@dataclass(frozen=True, slots=True)
class Done:
    """A check, and what it was made with, as long as its engines run."""

    checked: Checked
    tools: Tools
    target: RepoTree
    head: RepoTree

    @property
    def report(self) -> CheckReport:
        """What it found."""
        return self.checked.report


@contextmanager
def judged(
    ports: Ports,
    asked: Asked,
    *,
    standing: str | None = None,
    approvals: Mapping[str, Given] = MappingProxyType({}),
) -> Iterator[Done]:
    """Check what was asked for.

    `standing`: an environment to be judged though nothing touches it, as the target branch has it.
    `approvals`: what people said, by environment.
    """
    if asked.everything and asked.base:
        raise UsageError(
            "usage", "`--all` compares with nothing", hint="leave out `--base`, or `--all`"
        )
    repository = ports.repository(asked.repo)
    head = repository.snapshot(asked.head)
    if asked.everything:
        with closing(_Policies(ports, head)) as policies:
            tools = policies.tools(ports, b"")
            with progress("checking") as step:
                checked = judge_all(head, tools, asked.now, asked.environments, step, approvals)
            yield Done(checked, tools, head, head)
        return
    span = _span(ports, repository, head, asked)
    own = ports.settings.secret_key.get_secret_value() if ports.settings.secret_key else ""
    key = fingerprint_key(own, span.history.root)
    with closing(_Policies(ports, span.target)) as policies:
        tools = replace(policies.tools(ports, key), past=partial(_past, ports, asked, span.target))
        with progress("checking") as step:
            checked = judge_change(
                span,
                tools,
                asked.now,
                asked.environments,
                step,
                approvals,
                only_making=asked.only_making,
            )
            if standing is not None and standing not in checked.questions:
                change = checked.change
                checked = judge_all(span.target, tools, asked.now, (standing,), step, approvals)
                checked = replace(checked, change=change)
        yield Done(checked, tools, span.target, span.head)


def _past(ports: Ports, asked: Asked, target: RepoTree) -> Past | None:
    """Records that are in reach; None: there are none here, or the sandbox asks for none."""
    if asked.records == "none":
        return None
    loaded = lazy_shared(target).settings
    branches = loaded.document.spec.branches if loaded else Branches()
    remote = (loaded.document.spec.records.remote if loaded else None) or ""
    if asked.records == "fresh" and loaded is not None:
        ports.records(asked.repo, loaded.document.spec, simulated=False).store.tip(fresh=True)
    branch = branches.records_of(simulated=False)
    records = trail(ports.record_store(asked.repo, branch), branch, remote).records
    tip = records.tip()
    return Past(records, ports.repository(asked.repo).git, tip) if tip else None


def _span(ports: Ports, repository: Repository, head: RepoTree, asked: Asked) -> Span:
    target = target_of(repository, asked.base)
    last = asked.head or "HEAD"
    loose = asked.head is None and repository.workdir is not None
    committed = repository.snapshot(last) if loose else head
    began = repository.snapshot(repository.git.began(target, last))
    span = Span(
        repository.snapshot(target),
        began,
        committed,
        head,
        ports.history(asked.repo),
        repository.git.author,
    )
    if not asked.merged or began.revision == span.target.revision:
        return span
    made = ports.merging(asked.repo).tree(span.target.revision, head.revision)
    if isinstance(made, tuple):
        return replace(span, conflicts=made)
    return replace(span, began=span.target, committed=made, head=made, pushed=head)


class _Policies:
    """The engine that the judging tree's settings name."""

    def __init__(self, ports: Ports, judge: RepoTree) -> None:
        settings = engine_settings(judge)
        url = str(settings.url) if settings.url else None
        self._policies = ports.policies(settings.engine, url, settings.timeout.total_seconds())

    def tools(self, ports: Ports, key: bytes) -> Tools:
        """Everything that a check asks."""
        policies = self._policies
        version = ports.toolbox().tool("checkov").version
        return Tools(
            policies.engine,
            policies.reader,
            ports.checkov,
            ports.kept,
            Rendering(ports.workers, ports.settings.render_seconds),
            key,
            (
                ("policy", f"{policies.engine.name}, {policies.choice}"),
                ("checkov", f"checkov {version}"),
                ("secrets", f"{len(RULES)} rules"),
            ),
            ports.verify,
        )

    def close(self) -> None:
        """End the engine."""
        self._policies.close()
