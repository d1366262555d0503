"""`reconciler audit log` and `reconciler audit show`."""

from datetime import datetime
from pathlib import Path

import click

from reconciler.app.audit.log import read_log, view
from reconciler.cli.auditing import past, records_option, when_option
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.core.records.query import Wanted
from reconciler.errors import Exit
from reconciler.model.record import RecordKind
from reconciler.report import audit_json, audit_text, plan_text, text


@click.command("log")
@click.argument("environment", required=False)
@repo_option
@records_option
@format_option
@when_option("since", "Not before: a day, an instant, or how long ago, such as 7d.")
@when_option("until", "Not after: the same.", end=True)
@click.option("--actor", default="", help="By whom: a part of a name or address, or a forge id.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice([str(one) for one in RecordKind]),
    metavar="KIND",
    help=f"Only this kind; repeatable. {', '.join(RecordKind)}.",
)
@click.option("--agent", default="", help="Only what this agent did.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    help="So many at most; 0 for all.",
)
def log_command(
    environment: str | None,
    repo: Path,
    sandbox: bool,
    form: str,
    since: datetime | None,
    until: datetime | None,
    actor: str,
    kinds: tuple[str, ...],
    agent: str,
    limit: int,
) -> None:
    """List what happened, newest first; of one environment, or of all.

    \b
    Examples:
      reconciler audit log
      reconciler audit log acme-portal --since 7d
      reconciler audit log --kind override --kind freeze --limit 0
      reconciler audit log --actor ada@example.com --format json

    Exit code 0: read; 1: the records are broken or gone, and what is shown is not all.
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = past(repo, sandbox=sandbox)
    wanted = Wanted(since, until, actor, frozenset(kinds), agent)
    log = read_log(found.trail, environment or "", wanted, limit or None, found.declared)
    if form == "json":
        click.echo(audit_json.logged(log))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.logged(console, log)
        if found.beside and not log.there:
            text.said(console, found.beside)
    stop_with(Exit.FAILURE if log.broken else Exit.OK)


@click.command("show")
@click.argument("record")
@repo_option
@records_option
@format_option
def show_command(record: str, repo: Path, sandbox: bool, form: str) -> None:
    """Tell everything about one record.

    It is named by its number, or by the beginning of its commit or of its document's digest.

    \b
    Examples:
      reconciler audit show 42
      reconciler audit show 3f9c2a7b51e0
      reconciler audit show sha256:9ad1 --format json

    Exit code 0: found; 1: the records are broken before it; 2: there is no such record.
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = past(repo, sandbox=sandbox)
    shown = view(found.trail, record, found.commit_named)
    if form == "json":
        click.echo(audit_json.viewed(shown))
    else:
        console = out()
        if sandbox:
            plan_text.simulated(console)
        audit_text.viewed(console, shown)
