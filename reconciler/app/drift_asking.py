"""One merge request for each cause of drift that people are asked about, and none for any other.

A branch of ours that somebody took, or a forge that is away, holds up no other cause: it is told,
and the next look tries again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from reconciler.app.branches import Edits
from reconciler.app.drift_desk import Look, request_of
from reconciler.app.proposing import Wish
from reconciler.core.adopt import adoption, imports
from reconciler.core.edit_document import Changes, edit_document
from reconciler.core.effective import effective
from reconciler.core.remediation import current, revertible
from reconciler.model.desired import Loaded
from reconciler.model.environment import Environment
from reconciler.model.merge_request import MergeRequest
from reconciler.model.remediation import Action, Case, Cause, Memory, Seen
from reconciler.report import remediation as told

_BRANCH: Final = "drift/"
"""How our branches that put drift back begin, below `reconciler/`."""
_ADOPTING: Final = "adopt/"
"""And those that take it over into the documents."""


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
class Proposing:
    """One merge request for each cause that people are asked about, and none for any other."""

    look: Look

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
        request = request_of(self.look.desk, memory)
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
        self.look.desk.say(f"{_name(opened)} asks people: {title}")
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
            changes = self._changes(one, loaded) if loaded is not None else {}
            if loaded is None or not changes:
                return {}
            edits[loaded.path] = edit_document(self.look.data(one.seen.environment), changes)
        return edits

    def _changes(self, member: _Member, loaded: Loaded[Environment]) -> Changes:
        """What makes a document say what is there; nothing: it cannot."""
        part, there = member.action.part, loaded.document.spec.imports
        taken = imports(loaded.document, part, member.seen)
        if taken:
            entries = [one.model_dump(mode="json") for one in (*there, *taken)]
            return {("spec", "imports"): entries}
        filled, _ = effective(loaded, self.look.shared)
        values = adoption(filled, part) if filled is not None else {}
        return {("spec", "parameters", name): value for name, value in values.items()}

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
