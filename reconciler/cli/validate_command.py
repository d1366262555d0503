"""`reconciler validate`."""

from pathlib import Path

import click

from reconciler.app.validate import validate
from reconciler.cli.screen import format_option, out, progress, repo_option, rev_option, stop_with
from reconciler.errors import Exit
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("validate")
@repo_option
@rev_option
@format_option
def command(repo: Path, rev: str | None, form: str) -> None:
    """Check every document of the repository; say all problems at once.

    \b
    Examples:
      reconciler validate                 the files as they are, committed or not
      reconciler validate --rev main      a commit
      reconciler validate --format json   for programs

    Exit code 0: all is valid; 1: there are problems.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    with progress("reading documents"):
        overview = validate(ports.repository(repo).snapshot(rev), ports.kept)
    if form == "json":
        click.echo(as_json.validated(overview))
    else:
        text.validated(out(), overview)
    stop_with(Exit.FAILURE if overview.problems else Exit.OK)
