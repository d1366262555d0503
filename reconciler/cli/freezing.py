"""What `freeze` and `unfreeze` have in common: what is meant, and what came of it."""

import re
from collections.abc import Callable
from typing import Final, TypeVar

import click

from reconciler.cli.screen import out, stop_with
from reconciler.errors import Exit, UsageError
from reconciler.model.base import NAME_MAX, NAME_PATTERN
from reconciler.model.freeze import Scope, Stopped
from reconciler.report import freezing

F = TypeVar("F", bound=Callable[..., object])
_NAME: Final = re.compile(NAME_PATTERN)


def scope_options(does: str) -> Callable[[F], F]:
    """What is meant: one or more of these."""

    def add(function: F) -> F:
        lines = (
            ("--agent", "agents", f"{does} what an agent asks for; repeatable."),
            ("--env", "environments", f"{does} an environment; repeatable."),
            ("--track", "tracks", f"{does} all environments of a track; repeatable."),
        )
        for flag, name, words in lines:
            function = click.option(
                flag, name, multiple=True, metavar="NAME", callback=_names, help=words
            )(function)
        return click.option("--all", "everything", is_flag=True, help=f"{does} everything.")(
            function
        )

    return add


def _names(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for one in values:
        if not _NAME.fullmatch(one) or len(one) > NAME_MAX:
            raise click.BadParameter(f"`{one}` is no name")
    return tuple(dict.fromkeys(values))


def scopes_of(
    everything: bool,
    tracks: tuple[str, ...],
    environments: tuple[str, ...],
    agents: tuple[str, ...],
) -> tuple[Scope, ...]:
    """Each as documents name it."""
    found = [Scope(everything=True)] if everything else []
    for kind, names in (("track", tracks), ("environment", environments), ("agent", agents)):
        found += [Scope.model_validate({kind: one}) for one in names]
    if not found:
        raise UsageError(
            "usage",
            "it has to be said what is meant",
            hint="give `--all`, `--track NAME`, `--env NAME` or `--agent NAME`",
        )
    return tuple(found)


def told(found: Stopped, form: str) -> None:
    """Say it, and end the command with its exit code."""
    if form == "json":
        click.echo(freezing.as_json(found))
    else:
        freezing.told(out(), found)
    stop_with(Exit.APPROVAL_NEEDED if found.proposed else Exit.OK)
