"""`reconciler audit who-did` and `reconciler audit who-could`."""

from datetime import datetime
from pathlib import Path

import click

from reconciler.app.audit.authors import authors
from reconciler.app.audit.who import who_could, who_did
from reconciler.cli.auditing import audit, past, records_option, when_option
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.errors import Exit
from reconciler.report import audit_json, audit_text, plan_text


@click.command("who-did")
@click.argument("environment")
@repo_option
@records_option
@format_option
@when_option("since", "Not before: a day, an instant, or how long ago, such as 30d.")
def did_command(
    environment: str, repo: Path, sandbox: bool, form: str, since: datetime | None
) -> None:
    """Say who decided, approved, applied and overrode: how often, and when last.

    \b
    Examples:
      reconciler audit who-did acme-portal
      reconciler audit who-did acme-portal --since 30d --format json

    Exit code 0: read; 1: the records are broken or gone, and what is shown is not all.
    """  # noqa: D301  # \b is click's mark for lines as they are
    asked = past(repo, sandbox=sandbox)
    author = authors(asked.ports.commits(repo), asked.target)
    found = who_did(asked.trail, environment, since, asked.declared, author)
    if form == "json":
        click.echo(audit_json.did(found))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.did(console, found)
    stop_with(Exit.FAILURE if found.broken else Exit.OK)


@click.command("who-could")
@click.argument("environment")
@repo_option
@records_option
@format_option
@when_option("at", "When: a day (its end), an instant, or how long ago; by default now.", end=True)
def could_command(
    environment: str, repo: Path, sandbox: bool, form: str, at: datetime | None
) -> None:
    """Say who could change, approve, except or stop an environment at a time.

    The documents of the commit that judged then answer: the one that the last record before then
    names; without any, the last one of the target branch by its date.

    \b
    Examples:
      reconciler audit who-could acme-portal --at 2026-11-02T13:00:00Z
      reconciler audit who-could acme-portal --at 90d --format json

    Exit code 0: told; 1: what judged then is not here or broken; 2: there was no such environment.
    """  # noqa: D301  # \b is click's mark for lines as they are
    asked = audit(repo, sandbox=sandbox)
    found = who_could(
        asked.trail,
        environment,
        at or asked.now,
        asked.target.revision if asked.target else None,
        asked.ports.commits(repo),
        asked.repository.git.snapshot,
    )
    if form == "json":
        click.echo(audit_json.could(found))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.could(console, found)
