"""What is brought to an environment before it did well in the one that it follows.

However it came there: by `promote`, by hand, or by a push. It is foretold where a change is judged,
and refused right before it would be applied: by the same records, looked at in the same way. What
ran in the environment itself before may come back, and what no promotion carries is its own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NoReturn

from reconciler.app.environment import whole
from reconciler.app.records import Kept, Records
from reconciler.core.authority import EARLY
from reconciler.core.decide import Law, Question, decide
from reconciler.core.load import load_environment
from reconciler.core.promotion import (
    PROMOTION,
    as_finding,
    did_well,
    digest_of,
    release,
    span,
)
from reconciler.core.tree import find
from reconciler.errors import ReconcilerError, WaitingError
from reconciler.model.base import format_duration, format_timestamp
from reconciler.model.blueprint import BlueprintSpec
from reconciler.model.decision import Decision, GateRun
from reconciler.model.desired import Effective
from reconciler.model.environment import Environment
from reconciler.model.move import Early
from reconciler.model.profile import Profile
from reconciler.model.record import ApplyEnded
from reconciler.ports import Snapshots

_FAR: Final = 500
"""So many records back it is looked for."""


@dataclass(frozen=True, slots=True)
class Past:
    """Records, as of one of them, and the commits that they name."""

    records: Records
    commits: Snapshots
    at: str
    """The commit of that record."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What records say of what is brought to an environment."""

    record: int
    """The newest one that it rests on."""
    early: Early | None
    """None: it did well for long enough, or ran here before."""
    unread: bool
    """Whether a commit that they name is not here."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """What the gate of authority says of it, what that rests on, or why it says nothing."""

    runs: tuple[GateRun, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    due: datetime | None = None
    """When it is over by itself; None: it is not, or nobody can tell."""


def look(past: Past, filled: Effective, rules: Iterable[Profile], now: datetime) -> Looked | None:
    """Whether what an environment has did well where it should have run first; None: no need.

    `rules`: the profiles that it is judged by; who asks for more is heard.
    """
    asking = [one for one in rules if one.spec.promotion.green_for is not None]
    law = max(asking, key=_asked, default=None)
    document = filled.environment.document
    name, source = document.metadata.name, document.spec.promoted_from
    records, tip = past.records, past.records.kept(past.at)
    if law is None or source is None or not records.status_at(tip, name).get("applied"):
        return None
    ran = _Ran(past.commits, filled)
    own, there = (
        list(islice(records.of_environment(one, past.at), _FAR)) for one in (name, source)
    )
    newest = max(one.record.chain.sequence for one in (*own, *there))
    if any(ran.here(name, commit) for commit in _applied(own)):
        return Looked(newest, None, unread=False)
    found = did_well(
        reversed([one.record for one in there]), lambda commit: ran.here(source, commit), now
    )
    asked, track = _asked(law), law.metadata.name
    early = Early(name, source, track, asked, ran.digest)
    if found is not None:
        early = replace(early, longest=found[0], since=found[1])
        if found[0] >= asked:
            return Looked(newest, None, unread=False)
    return Looked(newest, early, unread=ran.unread)


def foretell(
    filled: Effective,
    before: Sequence[Environment],
    laws: Iterable[Law],
    past: Callable[[], Past | None],
    now: datetime,
) -> Foretold:
    """What will be said right before the apply, where a change brings something.

    `before`: the environment where the change began, and as the target branch has it: what is there
    already, this change does not bring. Where no records are in reach nothing is said, and noted:
    whoever applies it looks all the same. Records that cannot be read are no such case.
    """
    document, blueprint = filled.environment.document, filled.blueprint.document.spec
    rules = [law.profile for law in laws]
    source = document.spec.promoted_from
    asks = any(one.spec.promotion.green_for is not None for one in rules)
    brings = release(document.spec, blueprint)
    if not (asks and source and before) or any(
        release(one.spec, blueprint) == brings for one in before
    ):
        return Foretold()
    try:
        known = past()
        found = look(known, filled, rules, now) if known is not None else None
    except ReconcilerError as error:
        return Foretold((GateRun("authority", failure=error.message, hint=error.hint),))
    if known is None or (found is not None and found.early is not None and found.unread):
        what = "no records are" if known is None else "not every commit that records name is"
        words = (
            f"promotion: {what} here, so it was not judged whether {source} did well with what"
            f" {document.metadata.name} gets; the controller judges that on the merge request, and"
            " right before the apply"
        )
        return Foretold(notes=(words,))
    if found is None:
        return Foretold()
    due = found.early.due if found.early is not None else None
    return Foretold(_runs(found, filled), ((PROMOTION, str(found.record)),), due=due)


def excepted(question: Question, filled: Effective, past: Past | None) -> Question:
    """The question of an apply, with what is brought too early and excepted by a waiver.

    What none excepts is no decision: it is waited for, right before the apply.
    """
    rules = [law.profile for law in question.laws]
    found = look(past, filled, rules, question.now) if past is not None else None
    if found is None or found.early is None:
        return question
    inputs = (*question.inputs, (PROMOTION, str(found.record)))
    runs = (*question.runs, *_runs(found, filled))
    whole_one = replace(question, runs=runs, inputs=inputs)
    return whole_one if is_excepted(decide(whole_one), found.early) else question


def is_excepted(decision: Decision, early: Early) -> bool:
    """Whether a decision lets just this through, by a waiver."""
    mark = as_finding(early, "").fingerprint
    return any(one.waived_by and one.finding.fingerprint == mark for one in decision.findings)


def refuse(early: Early) -> NoReturn:
    """An error that says what it waits for."""
    name, source = early.environment, early.source
    mark = as_finding(early, "").fingerprint
    urgent = (
        f"in an emergency a waiver of {EARLY} with the fingerprint {mark} lets just this through"
    )
    if early.longest is None:
        raise WaitingError(
            "not-promoted",
            f"{name} is not applied: it brings what {source}, which it follows, never ran",
            hint=f"let it run in {source} first; then `reconciler promote {source}` brings it here;"
            f" {urgent}",
            subject=name,
        )
    when = f"from {format_timestamp(early.due)} on" if early.due else "once it did so"
    raise WaitingError(
        "not-green-long",
        f"{name} is not applied: what it brings did well in {source} for {span(early.longest)},"
        f" and the track {early.track} asks for {format_duration(early.asked)}",
        hint=f"{when} it may be applied; what ran here before may come back at any time; {urgent}",
        subject=name,
    )


def _asked(profile: Profile) -> timedelta:
    return profile.spec.promotion.green_for or timedelta()


def _runs(found: Looked, filled: Effective) -> tuple[GateRun, ...]:
    if found.early is None:
        return ()
    return (GateRun("authority", (as_finding(found.early, filled.environment.path),)),)


def _applied(records: Iterable[Kept]) -> Iterator[str]:
    """The commits that were applied well, newest first."""
    for kept in records:
        body = kept.record.body
        if isinstance(body, ApplyEnded) and (body.action, body.result) == ("apply", "done"):
            yield str(body.commit)


class _Ran:
    """Whether an environment had at a commit what is brought now.

    Each commit is looked at once, and each document read once: where it lay before, it is looked
    for first, so that no more is read in a repository of many environments.
    """

    def __init__(self, commits: Snapshots, filled: Effective) -> None:
        self._commits = commits
        self._blueprint: BlueprintSpec = filled.blueprint.document.spec
        self._brings = release(filled.environment.document.spec, self._blueprint)
        self._known: dict[tuple[str, str], bool] = {}
        self._paths = {filled.environment.document.metadata.name: filled.environment.path}
        self._read: dict[tuple[str, str], bool] = {}
        self.unread = False

    @property
    def digest(self) -> str:
        """Of what is brought."""
        return digest_of(self._brings)

    def here(self, environment: str, commit: str) -> bool:
        """Nobody can tell: no."""
        key = environment, commit
        if key not in self._known:
            self._known[key] = self._has(environment, commit)
        return self._known[key]

    def _has(self, environment: str, commit: str) -> bool:
        try:
            tree = self._commits.snapshot(commit)
        except ReconcilerError:
            self.unread = True
            return False
        try:
            entry = find(tree, self._paths.get(environment, ""))
            if entry is not None and (entry.path, entry.oid) in self._read:
                return self._read[entry.path, entry.oid]
            # What was applied was whole, and the only one of its name.
            loaded = load_environment(tree, entry, []) if entry is not None else None
            if loaded is None:
                loaded = whole(tree, environment).environment
        except ReconcilerError:
            return False
        self._paths[environment] = loaded.path
        found = release(loaded.document.spec, self._blueprint) == self._brings
        self._read[loaded.path, loaded.oid] = found
        return found
