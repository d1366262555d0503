"""`reconciler schema`."""

from pathlib import Path

import click

from reconciler.app.schema import schemas
from reconciler.cli.screen import format_option, out, stop_with, write_file
from reconciler.errors import Exit
from reconciler.report import as_json, text


@click.command("schema")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"))
@click.option(
    "--check", is_flag=True, help="Write nothing; fail when a file in the folder is not current."
)
@format_option
def command(folder: Path, check: bool, form: str) -> None:
    """Write JSON Schemas, so that an editor completes and checks documents.

    \b
    Examples:
      reconciler schema                 into ./schemas
      reconciler schema docs/schemas    into another folder
      reconciler schema --check         whether ./schemas is current, for CI
    """  # noqa: D301  # \b is click's mark for lines as they are
    files = schemas()
    if check:
        stale = [name for name, content in files.items() if not _is(folder / name, content)]
        if form == "json":
            click.echo(
                as_json.written(
                    "SchemaCheck", [str(folder / name) for name in stale], current=not stale
                )
            )
        elif stale:
            text.said(
                out(),
                *(f"not current: {folder / name}" for name in stale),
                f"`reconciler schema {folder}` writes them.",
            )
        else:
            text.said(out(), f"{len(files)} schemas in {folder} are current")
        stop_with(Exit.FAILURE if stale else Exit.OK)
        return
    for name, content in files.items():
        write_file(folder, name, content.encode())
    if form == "json":
        click.echo(as_json.written("SchemaFiles", [str(folder / name) for name in files]))
    else:
        text.said(
            out(),
            f"wrote {len(files)} schemas into {folder}",
            "VS Code's YAML extension finds them by .vscode/settings.json; `init` writes one.",
        )


def _is(path: Path, content: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == content
    except (OSError, UnicodeDecodeError):
        return False
