"""`reconciler doctor`."""

from pathlib import Path

import click

from reconciler.app.doctor import equipped, examined
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.errors import Exit
from reconciler.report import doctor
from reconciler.wiring import build


@click.command("doctor")
@repo_option
@format_option
def command(repo: Path, form: str) -> None:
    """Say whether everything is set up: the forge, so that nobody gets around it, and the tools.

    \b
    Examples:
      reconciler doctor
      reconciler doctor --format json

    Nothing is changed. What the token may not see is told as such, and is no failure.

    Exit code 0: nothing is wrong; 1: something is to be mended.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    spec = settings_of(declared_tree(ports, repo, None))
    parts = (
        examined(lambda: ports.forge(repo, spec), spec),
        equipped(
            spec,
            lambda: ports.terraform.said,
            lambda: ports.toolbox().tools(),
            ports.opa,
            ports.signer,
        ),
    )
    if form == "json":
        click.echo(doctor.as_json(parts))
    else:
        doctor.told(out(), parts)
    stop_with(Exit.OK if all(part.good for part in parts) else Exit.FAILURE)
