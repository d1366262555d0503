"""`reconciler rollback`."""

from pathlib import Path

import click

from reconciler.app.rollback import agree, roll_back
from reconciler.cli.building import sandbox_option
from reconciler.cli.moving import desk_of
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.cli.steward import because_of, because_option
from reconciler.errors import UsageError
from reconciler.report import moves, text


@click.command("rollback")
@click.argument("env")
@click.option(
    "--to",
    default="",
    metavar="COMMIT",
    help="A commit of the target branch; by default the last good one that records know.",
)
@because_option
@click.option(
    "--fast", is_flag=True, help="At once, where the profile lets it; agreed to afterwards."
)
@click.option(
    "--agree", "agreeing", is_flag=True, help="Agree to the rollback that went fast before."
)
@repo_option
@format_option
@sandbox_option
def command(
    env: str,
    to: str,
    because: str,
    fast: bool,
    agreeing: bool,
    repo: Path,
    form: str,
    sandbox: bool,
) -> None:
    """Take ENV's document back to what was good, and nothing else.

    By default that is the newest commit that was applied, did well, and was not taken back
    before. A merge request proposes it, with what else is not as it was then. In an incident
    `--fast` puts it on the target branch at once, where the profile's `rollback` lets whoever may
    agree to such changes; somebody else agrees to it afterwards, with `--agree`.

    \b
    Examples:
      reconciler rollback acme-portal --because "5xx since the release"
      reconciler rollback acme-portal --to 4f1c2ab --because "The release before was slow, too"
      reconciler rollback acme-portal --fast --because "The shop is down"
      reconciler rollback acme-portal --agree --because "Seen, it was right"

    Exit code 0: it is proposed, on the target branch, or agreed to; 10: you may not.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if agreeing and (fast or to):
        raise UsageError("usage", "`--agree` goes with no other option", hint="leave them out")
    words = because_of(because)
    desk = desk_of(repo, simulated=sandbox)
    if agreeing:
        made = agree(desk, env, words)
        if form == "json":
            click.echo(moves.agreed_json(env, made.sequence))
        else:
            text.said(out(), f"Agreed to, in record {made.sequence}.")
        return
    found = roll_back(desk, env, words, to=to, fast=fast)
    if form == "json":
        click.echo(moves.rolled_back_json(found))
    else:
        moves.rolled_back_text(out(), found, desk.bot.target)
