"""`reconciler status`."""

from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.app.leases import living
from reconciler.cli.again import again
from reconciler.cli.building import sandbox_option
from reconciler.cli.controlling import spec_of, standings
from reconciler.cli.screen import errors, format_option, out, progress, repo_option, stop_with
from reconciler.core.suggest import did_you_mean
from reconciler.errors import Exit, UsageError
from reconciler.model.work import Standing
from reconciler.report import status as report
from reconciler.report import text
from reconciler.report.words import counted
from reconciler.wiring import Ports, build


@click.command("status")
@click.argument("environment", required=False)
@repo_option
@sandbox_option
@format_option
@click.option("--track", help="Only this track.")
@click.option("--unready", is_flag=True, help="Only what is not as declared.")
def command(
    environment: str | None,
    repo: Path,
    sandbox: bool,
    form: str,
    track: str | None,
    unready: bool,
) -> None:
    """Show every environment with everything that is so of it, since when, and why.

    It is told from git alone: what the target branch declares, what is recorded, and who holds
    which lease. No controller has to run. Where the records are not what this machine saw of
    them, that is said, too: then what is told here may be of long ago.

    \b
    Examples:
      reconciler status
      reconciler status acme-portal
      reconciler status --unready --format json

    Exit code 0: all is as declared; 12: something has drifted; 1: anything else is not, or the
    records went back.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    spec = spec_of(ports, repo)
    now = ports.clock(simulated=sandbox)()
    records = ports.records(repo, spec, simulated=sandbox)
    records.begin()
    with progress("reading documents and records"):
        found = standings(ports, repo, spec, now, sandbox=sandbox)
    if environment is not None and environment not in {one.name for one in found}:
        raise UsageError(
            "no-environment",
            f"there is no environment {environment}",
            hint=did_you_mean(environment, [one.name for one in found])
            or "`reconciler list` shows all of them",
        )
    held = living(ports.leases(repo, spec, simulated=sandbox), now)
    shown = [
        one
        for one in found
        if environment in (None, one.name)
        and track in (None, one.track)
        and not (unready and one.of("Ready"))
    ]
    if form == "json":
        click.echo(report.as_json(shown, held, simulated=sandbox))
    else:
        report.table(out(), shown, held, now, simulated=sandbox)
        _tell_lost(ports, [one for one in shown if one.lost])
    wrong = records.gone_back()
    if wrong is not None:
        text.failed(errors(), wrong)
        stop_with(Exit.FAILURE)
    if all(one.of("Ready") for one in shown):
        return
    drifted = all(one.of("Ready") or one.of("Drifted") for one in shown)
    stop_with(Exit.DRIFT if drifted else Exit.FAILURE)


def _tell_lost(ports: Ports, lost: Sequence[Standing]) -> None:
    """What went with the sandbox that it was made in, and what makes it again."""
    if not lost:
        return
    many, why = counted(len(lost), "environment"), lost[0].lost
    start = "" if ports.sandbox().status().running else "`reconciler sandbox start` first; then "
    makes = f"`reconciler run` makes what is gone again, and `reconciler apply {lost[0].name}` one"
    text.said(out(), again(f"Nothing of {many} is there any more: {why}. {start}{makes}."))
