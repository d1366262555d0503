"""A forge in memory: a clock of its own, every call counted, and any of them made to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from reconciler.errors import ReconcilerError, TransientError, UsageError, WaitingError
from reconciler.model.approval import Person
from reconciler.model.merge_request import (
    NO_FILES,
    Advice,
    Consent,
    Deployment,
    MergeRequest,
    MergeRequestState,
    Note,
    Place,
    Proposal,
    Status,
    Unreadable,
)

BOT = Person("reconciler", "bot@example.com", 77)
INES = Person("Ines", "", 2001)
TOM = Person("Tom", "", 2002)
WRITES = ("say", "rewrite", "settle", "labelled", "suggest", "show_status")


@dataclass
class MemoryForge:
    """One project. `heads` gives a branch's last commit."""

    heads: Callable[[str], str] = lambda branch: branch
    brings: Callable[[str, str], str] = lambda target, head: f"{head} in {target}"
    """Merges a commit into a branch."""
    now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)
    size: int = 1_000_000
    requests: dict[int, MergeRequest] = field(default_factory=dict)
    said: dict[int, list[Note]] = field(default_factory=dict)
    agreed: dict[int, list[Consent]] = field(default_factory=dict)
    shown: dict[tuple[int, str], dict[str, Status]] = field(default_factory=dict)
    asked: dict[int, list[Person]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    faults: dict[int, ReconcilerError] = field(default_factory=dict)
    """By the number of the call that writes, from 1: what it fails with, before it does it."""
    late: dict[int, ReconcilerError] = field(default_factory=dict)
    """The same, after it did it: the answer is lost."""
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What happens once, just before a call."""
    lines: bool = True
    """Whether lines can be spoken about, and threads be settled."""
    settles: bool = False
    """Whether a note that stands by itself can be settled, too, as GitLab's discussions can."""
    writes: int = 0
    ids: int = 0

    # ------------------------------------------------------------------------ what people do

    def tick(self, seconds: float = 1) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def propose(
        self, source: str, by: Person = INES, *, title: str = "A change", fork: bool = False,
        target: str = "main", draft: bool = False, labels: tuple[str, ...] = (),
    ) -> int:  # fmt: skip
        number = len(self.requests) + 1
        at = self.tick()
        self.requests[number] = MergeRequest(
            number, title, "", by, source, target, self.heads(source), "open", at, at,
            draft=draft, fork=fork, labels=labels, link=f"https://forge.example.com/{number}",
        )  # fmt: skip
        return number

    def touch(self, number: int, **changes: object) -> None:
        made = replace(self.requests[number], updated=self.tick(), **changes)  # type: ignore[arg-type]  # as the test says
        self.requests[number] = made

    def push(self, number: int) -> None:
        self.touch(number, head=self.heads(self.requests[number].source))

    def state(self, number: int, state: MergeRequestState) -> None:
        self.touch(number, state=state)

    def agree(self, number: int, by: Person = TOM, **more: object) -> None:
        self.touch(number)
        made = Consent(by, self.now, self.requests[number].head, reference="approval 1")
        self.agreed.setdefault(number, []).append(replace(made, **more))  # type: ignore[arg-type]  # "

    def comment(self, number: int, text: str, by: Person = TOM, *, ours: bool = False) -> Note:
        self.ids += 1
        at = self.tick()
        note = Note(f"n{self.ids}", f"t{self.ids}", by, at, at, text, ours)
        self.said.setdefault(number, []).append(note)
        return note

    def delete(self, number: int, note: str) -> None:
        self.said[number] = [one for one in self.said[number] if one.id != note]

    def ours(self, number: int) -> list[Note]:
        return [one for one in self.said.get(number, []) if one.ours]

    def _called(self, name: str, number: int | None = None) -> None:
        self.calls[name] += 1
        happens = self.before.pop(name, None)
        if happens is not None:
            happens()
        if name in WRITES:
            self.writes += 1
            if self.writes in self.faults:
                raise self.faults[self.writes]
            if number is not None and number in self.requests:
                self.touch(number)

    def _answered(self) -> None:
        if self.writes in self.late:
            raise self.late[self.writes]

    @property
    def reads(self) -> int:
        free = ("open_ones", "fetched", "merge", *WRITES)
        return sum(number for name, number in self.calls.items() if name not in free)

    # ---------------------------------------------------------------------------- the port

    @property
    def name(self) -> str:
        return "the forge in memory"

    @property
    def writes_size(self) -> int:
        return self.size

    @property
    def takes_late(self) -> bool:
        return True

    def me(self) -> Person:
        return BOT

    def open_ones(self, target: str) -> Iterator[MergeRequest]:
        self._called("open_ones")
        for one in list(self.requests.values()):
            if one.state == "open" and one.target == target:
                yield one

    def unreadable(self) -> Iterator[Unreadable]:
        return iter(())

    def merge_request(self, number: int) -> MergeRequest:
        self._called("merge_request")
        if number not in self.requests:
            raise UsageError("no-merge-request", f"there is no !{number}")
        return self.requests[number]

    def fetched(self, request: MergeRequest) -> str:
        self._called("fetched")
        return self.heads(request.source)

    def open(self, proposal: Proposal) -> MergeRequest:
        return self.requests[self.propose(proposal.source, BOT, title=proposal.title)]

    def edit(
        self, number: int, *, title: str | None = None, description: str | None = None,
        target: str | None = None,
    ) -> MergeRequest:  # fmt: skip
        raise NotImplementedError

    def close(self, number: int) -> MergeRequest:
        self.state(number, "closed")
        return self.requests[number]

    def reopen(self, number: int) -> MergeRequest:
        self.state(number, "open")
        return self.requests[number]

    def merge(self, number: int, head: str, message: str = "", *, onto: str = "") -> str:
        del message, onto
        self._called("merge")
        request = self.requests[number]
        if request.state != "open":
            raise UsageError("not-open", f"!{number} is {request.state}")
        if self.heads(request.source) != head:
            raise WaitingError("head-moved", f"!{number} has another last commit")
        commit = self.brings(request.target, head)
        self.touch(number, state="merged", merged=commit)
        return commit

    def brought(self, commit: str) -> MergeRequest | None:
        raise NotImplementedError

    def consents(self, number: int) -> tuple[Consent, ...]:
        self._called("consents")
        return tuple(self.agreed.get(number, ()))

    def approve(
        self,
        number: int,
        head: str,
        plans: Sequence[tuple[str, str]] = (),
        policies: str = "",
        kept: Mapping[str, bytes] = NO_FILES,
        *,
        late: bool = False,
    ) -> None:
        del kept, late
        self.agree(number, BOT, plans=tuple(plans), policies=policies)

    def unapprove(self, number: int) -> None:
        self.agreed.pop(number, None)

    def notes(self, number: int) -> Sequence[Note]:
        self._called("notes")
        return tuple(self.said.get(number, ()))

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        self._called("say", number)
        assert len(text) <= self.size
        self.comment(number, text, BOT, ours=True)
        if place is not None and self.lines:
            last = self.said[number][-1]
            self.said[number][-1] = replace(last, place=place, resolved=False)
        elif self.settles:
            self.said[number][-1] = replace(self.said[number][-1], resolved=False)
        self._answered()
        return self.said[number][-1]

    def rewrite(self, number: int, note: str, text: str) -> bool:
        self._called("rewrite", number)
        assert len(text) <= self.size
        many = self.said.get(number, [])
        for at, one in enumerate(many):
            if one.id == note:
                many[at] = replace(one, text=text, edited=self.tick())
                self._answered()
                return True
        return False

    def settle(self, number: int, thread: str, *, resolved: bool) -> None:
        self._called("settle", number)
        many = self.said.get(number, [])
        for at, one in enumerate(many):
            if one.thread == thread and one.resolved is not None:
                many[at] = replace(one, resolved=resolved)
        self._answered()

    def labelled(self, number: int, add: Collection[str], remove: Collection[str]) -> None:
        self._called("labelled", number)
        labels = (set(self.requests[number].labels) | set(add)) - set(remove)
        self.touch(number, labels=tuple(sorted(labels)))
        self._answered()

    def suggest(self, number: int, people: Sequence[Person]) -> None:
        self._called("suggest", number)
        known = self.asked.setdefault(number, [])
        known += [one for one in people if one not in known]
        self._answered()

    def statuses(self, request: MergeRequest) -> Mapping[str, Status]:
        self._called("statuses")
        return dict(self.shown.get((request.number, request.head), {}))

    def show_status(self, request: MergeRequest, status: Status) -> None:
        self._called("show_status", request.number)
        self.shown.setdefault((request.number, request.head), {})[status.name] = status
        self._answered()

    def deployed(self, deployment: Deployment) -> None:
        raise NotImplementedError

    def examine(self, target: str, records: str) -> Iterator[Advice]:
        raise NotImplementedError


AWAY = TransientError("forge-away", "the forge answers 502", hint="try again")
BUSY = WaitingError("rate-limited", "the forge asks for patience", hint="wait a minute")
