"""`reconciler removal`: what is there without a document."""

from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.app.removal import allow
from reconciler.cli.clearing import clearing_of
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.cli.steward import because_of, because_option, caller_of, steward_of
from reconciler.errors import Exit
from reconciler.report import life
from reconciler.wiring import build


@click.group("removal")
def command() -> None:
    """Tell what waits to be destroyed, and let it go.

    What was applied and has no document on the target branch any more is destroyed by the
    controller, when the profile's approvals were given to the change that took it out, or its time
    was over. More than `controller.removalLimit` in a day wait for a human.

    \b
    Examples:
      reconciler removal list
      reconciler removal allow pitch-acme pitch-globex --because "The fair is over"
    """  # noqa: D301  # \b is click's mark for lines as they are


@command.command("list")
@repo_option
@format_option
def list_command(repo: Path, form: str) -> None:
    """List what is there without a document, and what it waits for.

    \b
    Examples:
      reconciler removal list

    Exit code 0: it is told; 11: something waits for a human.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    at = steward_of(ports, repo)
    found = clearing_of(ports, repo).waiting(at.law(), datetime.now(UTC))
    if form == "json":
        click.echo(life.waiting_json(found))
    else:
        life.waiting(out(), found)
    stop_with(Exit.APPROVAL_NEEDED if any(one.why for one in found) else Exit.OK)


@command.command("allow")
@click.argument("environments", nargs=-1, required=True, metavar="ENVIRONMENT...")
@repo_option
@format_option
@because_option
def allow_command(environments: tuple[str, ...], repo: Path, form: str, because: str) -> None:
    """Say that a removal is meant, however many go with it.

    It lifts the limit of a day, for a human of the team that owned the environment, and is recorded
    as an override. What nobody agreed to stays.

    \b
    Examples:
      reconciler removal allow pitch-acme pitch-globex --because "The fair is over"

    Exit code 0: they go; 10: you may not; 11: one waits for approvals all the same.
    """  # noqa: D301  # \b is click's mark for lines as they are
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo)
    clearing = clearing_of(ports, repo)
    found = allow(at, caller_of(ports, at), clearing, dict.fromkeys(environments), words)
    if form == "json":
        click.echo(life.waiting_json(found))
    else:
        life.waiting(out(), found)
    stop_with(Exit.APPROVAL_NEEDED if any(one.why for one in found) else Exit.OK)
