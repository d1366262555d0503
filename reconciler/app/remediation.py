"""Have drift mended, asked about or told, as the profiles say; and record each change of that.

Level-triggered: everything follows from the target branch, from records and from what is proposed.
Called twice it does nothing the second time, and whoever died in the middle is followed by somebody
who comes to the same. Nothing here touches the cloud: what is to be applied is handed back.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final, Literal

from reconciler.app.branches import Edits
from reconciler.app.proposing import Bot, Wish
from reconciler.app.record import Recorder
from reconciler.app.records import Records
from reconciler.core.adopt import adoption
from reconciler.core.causes import parts
from reconciler.core.decide import standing_still
from reconciler.core.edit_document import edit_document
from reconciler.core.effective import effective
from reconciler.core.load import lazy_shared, load_environment
from reconciler.core.records.drifts import memory_of, seen_of
from reconciler.core.records.facts import DRIFT, remediation_body
from reconciler.core.records.standing import Status
from reconciler.core.remediation import current, remediate, revertible
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError
from reconciler.model.base import DriftMode
from reconciler.model.desired import Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.merge_request import MergeRequest
from reconciler.model.remediation import (
    Action,
    Case,
    Cause,
    Limits,
    Memory,
    Mend,
    Result,
    Seen,
    Step,
)
from reconciler.model.tree import DOCUMENT_LIMIT, Entry
from reconciler.model.work import Job
from reconciler.ports import RepoTree
from reconciler.report import remediation as told

_BRANCH: Final = "drift/"
"""How our branches that put drift back begin, below `reconciler/`."""
_ADOPTING: Final = "adopt/"
"""And those that take it over into the documents."""
_OPEN: Final = ("proposed", "started")


@dataclass(frozen=True)
class Desk:
    """Everything that remediation takes."""

    bot: Bot
    recorder: Recorder
    target: Callable[[], RepoTree]
    """The target branch as it is now."""
    statuses: Callable[[], Iterable[tuple[str, Status]]]
    """Environments that drift, or about whose drift something was done, with what records say."""
    tell: Callable[[ReconcilerError], None] = lambda _error: None
    """Hears what could not be proposed; the next look tries again."""


def concerned(records: Records) -> Iterator[tuple[str, Status]]:
    """Of all environments that records speak of, those that remediation has to look at."""
    tip = records.tip()
    for name in records.environments(records.kept(tip).tree) if tip else ():
        status = records.status(name)
        if "drift" in status or "remediation" in status:
            yield name, status


def remedy(desk: Desk, now: datetime) -> tuple[Mend, ...]:
    """Ask people where they are to be asked; what is to be mended at once, or looked at again.

    A forge that is away, or a branch of ours that somebody took, holds up nothing else: it is told.
    """
    look = _Look(desk, now)
    actions = look.actions
    for one in actions:
        if one.doing == "escalate":
            look.record(one, "ended", one.mode, result="escalated", because=one.why)
    if any(one.doing == "escalate" for one in actions):
        look = _Look(desk, now)  # those are asked about from now on
    _Proposing(look).make()
    look.settle()
    return look.mends()


def begin(recorder: Recorder, law: str, mend: Mend) -> None:
    """Mending begins; somebody who died may have said so."""
    body = _body(mend, "started", "")

    def so(status: Status) -> bool:
        memory = memory_of(status)
        return all(
            (one := memory.get(mark)) is not None
            and one.step == "started"
            and one.drift == mend.drift
            for mark in mend.marks
        )

    recorder.unless(mend.environment, law, body, so)


def finish(
    recorder: Recorder, law: str, mend: Mend, result: Literal["done", "failed", "escalated"]
) -> None:
    """Mending ended. Whether the drift is gone the next look tells, which is to come at once.

    escalated: the plan that would have mended it was not one that may be applied by itself.
    """
    recorder.happened(mend.environment, law, _body(mend, "ended", result))


def _body(mend: Mend, step: Step, result: Result) -> dict[str, object]:
    return remediation_body(step, mend.mode, mend.drift, mend.cause, mend.marks, result=result)


@dataclass(frozen=True)
class _Look:
    """One look at everything: the target branch, and what records say."""

    desk: Desk
    now: datetime
    written: set[tuple[str, str]] = field(default_factory=set)
    """Environments and causes of which something was recorded in this look."""

    @cached_property
    def tree(self) -> RepoTree:
        return self.desk.target()

    @cached_property
    def shared(self) -> Shared:
        return lazy_shared(self.tree)

    @cached_property
    def statuses(self) -> Mapping[str, Status]:
        return dict(self.desk.statuses())

    @cached_property
    def memories(self) -> Mapping[str, Mapping[str, Memory]]:
        return {name: memory_of(status) for name, status in self.statuses.items()}

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        """Where each environment's document lies. A name that two have is nobody's."""
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in files_below(self.tree, "environments"):
            if entry.path.endswith(".yaml"):
                found[entry.name.removesuffix(".yaml")].append(entry)
        return {name: many[0] for name, many in found.items() if len(many) == 1}

    @cached_property
    def cases(self) -> Mapping[str, Case]:
        found = {}
        for name, status in self.statuses.items():
            if "drift" in status and (case := self._case(name, status)) is not None:
                found[name] = case
        return found

    def document(self, name: str) -> Loaded[Environment] | None:
        """An environment's document, where it is whole."""
        entry = self._entries.get(name)
        return load_environment(self.tree, entry, []) if entry is not None else None

    def data(self, name: str) -> bytes:
        """The text of an environment's document."""
        return self.tree.read(self._entries[name], DOCUMENT_LIMIT) or b""

    def _case(self, name: str, status: Status) -> Case | None:
        """None where no document, or no profile, says what is to be done."""
        data = self.desk.recorder.records.file(name, DRIFT)
        seen, loaded = seen_of(name, status, data), self.document(name)
        profile = self.shared.profiles.get(loaded.document.spec.track) if loaded else None
        if seen is None or loaded is None or profile is None:
            return None
        spec, drift = loaded.document.spec, profile.document.spec.drift
        own = spec.overrides.drift if spec.overrides else None
        limits = drift.automated
        revert = spec.revert
        freezes = (one.document for one in self.shared.freezes.values())
        filled, _ = effective(loaded, self.shared)
        adoptable = [
            part.cause.mark for part in parts(seen) if filled is not None and adoption(filled, part)
        ]
        return Case(
            seen,
            spec.track,
            spec.stage,
            (own and own.mode) or drift.mode,
            Limits(limits.highest_risk, limits.per_hour, limits.resources),
            self.memories[name],
            ordered=revert is not None
            and (revert.drift, revert.record) == (seen.digest, seen.record),
            frozen=any(standing_still(freezes, name, {spec.track}, self.now)),
            adoptable=frozenset(adoptable),
        )

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        begun = [
            (loaded.document.spec.track, at)
            for name, memory in self.memories.items()
            if any(one.mended for one in memory.values())
            and (loaded := self.document(name)) is not None
            for at in {at for one in memory.values() for at in one.mended}
        ]
        suppressions = [one.document for one in self.shared.suppressions.values()]
        return remediate(self.cases.values(), suppressions, begun, self.now)

    def mends(self) -> tuple[Mend, ...]:
        """By environment, what is to be applied or looked at."""
        found: dict[str, list[Action]] = defaultdict(list)
        for one in self.actions:
            if one.doing in ("mend", "look"):
                found[one.environment].append(one)
        return tuple(self._mend(name, many) for name, many in found.items())

    def _mend(self, name: str, actions: Sequence[Action]) -> Mend:
        first = actions[0]
        return Mend(
            name,
            Job.APPLY if first.doing == "mend" else Job.LOOK,
            self.cases[name].seen.digest,
            first.mode,
            tuple(one.part.cause.mark for one in actions),
            "; ".join(one.part.cause.words for one in actions),
            first.why,
        )

    def record(
        self, action: Action, step: Step, mode: DriftMode, request: str = "",
        result: Result = "", because: str = "",
    ) -> None:  # fmt: skip
        """Write about the drift that an environment has, unless it stands there already."""
        name, cause = action.environment, action.part.cause
        seen = self.cases[name].seen
        told_now = Memory(step, mode, result, request, seen.digest, 0, cause.words, because)
        self._write(name, cause.mark, told_now, seen.record)

    def _write(self, name: str, mark: str, told_now: Memory, since: int) -> None:
        """One record, unless just that was recorded after another."""
        body = remediation_body(
            told_now.step,
            told_now.mode,
            told_now.drift,
            told_now.cause,
            (mark,),
            merge_request=told_now.merge_request,
            result=told_now.result,
            because=told_now.because,
        )

        def so(status: Status) -> bool:
            one = memory_of(status).get(mark)
            same = one is not None and replace(
                one, record=0, mended=(), cause=told_now.cause, because=told_now.because
            )
            return one is not None and one.record > since and same == told_now

        self.written.add((name, mark))
        self.desk.recorder.unless(name, self.tree.revision, body, so)

    def ended(self, name: str, mark: str, result: Result) -> None:
        """What was begun or proposed is over."""
        one = self.memories[name][mark]
        over = replace(one, step="ended", result=result, record=0, mended=())
        self._write(name, mark, over, one.record)

    def settle(self) -> None:
        """Say of what is no more how it ended."""
        there = {(one.environment, one.part.cause.mark): one for one in self.actions}
        for name, memory in self.memories.items():
            for mark, one in memory.items():
                if one.step not in _OPEN or (name, mark) in self.written:
                    continue
                with self.told():
                    self._settle(name, mark, one, there.get((name, mark)))

    @contextmanager
    def told(self) -> Iterator[None]:
        """One thing that may fail without holding up any other."""
        try:
            yield
        except ReconcilerError as error:
            self.desk.tell(error)

    def _settle(self, name: str, mark: str, one: Memory, action: Action | None) -> None:
        case = self.cases.get(name)
        if action is not None and case is not None and one.record > case.seen.record:
            if one.step == "proposed" and action.doing in ("tell", "leave"):
                self.ended(name, mark, "withdrawn")
            return
        drifts = "drift" in self.statuses[name]
        if one.step == "started":
            self.ended(name, mark, "failed" if drifts else "done")
        elif action is None or action.doing != "propose":
            merged = self._merged(one)
            self.ended(name, mark, "done" if merged and not drifts else "withdrawn")

    def _merged(self, one: Memory) -> bool:
        request = _request(self.desk, one)
        return request is not None and request.state == "merged"


