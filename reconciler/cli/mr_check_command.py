"""`reconciler mr check`."""

from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.app.review import review, review_all
from reconciler.cli.building import sandbox_option, stopping_well
from reconciler.cli.check_command import EXITS
from reconciler.cli.reviewing import room_of
from reconciler.cli.screen import format_option, out, progress, repo_option, stop_with
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.model.decision import STRICTNESS
from reconciler.model.review import Outcome
from reconciler.report import review_json, review_text
from reconciler.wiring import build


@click.command("check")
@click.argument("number", type=click.IntRange(min=1), required=False)
@repo_option
@sandbox_option
@format_option
@click.option("--all", "every", is_flag=True, help="Every open one to the target branch.")
@click.option(
    "--plan",
    is_flag=True,
    help="Also plan what may be planned: its static gates let it, and it is from no fork.",
)
@click.option("--dry-run", is_flag=True, help="Post and merge nothing; print the note instead.")
def command(
    number: int | None,
    repo: Path,
    sandbox: bool,
    form: str,
    every: bool,
    plan: bool,
    dry_run: bool,
) -> None:
    """Look at a merge request, and say on it what is true: note, statuses, labels, threads.

    Its last commit is fetched and judged by the target branch, with the approvals that the forge
    tells. What is there already is not said again; what is no longer true is said anew.

    Where everything is allowed, and the profiles of all that it touches say so (`autoMerge`), it
    is merged then. --dry-run never merges.

    \b
    Examples:
      reconciler mr check 7
      reconciler mr check 7 --plan
      reconciler mr check 7 --dry-run
      reconciler mr check --all

    Exit code 0: allowed; 10: denied; 11: needs approval; 13: a gate could not say; 1: something
    could not be posted; 2: it is not open, or goes elsewhere. With --all the worst of all, also of
    those that are as they were; 13 when of none a verdict is known; 0 when none is open.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if (number is None) != every:
        raise UsageError("usage", "which one?", hint="give a number, or `--all`")
    ports = build()
    room = room_of(ports, repo, plan=plan, sandbox=sandbox, post=not dry_run)
    found: list[Outcome] = []
    with stopping_well(ports), progress("looking at it" if number else "looking at all of them"):
        try:
            if number is not None:
                found.append(review(room, number))
            else:
                found.extend(review_all(room, ports.reviewed(repo)))
        except ReconcilerError:
            # The listing broke off: what was looked at before is told, and then why.
            if found and form == "text":
                review_text.listed(out(), found)
            raise
    if form == "json":
        click.echo(review_json.reviewed(found))
    elif every:
        review_text.listed(out(), found)
    else:
        review_text.reviewed(out(), found[0], dry_run=dry_run)
    stop_with(_exit(found, one=not every))


def _exit(found: Sequence[Outcome], *, one: bool) -> Exit:
    """The strictest verdict; then what could not be looked at, or posted."""
    verdicts = [verdict for outcome in found if (verdict := outcome.verdict) is not None]
    worst = EXITS[max(verdicts, key=STRICTNESS.index)] if verdicts else Exit.OK
    if worst is not Exit.OK:
        return worst
    bad = ("failed", "unreadable")
    if any(outcome.state in bad or outcome.mishaps for outcome in found):
        return Exit.FAILURE
    if any(outcome.state == "moved" for outcome in found):
        return Exit.INDETERMINATE
    if one and found[0].state != "reviewed":
        return Exit.USAGE
    # Nobody could say anything of any: that is no pass.
    return Exit.INDETERMINATE if found and not verdicts else Exit.OK
