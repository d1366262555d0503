"""Look at a merge request: judge its commit, plan, decide, and make the forge say what is true.

Level-triggered: everything is computed from git and from what the forge says now. Whatever was lost
on the way is made good by the next look, and nothing is done twice.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Protocol

from reconciler.app.bench import JUDGING
from reconciler.app.check import Checked
from reconciler.app.deliver import Decided, delivering
from reconciler.app.otherwise import agreed_plan, beside_approvals, in_notes
from reconciler.app.posting import Posting, post
from reconciler.app.terraform import Site
from reconciler.core.approve import key_fingerprint
from reconciler.core.authority import EARLY
from reconciler.core.difference import difference
from reconciler.core.fingerprint import fingerprint
from reconciler.core.load import lazy_shared
from reconciler.core.redact import hidden
from reconciler.core.review import automerge
from reconciler.core.review.consent import Heard
from reconciler.core.review.marker import RESERVED, Trust
from reconciler.core.review.moves import Settle, There, memory, moves
from reconciler.core.review.wanted import Lines, Wanted, paths_of, wanted
from reconciler.core.tree import find
from reconciler.errors import ReconcilerError, StoppedError, UsageError, WaitingError
from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Given
from reconciler.model.base import format_timestamp
from reconciler.model.decision import STRICTNESS, Decision, Verdict
from reconciler.model.desired import Shared
from reconciler.model.difference import Difference
from reconciler.model.merge_request import MergeRequest, Note, Status
from reconciler.model.plan import Plan
from reconciler.model.review import Merging, Mishap, Outcome, Review, ReviewState, Unplanned
from reconciler.model.settings import RecordKeeping
from reconciler.ports import ChangedLines, Forge, Hear, Memory, RepoTree, Signer, Verify
from reconciler.report import note

_TRIES: Final = 3
"""How often a review begins again for a merge request that moves under it."""
_AGAIN: Final = timedelta(minutes=10)
"""What waits for another environment to do well is looked at again so often."""
_LEAST_NOTE: Final = 8_000
_VERDICTS: Final = {str(one): one for one in Verdict}
_PLANNED: Final = frozenset({Effect.ADDED, Effect.CHANGED, Effect.REVERTED})
_FORK: Final = "it comes from a fork, and nothing of a fork gets near credentials"
_REFUSED: Final = "the static gates do not let it be planned"


class Judgement(Protocol):
    """A change that was judged, as long as its engines run."""

    @property
    def checked(self) -> Checked:
        """What it came to."""
        ...

    @property
    def target(self) -> RepoTree:
        """What judged it."""
        ...

    @property
    def head(self) -> RepoTree:
        """What was judged."""
        ...


Judge = Callable[[str, str, Mapping[str, Given]], AbstractContextManager[Judgement]]
"""By the rules of a commit, judge another one, with what was said about it."""
SiteOf = Callable[[str, Judgement], Site]
"""Where an environment is planned."""


class Comparing(ChangedLines, Protocol):
    """The repository, as far as a review reads it by itself."""

    def snapshot(self, revision: str) -> RepoTree:
        """The tree of a commit."""
        ...

    def began(self, target: str, head: str) -> str:
        """The newest commit that both have behind them."""
        ...


@dataclass(frozen=True)
class Room:
    """What a review works with."""

    forge: Forge
    rules: RepoTree
    """The target branch, as it was when we began."""
    latest: Callable[[], RepoTree]
    """The target branch, as it is here now: whoever fetches a merge request fetches it, too."""
    git: Comparing
    met: Callable[[str, str], str]
    """Another word whenever one commit changes a file that the other one changed, too."""
    repository: str
    """Its name for ever: its first commit."""
    judge: Judge
    site: SiteOf | None
    """None: nothing is planned."""
    alone: Callable[[int], AbstractContextManager[None]]
    """Nobody else on this machine reviews the same one meanwhile."""
    now: datetime
    program: str
    verify: Verify
    signer: Signer | None
    hear: Hear
    simulated: bool = False
    post: bool = True
    """False: only say what would be posted."""
    job: str = ""

    def renewed(self) -> "Room":
        """The same, by the rules as they are now."""
        tree = self.latest()
        return self if tree.revision == self.rules.revision else replace(self, rules=tree)

    @cached_property
    def shared(self) -> Shared:
        """The documents that judge."""
        return lazy_shared(self.rules)

    @property
    def branch(self) -> str:
        """The branch that is watched."""
        settings = self.shared.settings
        return settings.document.spec.branches.target if settings else "main"

    @property
    def keeping(self) -> RecordKeeping:
        """Who has to sign what is remembered."""
        settings = self.shared.settings
        return settings.document.spec.records if settings else RecordKeeping()

    def trust(self, number: int) -> Trust:
        """Whom to believe what was shown on a merge request."""
        return trusting(self.repository, number, self.keeping, self.verify)

    def signs(self, trust: Trust) -> bool:
        """Whether what we write would be believed."""
        own = self.signer.public_key.fingerprint if self.signer is not None else ""
        return trust.verify is None or own in trust.keys

    def word(self, request: MergeRequest) -> str:
        """Changes with anything that a review could come out otherwise for.

        Of what the target branch took in beside the rules: where it meets this one.
        """
        met = self.met(self.rules.revision, request.head) if request.head else ""
        return fingerprint(request.head, request.updated.isoformat(), self._grounds, met)

    @cached_property
    def _grounds(self) -> str:
        """Rules, and which of those with an end are in force; each day everything is looked at."""
        trees = (
            f"{one.path} {one.oid}" for one in self.rules.children(None) if one.path in JUDGING
        )
        freezes = (
            f"{name} {one.document.spec.since <= self.now}"
            f" {one.document.spec.expires is None or self.now <= one.document.spec.expires}"
            for name, one in sorted(self.shared.freezes.items())
        )
        waivers = (
            f"{name} {self.now <= one.document.spec.expires}"
            for name, one in sorted(self.shared.waivers.items())
        )
        how = f"{self.site is not None} {self.simulated} {self.program}"
        return fingerprint(*sorted(trees), *freezes, *waivers, str(self.now.date()), how)


def trusting(repository: str, number: int, keeping: RecordKeeping, verify: Verify) -> Trust:
    """Whom to believe what was shown on a merge request of a repository."""
    about = f"{repository} {number}"
    if not keeping.signed:
        return Trust(about)
    keys = {key_fingerprint(key) for one in keeping.writers for key in one.keys}
    return Trust(about, verify, frozenset(keys))


def review(room: Room, number: int, request: MergeRequest | None = None) -> Outcome:
    """Look at one, also when it was looked at before. `request`: as a listing just told it."""
    with room.alone(number):
        now = request if request is not None else room.forge.merge_request(number)
        said: tuple[str, ...] = ()
        for _ in range(_TRIES):
            away = _away(room, now)
            if away is not None:
                return replace(away, posted=said)
            if _fetched(room.forge, now) != now.head:
                now = room.forge.merge_request(number)
                continue
            found = _reviewed(room.renewed(), now)
            if isinstance(found, Outcome):
                return replace(found, posted=(*said, *found.posted))
            now, said = found.request, (*said, *found.posted)
    moved = _stopped(
        now,
        "moved",
        f"its last commit, or what judges it, changed {_TRIES} times while it was looked at",
        "let it come to rest; it is looked at again by itself",
    )
    return replace(moved, posted=said)


def review_all(room: Room, remembered: Callable[[int], Memory]) -> Iterator[Outcome]:
    """Look at every open one; what is as it was when it was looked at is skipped.

    One of which nothing could be told never keeps the others from being looked at.
    """
    for request in room.forge.open_ones(room.branch):
        known = remembered(request.number)
        word, verdict, until = [*known.get().split(" "), "", ""][:3]
        if (
            room.post
            and word == room.word(request)
            and (not until or format_timestamp(room.now) < until)
        ):
            same = _stopped(request, "skipped", "nothing about it changed")
            yield replace(same, known=_VERDICTS.get(verdict))
            continue
        try:
            outcome = review(room, request.number, request)
        except ReconcilerError as err:
            outcome = _stopped(request, "failed", err.message, err.hint)
        except Exception as err:  # noqa: BLE001  # a merge request that breaks us must not hide others
            words = f"our fault: {type(err).__name__}: {hidden(str(err))}"
            outcome = _stopped(request, "failed", words, "please tell us; the others are looked at")
        if room.post and _settled(outcome):
            # Its last commit may only be here now.
            parts = (room.word(request), outcome.verdict or "", _until(outcome, room.now))
            known.put(" ".join(parts).rstrip())
        yield outcome
    for one in room.forge.unreadable():
        yield Outcome(one.number, "", "unreadable", hidden(one.why), hidden(one.hint))


def _fetched(forge: Forge, request: MergeRequest) -> str:
    """Its last commit, as git has it; empty: the forge told of another one."""
    try:
        return forge.fetched(request)
    except WaitingError as err:
        if err.reason != "head-moved":
            raise
        return ""


def _settled(outcome: Outcome) -> bool:
    """Whether looking again would be no use while nothing changes.

    What we posted changed it ourselves: the next listing says so, and that look finds all well.
    """
    found = outcome.review
    return (
        found is not None
        and not outcome.mishaps
        and not (outcome.merging is not None and outcome.merging.later)
        and not any(one.failed for one in found.unplanned)
        and not any(one.silent for one in found.report.decisions)
        # By a clock that goes before ours: it will count later, without anything changing.
        and not any(
            each.approval.at > one.now for one in found.report.decisions for each in one.disregarded
        )
    )


def _until(outcome: Outcome, now: datetime) -> str:
    """When to look again though nothing about it changed: what has to do well first, elsewhere.

    Now and then also before its time: it may have failed meanwhile.
    """
    report = outcome.review.report if outcome.review is not None else None
    if report is None or not any(
        each.finding.rule == EARLY and not each.waived_by
        for one in report.decisions
        for each in one.findings
    ):
        return ""
    again = now + _AGAIN
    return format_timestamp(again if report.due is None else min(report.due, again))


def _stopped(request: MergeRequest, state: ReviewState | Any, told: str, hint: str = "") -> Outcome:
    title = hidden(request.title)
    return Outcome(request.number, title, state, hidden(told), hidden(hint), link=request.link)


def _away(room: Room, request: MergeRequest) -> Outcome | None:
    """Why it is not to be looked at; None: it is."""
    if request.state == "merged":
        return _stopped(request, "merged", "it is merged")
    if request.state == "closed":
        return _stopped(request, "closed", "it is closed", "reopen it, and it is looked at again")
    if request.target != room.branch:
        return _stopped(
            request,
            "retargeted",
            f"it goes to `{request.target}`, and only `{room.branch}` is watched",
            "change its target, or `branches.target` of reconciler.yaml",
        )
    if not request.head:
        return _stopped(
            request,
            "gone",
            f"its branch `{request.source}` is gone, so there is nothing to judge",
            "push the branch again, or close it",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Again:
    """Something moved: what was judged is no longer what is there."""

    request: MergeRequest
    """As it is by now."""
    posted: tuple[str, ...] = ()


def _reviewed(room: Room, request: MergeRequest) -> Outcome | _Again:
    """What became of it; or how it is by now, when that is not what was judged."""
    forge, number, trust = room.forge, request.number, room.trust(request.number)
    heard, early = agreed(forge, request, trust)
    with room.judge(room.rules.revision, request.head, heard) as done:
        found = _planned(room, request, done, heard, early)
        want = _wanted(room, request, done, found)
        laws = {name: question.laws for name, question in done.checked.questions.items()}
        paths = done.checked.paths
    signs = room.signs(trust)
    outcome = Outcome(
        number,
        hidden(request.title),
        "reviewed",
        review=found,
        text=want.body,
        notes=() if signs else (_UNSIGNED,),
        link=request.link,
    )
    if not room.post:
        return outcome
    notes = early if early is not None else forge.notes(number)
    # The last but one question, and for a forge that shows pipelines half of the last one.
    now = forge.merge_request(number)
    if now.state == "open" and now.target == room.branch and now.head != request.head:
        return _Again(now)
    away = _away(room, now)
    if away is not None:
        told = f"{away.told}, since while it was looked at; nothing was posted"
        return replace(away, told=told)
    statuses, mishaps = _statuses(forge, now, want)
    there = There(notes, statuses, now.labels)
    sign = room.signer.sign if room.signer is not None and trust.verify is not None else None
    to = Posting(forge, now, want, there, trust, sign, signs)
    todo = moves(want, there, trust, signs=signs)
    if todo:
        posted, more = post(to, todo)
        mishaps = (*mishaps, *more)
        outcome = replace(outcome, posted=posted)
    outcome = replace(outcome, mishaps=mishaps)
    if not automerge.wants(found, laws):
        return outcome
    why_not = automerge.against(found, to.request, laws, paths)
    if why_not:
        return replace(outcome, merging=Merging(why_not=tuple(hidden(one) for one in why_not)))
    return _merged(room, to, heard, outcome)


def _merged(room: Room, to: Posting, heard: Heard, outcome: Outcome) -> Outcome | _Again:
    """Merge it, with the very commit that was judged, when nothing moved since."""
    unsaid = Merging(why_not=(_UNSAID,), later=True)
    if outcome.mishaps:
        return replace(outcome, merging=unsaid)
    try:
        outcome, notes = _settled_own(to, outcome)
        if outcome.mishaps:
            return replace(outcome, merging=unsaid)
        waiting = automerge.waiting(notes)
        if waiting:
            return replace(outcome, merging=Merging(why_not=waiting))
        now = _moved(room, to.request, heard)
        if now is None:
            onto = room.rules.revision
            commit = room.forge.merge(to.request.number, to.request.head, onto=onto)
            return replace(outcome, merging=Merging(commit))
    except StoppedError:
        raise
    except ReconcilerError as err:
        if err.reason not in ("head-moved", "not-open", "target-moved"):
            return _unmerged(outcome, err)
        now = room.forge.merge_request(to.request.number)
    return _Again(now, outcome.posted)


def _unmerged(outcome: Outcome, err: ReconcilerError) -> Outcome:
    """What keeps it from being merged now. What is wrong with it alone is no failure of ours."""
    if isinstance(err, WaitingError | UsageError) or err.reason == "not-mergeable":
        why = hidden("; ".join(one for one in (err.message, err.hint) if one))
        return replace(outcome, merging=Merging(why_not=(why,), later=True))
    mishap = Mishap(_MERGE, hidden(err.message), hidden(err.hint))
    return replace(outcome, mishaps=(*outcome.mishaps, mishap))


def _settled_own(to: Posting, outcome: Outcome) -> tuple[Outcome, Sequence[Note]]:
    """Settle what we opened a moment ago, as the note: a forge may merge nothing before that."""
    number = to.request.number
    notes = to.forge.notes(number)
    todo = moves(to.wanted, replace(to.there, notes=notes), to.trust, signs=to.signs)
    posted, mishaps = post(to, [one for one in todo if isinstance(one, Settle)])
    if posted:
        notes = to.forge.notes(number)
    return replace(outcome, posted=(*outcome.posted, *posted), mishaps=mishaps), notes


def _moved(room: Room, request: MergeRequest, heard: Heard) -> MergeRequest | None:
    """How it is by now, where anything that the verdict rests on is not as it was judged."""
    forge = room.forge
    now = forge.merge_request(request.number)
    as_judged = (
        (now.state, now.target, now.head, now.draft)
        == ("open", request.target, request.head, request.draft)
        and _fetched(forge, now) == request.head
        and room.latest().revision == room.rules.revision
        and forge.consents(request.number) == heard.consents
    )
    return None if as_judged else now


def _statuses(
    forge: Forge, request: MergeRequest, want: Wanted
) -> tuple[Mapping[str, Status], tuple[Mishap, ...]]:
    """What is shown now. Where it cannot be read, nothing is shown anew, and the rest is said."""
    try:
        return forge.statuses(request), ()
    except ReconcilerError as err:
        mishap = Mishap("the statuses", hidden(err.message), hidden(err.hint))
        return {one.name: one for one in want.statuses}, (mishap,)


def agreed(
    forge: Forge, request: MergeRequest, trust: Trust
) -> tuple[Heard, Sequence[Note] | None]:
    """What people agreed to, for a check; and the notes, where they had to be read for it."""
    consents = forge.consents(request.number)
    # What was shown before is only asked for where an agreement rests on it.
    early = None
    if any(one.plans is None for one in consents):
        early = forge.notes(request.number)
    shown = memory(early, trust).shown if early is not None else ()
    return Heard(consents, shown, (request.author,), request.head), early


_MERGE: Final = "the merge"
_UNSAID: Final = "not everything that is to stand there could be posted"
_UNSIGNED: Final = (
    "reconciler.yaml wants records signed, and this machine has no key of `records.writers`:"
    " what it shows is not believed, and no agreement can rest on it"
)


def _wanted(room: Room, request: MergeRequest, done: Judgement, found: Review) -> Wanted:
    lines: Lines = {}
    paths = _as_pushed(room, request, done, paths_of(found))
    if paths:
        began = room.git.began(room.rules.revision, request.head)
        lines = room.git.changed_lines(began, request.head, paths)
    size = max(room.forge.writes_size - RESERVED, _LEAST_NOTE)
    return wanted(
        found,
        request,
        _safe(note.sticky(found, size)),
        lines=lines,
        say=lambda one: _safe(note.on_line(one)),
        teams=room.shared.teams,
        tracks=room.shared.profiles,
        authors=done.checked.authors,
    )


def _as_pushed(
    room: Room, request: MergeRequest, done: Judgement, paths: Collection[str]
) -> frozenset[str]:
    """Those of which what was judged is what was pushed: else a line may be another one there."""
    own = room.git.snapshot(request.head)
    return frozenset(path for path in paths if find(own, path) == find(done.head, path))


def _safe(text: str) -> str:
    """Once more: nothing leaves that looks like a secret, whichever part it came with."""
    return "\n".join(hidden(line) for line in text.split("\n"))


# --- plans


def _planned(
    room: Room,
    request: MergeRequest,
    done: Judgement,
    heard: Mapping[str, Given],
    early: Sequence[Note] | None,
) -> Review:
    """The decisions, with plans where plans may be made."""
    checked = done.checked
    looks = (
        beside_approvals(room.git.snapshot),
        in_notes(lambda: room.forge.notes(request.number) if early is None else early),
    )
    since: list[tuple[str, Difference]] = []
    decisions = {one.environment: one for one in checked.report.decisions}
    plans: list[Plan] = []
    unplanned: list[Unplanned] = []
    if room.site is not None:
        for one in checked.report.touched:
            if one.effect not in _PLANNED or one.name not in checked.subjects:
                continue
            decision, found = _plan(room, request, done, one, heard)
            decisions[one.name] = decision or decisions[one.name]
            if isinstance(found, Plan):
                plans.append(found)
                agreed_to = agreed_plan(decisions[one.name], found, looks)
                if agreed_to is not None:
                    since.append((one.name, difference(agreed_to, found)))
                continue
            unplanned.append(found)
            if found.failed:
                decisions[one.name] = _unknown(decisions[one.name], found)
    report = replace(checked.report, decisions=tuple(decisions.values()))
    return Review(
        report,
        request.number,
        tuple(plans),
        tuple(unplanned),
        room.site is not None,
        room.simulated,
        tuple((name, law.track) for name, one in checked.questions.items() for law in one.laws),
        request.draft,
        room.job,
        tuple(since),
    )


def _plan(
    room: Room, request: MergeRequest, done: Judgement, one: Affected, heard: Mapping[str, Given]
) -> tuple[Decision | None, Plan | Unplanned]:
    """The decision beside the plan, where there is one, and the plan, or why there is none."""
    if request.fork or room.site is None:
        return None, Unplanned(one.name, _FORK)
    try:
        site = room.site(one.name, done)
        given = heard[one.name]
        with delivering(done.checked, one.name, site, hear=room.hear, given=given) as found:
            if isinstance(found, Decided):
                return found.decision, found.planned.plan
            own = found.decision if found.decision.environment == one.name else None
            return own, Unplanned(one.name, _REFUSED)
    except ReconcilerError as err:
        return None, Unplanned(one.name, hidden(err.message), hidden(err.hint), failed=True)


def _unknown(decision: Decision, why: Unplanned) -> Decision:
    """What was to be planned, and could not be, is not known: that never allows."""
    verdict = max(decision.verdict, Verdict.INDETERMINATE, key=STRICTNESS.index)
    reasons = (*decision.reasons, f"it could not be planned: {why.why}")
    return replace(decision, verdict=verdict, reasons=tuple(sorted(reasons)))
