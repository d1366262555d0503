"""`reconciler mr list`, `show` and `diff`."""

from pathlib import Path

import click

from reconciler.cli.merge_requests import desk, number_argument, tell
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.report import merge_request_json, merge_request_text
from reconciler.report.words import printable


@click.command("list")
@repo_option
@format_option
@click.option("--target", help="To which branch; by default the one of reconciler.yaml.")
def list_command(repo: Path, form: str, target: str | None) -> None:
    """List the open merge requests, by number; and each that cannot be read, with why.

    \b
    Examples:
      reconciler mr list
      reconciler mr list --target main --format json

    Exit code 0: listed, also when there is none.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    branch = target or at.target
    found, not_read = tuple(at.forge.open_ones(branch)), tuple(at.forge.unreadable())
    if form == "json":
        click.echo(merge_request_json.listed(at.forge.name, branch, found, not_read))
    else:
        merge_request_text.listed(out(), branch, found, not_read)


@click.command("show")
@number_argument
@repo_option
@format_option
def show_command(number: int, repo: Path, form: str) -> None:
    """Tell everything about one merge request.

    Who agreed to what, everything that was said, and what the gates said last.

    \b
    Examples:
      reconciler mr show 7

    Exit code 0: shown; 2: there is none of that number.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    tell(at, at.forge.merge_request(number), form)


@click.command("diff")
@number_argument
@repo_option
@format_option
def diff_command(number: int, repo: Path, form: str) -> None:
    """Show what it changes, as git has it: from where it began to its last commit.

    \b
    Examples:
      reconciler mr diff 7

    Exit code 0: shown; 2: there is none of that number, or its branch is gone.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    request = at.forge.merge_request(number)
    head = at.forge.fetched(request)
    tip = request.merged + "^1" if request.merged else at.judging(request.target)
    base = at.repository.git.began(tip, head)
    patch = at.ports.commits(repo).patch(base, head)
    if form == "json":
        click.echo(merge_request_json.differing(number, base, head, patch))
    else:
        click.echo(printable(patch, lines=True), nl=False)
