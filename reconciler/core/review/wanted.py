"""A review -> what should stand at the forge: note, statuses, labels, threads, who is to look.

Everything is told by values that were judged; nothing of what the forge shows comes in.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.core.fingerprint import fingerprint
from reconciler.core.review.marker import fitted
from reconciler.core.risk import highest
from reconciler.model.approval import Person
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.desired import Loaded
from reconciler.model.finding import Gate
from reconciler.model.merge_request import MergeRequest, Place, Status
from reconciler.model.plan import Plan
from reconciler.model.review import Review, Shown, Thread
from reconciler.model.team import Member, Team

MOST_THREADS: Final = 20
"""More findings on lines are only in the note: nobody reads more, and each is a request."""
OVERALL: Final = "reconciler"
PLAN: Final = "reconciler/plan"
GATES: Final[Mapping[Gate, str]] = {
    "documents": "reconciler/documents",
    "authority": "reconciler/authority",
    "secrets": "reconciler/secrets",
    "policy": "reconciler/policies",
    "checkov": "reconciler/checkov",
}
_RISK: Final = "risk::"
_TRACK: Final = "track::"
_SEVERAL: Final = "several"
_RISKS: Final = frozenset({"risk::L0", "risk::L1", "risk::L2", "risk::L3"})
_LEVELS: Final = ("hard", "soft")
_SEVERITIES: Final = ("critical", "high", "medium", "low")
_WORD: Final = {
    Verdict.ALLOW: "allowed",
    Verdict.NEEDS_APPROVAL: "needs approval",
    Verdict.INDETERMINATE: "indeterminate",
    Verdict.DENY: "denied",
}

Lines = Mapping[str, frozenset[int]]
"""By path: the lines that a change added or changed, as its last commit has them."""
Words = Callable[[Judged], str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should stand there."""

    body: str
    """The note, without its hidden end."""
    shown: Shown
    statuses: tuple[Status, ...]
    labels: frozenset[str]
    ours: frozenset[str]
    """Every label that is ours to take away; any other is somebody's."""
    threads: tuple[Thread, ...]
    people: tuple[Person, ...]
    """Who should look at it."""
    well: bool
    """Whether nothing is left to do."""
    plans: tuple[Plan, ...] = ()
    """What the note shows, to be compared with later."""


def wanted(
    review: Review,
    request: MergeRequest,
    body: str,
    *,
    lines: Lines,
    say: Words,
    teams: Mapping[str, Loaded[Team]],
    tracks: Collection[str],
    authors: Collection[Person],
) -> Wanted:
    """What this review wants to be there. `tracks`: all that the target branch knows."""
    labels = labels_of(review)
    return Wanted(
        body,
        shown_of(review),
        statuses_of(review, request.link),
        labels,
        _RISKS | {f"{_TRACK}{name}" for name in (*tracks, _SEVERAL)} | labels,
        threads_of(review, lines, say),
        people_of(review.report.decisions, teams, (*authors, request.author), request.number)
        if review.verdict is Verdict.NEEDS_APPROVAL
        else (),
        review.verdict is Verdict.ALLOW,
        review.plans,
    )


def shown_of(review: Review) -> Shown:
    """What whoever agrees now has before their eyes."""
    policies = {
        value
        for decision in review.report.decisions
        for name, value in decision.inputs
        if name == "policies"
    }
    plans = tuple(sorted((one.environment, one.digest) for one in review.plans))
    return fitted(
        Shown(review.report.head, policies.pop() if len(policies) == 1 else "", plans, None)
    )


# --- statuses


def statuses_of(review: Review, link: str) -> tuple[Status, ...]:
    """One for all, and one for each gate that was asked."""
    return tuple(_statuses(review, review.job or link))


def _statuses(review: Review, link: str) -> Iterator[Status]:
    report = review.report
    good = report.verdict is Verdict.ALLOW
    yield Status(OVERALL, "success" if good else "failed", _overall(review), link)
    asked = {gate for gate, _ in report.engines} | {
        *("documents", "authority", "secrets"),
        *(one.finding.gate for each in report.decisions for one in each.findings),
        *(one.gate for each in report.decisions for one in each.silent),
    }
    for gate, name in GATES.items():
        if gate in asked:
            fine, text = _gate(report.decisions, gate)
            yield Status(name, "success" if fine else "failed", text, link)
    if review.planning:
        yield Status(PLAN, *_planned(review), link)


def _overall(review: Review) -> str:
    report = review.report
    environments = [one for one in report.decisions if one.environment]
    word = _WORD[report.verdict]
    if not environments:
        return f"{word}: no environment is touched"
    those = sum(1 for one in environments if one.verdict is report.verdict)
    itself = "" if those else ", the change itself"
    return f"{word}{itself}: {those} of {_many(len(environments), 'environment')}"


