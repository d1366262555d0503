"""News, told once: by several controllers, after a crash, and when a target is away."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pygit2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.claim_refs import ClaimRefs
from reconciler.adapters.memory import FileMemory
from reconciler.adapters.outbox import DiskOutbox
from reconciler.adapters.record_store import record_store
from reconciler.adapters.telemetry import LiveTelemetry
from reconciler.app.records import Records
from reconciler.app.telling import GIVEN_UP, MOST_LETTERS, Desk, Told, tell_news
from reconciler.core.notices import MANY
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.author import Author
from reconciler.model.notice import Batch, Claim, Notice
from reconciler.model.settings import Notification
from reconciler.ports import Speaker
from tests.records import drafts
from tests.records.chains import clone
from tests.records.git_server import serving
from tests.repos import GitRepo
from tests.telling.rules import rule


class Killed(BaseException):
    """As by kill -9: nothing is tidied up in the program's own words."""


@dataclass
class Ear:
    """Somebody who listens, while they can."""

    heard: list[str] = field(default_factory=list)
    error: BaseException | None = None

    def tell(self, notice: Notice) -> None:
        if self.error is not None:
            raise self.error
        self.heard.append(notice.title)


class Dying:
    """Claims, and a controller that is killed right before or right after one."""

    def __init__(self, claims: ClaimRefs, *, after: bool) -> None:
        self._claims = claims
        self._after = after

    def read(self) -> Claim:
        return self._claims.read()

    def move(self, old: Claim, until: str, batch: str) -> bool:
        if self._after:
            assert self._claims.move(old, until, batch)
        raise Killed


