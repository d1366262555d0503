"""`reconciler affected`."""

from pathlib import Path

import click

from reconciler.app.affected import affected_between
from reconciler.app.render import Rendering
from reconciler.cli.screen import out, progress, remember_format, repo_option
from reconciler.report import as_json, jobs, text
from reconciler.wiring import build


@click.command("affected")
@repo_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "names", "gitlab-apply"]),
    default="text",
    envvar="RECONCILER_FORMAT",
    callback=remember_format,
    help="text for people, json for programs (docs/output.md); what has to be planned: names, one"
    " on each line, or gitlab-apply, a child pipeline that applies it.",
)
@click.option("--base", required=True, help="The revision before, usually the target branch.")
@click.option(
    "--head",
    help="The revision after; by default the files as they lie there (a bare repository: HEAD).",
)
def command(repo: Path, form: str, base: str, head: str | None) -> None:
    """Say which environments a range of commits touches, and why.

    Compares what both sides render, so the answer is exact: a changed comment touches nothing, a
    changed profile, template or team touches all whose files or rules differ.

    \b
    Examples:
      reconciler affected --base main
      reconciler affected --base v1.0 --head main --format json
      reconciler affected --base main --format names
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    repository = ports.repository(repo)
    before, after = repository.snapshot(base), repository.snapshot(head)
    with progress("comparing"):
        found = affected_between(
            before, after, ports.kept, Rendering(ports.workers, ports.settings.render_seconds)
        )
    if form == "json":
        click.echo(as_json.affected(before.revision, after.revision, found))
    elif form == "names":
        click.echo(jobs.names(found), nl=False)
    elif form == "gitlab-apply":
        click.echo(jobs.gitlab_apply(found), nl=False)
    else:
        text.affected(out(), found, before.revision, after.revision)
