"""`reconciler extend`."""

from datetime import timedelta
from pathlib import Path

import click

from reconciler.app.expiry import extend
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.cli.steward import because_of, because_option, caller_of, lasting, steward_of
from reconciler.errors import Exit
from reconciler.report import life
from reconciler.wiring import build


@click.command("extend")
@click.argument("environment")
@repo_option
@format_option
@click.option(
    "--by",
    required=True,
    metavar="DURATION",
    callback=lasting,
    help="So much longer, in whole hours: 12h, 3d.",
)
@because_option
def command(environment: str, repo: Path, form: str, by: timedelta, because: str) -> None:
    """Let an environment live longer, within what its profile allows.

    Commits the new `ttl` to the target branch, for a human of the team that owns the environment,
    and records it. Where nobody may push there it becomes a merge request.

    \b
    Examples:
      reconciler extend pitch-acme --by 3d --because "They want to show it to the board"

    Exit code 0: it lives longer; 10: you may not, or not so long; 11: only proposed.
    """  # noqa: D301  # \b is click's mark for lines as they are
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo)
    found = extend(at, caller_of(ports, at), environment, by, words)
    if form == "json":
        click.echo(life.extended_json(found, at.bot.target))
    else:
        life.extended(out(), found, at.bot.target)
    stop_with(Exit.APPROVAL_NEEDED if found.proposed else Exit.OK)