@dataclass
class World:
    """One home of records, and controllers that tell of them."""

    home: Path
    remote: str
    disks: Path
    ears: dict[str, Ear] = field(default_factory=lambda: {"on-call": Ear()})
    rules: list[Notification] = field(default_factory=lambda: [rule()])
    now: datetime = drafts.NOW
    complaints: list[str] = field(default_factory=list)
    telemetry: LiveTelemetry = field(default_factory=LiveTelemetry)
    numbers: count[int] = field(default_factory=count)
    ids: count[int] = field(default_factory=count)

    @property
    def heard(self) -> list[str]:
        return self.ears["on-call"].heard

    def records(self) -> Records:
        return Records(record_store(self.home, "records", self.remote))

    def happens(self, kind: str, **changes: Any) -> None:
        body = {"kind": kind, **drafts.BODIES[kind], **changes.pop("body", {})}
        number = next(self.numbers)
        self.records().append([drafts.draft(kind, number, body=body, simulated=False, **changes)])

    def desk(self, who: str = "one", claims: object = None) -> Desk:
        def speaker(of: Notification) -> Speaker:
            return self.ears[of.name]

        real = ClaimRefs(
            self.home, self.remote, None, Author("bot@example.com", "Bot"), lambda: self.now
        )
        return Desk(
            self.records(),
            claims or real,  # type: ignore[arg-type]  # one that dies
            FileMemory(self.disks / who / "told"),
            DiskOutbox(self.disks / who / "outbox"),
            self.rules,
            speaker,
            "",
            lambda: self.now,
            lambda: f"{next(self.ids):08d}-{who}",
            self.telemetry,
            self.complaints.append,
        )

    def tells(self, who: str = "one", tip: str = "") -> Told:
        return tell_news(self.desk(who), tip)

    def dies(self, who: str = "one", *, after: bool) -> None:
        with pytest.raises(Killed):
            self.dying(who, after=after)

    def dying(self, who: str, *, after: bool) -> None:
        """It is killed at the claim; where there is nothing to claim, it ends well."""
        real = ClaimRefs(
            self.home, self.remote, None, Author("bot@example.com", "Bot"), lambda: self.now
        )
        tell_news(self.desk(who, Dying(real, after=after)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    GitRepo.make(tmp_path / "home")
    made = World(tmp_path / "home", "", tmp_path / "disks")
    made.happens("policy")
    made.tells()
    return made


def test_what_was_before_the_first_look_is_told_to_nobody(world: World) -> None:
    assert world.heard == []


def test_each_record_is_told_once(world: World) -> None:
    world.happens("drift-seen")
    world.happens("expiry")
    assert world.tells() == Told(sent=2)
    assert world.tells() == Told()
    assert world.heard == [
        "box-one drifted: 1 changed by hand, 1 gone, 1 unmanaged",
        "box-one ends at 2026-07-04T12:00:00Z",
    ]


def test_of_two_controllers_one_tells(world: World) -> None:
    for number in range(6):
        world.happens("expiry", body={"expires": f"2026-07-0{number + 1}T00:00:00Z"})
        world.tells("one" if number % 2 else "two")
        world.tells("two" if number % 2 else "one")
    assert len(world.heard) == len(set(world.heard)) == 6


def test_one_that_is_faster_leaves_the_other_nothing(world: World) -> None:
    world.happens("drift-seen")
    slow, real = world.desk("slow"), world.desk("slow").claims

    class Late:
        def read(self) -> Claim:
            return real.read()

        def move(self, old: Claim, until: str, batch: str) -> bool:
            world.tells("fast")
            return real.move(old, until, batch)

    tell_news(world.desk("slow", Late()))
    assert len(world.heard) == 1
    assert slow.outbox.all() == []


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_the_claim_nothing_is_lost_or_told_twice(
    world: World,
    after: bool,  # noqa: FBT001  # pytest's parameter
) -> None:
    world.happens("drift-seen")
    world.dies(after=after)
    assert world.heard == []
    other = world.tells("two")
    mine = world.tells("one")
    assert (other.sent, mine.sent) == ((0, 1) if after else (1, 0))
    assert len(world.heard) == 1
    assert world.tells("one") == world.tells("two") == Told()


def test_what_was_claimed_is_told_also_when_others_went_on_since(world: World) -> None:
    world.happens("drift-seen")
    world.dies(after=True)
    for _ in range(5):
        world.happens("expiry", body={"expires": "2026-08-01T00:00:00Z"})
        world.tells("two")
    assert world.tells("one").sent == 1
    assert world.heard.count("box-one drifted: 1 changed by hand, 1 gone, 1 unmanaged") == 1


def test_who_is_away_hears_later_and_is_tried_less_and_less(world: World) -> None:
    world.ears["on-call"].error = TransientError("away", "nobody answers")
    world.happens("drift-seen")
    assert world.tells() == Told(waiting=1)
    world.now += timedelta(seconds=29)
    assert world.tells() == Told(waiting=1)
    world.now += timedelta(seconds=1)
    assert world.tells() == Told(waiting=1)
    world.ears["on-call"].error = None
    world.now += timedelta(seconds=59)
    assert world.tells() == Told(waiting=1)
    world.now += timedelta(seconds=1)
    assert world.tells() == Told(sent=1)
    assert world.complaints == ["`on-call` could not be told, and is tried again: nobody answers"]


def test_one_who_is_away_keeps_nobody_else_waiting(world: World) -> None:
    world.rules = [rule("deaf"), rule("on-call")]
    world.ears["deaf"] = Ear(error=ReconcilerError("refused", "it does not take it"))
    world.happens("drift-seen")
    world.happens("expiry")
    assert world.tells() == Told(sent=2, waiting=2)
    assert len(world.complaints) == 1


def test_after_a_day_it_is_given_up_and_said(world: World) -> None:
    world.ears["on-call"].error = UsageError("no-secret", "SLACK_URL is not set")
    world.happens("drift-seen")
    world.tells()
    world.now += GIVEN_UP + timedelta(seconds=1)
    world.ears["on-call"].error = None
    assert world.tells() == Told(given_up=1)
    assert world.heard == []
    assert world.complaints[-1].startswith("`on-call` is not told of `box-one drifted")
    assert '\nreconciler_notices_total{result="given-up",target="slack"} 1.0\n' in (
        world.telemetry.metrics().decode()
    )


def test_what_waits_is_bounded_and_the_newest_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_LETTERS == 1000
    monkeypatch.setattr("reconciler.app.telling.MOST_LETTERS", 3)
    world.ears["on-call"].error = TransientError("away", "nobody answers")
    for number in range(5):
        world.happens("expiry", body={"expires": f"2026-08-0{number + 1}T00:00:00Z"})
        world.tells()
    assert world.tells().waiting == 3
    world.ears["on-call"].error = None
    world.now += timedelta(hours=2)
    world.tells()
    assert [one[-20:-10] for one in world.heard] == ["2026-08-03", "2026-08-04", "2026-08-05"]


def test_the_same_failure_again_and_again_is_told_once(world: World) -> None:
    for _ in range(4):
        world.happens("apply-ended")
        world.tells()
    assert len(world.heard) == 1
    world.happens("apply-ended", body={"result": "done"})
    world.happens("apply-ended")
    world.tells()
    assert [one.split(":")[0] for one in world.heard] == [
        "box-one could not be applied",
        "box-one is applied",
        "box-one could not be applied",
    ]


def test_track_and_team_are_what_the_last_decision_said(world: World) -> None:
    world.rules = [rule("on-call", tracks=["demo"], teams=["lab"]), rule("web", teams=["web"])]
    world.ears["web"] = Ear()
    world.happens("decision", body={"verdict": "ALLOW"})
    world.happens("drift-seen")
    world.tells()
    assert len(world.heard) == 1
    assert world.ears["web"].heard == []


def test_a_flood_is_one_notice(world: World) -> None:
    body = {"kind": "drift-seen", **drafts.BODIES["drift-seen"]}
    world.records().append(
        [
            drafts.draft("drift-seen", 100 + one, body=body, environment=f"box-{one}")
            for one in range(40)
        ]
    )
    world.tells()
    assert world.heard == ["40 times: drift"]


def test_a_rule_that_is_gone_tells_nobody_and_that_is_said(world: World) -> None:
    world.ears["on-call"].error = TransientError("away", "nobody answers")
    world.happens("drift-seen")
    world.tells()
    world.rules = [rule("other")]
    world.ears["other"] = Ear()
    assert world.tells() == Told(given_up=1)
    assert "no such rule" in world.complaints[-1]


def test_without_rules_nothing_is_looked_at(world: World) -> None:
    world.rules = []
    world.happens("drift-seen")
    assert world.tells() == Told()


def test_a_full_disk_claims_nothing(world: World) -> None:
    world.happens("drift-seen")
    folder = world.disks / "three"
    folder.mkdir()
    (folder / "outbox").write_text("a file stands in the way")
    with pytest.raises(TransientError, match="cannot be written"):
        world.tells("three")
    assert world.tells("one").sent == 1


def test_a_file_of_another_version_is_left_where_it_is(world: World) -> None:
    odd = world.disks / "one" / "outbox" / "00-odd.json"
    odd.write_text('{"id": "00-odd", "letters": 3}')
    world.happens("drift-seen")
    assert world.tells().sent == 1
    assert odd.exists()


def test_nonsense_in_the_ref_tells_nothing_twice_and_goes_on(world: World) -> None:
    repo = GitRepo(world.home, pygit2.Repository(str(world.home)))
    commit = repo.commit({"told.json": "[]"}, branch="elsewhere")
    repo.repository.references.create("refs/reconciler/told", commit, force=True)
    world.happens("drift-seen")
    assert world.tells() == Told()
    world.happens("expiry")
    assert world.tells() == Told(sent=1)


def test_a_history_that_began_anew_tells_only_of_the_last_day(world: World) -> None:
    repo = pygit2.Repository(str(world.home))
    repo.references.delete("refs/heads/records")
    for name in [one for one in repo.references if one.startswith("refs/reconciler/seen")]:
        repo.references.delete(name)
    world.happens("drift-seen", at=world.now - timedelta(days=3))
    world.happens("expiry", at=world.now)
    assert world.tells() == Told(sent=1)
    assert world.heard[0].startswith("box-one ends")
    assert "is not behind" in world.complaints[0]


DEATHS: Final = [f"{who} dies {when}" for who in ("one", "two") for when in ("before", "after")]
STEPS: Final = st.sampled_from(["happens", "one", "two", "away", "back", *DEATHS])


@given(st.lists(STEPS, max_size=14))
@settings(max_examples=25)
def test_whatever_happens_everything_is_told_once(steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        GitRepo.make(Path(folder) / "home")
        world = World(Path(folder) / "home", "", Path(folder) / "disks")
        world.happens("policy")
        world.tells()
        wanted = 0
        for step in steps:
            who, _, when = step.partition(" dies ")
            if step == "happens":
                if wanted == MANY:  # more could be told as one
                    continue
                wanted += 1
                expires = f"2026-09-01T00:00:{wanted:02d}Z"
                world.happens("expiry", body={"expires": expires})
            elif step in ("away", "back"):
                away = TransientError("away", "nobody answers") if step == "away" else None
                world.ears["on-call"].error = away
            elif when:
                with suppress(Killed):
                    world.dying(who, after=when == "after")
            else:
                world.tells(who)
        world.ears["on-call"].error = None
        world.now += timedelta(hours=2)
        for who in ("one", "two", "one"):
            world.tells(who)
        assert sorted(world.heard) == [
            f"box-one ends at 2026-09-01T00:00:{number:02d}Z" for number in range(1, wanted + 1)
        ]


def test_what_waits_is_sent_also_while_the_records_are_away(world: World) -> None:
    world.ears["on-call"].error = TransientError("deaf", "nobody answers")
    world.happens("drift-seen")
    world.tells()
    world.ears["on-call"].error = None
    world.now += timedelta(minutes=1)

    class Away:
        def read(self) -> Claim:
            raise TransientError("away", "nobody is there")

    with pytest.raises(TransientError, match="nobody is there"):
        tell_news(world.desk("one", Away()))
    assert len(world.heard) == 1


def test_a_disk_that_is_full_now_tells_nobody_again_and_again(world: World) -> None:
    world.happens("drift-seen")
    world.happens("expiry")
    world.dies(after=True)
    world.ears["on-call"].error = TransientError("deaf", "nobody answers")
    world.tells()
    world.ears["on-call"].error = None
    world.now += timedelta(minutes=1)

    class Full(DiskOutbox):
        def keep(self, batch: Batch) -> None:
            raise TransientError("outbox-unwritable", "no space")

    full = replace(world.desk(), outbox=Full(world.disks / "one" / "outbox"))
    for _ in range(3):
        with pytest.raises(TransientError, match="no space"):
            tell_news(full)
    assert world.heard == []
    assert world.tells().sent == 2


def test_two_processes_of_one_machine_do_not_send_at_once(world: World) -> None:
    world.happens("drift-seen")
    with world.desk("one").outbox.alone() as alone:
        assert alone
        assert world.tells("one") == Told()
    assert world.tells("one").sent == 1


def test_a_known_tip_asks_nobody(world: World) -> None:
    world.happens("drift-seen")
    world.tells()
    tip = world.records().tip()

    class Deaf:
        def read(self) -> Claim:
            raise AssertionError

    assert tell_news(world.desk("one", Deaf()), tip) == Told()


def test_at_a_server_two_clones_tell_once(tmp_path: Path) -> None:
    with serving(tmp_path / "served") as server:
        homes = [clone(tmp_path / name, server.url()) for name in ("a", "b")]
        ear = {"on-call": Ear()}
        worlds = [World(home, "origin", tmp_path / f"disk-{home.name}", ear) for home in homes]
        worlds[0].happens("policy")
        for one in worlds:
            one.tells()
        worlds[0].happens("drift-seen")
        worlds[1].numbers = count(50)
        worlds[1].dies(after=True)
        assert worlds[0].tells() == Told()
        assert worlds[1].tells().sent == 1
        worlds[1].happens("expiry")
        assert worlds[0].tells().sent == 1
        assert worlds[1].tells() == Told()
    assert len(ear["on-call"].heard) == 2
