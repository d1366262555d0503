"""A desk over a real repository with signed records, and a forge that keeps notes in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.app.chatops import Desk, answer
from reconciler.app.late import Heard
from reconciler.app.law import Law
from reconciler.app.record import Recorder
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Person
from reconciler.model.author import Author
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.finding import Finding, Gate, Location
from reconciler.model.merge_request import MergeRequest, Note, Place, Proposal
from reconciler.model.policy import Rule
from reconciler.model.record import Actor
from reconciler.ports import RecordStore
from tests.verify.history import World

US: Final = Person("reconciler", "", 1)
ADA: Final = Person("Ada", "", 1001)
INES: Final = Person("Ines", "", 2001)
MINA: Final = Person("Mina", "", 1101)
SCOUT: Final = Person("scout", "", 9001)
EVE: Final = Person("Ada Berg", "", 666)
NUMBER: Final = 7


class Died(Exception):  # noqa: N818  # what happens to a process
    """The process was killed right here."""


@dataclass
class MemoryForge:
    """As much of a forge as answering needs."""

    now: Callable[[], datetime]
    said: list[Note] = field(default_factory=list)
    requests: dict[int, MergeRequest] = field(default_factory=dict)
    on_say: Callable[[], None] = lambda: None
    name: str = "a forge of this test"
    writes_size: int = 1_000_000

    def me(self) -> Person:
        return US

    def notes(self, number: int) -> Sequence[Note]:
        assert number == NUMBER
        return tuple(self.said)

    def merge_request(self, number: int) -> MergeRequest:
        return self.requests[number]

    def say(self, number: int, text: str, *, thread: str = "", place: Place | None = None) -> Note:
        assert number == NUMBER
        assert place is None
        self.on_say()
        return self.add(US, text, thread=thread, ours=True)

    def add(self, by: Person, text: str, *, thread: str = "", ours: bool = False) -> Note:
        name = str(100 + len(self.said))
        note = Note(name, thread or name, by, self.now(), self.now(), text, ours)
        self.said.append(note)
        return note

    def open(self, proposal: Proposal) -> MergeRequest:
        for one in self.requests.values():
            if (one.source, one.target) == (proposal.source, proposal.target):
                return one
        number = 50 + len(self.requests)
        self.requests[number] = self.request(number, proposal.source, proposal.title)
        return self.requests[number]

    def request(self, number: int, source: str, title: str) -> MergeRequest:
        now = self.now()
        link = f"https://gitlab.example.com/a/b/-/merge_requests/{number}"
        return MergeRequest(
            number, title, "", US, source, "main", "a" * 40, "open", now, now, link=link
        )


def finding(rule: str, environment: str, gate: Gate = "policy") -> Finding:
    return Finding(
        gate,
        rule,
        f"The title of {rule}",
        "high",
        "security",
        environment,
        "why it is wrong",
        Location("terraform/main.tf", 3),
        "what mends it",
        fingerprint=f"{rule}{environment}".encode().hex().ljust(32, "0")[:32],
    )


def report(*found: Finding, touched: Sequence[str] = ("acme-portal",)) -> CheckReport:
    now = datetime.fromisoformat("2026-11-02T08:00:00Z")
    names = dict.fromkeys([*touched, *(one.environment for one in found)])
    decisions = tuple(
        Decision(
            environment=name,
            verdict=Verdict.DENY,
            risk="L1",
            findings=tuple(Judged(one, "hard") for one in found if one.environment == name),
            approvals=(),
            reasons=(),
            inputs=(),
            now=now,
        )
        for name in names
    )
    return CheckReport(
        "b" * 40,
        "a" * 40,
        now,
        decisions,
        (),
        tuple(Affected(one, f"environments/{one}.yaml", Effect.CHANGED, ()) for one in touched),
    )


@dataclass
class Refusing:
    """A branch that nobody may push to."""

    inner: RecordStore

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def advance(self, _old: str, _new: str, *, durable: bool) -> bool:
        del durable
        raise ReconcilerError("refused", "the remote says: protected branch hook declined")


@dataclass
class Office:
    """Everything around one merge request."""

    world: World
    forge: MemoryForge
    found: CheckReport = field(default_factory=report)
    protected: bool = False
    keyless: bool = False
    """Whether our key may sign nothing of what others order."""
    asked_again: list[int] = field(default_factory=list)
    late: Heard | None = None
    """What becomes of an agreement to what is merged."""
    agreed: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, world: World) -> Office:
        forge = MemoryForge(lambda: world.now)
        forge.requests[NUMBER] = forge.request(NUMBER, "fix", "Mend it")
        return cls(world, forge)

    def branch(self, name: str) -> RecordStore:
        store: RecordStore = GitRecords(self.world.path, name)
        return Refusing(store) if self.protected and name == "main" else store

    def desk(self) -> Desk:
        def again(request: MergeRequest) -> str:
            self.asked_again.append(request.number)
            return "DENY"

        def recorder(actor: Actor) -> Recorder:
            if self.keyless:
                raise UsageError("unknown-signing-key", "the key may not sign what others do")
            return replace(self.world.recorder(), actor=actor)

        return Desk(
            self.forge,  # type: ignore[arg-type]  # as much as is needed
            "main",
            lambda: Law.of(GitSource(self.world.path).snapshot("refs/heads/main")),
            self.branch,
            lambda _request: self.found,
            again,
            self.rule,
            recorder,
            lambda: Author("reconciler@example.com", "controller"),
            lambda: self.world.now,
            lambda _request, _note, _said: self.late,
            self.agreed.append,
        )

    @staticmethod
    def rule(mark: str) -> Rule | None:
        if mark != "SEC014":
            return None
        parts = ("security/x", "No secret", "Plain values are read by many.", "high", "security")
        return Rule("SEC014", *parts, "Name it.", "", "", "policies/x", "")  # type: ignore[arg-type]  # literals

    def orders(self, by: Person, text: str) -> str:
        """Somebody says it, and what is answered; empty: nothing is."""
        note = self.forge.add(by, text)
        self.world.now += timedelta(seconds=30)
        answer(self.desk(), NUMBER)
        return self.answer_to(note)

    def answer_to(self, note: Note) -> str:
        found = [one.text for one in self.forge.said if one.ours and one.thread == note.thread]
        assert len(found) <= 1
        return found[0] if found else ""

    @property
    def ours(self) -> list[Note]:
        return [one for one in self.forge.said if one.ours]

    @property
    def recorded(self) -> list[str]:
        """Subjects of all records, oldest first, without the policies that are taken into use."""
        repository = self.world.repository
        if "refs/heads/records" not in repository.references:
            return []
        found = [repository[one] for one in self.world.commits]
        subjects = [one.message.partition("\n")[0] for one in found]  # type: ignore[attr-defined]  # commits
        return [one for one in subjects if not one.startswith("policy:")]
