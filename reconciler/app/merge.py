"""Whether a merge request may be merged: the change is judged with what people said about it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from reconciler.model.approval import Approval, Given
from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from reconciler.model.merge_request import Consent, MergeRequest

Judge = Callable[[Mapping[str, Given]], CheckReport]


class _Everywhere(Mapping[str, Given]):
    """The same for every environment, and for the change itself."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def __getitem__(self, _name: str) -> Given:
        return self._given

    def __iter__(self) -> Iterator[str]:
        return iter(("",))

    def __len__(self) -> int:
        return 1


def given_by(request: MergeRequest, consents: Iterable[Consent]) -> Mapping[str, Given]:
    """What was agreed to, for a check without plans.

    Whoever agreed to a commit and a plan agreed to the commit: that counts here, and nothing of it
    counts for another plan when there is one.
    """
    approvals = tuple(
        Approval(one.by, one.at, one.head, "", one.policies, one.reference, one.signed_by)
        for one in consents
    )
    return _Everywhere(Given(approvals, (request.author,), frozenset({request.head})))


def may_merge(
    request: MergeRequest, consents: Iterable[Consent], judge: Judge
) -> tuple[CheckReport, bool]:
    """What the check says of it, and whether it may be merged: only when everything is allowed."""
    report = judge(given_by(request, consents))
    return report, report.verdict is Verdict.ALLOW and report.head == request.head


def reasons(report: CheckReport) -> tuple[str, ...]:
    """Why not, in the words of the decisions."""
    return tuple(
        f"{one.environment or 'the change itself'}: {one.verdict}: {why}"
        for one in report.decisions
        if one.verdict is not Verdict.ALLOW
        for why in one.reasons
    )
