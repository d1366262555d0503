"""What the commands of `mr` have in common: which repository, which forge, and telling of one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import click

from reconciler.cli.screen import out
from reconciler.cli.target import target_of
from reconciler.core.load import lazy_shared
from reconciler.core.review.marker import seen
from reconciler.errors import UsageError
from reconciler.model.merge_request import MergeRequest
from reconciler.model.settings import LocalForge, LocalState, SettingsSpec
from reconciler.ports import Forge
from reconciler.report import merge_request_json, merge_request_text
from reconciler.wiring import Ports, Repository, build

F = TypeVar("F", bound=Callable[..., object])


def number_argument(function: F) -> F:
    """`NUMBER`: which merge request; `!7` is 7."""
    return click.argument("number", metavar="NUMBER", callback=_number)(function)


def _number(_context: click.Context, _option: click.Parameter, value: str) -> int:
    text = value.removeprefix("!")
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):  # noqa: PLR2004
        raise click.BadParameter("a merge request has a number, such as 7")
    return int(text)


@dataclass(frozen=True, slots=True)
class Desk:
    """A repository and its forge."""

    ports: Ports
    path: Path
    repository: Repository
    spec: SettingsSpec
    forge: Forge

    @property
    def target(self) -> str:
        """The branch that merge requests go to when nobody says otherwise."""
        return self.spec.branches.target

    def judging(self, branch: str) -> str:
        """The commit that a branch of the forge is at, as it was fetched just now."""
        git = self.repository.git
        found = git.named(f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
        if found is None:
            raise UsageError(
                "no-target",
                f"there is no branch `{branch}` here",
                hint=f"`git fetch origin {branch}`",
            )
        return git.snapshot(found).revision


def desk(repo: Path) -> Desk:
    """The forge that the target branch's settings name."""
    ports = build()
    repository = ports.repository(repo)
    settings = lazy_shared(repository.snapshot(target_of(repository))).settings
    spec = (
        settings.document.spec
        if settings
        else SettingsSpec(forge=LocalForge(kind="local"), state=LocalState(backend="local"))
    )
    return Desk(ports, repo, repository, spec, ports.forge(repo, spec))


def tell(at: Desk, request: MergeRequest, form: str, done: str = "") -> None:
    """All of one merge request; for people only what was done, where something was."""
    if form == "text" and done:
        merge_request_text.done(out(), request, done)
        return
    forge, number = at.forge, request.number
    told = merge_request_json.Told(
        request, forge.consents(number), tuple(forge.notes(number)), forge.statuses(request)
    )
    if form == "json":
        click.echo(merge_request_json.shown(told))
    else:
        notes = tuple(replace(one, text=seen(one)) for one in told.notes)
        merge_request_text.shown(out(), replace(told, notes=notes))
