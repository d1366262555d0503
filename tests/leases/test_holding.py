"""An environment is worked on by one holder at a time, however it ends."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.lease_refs import LeaseRefs
from reconciler.app.leases import Held, holding, living
from reconciler.core.lease import LONGEST, SKEW
from reconciler.errors import TransientError, WaitingError
from reconciler.model.lease import Lease
from tests.leases.places import ELSEWHERE, LASTS, NOW, Place, lease, me, place
from tests.repos import ROOT


def hold(leases: LeaseRefs, **more: Any) -> AbstractContextManager[Held]:
    given: dict[str, Any] = {
        "fence_after": 4,
        "lasts": LASTS,
        "clock": lambda: NOW,
        "beat": False,
    }
    return holding(leases, "box-one", "apply 5d1b", me(), **given | more)


def test_others_are_told_who_holds_it_and_have_it_afterwards(shared: Place) -> None:
    one, other = shared.machine("one"), shared.machine("other")
    with hold(one) as held:
        assert held.fence == 4
        held.confirm()
        with pytest.raises(WaitingError) as refused, hold(other):
            pass
        assert refused.value.reason == "leased"
        for words in (held.holder, "apply 5d1b", "2026-07-01T12:00:00Z", "2026-07-01T12:01:30Z"):
            assert words in refused.value.message
        assert "reconciler lease break box-one" in refused.value.hint
        assert set(living(other, NOW)) == {"box-one"}
        with holding(
            other,
            "box-two",
            "look",
            me(),
            fence_after=4,
            lasts=LASTS,
            clock=lambda: NOW,
            beat=False,
        ):
            assert set(shared.refs()) == {"box-one", "box-two"}
    assert shared.refs() == {}
    with hold(other, fence_after=6) as held:
        assert held.fence == 6
        held.confirm()


def test_it_is_given_back_when_the_work_fails(there: Place) -> None:
    with pytest.raises(RuntimeError), hold(there.machine("one")):
        raise RuntimeError
    assert there.refs() == {}


def test_the_lease_of_a_process_that_is_gone_is_free_at_once(there: Place) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from tests.leases.places import me
print(me())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    one = there.machine("one")
    one.put("box-one", "", lease(holder=done.stdout.strip(), fence=7))
    assert living(one, NOW) == {}
    with hold(one) as held:
        assert held.fence == 7, "a fence never falls"


@pytest.mark.parametrize("ahead", [-timedelta(days=400), LASTS + SKEW])
def test_a_lease_that_moves_is_never_taken(there: Place, ahead: timedelta) -> None:
    one, now, where = there.machine("one"), NOW + ahead, ""
    for number in range(3):
        found = replace(lease(), beat=NOW + number * LASTS)
        where = one.put("box-one", where, replace(found, expires=found.beat + LASTS))
        for _ in range(2):
            with pytest.raises(WaitingError), hold(one, clock=lambda: now):
                pass
            there.seen_long_ago("one", "box-one", LASTS / 2 - timedelta(seconds=5))


def test_a_lease_that_stands_still_for_its_time_ends(shared: Place) -> None:
    one = shared.machine("one")
    one.put("box-one", "", lease())
    with pytest.raises(WaitingError), hold(one):
        pass
    shared.seen_long_ago("one", "box-one", LASTS + timedelta(seconds=2))
    assert living(one, NOW) == {}
    with hold(shared.machine("one")):
        assert "far-away" not in one.all()["box-one"].holder


def test_a_lease_long_over_is_free_for_whoever_sees_it_first(there: Place) -> None:
    one = there.machine("one")
    one.put("box-one", "", lease())
    with hold(one, clock=lambda: NOW + LASTS + SKEW + timedelta(seconds=1)) as held:
        assert held.holder != ELSEWHERE


def test_no_lease_is_for_ever(there: Place) -> None:
    one = there.machine("one")
    one.put("box-one", "", replace(lease(), expires=datetime.max.replace(tzinfo=NOW.tzinfo)))
    with pytest.raises(WaitingError), hold(one):
        pass
    there.seen_long_ago("one", "box-one", LONGEST + timedelta(seconds=2))
    with hold(one):
        pass


def test_a_holder_whose_lease_was_taken_away_begins_nothing(shared: Place) -> None:
    one, other = shared.machine("one"), shared.machine("other")
    with hold(one) as held:
        other.remove("box-one", shared.refs()["box-one"])
        with pytest.raises(WaitingError, match="took the lease of box-one away") as lost:
            held.confirm()
        assert lost.value.reason == "lease-lost"
        assert held.lost
        with hold(other) as theirs:
            with pytest.raises(WaitingError):
                held.confirm()
            theirs.confirm()
    assert shared.refs() == {}


def test_what_was_taken_over_is_not_given_back_by_whoever_had_it(there: Place) -> None:
    one = there.machine("one")
    with hold(one):
        there_now = lease(fence=9)
        where = one.put("box-one", there.refs()["box-one"], there_now)
    assert one.read("box-one") == (where, there_now)


class Answerless(LeaseRefs):
    """What is written arrives, and the answer does not."""

    lost = 1

    def put(self, environment: str, old: str, lease: Lease) -> str:
        made = super().put(environment, old, lease)
        if self.lost:
            self.lost -= 1
            raise TransientError("leases-away", "no answer")
        return made


def test_a_lost_answer_costs_nothing(there: Place) -> None:
    one = there.machine("one")
    one.__class__ = Answerless
    with hold(one) as held:
        held.confirm()
        one.lost = 1  # type: ignore[attr-defined]  # of the class that it is now
        with pytest.raises(TransientError):
            held.confirm()
        held.confirm()
        one.lost = 1  # type: ignore[attr-defined]  # the same
        assert not held.beat()
    assert there.refs() == {}


def test_a_remote_that_is_away_ends_nothing_before_the_lease_ends(tmp_path: Path) -> None:
    with place(tmp_path, "http") as shared:
        assert shared.server is not None
        ticks = [0.0]
        one = shared.machine("one")
        with hold(one, ticks=lambda: ticks[0]) as held:
            shared.server.fault = lambda handler, _path: handler.cut()
            ticks[0] = 89.0
            assert not held.beat()
            assert not held.lost
            with pytest.raises(TransientError):
                held.confirm()
            ticks[0] = 91.0
            assert "could not be renewed" in held.lost
            shared.server.fault = None
            held.confirm()  # nobody took it meanwhile
            assert not held.lost
        shared.server.fault = lambda handler, _path: handler.cut()
        with pytest.raises(TransientError), hold(one):
            pass


def test_a_lease_is_renewed_beside_the_work(there: Place) -> None:
    one = there.machine("one")
    brief = timedelta(seconds=0.06)
    with hold(one, lasts=brief, beat=True) as held:
        began = held.where
        while held.where == began or there.refs()["box-one"] == began:
            assert not held.lost
    assert there.refs() == {}


RACE = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from reconciler.app.leases import holding
from reconciler.errors import WaitingError
from tests.leases.places import LASTS, NOW, Place, me
place = Place(Path({folder!r}), {kind!r}, Path({shared!r}))
if {port}:
    from tests.records.git_server import Server
    place.server = Server(Path({folder!r}), port={port})
one, log, won = place.machine({name!r}), Path({folder!r}) / "log", 0
while won < 4:
    try:
        with holding(one, "box-one", "apply", me(), fence_after=won, lasts=LASTS,
                     clock=lambda: NOW, beat=False) as held:
            with log.open("a") as file:
                file.write("in\\n")
            held.confirm()
            with log.open("a") as file:
                file.write("out\\n")
            won += 1
    except WaitingError:
        continue
"""