def _request(desk: Desk, one: Memory) -> MergeRequest | None:
    number = one.merge_request.removeprefix("!")
    return desk.bot.forge.merge_request(int(number)) if number.isdecimal() else None


@dataclass(frozen=True, slots=True)
class _Member:
    """One environment that a cause is proposed for."""

    case: Case
    action: Action

    @property
    def seen(self) -> Seen:
        return self.case.seen

    @property
    def memory(self) -> Memory | None:
        """What was said about this very drift before."""
        return current(self.case, self.action.part)

    @property
    def why(self) -> str:
        """Why a human is asked about it, beside the profile."""
        known = self.memory.because if self.memory is not None else ""
        return known or self.action.why


@dataclass(frozen=True)
class _Proposing:
    """One merge request for each cause that people are asked about, and none for any other."""

    look: _Look

    @cached_property
    def open_ones(self) -> Mapping[str, tuple[str, MergeRequest]]:
        """By the mark of the cause: the branch below `reconciler/`, and the merge request."""
        found = self.look.desk.bot.open_ones().items()
        return {
            name.removeprefix(_BRANCH).partition("-")[0]: (name, one)
            for name, one in found
            if name.startswith(_BRANCH)
        }

    def make(self) -> None:
        """Open, bring up to date, withdraw."""
        wanted: dict[Cause, list[_Member]] = defaultdict(list)
        for one in self.look.actions:
            if one.doing == "propose":
                wanted[one.part.cause].append(_Member(self.look.cases[one.environment], one))
        if not wanted and not self._any_open():
            return  # the forge is not asked for nothing
        with self.look.told():
            opened = self.open_ones  # where it cannot be asked, nothing else is tried
            for cause, members in wanted.items():
                with self.look.told():
                    self._keep_asking(cause, members)
            marks = {cause.mark for cause in wanted}
            for mark, (_, request) in opened.items():
                if mark not in marks:
                    with self.look.told():
                        self.look.desk.bot.withdraw(request, told.withdrawn(request.title))

    def _keep_asking(self, cause: Cause, members: Sequence[_Member]) -> None:
        asked = [one for one in members if not self._answered(cause, one)]
        if asked:
            self._propose(cause, asked)

    def _any_open(self) -> bool:
        memories = (one for many in self.look.memories.values() for one in many.values())
        return any(one.step == "proposed" for one in memories)

    def _answered(self, cause: Cause, member: _Member) -> bool:
        """Whether a person answered: closed it, or merged what is not applied yet."""
        memory = member.memory
        if memory is None or memory.step != "proposed" or self._is_open(cause, memory):
            return False
        request = _request(self.look.desk, memory)
        if request is not None and request.state == "closed":
            self.look.ended(member.case.environment, cause.mark, "declined")
        return request is not None and request.state in ("closed", "merged")

    def _is_open(self, cause: Cause, memory: Memory) -> bool:
        found = self.open_ones.get(cause.mark)
        return found is not None and _name(found[1]) == memory.merge_request

    def _propose(self, cause: Cause, members: Sequence[_Member]) -> None:
        found = self.open_ones.get(cause.mark)
        if found is not None and self._stands(found[1], cause, members):
            return
        first = min(one.seen.record for one in members)
        name = found[0] if found is not None else f"{_BRANCH}{cause.mark}-{first}"
        bot = self.look.desk.bot
        environments = [one.seen.environment for one in members]
        said = [(one.seen, one.action.part, one.why) for one in members]
        title, offered = told.title(cause, environments), ""
        edits, adopting = self._reverting(members), self._adopting(members)
        if edits and adopting:
            other = name.replace(_BRANCH, _ADOPTING, 1)
            keep = told.kept(cause, environments)
            offered = bot.offer(
                Wish(other, keep, told.description(cause, said, ""), adopting, bot.me)
            )
        description = told.description(cause, said, offered, reverts=bool(edits))
        opened = bot.propose(Wish(name, title, description, edits or adopting, bot.me))
        for one in members:
            self.look.record(one.action, "proposed", "assisted", _name(opened), because=one.why)

    def _stands(self, request: MergeRequest, cause: Cause, members: Sequence[_Member]) -> bool:
        """Whether it is open for just these, as they drift now."""
        name = _name(request)
        held = {
            environment
            for environment, memory in self.look.memories.items()
            if (one := memory.get(cause.mark)) is not None
            and one.step == "proposed"
            and one.merge_request == name
        }
        mine = {one.seen.environment for one in members}
        return held == mine and all(one.memory is not None for one in members)

    def _adopting(self, members: Sequence[_Member]) -> Edits:
        """What takes it over, where all documents can."""
        edits: dict[str, bytes | None] = {}
        for one in members:
            loaded = self.look.document(one.seen.environment)
            filled = effective(loaded, self.look.shared)[0] if loaded is not None else None
            values = adoption(filled, one.action.part) if filled is not None else {}
            if loaded is None or not values:
                return {}
            changes: dict[tuple[str, ...], object] = {
                ("spec", "parameters", name): value for name, value in values.items()
            }
            edits[loaded.path] = edit_document(self.look.data(one.seen.environment), changes)
        return edits

    def _reverting(self, members: Sequence[_Member]) -> Edits:
        """What orders it to be put back."""
        edits: dict[str, bytes | None] = {}
        for one in members:
            loaded = self.look.document(one.seen.environment)
            if loaded is not None and revertible(one.action.part):
                order = {"drift": one.seen.digest, "record": one.seen.record}
                data = self.look.data(one.seen.environment)
                edits[loaded.path] = edit_document(data, {("spec", "revert"): order})
        return edits


def _name(request: MergeRequest) -> str:
    return f"!{request.number}"
