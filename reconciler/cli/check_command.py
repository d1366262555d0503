"""`reconciler check`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from reconciler.cli.checking import Asked, range_options, run
from reconciler.cli.screen import err, out, remember_format, repo_option, stop_with, write_file
from reconciler.errors import Exit, UsageError
from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from reconciler.report import check_json, check_text, findings, note, text
from reconciler.wiring import build

FORMATS: Final[dict[str, Callable[[CheckReport], str]]] = {
    "json": check_json.checked,
    "sarif": findings.sarif,
    "gitlab-codequality": findings.code_quality,
    "gitlab-secret": findings.secret_detection,
    "junit": findings.junit,
    "markdown": note.checked,
}
EXITS: Final = {
    Verdict.ALLOW: Exit.OK,
    Verdict.NEEDS_APPROVAL: Exit.APPROVAL_NEEDED,
    Verdict.INDETERMINATE: Exit.INDETERMINATE,
    Verdict.DENY: Exit.DENIED,
}


@click.command("check")
@repo_option
@range_options
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMATS]),
    default="text",
    callback=remember_format,
    help="What to print.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Also write a report to a file; repeatable.",
)
@click.option(
    "--advice",
    is_flag=True,
    help="Also show findings that only advise or are excepted by a waiver.",
)
def command(
    repo: Path,
    base: str | None,
    head: str | None,
    everything: bool,
    environments: tuple[str, ...],
    now: datetime,
    form: str,
    reports: tuple[str, ...],
    advice: bool,
) -> None:
    """Judge a change, or everything: one verdict for each environment, with every reason.

    Loads, renders, asks all gates (documents, authority, secrets, policies, Checkov) and decides.
    The target branch judges: its policies, profiles, waivers, freezes, never those of the change.

    \b
    Examples:
      reconciler check                          what I have here, against the target branch
      reconciler check --base main --head fix   a branch
      reconciler check --all                    every environment as it is
      reconciler check --format json --report sarif=check.sarif

    Exit code 0: allowed; 10: denied; 11: needs approval; 13: a gate could not say.
    """  # noqa: D301  # \b is click's mark for lines as they are
    wanted = [_report(one) for one in reports]
    ports = build()
    if not (base or head or everything) and ports.repository(repo).git.empty:
        text.said(err(), "Nothing is committed yet, so there is no change: everything is checked.")
        everything = True
    report = run(ports, Asked(repo, base, head, everything, environments, now))
    for write, file in wanted:
        write_file(file.parent, file.name, write(report).encode())
    if form == "text":
        check_text.checked(out(), report, advice=advice)
    else:
        click.echo(FORMATS[form](report))
    stop_with(EXITS[report.verdict])


def _report(words: str) -> tuple[Callable[[CheckReport], str], Path]:
    form, _, file = words.partition("=")
    if form not in FORMATS or not file:
        raise UsageError(
            "usage",
            f"`--report {words}` is not FORMAT=FILE",
            hint=f"formats: {', '.join(FORMATS)}",
        )
    return FORMATS[form], Path(file)
