"""What watching does for one round: look at merge requests, and do what their notes order."""

from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from reconciler.app.chatops import Desk, answer
from reconciler.app.late import Heard, Looking, heard
from reconciler.app.law import Law
from reconciler.app.policy import engine_settings, load_policies
from reconciler.app.record import Recorder
from reconciler.app.review import Room, review, review_all
from reconciler.cli.building import settings_of
from reconciler.cli.recording import can_sign, recorder_of
from reconciler.cli.reviewing import room_of
from reconciler.cli.target import target_of
from reconciler.errors import ReconcilerError, StoppedError, TransientError, WaitingError
from reconciler.model.author import Author
from reconciler.model.check import CheckReport
from reconciler.model.merge_request import MergeRequest, Note
from reconciler.model.order import Agrees
from reconciler.model.policy import Rule
from reconciler.model.record import Actor
from reconciler.model.review import Outcome
from reconciler.model.settings import SettingsSpec
from reconciler.ports import Memory, RepoTree
from reconciler.wiring import Ports


@dataclass(frozen=True)
class Attending:
    """Looks at the merge requests of one repository, each time by the rules of that moment."""

    ports: Ports
    repo: Path
    plan: bool
    tell: Callable[[Outcome], None]
    """Told what became of each that was looked at."""
    complain: Callable[[ReconcilerError], None]
    """Told what went wrong with the orders in one's notes."""
    agreed: list[str] = field(default_factory=list)
    """Environments that somebody agreed to in a note."""

    def everything(self) -> None:
        """Every open one; of those that changed, the orders too."""
        now = self._round()
        remembered = self.ports.reviewed(self.repo)
        later: dict[int, _Later] = {}
        failed: list[ReconcilerError] = []

        def known(number: int) -> _Later:
            later[number] = _Later(remembered(number))
            return later[number]

        for outcome in review_all(now.room, known):
            if outcome.state == "skipped":
                continue
            self.tell(outcome)
            if outcome.state == "unreadable":
                continue  # nor can its notes be
            try:
                answered = self._attend(now, _Visit(now, outcome.number, outcome))
            except (TransientError, WaitingError) as error:
                failed.append(error)  # one that cannot be answered keeps nobody else waiting
                continue
            if answered:
                later[outcome.number].keep()
        if failed:
            raise failed[0]

    def one(self, number: int) -> None:
        """One; its orders first, since one of them may be the emergency stop."""
        now = self._round()
        visit = _Visit(now, number)
        self._attend(now, visit)
        self.tell(visit.outcome)

    def merged(self, numbers: Collection[int]) -> None:
        """Those that are merged, where something waits for people: what they say is answered."""
        now = self._round()
        failed: list[ReconcilerError] = []
        for number in numbers:
            try:
                self._attend(now, _Visit(now, number))
            except (TransientError, WaitingError) as error:
                failed.append(error)  # one that cannot be answered keeps nobody else waiting
        if failed:
            raise failed[0]

    def _round(self) -> "_Round":
        rules = self._rules()
        spec = settings_of(rules)
        self.ports.fetch_branch(self.repo, spec.branches.target, spec)
        room = room_of(self.ports, self.repo, plan=self.plan, sandbox=False, post=True)
        return _Round(self.ports, self.repo, room, spec, self._rules, self.agreed.append)

    def _rules(self) -> RepoTree:
        """The target branch as it is here."""
        repository = self.ports.repository(self.repo)
        return repository.snapshot(target_of(repository))

    def _attend(self, now: "_Round", visit: "_Visit") -> bool:
        """Orders of one; whether none is left. What is wrong with them alone stops nobody else."""
        try:
            answer(now.desk(visit), visit.number)
        except (TransientError, WaitingError, StoppedError):
            raise
        except ReconcilerError as error:
            self.complain(error)
            return False
        return True


@dataclass(frozen=True)
class _Round:
    """One look, by one state of the rules."""

    ports: Ports
    repo: Path
    room: Room
    spec: SettingsSpec
    rules: Callable[[], RepoTree]
    agreed: Callable[[str], None]

    def desk(self, visit: "_Visit") -> Desk:
        """What answers orders on one merge request."""
        return Desk(
            self.room.forge,
            self.spec.branches.target,
            self._law,
            self.ports.shared_branches(self.repo, self.spec),
            lambda _request: visit.report,
            lambda _request: visit.words,
            self._rule,
            self._recorder,
            lambda: Author(self._writer.actor.email, self._writer.actor.name),
            lambda: datetime.now(UTC),
            self._heard,
            self.agreed,
        )

    def _heard(self, request: MergeRequest, note: Note, said: Agrees) -> Heard | None:
        ports, repo = self.ports, self.repo
        self.room.forge.fetched(request)
        records = ports.records(repo, self.spec, simulated=False)
        at = Looking(self.room, ports.commits(repo), records, ports.makings(repo).brought)
        return heard(at, request, note, said, datetime.now(UTC))

    def _law(self) -> Law:
        self.ports.fetch_branch(self.repo, self.spec.branches.target, self.spec)
        return Law.of(self.rules())

    @cached_property
    def _writer(self) -> Recorder:
        """Writes records in our own name, on a history that is whole."""
        return recorder_of(self.ports, self.repo, self.room.rules, self.spec, simulated=False)

    def _recorder(self, actor: Actor) -> Recorder:
        """Writes what somebody ordered; refused before the deed where our key may not sign that."""
        found = replace(self._writer, actor=actor)
        if found.records.signs_with:
            can_sign(self.ports, self.repo, self.room.rules, found)
        return found

    def _rule(self, mark: str) -> Rule | None:
        engine = engine_settings(self.room.rules)
        url = str(engine.url) if engine.url else None
        policies = self.ports.policies(engine.engine, url, engine.timeout.total_seconds())
        with closing(policies):
            return load_policies(self.room.rules, policies.reader, self.ports.kept).rule(mark)


class _Later:
    """Remembers a look when its orders are done, too: who dies before that looks at it again."""

    def __init__(self, inner: Memory) -> None:
        self._inner = inner
        self._word: str | None = None

    def get(self) -> str:
        """The word."""
        return self._inner.get()

    def put(self, word: str) -> None:
        """Not yet."""
        self._word = word

    def keep(self) -> None:
        """Now."""
        if self._word is not None:
            self._inner.put(self._word)


class _Visit:
    """One merge request that is looked at once, and only when somebody wants to know."""

    def __init__(self, now: _Round, number: int, outcome: Outcome | None = None) -> None:
        self.number = number
        self._round = now
        self._outcome = outcome

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        if self._outcome is None:
            self._outcome = review(self._round.room, self.number)
        return self._outcome

    @property
    def report(self) -> CheckReport:
        """What was judged; an error says why nothing was."""
        found = self.outcome
        if found.review is None:
            raise ReconcilerError("not-reviewed", found.told, hint=found.hint)
        return found.review.report

    @property
    def words(self) -> str:
        """What it came to, in a word."""
        return str(self.report.verdict).replace("_", " ")
