"""An hour in which GitLab fails, by a clock that the test moves: nothing twice, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from reconciler.app.watch import Look, Watching, watch
from reconciler.cli.attending import Attending
from reconciler.errors import ReconcilerError
from reconciler.model.review import Outcome
from reconciler.settings import ProcessSettings
from tests.check.project import FAIR, SARA, Warm, base_files
from tests.fakes.gitlab.state import Note, User
from tests.forge import gitlab_forges as people
from tests.forge.gitlab_forges import GitLabForges
from tests.repos import edited
from tests.review.samples_at_gitlab import samples_at_gitlab

POLL, RETRY, HOUR = 60.0, 300.0, 3600.0
BEGINS, ENDS = 100.0, 100.0 + HOUR
OVER = ENDS + RETRY + 5 * POLL


@dataclass
class World:
    """Time that passes only while somebody waits; and what GitLab does in it."""

    breaks: Callable[[], None]
    mends: Callable[[], None]
    now: float = 0.0
    told: list[str] = field(default_factory=list)
    mishaps: list[str] = field(default_factory=list)
    looks: int = 0
    """At everything, in that hour."""

    def take(self, seconds: float) -> Look:
        self._passes(seconds)
        return Look(stop=self.now > OVER)

    def rest(self, seconds: float) -> bool:
        self._passes(seconds)
        return False

    def _passes(self, seconds: float) -> None:
        before, self.now = self.now, self.now + seconds
        if before < BEGINS <= self.now:
            self.breaks()
        if before < ENDS <= self.now:
            self.mends()

    def tell(self, error: ReconcilerError | None) -> None:
        assert error is None or error.hint
        self.told.append(error.reason if error else "well again")

    def outcome(self, outcome: Outcome) -> None:
        self.mishaps += [one.why for one in outcome.mishaps]
        if outcome.state == "failed":
            self.mishaps.append(outcome.told)

    def goes_on(self, ports: Warm, work: Path) -> None:
        attending = Attending(ports, work, False, self.outcome, self.tell)  # noqa: FBT003

        def everything() -> None:
            self.looks += BEGINS <= self.now < ENDS
            attending.everything()

        watch(Watching(everything, attending.one, POLL, RETRY, lambda: self.now, self.tell), self)


@pytest.fixture
def forges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitLabForges]:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GITLAB_TOKEN", "glpat-bot")
    monkeypatch.setattr(people, "WHO", SARA)
    monkeypatch.setattr("reconciler.adapters.gitlab.client.time.sleep", lambda _seconds: None)
    with samples_at_gitlab(tmp_path / "gitlab", base_files(), tmp_path / "work") as made:
        made.lab.opened(sara(made), change(made, "one", "9d"), "main", "Shorter")
        yield made


@pytest.fixture
def ports(warmed: Warm) -> Warm:
    return replace(warmed, settings=ProcessSettings())


def sara(forges: GitLabForges) -> User:
    found = (one for one in forges.lab.users.values() if one.username == "sara")
    return next(found, None) or forges.lab.user("sara", 30, id=3001)


def change(forges: GitLabForges, branch: str, ttl: str) -> str:
    text = edited(base_files(), FAIR, "\n  ttl: 10d", f"\n  ttl: {ttl}")[FAIR]
    forges.push(branch, {FAIR: text})
    return branch


def own(forges: GitLabForges, number: int) -> list[Note]:
    """The sticky notes of the bot."""
    return [
        note
        for one in forges.lab.merges[number].discussions
        for note in one.notes
        if note.author.username == "bot" and "<!-- reconciler:note " in note.body
    ]


def meanwhile(forges: GitLabForges) -> None:
    """People go on: a push, a new one, and an order."""
    change(forges, "one", "90d")
    forges.lab.opened(sara(forges), change(forges, "two", "8d"), "main", "Shorter still")
    forges.lab.said(forges.lab.merges[2], sara(forges), "/reconciler explain SEC014")


def all_is_well(forges: GitLabForges) -> None:
    for number, verdict in ((1, "DENY"), (2, "ALLOW")):
        merge = forges.lab.merges[number]
        (note,) = own(forges, number)
        assert verdict in note.body.split("\n")[0], note.body[:200]
        assert merge.head[:12] in note.body
        said = [one.name for one in forges.lab.statuses if one.sha == merge.head]
        assert sorted(said) == sorted(set(said))
        assert "reconciler" in said
    answers = [
        note.body
        for one in forges.lab.merges[2].discussions
        for note in one.notes
        if "reconciler:answered" in note.body
    ]
    assert len(answers) == 1


@pytest.mark.parametrize("kind", ["503", "cut", "429"])
def test_an_hour_without_an_answer(
    forges: GitLabForges, ports: Warm, tmp_path: Path, kind: str
) -> None:
    def breaks() -> None:
        forges.lab.faults.add(kind, times=10**6, retry_after="60")  # type: ignore[arg-type]  # a Kind
        meanwhile(forges)

    world = World(breaks, forges.lab.faults.waiting.clear)
    world.goes_on(ports, tmp_path / "work")
    assert world.told == ["forge-busy" if kind == "429" else "forge-away", "well again"]
    assert world.looks < HOUR / RETRY + 5
    all_is_well(forges)


def test_an_hour_in_which_it_does_what_is_asked_and_cannot_say_so(
    forges: GitLabForges, ports: Warm, tmp_path: Path
) -> None:
    def breaks() -> None:
        for method in ("POST", "PUT"):
            forges.lab.faults.add("502", method, times=10**6, after=True)
        meanwhile(forges)

    world = World(breaks, forges.lab.faults.waiting.clear)
    world.goes_on(ports, tmp_path / "work")
    assert world.mishaps
    all_is_well(forges)


def test_a_token_that_is_revoked_for_an_hour(
    forges: GitLabForges, ports: Warm, tmp_path: Path
) -> None:
    bot = next(one for one in forges.lab.users.values() if one.username == "bot")

    def breaks() -> None:
        bot.revoked = True
        meanwhile(forges)

    world = World(breaks, lambda: setattr(bot, "revoked", False))
    world.goes_on(ports, tmp_path / "work")
    assert world.told == ["forge-token", "well again"]
    assert world.looks <= HOUR / RETRY + 1
    all_is_well(forges)


def test_a_note_that_somebody_deletes_is_said_again_once(
    forges: GitLabForges, ports: Warm, tmp_path: Path
) -> None:
    def breaks() -> None:
        (gone,) = own(forges, 1)
        merge = forges.lab.merges[1]
        merge.discussions = [one for one in merge.discussions if gone not in one.notes]
        meanwhile(forges)

    world = World(breaks, lambda: None)
    world.goes_on(ports, tmp_path / "work")
    assert (world.told, world.mishaps) == ([], [])
    all_is_well(forges)


def test_a_fork_that_nobody_may_see_any_more_hides_no_other(
    forges: GitLabForges, ports: Warm, tmp_path: Path
) -> None:
    """Its commits are in the project, so it is judged; nothing is planned for it."""

    def breaks() -> None:
        text = edited(base_files(), FAIR, "\n  ttl: 10d", "\n  ttl: 7d")[FAIR]
        forges.push("theirs", {FAIR: text}, fork=True)
        number = forges.open_from_fork("theirs", "From outside")
        (forges.folder / "fork.git").rename(forges.folder / "gone.git")
        assert number

    world = World(breaks, lambda: None)
    world.goes_on(ports, tmp_path / "work")
    assert (world.told, world.mishaps) == ([], [])
    (note,) = own(forges, 2)
    assert forges.lab.merges[2].head[:12] in note.body
    assert len(own(forges, 1)) == 1
