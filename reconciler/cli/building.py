"""What commands that build have in common: which environment, by which rules, where."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console

from reconciler.app.check import Checked
from reconciler.app.environment import find_environment
from reconciler.app.render import Rendering, render_one
from reconciler.cli.again import remember
from reconciler.cli.checking import Asked, judged
from reconciler.cli.ending import told_to_end
from reconciler.cli.screen import errors
from reconciler.cli.target import target_of
from reconciler.core.load import lazy_shared
from reconciler.core.redact import Redactor
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.base import Stage
from reconciler.model.place import Place
from reconciler.model.rendered import Rendered
from reconciler.model.run import Event
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Hear, RepoTree
from reconciler.report import plan_text, text
from reconciler.wiring import Building, Ports

F = TypeVar("F", bound=Callable[..., object])


def sandbox_option(function: F) -> F:
    """`--sandbox`: in the simulated cloud."""
    return click.option(
        "--sandbox",
        is_flag=True,
        envvar="RECONCILER_SANDBOX",
        callback=remember,
        help="In the simulated cloud on this machine, without an account (reconciler sandbox).",
    )(function)


def target_option(function: F) -> F:
    """`--rev`: what is built; the target branch by default."""
    return click.option(
        "--rev", callback=remember, help="A commit; by default the last one of the target branch."
    )(function)


@dataclass(frozen=True, slots=True)
class Declared:
    """One environment as a revision declares it, and where it is built."""

    name: str
    revision: str
    rendered: Rendered
    path: str
    place: Place
    stage: Stage
    spec: SettingsSpec
    track: str


def declared(
    ports: Ports, tree: RepoTree, name: str, settings: SettingsSpec | None = None
) -> Declared:
    """The environment, rendered; an error says why not. `settings`: other than those beside it."""
    found = find_environment(tree, name)
    if found.filled is None:
        text.problems(errors(), found.problems)
        raise ReconcilerError(
            "broken",
            f"{name} cannot be rendered",
            hint="`reconciler validate` shows all problems",
            subject=name,
        )
    rendered = render_one(
        found.filled, found.renderer, Rendering(ports.workers, ports.settings.render_seconds)
    )
    if not isinstance(rendered, Rendered):
        raise ReconcilerError("broken", rendered[0].message, subject=name)
    spec = found.filled.environment.document.spec
    return Declared(
        name,
        tree.revision,
        rendered,
        found.filled.environment.path,
        Place(name, spec.account, found.filled.region),
        spec.stage,
        settings or settings_of(tree),
        spec.track,
    )


def settings_of(tree: RepoTree) -> SettingsSpec:
    """How the repository is applied."""
    settings = lazy_shared(tree).settings
    if settings is None:
        raise ReconcilerError(
            "missing-settings",
            "reconciler.yaml is missing or broken, so nobody knows where states are kept",
            hint="`reconciler validate` says what is wrong with it",
        )
    return settings.document.spec


def building_of(ports: Ports, repo: Path, one: Declared, *, simulated: bool) -> Building:
    """Where it is built."""
    return ports.building(repo, one.place, one.spec, simulated=simulated)


def declared_tree(ports: Ports, repo: Path, rev: str | None) -> RepoTree:
    """What is declared: a revision, or the target branch."""
    repository = ports.repository(repo)
    if rev is not None:
        return repository.snapshot(rev)
    return repository.snapshot(target_of(repository))


def only_agreed(ports: Ports, repo: Path, tree: RepoTree) -> SettingsSpec:
    """Refuse what the target branch never had: it would be judged by rules of its own.

    And where states are kept and how accounts are entered: as the target branch has it now, since
    an older commit may name a server that holds nothing any more.
    """
    repository = ports.repository(repo)
    target = target_of(repository)
    if repository.git.began(target, tree.revision) != tree.revision:
        raise UsageError(
            "not-agreed",
            f"{tree.revision[:12]} is not on the branch `{target.rpartition('/')[2]}`,"
            " so nobody agreed to it",
            hint="merge it first; in the sandbox (`--sandbox`) any commit may be tried",
        )
    return settings_of(repository.snapshot(target))


@contextmanager
def standing(
    ports: Ports, repo: Path, revision: str, name: str, *, simulated: bool
) -> Iterator[Checked]:
    """The environment as a commit declares it, judged by what stands beside it."""
    now = ports.clock(simulated=simulated)().replace(microsecond=0)
    with judged(ports, Asked(repo, None, revision, True, (name,), now)) as done:  # noqa: FBT003  # `--all`
        yield done.checked


@contextmanager
def stopping_well(ports: Ports) -> Iterator[None]:
    """SIGTERM, and a terminal that is closed, stop as Ctrl-C does: what is in flight ends first."""

    def stop() -> None:
        ports.stop_building()
        raise KeyboardInterrupt

    with told_to_end(stop):
        yield


def hearing(console: Console, redact: Redactor, *, show: bool) -> Hear:
    """Shows what happens as it happens; what is or looks secret is taken out."""

    def hear(event: Event) -> None:
        if show:
            plan_text.event(console, event, redact(event.message))

    return hear


OUTCOMES = {"done": Exit.OK, "failed": Exit.FAILURE, "interrupted": Exit.FAILURE}