def _gate(decisions: Sequence[Decision], gate: Gate) -> tuple[bool, str]:
    """Whether it lets the change through, and what it said in short."""
    silent = [one for one in decisions if any(each.gate == gate for each in one.silent)]
    found = {"hard": 0, "soft": 0, "advisory": 0}
    settled = True
    for decision in decisions:
        for one in decision.findings:
            if one.finding.gate == gate and not one.waived_by:
                found[one.level] += 1
                settled = settled and (one.level == "advisory" or _agreed(decision, one))
    told = ", ".join(f"{number} {level}" for level, number in found.items() if number)
    if silent:
        more = f"; found: {told}" if told else ""
        return False, f"could not say about {len(silent)} of {len(decisions)}{more}"
    return settled, f"found: {told}" if told else "nothing found"


def _agreed(decision: Decision, one: Judged) -> bool:
    """Whether a finding no longer holds anything up."""
    return one.level == "soft" and decision.verdict is Verdict.ALLOW


def _planned(review: Review) -> tuple[Any, str]:
    parts = [f"{len(review.plans)} planned"]
    parts += [f"{len(review.unplanned)} not"] if review.unplanned else []
    lost = sum(1 for one in review.plans if one.loses_data)
    parts += [f"DATA IS LOST in {lost}"] if lost else []
    return ("failed" if review.unplanned else "success"), ", ".join(parts)


def _many(number: int, word: str) -> str:
    return f"1 {word}" if number == 1 else f"{number:,} {word}s"


# --- labels


def labels_of(review: Review) -> frozenset[str]:
    """One of each scope: a forge keeps no more."""
    decisions = review.report.decisions
    if not decisions:
        return frozenset()
    tracks = {track for _, track in review.tracks}
    found = {f"{_RISK}{highest(one.risk for one in decisions)}"}
    if tracks:
        found.add(f"{_TRACK}{tracks.pop() if len(tracks) == 1 else _SEVERAL}")
    return frozenset(found)


# --- threads


def threads_of(review: Review, lines: Lines, say: Words) -> tuple[Thread, ...]:
    """The findings that stand against the change and are on a line that it made, worst first."""
    found: dict[str, Thread] = {}
    head = review.report.head
    every = [one for decision in review.report.decisions for one in decision.findings]
    for one in sorted(every, key=_worst_first):
        if len(found) == MOST_THREADS:
            break
        where = one.finding.location
        if _stands(one) and _on_line(one, head) and where.line in lines.get(where.path, ()):
            mark = thread_of(one)
            found.setdefault(mark, Thread(mark, Place(where.path, where.line), say(one)))
    return tuple(found.values())


def paths_of(review: Review) -> frozenset[str]:
    """Files of which the changed lines have to be known."""
    return frozenset(
        one.finding.location.path
        for decision in review.report.decisions
        for one in decision.findings
        if _stands(one) and _on_line(one, review.report.head)
    )


def thread_of(one: Judged) -> str:
    """The same for the same finding, also when its line moves."""
    finding = one.finding
    return fingerprint(finding.rule, finding.fingerprint or finding.message, finding.location.path)


def _stands(one: Judged) -> bool:
    return not one.waived_by and one.level != "advisory"


def _on_line(one: Judged, head: str) -> bool:
    """Whether its place is a line of the last commit; a line of an earlier one may be another."""
    where = one.finding.location
    return bool(where.line) and not one.finding.rendered and where.commit in ("", head)


def _worst_first(one: Judged) -> tuple[object, ...]:
    finding = one.finding
    return (
        _LEVELS.index(one.level) if one.level in _LEVELS else len(_LEVELS),
        _SEVERITIES.index(finding.severity),
        finding.location.path,
        finding.location.line,
        finding.rule,
        finding.fingerprint,
        finding.message,
    )


# --- people


def people_of(
    decisions: Iterable[Decision],
    teams: Mapping[str, Loaded[Team]],
    authors: Collection[Person],
    number: int,
) -> tuple[Person, ...]:
    """Of each team whose agreement is missing: as many as are needed, and one more.

    Not always the same ones: which of a team comes from the merge request's number.
    """
    own_ids = {one.forge_id for one in authors if one.forge_id is not None}
    own_addresses = {one.email.lower() for one in authors if one.email}
    found: dict[int, Person] = {}
    for need in sorted({need for one in decisions for need in one.missing}):
        able: dict[int, Member] = {}
        for team in need.teams:
            for member in teams[team].document.spec.members if team in teams else ():
                known = member.forge_id
                mine = known in own_ids or member.email.lower() in own_addresses
                if known is not None and not mine:
                    able[known] = member
        turn = sorted(able, key=lambda one: fingerprint(str(number), str(one)))
        for known in turn[: need.count + 1]:
            found[known] = Person(able[known].name, "", known)
    return tuple(found[known] for known in sorted(found))