def racing(shared: Place, name: str) -> subprocess.Popen[bytes]:
    port = shared.server.port if shared.server else 0
    program = RACE.format(
        root=str(ROOT),
        folder=str(shared.folder),
        kind=shared.kind,
        shared=str(shared.shared),
        port=port,
        name=name,
    )
    return subprocess.Popen([sys.executable, "-c", program])


def test_processes_that_race_never_hold_it_together(shared: Place) -> None:
    racers = [racing(shared, name) for name in ("one", "other")]
    assert [racer.wait() for racer in racers] == [0, 0]
    log = (shared.folder / "log").read_text().split()
    assert log == ["in", "out"] * 8
    assert shared.refs() == {}


def test_a_holder_that_is_killed_stands_in_nobodys_way(there: Place) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from reconciler.app.leases import holding
from tests.leases.places import LASTS, NOW, Place, me
one = Place(Path({str(there.folder)!r}), "path", Path({str(there.shared)!r})).machine("one")
with holding(one, "box-one", "apply", me(), fence_after=4, lasts=LASTS, clock=lambda: NOW):
    print("held", flush=True)
    sys.stdin.read()
"""
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        other = there.machine("other")
        with pytest.raises(WaitingError), hold(other):
            pass
        child.kill()
        child.wait()
    assert set(there.refs()) == {"box-one"}
    with hold(other) as held:
        held.confirm()
    assert there.refs() == {}
