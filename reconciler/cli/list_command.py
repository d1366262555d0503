"""`reconciler list`."""

from pathlib import Path

import click

from reconciler.app.validate import validate
from reconciler.cli.screen import format_option, out, progress, repo_option, rev_option
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("list")
@repo_option
@rev_option
@format_option
@click.option("--track", help="Only this track.")
@click.option(
    "--stage", type=click.Choice(["dev", "staging", "production"]), help="Only this stage."
)
@click.option("--owner", help="Only this team's.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="KEY=VALUE",
    help="Only with this label; repeatable.",
)
def command(
    repo: Path,
    rev: str | None,
    form: str,
    track: str | None,
    stage: str | None,
    owner: str | None,
    labels: tuple[str, ...],
) -> None:
    """List the environments.

    \b
    Examples:
      reconciler list --track customer
      reconciler list --owner team-web --stage production
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    with progress("reading documents"):
        overview = validate(ports.repository(repo).snapshot(rev), ports.kept)
    wanted = {tuple(label.partition("=")[::2]) for label in labels}
    rows = [
        row
        for row in overview.rows
        if track in (None, row.track)
        and stage in (None, row.stage)
        and owner in (None, row.owner)
        and wanted <= set(row.labels)
    ]
    if form == "json":
        click.echo(as_json.listed(overview, rows))
    else:
        text.listed(out(), overview, rows)
