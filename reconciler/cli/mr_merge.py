"""`reconciler mr merge`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from reconciler.app.merge import may_merge, meanwhile, reasons
from reconciler.app.review import agreed, trusting
from reconciler.cli.check_command import EXITS
from reconciler.cli.checking import Asked, judged
from reconciler.cli.merge_requests import Desk, desk, number_argument
from reconciler.cli.screen import format_option, out, repo_option, stop_with
from reconciler.core.review.consent import Heard
from reconciler.core.review.wanted import statuses_of
from reconciler.errors import Exit, WaitingError
from reconciler.model.approval import Given
from reconciler.model.check import CheckReport
from reconciler.model.merge_request import MergeRequest
from reconciler.model.review import Review
from reconciler.report import check_text, merge_request_json, merge_request_text


@click.command("merge")
@number_argument
@repo_option
@format_option
@click.option(
    "--message", default="", help="What the merge says; by default title and description."
)
def merge_command(number: int, repo: Path, form: str, message: str) -> None:
    """Bring it into its target branch, when everything is allowed.

    It is checked first, as `reconciler check` does, by the target branch's rules as they are now,
    with the approvals that were given to it; what merging would make is judged. Nothing is merged
    unless the verdict is ALLOW, and only the commit that was checked.

    \b
    Examples:
      reconciler mr merge 7
      reconciler mr merge 7 --message "Give the portal more memory"

    Exit code 0: merged, or it was already; 10: denied, or files conflict; 11: approvals are
    missing; 13: a gate could not say; 2: it is not open, or a draft; 1: somebody pushed meanwhile.
    """  # noqa: D301  # \b is click's mark for lines as they are
    at = desk(repo)
    request = at.forge.merge_request(number)
    if request.state == "merged":
        _tell(request, request.merged, None, form)
        return
    at.forge.fetched(request)
    base = at.judging(request.target)

    def judge(approvals: Mapping[str, Given]) -> CheckReport:
        # With fractions of a second: who has just agreed did not do so in the future.
        now = datetime.now(UTC)
        asked = Asked(
            repo,
            base,
            request.head,
            everything=False,
            environments=(),
            now=now,
            merged=True,
            records="fresh",
        )
        with judged(at.ports, asked, approvals=approvals) as done:
            return done.report

    heard = _heard(at, request)
    report, may = may_merge(request, heard, judge)
    if not may:
        _tell(request, "", report, form)
        stop_with(EXITS[report.verdict] or Exit.FAILURE)
    now = at.forge.merge_request(number)
    if now.state == "merged" and now.head == request.head:
        _tell(now, now.merged, report, form)  # somebody was faster with the very same
        return
    at.forge.fetched(request)
    if at.judging(request.target) != base:
        raise _lost(at, request, base)
    if at.forge.consents(number) != heard.consents:
        raise _meanwhile(request, "who agrees changed")
    _say_so(at, request, report)
    try:
        commit = at.forge.merge(number, request.head, message, onto=base)
    except WaitingError as err:
        if err.reason != "target-moved":
            raise
        at.forge.fetched(request)
        raise _lost(at, request, base) from err
    _tell(request, commit, report, form)


def _say_so(at: Desk, request: MergeRequest, report: CheckReport) -> None:
    """What stands on it from an earlier look is said anew: what is merged was allowed.

    Only where that is in this repository: on a server those who look at it do that.
    """
    if at.spec.forge.kind != "local":
        return
    there = at.forge.statuses(request)
    for status in statuses_of(Review(report, request.number), request.link):
        if status.name in there:
            at.forge.show_status(request, status)


def _lost(at: Desk, request: MergeRequest, base: str) -> WaitingError:
    """Somebody was faster: who, and with what."""
    brought = meanwhile(at.ports.commits(at.path), base, at.judging(request.target))
    who = f": {'; '.join(brought)}" if brought else ""
    return _meanwhile(request, f"`{request.target}` moved{who}")


def _meanwhile(request: MergeRequest, what: str) -> WaitingError:
    return WaitingError(
        "moved-meanwhile",
        f"while !{request.number} was checked, {what}; it was not merged",
        hint=f"check and merge again: `reconciler mr merge {request.number}`",
        subject=f"!{request.number}",
    )


def _heard(at: Desk, request: MergeRequest) -> Heard:
    """What people agreed to, with what was shown to them."""
    _, verify = at.ports.signing()
    root = at.ports.history(at.path).root
    trust = trusting(root, request.number, at.spec.records, verify)
    heard, _ = agreed(at.forge, request, trust)
    return heard


def _tell(request: MergeRequest, commit: str, report: CheckReport | None, form: str) -> None:
    """What came of it; without a report it was merged before."""
    why = reasons(report) if report is not None and not commit else ()
    if form == "json":
        verdict = str(report.verdict) if report is not None else None
        click.echo(merge_request_json.merged(request, commit, verdict, why))
        return
    if report is not None and not commit:
        check_text.checked(out(), report, advice=False)
    merge_request_text.merged(out(), request, commit, already=report is None)
