"""`reconciler new`."""

from pathlib import Path

import click

from reconciler.app.new import Asked, draft
from reconciler.cli.screen import errors, format_option, out, repo_option, stop_with
from reconciler.errors import Exit, UsageError
from reconciler.report import as_json, text
from reconciler.wiring import build


@click.command("new")
@repo_option
@format_option
@click.option("--track", required=True, help="demo, customer, platform, or another profile.")
@click.option("--name", required=True, help="Lower-case words joined by `-`.")
@click.option("--owner", help="The team; by default the one that the git user is in.")
@click.option("--description", help="One sentence for people.")
@click.option("--stage", help="dev, staging or production; the track's first by default.")
@click.option(
    "--blueprint", metavar="NAME[@VERSION]", help="The track's default, newest version, by default."
)
@click.option("--account", help="The AWS account; the track's default by default.")
@click.option("--promoted-from", help="The environment of the stage before.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A parameter of the blueprint; repeatable.",
)
def command(
    repo: Path,
    form: str,
    track: str,
    name: str,
    owner: str | None,
    description: str | None,
    stage: str | None,
    blueprint: str | None,
    account: str | None,
    promoted_from: str | None,
    settings: tuple[str, ...],
) -> None:
    """Write a new environment's document.

    \b
    Examples:
      reconciler new --track demo --name fair-kiosk --owner team-sales \\
        --set image=111111111111.dkr.ecr.eu-central-1.amazonaws.com/demo/kiosk:1

    Nothing is written when the document would not be valid.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    repository = ports.repository(repo)
    if repository.workdir is None:
        raise UsageError(
            "bare", "a bare repository has no files to write to", hint="run this in a clone"
        )
    asked = Asked(
        track,
        name,
        owner,
        description,
        stage,
        blueprint,
        account,
        promoted_from,
        settings,
        repository.git.author.email if repository.git.author else None,
    )
    drafted = draft(repository.snapshot(None), asked)
    if drafted.problems:
        if form == "json":
            click.echo(
                as_json.written(
                    "NewEnvironment",
                    [],
                    environment=name,
                    problems=as_json.problems(drafted.problems),
                )
            )
        else:
            text.problems(errors(), drafted.problems)
            text.said(errors(), "Nothing was written.")
        stop_with(Exit.FAILURE)
    ports.write_new(repository.workdir, {drafted.path: drafted.text.encode()})
    if form == "json":
        click.echo(as_json.written("NewEnvironment", [drafted.path], environment=name, problems=[]))
        return
    text.said(
        out(),
        f"wrote {drafted.path}",
        "",
        "What happens next:",
        f"  reconciler show {name}      everything that applies to it",
        f"  reconciler render {name}    the Terraform and the pipeline that it becomes",
        "  reconciler validate",
        f"  git switch -c {name} && git add {drafted.path} && git commit -m 'Add {name}'",
        "Then push the branch and open a merge request.",
    )
