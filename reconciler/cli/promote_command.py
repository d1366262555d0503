"""`reconciler promote`."""

from pathlib import Path

import click

from reconciler.app.promotion import promote
from reconciler.cli.building import sandbox_option
from reconciler.cli.moving import desk_of
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.report import moves


@click.command("promote")
@click.argument("env")
@click.option(
    "--to",
    default="",
    metavar="STAGE",
    help="The next stage, or the environment where several follow; by default the only one.",
)
@repo_option
@format_option
@sandbox_option
def command(env: str, to: str, repo: Path, form: str, sandbox: bool) -> None:
    """Propose what runs in ENV for the environment that follows it.

    A merge request carries the blueprint's version and the parameters that the blueprint
    promotes from what was applied to ENV. Nothing is proposed before ENV does well for as long
    as the profile asks.

    \b
    Examples:
      reconciler promote acme-portal-staging --to production
      reconciler promote acme-portal-dev

    Exit code 0: it is proposed, or there is nothing to carry.
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = promote(desk_of(repo, simulated=sandbox), env, to)
    if form == "json":
        click.echo(moves.promoted_json(found))
    else:
        moves.promoted_text(out(), found)
