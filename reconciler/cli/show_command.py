"""`reconciler show`."""

from pathlib import Path

import click

from reconciler.app.environment import show
from reconciler.app.render import Rendering
from reconciler.cli.screen import errors, format_option, out, repo_option, rev_option, stop_with
from reconciler.errors import Exit
from reconciler.model.show import Shown
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("show")
@click.argument("environment")
@repo_option
@rev_option
@format_option
def command(environment: str, repo: Path, rev: str | None, form: str) -> None:
    """Show one environment with everything that applies to it.

    \b
    Examples:
      reconciler show acme-portal
      reconciler show acme-portal --format json   also what templates see
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    tree = ports.repository(repo).snapshot(rev)
    shown = show(tree, environment, Rendering(ports.workers, ports.settings.render_seconds))
    if isinstance(shown, Shown):
        if form == "json":
            click.echo(as_json.shown(tree.revision, shown))
        else:
            text.shown(out(), shown)
        stop_with(Exit.FAILURE if shown.problems else Exit.OK)
        return
    if form == "json":
        click.echo(as_json.not_shown(tree.revision, shown))
    else:
        text.problems(errors(), shown)
    stop_with(Exit.FAILURE)
