"""One look at all drift: what records say, what the documents want, and what is to be done.

Read from the target branch and from records each time; nothing is remembered in between.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from reconciler.app.proposing import Bot
from reconciler.app.record import Recorder
from reconciler.app.records import Records
from reconciler.core.adopt import adoption, imports
from reconciler.core.causes import parts
from reconciler.core.decide import standing_still
from reconciler.core.effective import effective
from reconciler.core.load import lazy_shared, load_environment
from reconciler.core.records.drifts import memory_of, seen_of
from reconciler.core.records.facts import DRIFT, remediation_body
from reconciler.core.records.standing import Status
from reconciler.core.remediation import remediate, removed_by
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError
from reconciler.model.base import DriftMode
from reconciler.model.desired import Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.merge_request import MergeRequest
from reconciler.model.remediation import Action, Case, Limits, Memory, Mend, Result, Step
from reconciler.model.tree import DOCUMENT_LIMIT, Entry
from reconciler.model.work import Job
from reconciler.ports import RepoTree

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
    say: Callable[[str], None] = lambda _words: None
    """Hears what was proposed."""


def concerned(records: Records) -> Iterator[tuple[str, Status]]:
    """Of all environments that records speak of, those that remediation has to look at."""
    tip = records.tip()
    for name in records.environments(records.kept(tip).tree) if tip else ():
        status = records.status(name)
        if "drift" in status or "remediation" in status:
            yield name, status


@dataclass(frozen=True)
class Look:
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
            part.cause.mark
            for part in parts(seen)
            if imports(loaded.document, part, seen)
            or (filled is not None and adoption(filled, part))
        ]
        return Case(
            seen,
            spec.track,
            spec.stage,
            (own and own.mode) or drift.mode,
            Limits(limits.highest_risk, limits.per_hour, limits.resources, limits.removals),
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
        first, whole = actions[0], [one.part for one in actions]
        by_itself = first.doing == "mend" and first.mode == "automated"
        return Mend(
            name,
            Job.APPLY if first.doing == "mend" else Job.LOOK,
            self.cases[name].seen.digest,
            first.mode,
            tuple(one.part.cause.mark for one in actions),
            "; ".join(one.part.cause.words for one in actions),
            first.why,
            self.cases[name].limits,
            any(one.resources for one in whole),
            removed_by(self.cases[name], whole) if by_itself else (),
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
        request = request_of(self.desk, one)
        return request is not None and request.state == "merged"


def request_of(desk: Desk, one: Memory) -> MergeRequest | None:
    number = one.merge_request.removeprefix("!")
    return desk.bot.forge.merge_request(int(number)) if number.isdecimal() else None
