"""`reconciler audit dora`."""

from datetime import datetime
from pathlib import Path

import click

from reconciler.app.audit.dora import Sources, figures
from reconciler.cli.auditing import past, records_option, when_option
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.errors import Exit, UsageError
from reconciler.report import audit_json, audit_text, plan_text


@click.command("dora")
@repo_option
@records_option
@format_option
@when_option("since", "From when: a day, an instant, or how long ago.", default="90d")
@when_option("until", "To when: the same; by default now.", end=True)
@click.option("--by", type=click.Choice(["track", "team"]), help="Only by one of them.")
def dora_command(
    repo: Path,
    sandbox: bool,
    form: str,
    since: datetime,
    until: datetime | None,
    by: str | None,
) -> None:
    """Say how often, how fast and how safely changes are delivered.

    Deployment frequency, lead time, change failure rate and time to restore, with how many cases
    stand behind each; of what did not happen there is no figure. docs/audit.md defines them.

    \b
    Examples:
      reconciler audit dora
      reconciler audit dora --since 30d --by team
      reconciler audit dora --since 2026-10-01 --until 2026-12-31 --format json

    Exit code 0: read; 1: the records are broken or gone, and the figures are not of all.
    """  # noqa: D301  # \b is click's mark for lines as they are
    asked = past(repo, sandbox=sandbox)
    end = min(until or asked.now, asked.now)
    if end < since:
        raise UsageError("usage", "that time ends before it begins", hint="`--since`, `--until`")
    sources = Sources(
        asked.trail, asked.target, asked.ports.commits(repo), asked.repository.git.snapshot
    )
    found = figures(sources, since, end)
    if form == "json":
        click.echo(audit_json.measured(found, by))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.measured(console, found, by)
    stop_with(Exit.FAILURE if found.broken else Exit.OK)
