"""Whether a merge request may be merged: the change is judged with what people said about it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Protocol

from reconciler.core.records.words import line
from reconciler.core.review.consent import Heard
from reconciler.model.approval import Given
from reconciler.model.check import CheckReport
from reconciler.model.commit import Commit
from reconciler.model.decision import Verdict
from reconciler.model.merge_request import MergeRequest

_NAMED: Final = 5
Judge = Callable[[Mapping[str, Given]], CheckReport]


class OneByOne(Protocol):
    """The commits of a repository."""

    def commit(self, revision: str) -> Commit:
        """What a commit says of itself."""
        ...


class WithoutPlans(Mapping[str, Given]):
    """What was agreed to, for a check that has no plan.

    Whoever agreed to a commit and a plan agreed to the commit: that counts here, and nothing of it
    counts for another plan when there is one.
    """

    def __init__(self, heard: Heard) -> None:
        self._heard = heard

    def __getitem__(self, name: str) -> Given:
        given = self._heard[name]
        return replace(given, approvals=tuple(replace(one, plan="") for one in given.approvals))

    def __iter__(self) -> Iterator[str]:
        return iter(self._heard)

    def __len__(self) -> int:
        return len(self._heard)


def may_merge(request: MergeRequest, heard: Heard, judge: Judge) -> tuple[CheckReport, bool]:
    """What the check says of it, and whether it may be merged: only when everything is allowed."""
    report = judge(WithoutPlans(heard))
    return report, report.verdict is Verdict.ALLOW and report.head == request.head


def meanwhile(git: OneByOne, before: str, now: str) -> tuple[str, ...]:
    """Who brought what into a branch between two commits of it, the newest first."""
    found: list[str] = []
    while now and now != before:
        if len(found) == _NAMED:
            return (*found, "and more before that")
        commit = git.commit(now)
        found.append(f"{commit.author.name} brought {now[:12]} ({line(commit.subject, 100)})")
        now = commit.parents[0] if commit.parents else ""
    return tuple(found)


def reasons(report: CheckReport) -> tuple[str, ...]:
    """Why not, in the words of the decisions."""
    return tuple(
        f"{one.environment or 'the change itself'}: {one.verdict}: {why}"
        for one in report.decisions
        if one.verdict is not Verdict.ALLOW
        for why in one.reasons
    )
