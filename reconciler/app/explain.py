"""The whole story of one finding of a check."""

from collections.abc import Sequence
from datetime import timedelta

from reconciler.app.world import World
from reconciler.core.authority import EARLY
from reconciler.core.secrets.engine import Hit, scanner
from reconciler.core.suggest import listed
from reconciler.core.tree import find
from reconciler.errors import UsageError
from reconciler.model.base import format_timestamp
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged
from reconciler.model.policy import Pack
from reconciler.model.story import Story
from reconciler.model.tree import DOCUMENT_LIMIT, EntryKind

_AROUND = 3
_KEY = 120
"""Lines that a private key may have."""
_SHORTEST = 4
_LISTED = 8
_DAYS = 30
_GATES_WITHOUT_WAIVER = ("documents",)


def explain(report: CheckReport, mark: str, head: World, pack: Pack) -> Story:
    """The finding whose fingerprint begins with `mark`, or the only one of the rule `mark`."""
    decision, judged = _find(report, mark)
    finding = judged.finding
    return Story(
        decision,
        judged,
        _why(decision, judged, report, head),
        _lines(decision, judged, report, head),
        pack.rule(finding.rule) if finding.gate == "policy" else None,
        ""
        if finding.gate in _GATES_WITHOUT_WAIVER or judged.waived_by
        else _waiver(decision, judged, report),
    )


def _find(report: CheckReport, mark: str) -> tuple[Decision, Judged]:
    if len(mark) < _SHORTEST:
        raise UsageError("usage", "give at least four letters of the fingerprint")
    found = {
        one.finding.fingerprint: (decision, one)
        for decision in report.decisions
        for one in decision.findings
        if one.finding.fingerprint.startswith(mark.lower())
        or one.finding.rule.lower() == mark.lower()
    }
    if len(found) > 1:
        of_rule = mark.lower() == next(iter(found.values()))[1].finding.rule.lower()
        raise UsageError(
            "ambiguous",
            f"{len(found)} findings {'are of the rule' if of_rule else 'begin with'} `{mark}`",
            hint=f"give {'one' if of_rule else 'more of it'}: {listed(sorted(found), _LISTED)}",
        )
    if not found:
        raise UsageError(
            "unknown-finding",
            f"this check has no finding `{mark}`",
            hint="give `explain` the same --base, --head or --all as the check that showed it",
        )
    return next(iter(found.values()))


def _why(decision: Decision, judged: Judged, report: CheckReport, head: World) -> str:
    finding = judged.finding
    if judged.waived_by:
        return f"the waiver {judged.waived_by} excepts it"
    if finding.gate == "documents":
        return "a document that cannot be relied on always denies"
    if finding.severity == "low":
        return "its severity is low, and such findings only advise"
    if not decision.environment:
        return "it is about the change itself, for which every category is hard"
    path = next((one.path for one in report.touched if one.name == decision.environment), "")
    document = head.document(path) if path else None
    of = (
        f" the profile {document.spec.track} at the stage {document.spec.stage}" if document else ""
    )
    return f"{finding.category} is {judged.level} by{of or ' its profile'}"


def _lines(
    decision: Decision, judged: Judged, report: CheckReport, head: World
) -> tuple[tuple[int, str], ...]:
    """Around the place; none where a secret stands, nor of a commit, which may hold one."""
    place = judged.finding.location
    if not place.line or place.commit or judged.finding.gate == "secrets":
        return ()
    data = _rendered(decision, place.path, report, head)
    if data is None:
        entry = find(head.tree, place.path)
        if entry is None or entry.kind is not EntryKind.FILE:
            return ()
        data = head.tree.read(entry, DOCUMENT_LIMIT) or b""
    first, last = max(place.line - _AROUND, 1), place.line + _AROUND
    if any(first - (_KEY if hit.rule.lines else 0) <= hit.line <= last for hit in _secrets(data)):
        return ()
    lines = data.decode("utf-8", "replace").split("\n")
    return tuple(enumerate(lines[first - 1 : last], start=first))


def _secrets(data: bytes) -> Sequence[Hit]:
    return scanner().scan(data).hits


def _rendered(decision: Decision, path: str, report: CheckReport, head: World) -> bytes | None:
    document = next((one.path for one in report.touched if one.name == decision.environment), "")
    seen = head.look(document) if document else None
    files = seen.rendered.files if seen and seen.rendered else ()
    return next((one.content for one in files if one.path == path), None)


def _waiver(decision: Decision, judged: Judged, report: CheckReport) -> str:
    finding = judged.finding
    until = format_timestamp(report.now + timedelta(days=_DAYS))[:10]
    if decision.environment:
        subject = f"    environments: [{decision.environment}]\n"
        if finding.resource:
            subject += f"    resources: ['{finding.resource}']\n"
        if finding.rule == EARLY:
            subject += f"    fingerprints: ['{finding.fingerprint}']\n"
    else:
        subject = f"    fingerprints: ['{finding.fingerprint}']\n"
    return f"""\
apiVersion: reconciler/v1
kind: Waiver
metadata: {{name: a-name, owner: a-team}}
spec:
  rule: {finding.rule}
  subject:
{subject}  reason: Why this is right here, for an auditor.
  expires: {until}
"""
