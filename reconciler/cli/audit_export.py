"""`reconciler audit export`."""

import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from reconciler.app.audit.dora import Sources
from reconciler.app.audit.export import Period, Reading, evidence, known
from reconciler.cli.audit_verify import verified
from reconciler.cli.auditing import Audit, audit, records_option, when_option
from reconciler.cli.screen import (
    errors,
    out,
    progress,
    remember_format,
    replace_file,
    repo_option,
    stop_with,
)
from reconciler.core.records.query import instant
from reconciler.errors import Exit, UsageError
from reconciler.model.audit import Break
from reconciler.model.verified import Verified
from reconciler.report import audit_csv, audit_html, audit_json, text
from reconciler.report.words import counted

_SPAN: Final = timedelta(days=90)
"""Before the end, whenever that is: whoever asks for a time long ago gets it."""


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "json", "csv"]),
    required=True,
    callback=remember_format,
    help="html: one page to read and print; json: the same for programs; csv: a line a record.",
)
@when_option(
    "since", "From when: a day, an instant, or how long ago; by default 90 days before the end."
)
@when_option("until", "To when: the same; by default now.", end=True)
@click.option(
    "--env",
    "environments",
    multiple=True,
    metavar="NAME",
    help="Only this environment, and what is about more than one; repeatable.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it there, whole or not at all; by default standard output.",
)
@repo_option
@records_option
def export_command(
    form: str,
    since: datetime | None,
    until: datetime | None,
    environments: tuple[str, ...],
    output: Path | None,
    repo: Path,
    sandbox: bool,
) -> None:
    """Export the evidence of a period: who decided, approved and applied what, by which rules.

    The chain of records is verified, and what came of that is part of the evidence. The same
    records and bounds give the same bytes.

    \b
    Examples:
      reconciler audit export --format html --output evidence.html
      reconciler audit export --format csv --since 2026-07-01 --until 2026-09-30 > q3.csv
      reconciler audit export --format json --env acme-portal --since 30d

    Exit code 0: exported, and the chain is whole or answered for; 1: records are broken, or could
    not be verified; what can be read is exported all the same, and says so.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if form == "html" and output is None and sys.stdout.isatty():
        raise UsageError(
            "usage", "a page is not for a terminal", hint="`--output FILE`, or `> FILE`"
        )
    asked = audit(repo, sandbox=sandbox)
    end = min(until or asked.now, asked.now)
    since = since or end - _SPAN
    if end < since:
        raise UsageError("usage", "that time ends before it begins", hint="`--since`, `--until`")
    period = Period(since, end, frozenset(environments))
    known(asked.trail, period.environments, asked.declared)
    checked = None if asked.target is None else verified(asked, sandbox=sandbox)
    broken = _export(asked, period, checked, form, output, sandbox=sandbox)
    if output is not None:
        span = f"{instant(since)} to {instant(end)}"
        text.said(out(), f"{output}: the evidence of {span}, of `{asked.trail.branch}`")
    whole = _told(checked, broken)
    stop_with(Exit.OK if whole else Exit.FAILURE)


def _export(
    asked: Audit,
    period: Period,
    checked: Verified | None,
    form: str,
    output: Path | None,
    *,
    sandbox: bool,
) -> Break | None:
    """Write it; where reading ended too early."""
    if form == "csv":
        walk = Reading(asked.trail, period)
        _write(output, audit_csv.lines(walk.rows()))
        return walk.broken
    sources = Sources(
        asked.trail, asked.target, asked.ports.commits(asked.path), asked.repository.git.snapshot
    )
    name = asked.name or "a repository without settings"
    with progress("gathering evidence"):
        found = evidence(sources, period, checked, name, simulated=sandbox)
    made = audit_html.page(found) if form == "html" else audit_json.exported(found) + "\n"
    _write(output, [made])
    return found.broken


def _write(output: Path | None, parts: Iterable[str]) -> None:
    if output is not None:
        replace_file(output, parts)
        return
    for part in parts:
        click.echo(part, nl=False)


def _told(checked: Verified | None, broken: Break | None) -> bool:
    """What is not as it must be, said where a reader of the file cannot miss it."""
    console = errors()
    if broken is not None:
        why = f"INCOMPLETE  the records cannot be read at {broken.commit[:12]}: {broken.why}"
        text.said(console, why, "  what happened before that is not in the evidence")
    if checked is None:
        text.said(console, "NOT VERIFIED  the target branch is not here: `git fetch origin`")
    elif checked.open_breaks:
        many = counted(len(checked.open_breaks), "break")
        text.said(console, f"BROKEN  {many} in the chain of records: `reconciler audit verify`")
    return broken is None and checked is not None and not checked.open_breaks
