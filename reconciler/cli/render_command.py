"""`reconciler render`."""

import difflib
from pathlib import Path

import click

from reconciler.app.environment import find_environment
from reconciler.app.render import Rendering, render_all, render_into, render_one
from reconciler.cli.screen import (
    errors,
    format_option,
    out,
    progress,
    repo_option,
    rev_option,
    stop_with,
    write_file,
)
from reconciler.errors import Exit, UsageError
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered
from reconciler.ports import RepoTree
from reconciler.report import as_json, text
from reconciler.wiring import Ports, build


@click.command("render")
@click.argument("environment", required=False)
@repo_option
@rev_option
@format_option
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the files below this folder, each environment in a folder of its own.",
)
@click.option(
    "--diff", "against", metavar="REV", help="Show what differs from that revision's files."
)
def command(
    environment: str | None,
    repo: Path,
    rev: str | None,
    form: str,
    folder: Path | None,
    against: str | None,
) -> None:
    """Render Terraform and pipeline of one environment, or of all.

    \b
    Examples:
      reconciler render                             all, in short
      reconciler render acme-portal                 the files of one
      reconciler render acme-portal --diff main     what this change does to them
      reconciler render --out /tmp/rendered         write all files
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    repository = ports.repository(repo)
    tree = repository.snapshot(rev)
    if against is not None:
        if environment is None or folder is not None:
            raise UsageError(
                "usage",
                "`--diff` goes with one environment and without `--out`",
                hint="reconciler render ENV --diff main",
            )
        _diff(ports, environment, tree, repository.snapshot(against), form)
    elif environment is None:
        _all(ports, tree, folder, form)
    else:
        _one(ports, environment, tree, folder, form)


def _rendering(ports: Ports) -> Rendering:
    return Rendering(ports.workers, ports.settings.render_seconds)


def _rendered(ports: Ports, environment: str, tree: RepoTree) -> Rendered | tuple[Problem, ...]:
    found = find_environment(tree, environment)
    if found.filled is None:
        return found.problems
    return render_one(found.filled, found.renderer, _rendering(ports))


def _broken(environment: str, tree: RepoTree, problems: tuple[Problem, ...], form: str) -> None:
    if form == "json":
        click.echo(as_json.rendered_one(tree.revision, environment, None, problems))
    else:
        text.problems(errors(), problems)
    stop_with(Exit.FAILURE)


def _one(ports: Ports, environment: str, tree: RepoTree, folder: Path | None, form: str) -> None:
    result = _rendered(ports, environment, tree)
    if not isinstance(result, Rendered):
        _broken(environment, tree, result, form)
        return
    if folder is not None:
        paths = _write(folder, result)
        if form == "json":
            click.echo(
                as_json.written(
                    "RenderedFiles", paths, environment=environment, digest=result.digest
                )
            )
        else:
            text.said(out(), *(f"wrote {path}" for path in paths))
    elif form == "json":
        click.echo(as_json.rendered_one(tree.revision, environment, result))
    else:
        text.rendered_one(out(), result)


def _write(folder: Path, rendered: Rendered) -> list[str]:
    name = rendered.environment
    ours = {folder / name / one.path for one in rendered.files}
    for old in sorted((folder / name).glob("terraform/**/*.tf*")):
        # Terraform reads every file that it finds: one that is left over would be applied too.
        if old not in ours and old.name.endswith((".tf", ".tf.json", ".tfvars", ".tfvars.json")):
            raise UsageError(
                "stale-file",
                f"{old} is not one of {name}'s files, and Terraform would read it",
                hint="remove it, or take an empty folder",
            )
    return [str(write_file(folder, f"{name}/{one.path}", one.content)) for one in rendered.files]


def _all(ports: Ports, tree: RepoTree, folder: Path | None, form: str) -> None:
    with progress("rendering") as step:
        if folder is None:
            outcomes = render_all(tree, ports.kept, _rendering(ports), step)
        else:
            outcomes = render_into(
                tree, _rendering(ports), lambda rendered: void(_write(folder, rendered)), step
            )
    if form == "json":
        click.echo(as_json.rendered_all(tree.revision, outcomes))
    else:
        text.rendered_all(out(), tree.revision, outcomes)
        if folder is not None:
            text.said(out(), f"written below {folder}")
    stop_with(Exit.FAILURE if any(one.summary is None for one in outcomes) else Exit.OK)


def void(_result: object) -> None:
    """A result that nobody wants."""


def _diff(ports: Ports, environment: str, tree: RepoTree, other: RepoTree, form: str) -> None:
    now = _rendered(ports, environment, tree)
    if not isinstance(now, Rendered):
        _broken(environment, tree, now, form)
        return
    try:
        before = _rendered(ports, environment, other)
    except UsageError as error:
        if error.reason != "unknown-environment":
            raise
        before = Rendered(environment, ())
    if not isinstance(before, Rendered):
        _broken(environment, other, before, form)
        return
    files = _differences(before, now)
    if form == "json":
        click.echo(as_json.diff(tree.revision, environment, other.revision, files))
    else:
        text.diff(out(), files, environment, other.revision)


def _differences(before: Rendered, now: Rendered) -> dict[str, str]:
    olds = {file.path: file.content.decode("utf-8", "replace") for file in before.files}
    news = {file.path: file.content.decode("utf-8", "replace") for file in now.files}
    found = {}
    for path in sorted(olds.keys() | news.keys()):
        old, new = olds.get(path, ""), news.get(path, "")
        if old != new:
            lines = difflib.unified_diff(
                old.splitlines(keepends=True),
                new.splitlines(keepends=True),
                f"a/{path}" if path in olds else "/dev/null",
                f"b/{path}" if path in news else "/dev/null",
            )
            found[path] = "".join(lines)
    return found
