"""`reconciler mr open`, `close` and `reopen`."""

from pathlib import Path
from typing import TextIO

import click

from reconciler.app.kept import ROOTS
from reconciler.cli.again import again
from reconciler.cli.merge_requests import Desk, desk, number_argument, tell
from reconciler.cli.screen import err, format_option, out, repo_option
from reconciler.core.tree import changes
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.merge_request import MergeRequest, Proposal
from reconciler.report import merge_request_text, text


@click.command("open")
@repo_option
@format_option
@click.option("--source", help="The branch with the change; by default the one checked out.")
@click.option("--target", help="The branch it goes to; by default the one of reconciler.yaml.")
@click.option("--title", help="In one line; by default the first line of the last commit.")
@click.option("--description", help="What it is for.")
@click.option(
    "--description-file",
    "file",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="A file with the description; `-` reads standard input.",
)
@click.option("--label", "labels", multiple=True, help="A label; repeatable.")
@click.option("--draft", is_flag=True, help="Not to be merged yet.")
def open_command(
    repo: Path,
    form: str,
    source: str | None,
    target: str | None,
    title: str | None,
    description: str | None,
    file: TextIO | None,
    labels: tuple[str, ...],
    draft: bool,
) -> None:
    """Open a merge request for the current branch.

    Where one is open from that branch already, it gets the title and the description that are
    named, and keeps what is not.

    \b
    Examples:
      reconciler mr open
      reconciler mr open --title "Give the portal more memory" --label risk
      reconciler mr open --source fix --description-file why.md

    Exit code 0: it is open.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    git = at.repository.git
    branch = source or git.branch
    if not branch:
        raise UsageError(
            "no-branch", "no branch is checked out here", hint="name one with `--source`"
        )
    to, words = target or at.target, file.read() if file is not None else description
    before = _open_from(at, branch, to)
    if before is not None:
        title = before.title if title is None else title
        words = before.description if words is None else words
    if title is None:
        known = git.named(f"refs/heads/{branch}", f"refs/remotes/origin/{branch}")
        title = (at.ports.commits(repo).commit(known).subject if known else "") or branch
    made = at.forge.open(Proposal(title[:240], words or "", branch, to, labels, draft))
    tell(at, made, form, "is open" if before is None else "was open already")
    if before is not None and before.title != made.title:
        text.said(err(), f"It has another title now. Before: {before.title}")
    if form == "text":
        merge_request_text.next_step(out(), made, again)
        if branch == git.branch and _uncommitted(at):
            text.said(err(), "What is not committed here is not in it.")


def _open_from(at: Desk, source: str, target: str) -> MergeRequest | None:
    """The one that is open from a branch of this repository to another."""
    many = at.forge.open_ones(target)
    return next((one for one in many if one.source == source and not one.fork), None)


def _uncommitted(at: Desk) -> bool:
    """Whether documents lie here otherwise than the branch that is checked out has them."""
    if at.repository.workdir is None:
        return False
    try:
        found = changes(at.repository.snapshot("HEAD"), at.repository.snapshot(None))
        return any(one.path.partition("/")[0] in ROOTS for one in found)
    except ReconcilerError:
        return False  # it is open by now; what the files are like, other commands say


@click.command("close")
@number_argument
@repo_option
@format_option
def close_command(number: int, repo: Path, form: str) -> None:
    """Give it up. Nothing is lost: `reconciler mr reopen` takes it up again.

    \b
    Examples:
      reconciler mr close 7

    Exit code 0: it is closed.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    tell(at, at.forge.close(number), form, "is closed")


@click.command("reopen")
@number_argument
@repo_option
@format_option
def reopen_command(number: int, repo: Path, form: str) -> None:
    """Take it up again.

    \b
    Examples:
      reconciler mr reopen 7

    Exit code 0: it is open.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    tell(at, at.forge.reopen(number), form, "is open again")
