"""`reconciler doctor`."""

from collections.abc import Iterator
from pathlib import Path

import click

from reconciler.app.audit.reading import trail
from reconciler.app.doctor import (
    configured,
    entered,
    equipped,
    examined,
    looked_at,
    remembered,
    sandboxed,
)
from reconciler.app.validate import validate
from reconciler.cli.building import declared_tree, sandbox_option, settings_of
from reconciler.cli.controlling import standings
from reconciler.cli.screen import format_option, out, progress, repo_option, stop_with
from reconciler.errors import Exit, ReconcilerError
from reconciler.model.doctor import Part
from reconciler.model.merge_request import Advice
from reconciler.model.settings import SettingsSpec
from reconciler.ports import RepoTree
from reconciler.report import doctor, plan_text
from reconciler.settings import aws_credentials, secret_of, variables_known, variables_set
from reconciler.wiring import Ports, build


@click.command("doctor")
@repo_option
@sandbox_option
@format_option
def command(repo: Path, sandbox: bool, form: str) -> None:
    """Say whether everything that is needed is there, and how to mend what is not.

    The program and its packages, folders and their room, variables, the repository, the forge (so
    that nobody gets around it), tools, and credentials: whether they are there, never what they
    are. With --sandbox the sandbox in place of accounts, by its own records and clock.

    \b
    Examples:
      reconciler doctor
      reconciler doctor --sandbox
      reconciler doctor --format json

    Nothing is changed. What could not be told, or what not everybody needs, is told as such and is
    no failure.

    Exit code 0: nothing is wrong; 1: something is to be mended.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    with progress("looking at everything"):
        parts = tuple(_parts(ports, repo, sandbox=sandbox))
    if form == "json":
        click.echo(doctor.as_json(parts))
    else:
        if sandbox:
            plan_text.simulated(out())
        doctor.told(out(), parts)
    stop_with(Exit.OK if all(part.good for part in parts) else Exit.FAILURE)


def _parts(ports: Ports, repo: Path, *, sandbox: bool) -> Iterator[Part]:
    found = _Found()
    yield looked_at("program", ports.program)
    yield looked_at("folders", ports.folders)
    settings = looked_at("settings", lambda: found.settings(ports, repo))
    yield configured(variables_set(), variables_known(), found.spec)
    repository = looked_at("repository", lambda: found.repository(ports, repo, sandbox=sandbox))
    yield repository
    if repository.good or found.spec is not None:
        yield settings
    spec, tree = found.spec, found.tree
    if spec is not None and tree is not None:
        yield examined(lambda: ports.forge(repo, spec), spec)
    yield equipped(
        spec,
        lambda: ports.terraform.said,
        lambda: ports.toolbox().tools(),
        ports.opa,
        ports.signer,
    )
    if spec is not None and tree is not None and sandbox:
        yield _sandbox(ports, repo, spec)
    elif spec is not None and tree is not None:
        yield entered(spec, validate(tree, ports.kept).rows, secret_of, aws_credentials())


def _sandbox(ports: Ports, repo: Path, spec: SettingsSpec) -> Part:
    status, now = ports.sandbox().status(), ports.clock(simulated=True)()
    running = f"it runs at {status.endpoint} since {status.since}" if status.running else ""
    return sandboxed(running, lambda: standings(ports, repo, spec, now, sandbox=True))


class _Found:
    """What the target branch declares, where it can be told."""

    def __init__(self) -> None:
        self.spec: SettingsSpec | None = None
        self.tree: RepoTree | None = None

    def repository(self, ports: Ports, repo: Path, *, sandbox: bool) -> Iterator[Advice]:
        """The repository, and what this machine saw of its records."""
        yield from ports.checkup(repo, self.spec, simulated=sandbox)
        if self.spec is None:
            return
        branch = self.spec.branches.records_of(simulated=sandbox)
        remote = "" if sandbox else self.spec.records.remote or ""
        found = trail(ports.record_store(repo, branch), branch, remote)
        yield from remembered(found.records, found.branch)

    def settings(self, ports: Ports, repo: Path) -> Iterator[Advice]:
        """Read them; the last thing in a repository that has none of its own yet."""
        try:
            self.tree = declared_tree(ports, repo, None)
        except ReconcilerError as err:
            self.spec = settings_of(ports.repository(repo).snapshot(None))
            yield Advice("settings", good=False, told=err.message, hint=err.hint)
            return
        self.spec = settings_of(self.tree)
        yield Advice("settings", good=True, told="reconciler.yaml of the target branch is whole")
