"""`reconciler init`."""

from pathlib import Path

import click

from reconciler.app.init import starting_files
from reconciler.cli.screen import format_option, out
from reconciler.errors import ReconcilerError
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@format_option
def command(folder: Path, form: str) -> None:
    """Make a new environments repository with everything in place.

    \b
    Examples:
      reconciler init environments-repo
      cd environments-repo && reconciler validate

    Writes three tracks with their profiles and blueprints, sample teams and agents, settings, a
    pipeline and JSON Schemas. Files that are there already are never overwritten: then it stops.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    files = starting_files(ports.starter_files())
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReconcilerError("unwritable", f"{folder} cannot be made: {error.strerror}") from error
    ports.write_new(folder, files)
    made = ports.make_repository(folder)
    if form == "json":
        click.echo(
            as_json.written("NewRepository", sorted(files), folder=str(folder), madeRepository=made)
        )
        return
    go = "" if folder == Path() else f"cd {folder} && "
    text.said(
        out(),
        f"wrote {len(files)} files into {folder}"
        + (" and made it a git repository" if made else ""),
        "",
        "What to do next:",
        f"  {go}reconciler validate",
        "  reconciler new --track demo --name hello --owner team-sales --set image=<an ECR image>",
        "  put your own teams into profiles/teams/, accounts into profiles/tracks/,",
        "  and an image with reconciler in it into .gitlab-ci.yml",
        "  git add . && git commit -m 'Start'",
    )
