"""`reconciler agent`: agents, and whether they may go on."""

from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.app.agents import hold, release, standings
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.cli.steward import because_of, because_option, caller_of, steward_of
from reconciler.errors import Exit
from reconciler.model.life import Held
from reconciler.report import life
from reconciler.wiring import build


@click.group("agent")
def command() -> None:
    """List agents, put one in quarantine, or release it.

    An agent in quarantine does nothing: what it asks for is denied, what it says does not count.
    The controller puts one there that had too much denied or rolled back within a day
    (`agents.quarantineAfter` of the profile). Only a human releases it.

    \b
    Examples:
      reconciler agent list
      reconciler agent quarantine scout --because "It repeats itself"
      reconciler agent release scout --because "Its prompt is mended"
    """  # noqa: D301  # \b is click's mark for lines as they are


@command.command("list")
@repo_option
@format_option
def list_command(repo: Path, form: str) -> None:
    """List agents, with what they had denied and rolled back within a day.

    \b
    Examples:
      reconciler agent list

    Exit code 0: it is told.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    at = steward_of(ports, repo)
    spec = settings_of(declared_tree(ports, repo, None))
    records = ports.records(repo, spec, simulated=False)
    found = standings(at.law(), records, ports.commits(repo), datetime.now(UTC))
    if form == "json":
        click.echo(life.agents_json(found))
    else:
        life.agents(out(), found)


@command.command("quarantine")
@click.argument("agent")
@repo_option
@format_option
@because_option
def quarantine_command(agent: str, repo: Path, form: str, because: str) -> None:
    """Let an agent do nothing from now on.

    Commits it to the agent's document on the target branch, for a human of the team that owns the
    agent or its document, and records it.

    \b
    Examples:
      reconciler agent quarantine release-bot --because 'it opens the same change again and again'

    Exit code 0: it does nothing; 10: you may not; 11: only proposed.
    """  # noqa: D301  # \b is click's mark for lines as they are
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo)
    _told(hold(at, caller_of(ports, at), agent, words), at.bot.target, form)


@command.command("release")
@click.argument("agent")
@repo_option
@format_option
@because_option
def release_command(agent: str, repo: Path, form: str, because: str) -> None:
    """Let an agent go on that is in quarantine.

    For a human of the team that owns the agent's document. What it had denied and rolled back
    before does not count any more.

    \b
    Examples:
      reconciler agent release release-bot --because 'its prompt is mended'

    Exit code 0: it may go on; 10: you may not; 11: only proposed.
    """  # noqa: D301  # \b is click's mark for lines as they are
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo)
    _told(release(at, caller_of(ports, at), agent, words), at.bot.target, form)


def _told(found: Held, branch: str, form: str) -> None:
    if form == "json":
        click.echo(life.held_json(found, branch))
    else:
        life.held(out(), found, branch)
    stop_with(Exit.APPROVAL_NEEDED if found.proposed else Exit.OK)
