"""The loop that watches a forge, by a clock that the test moves, and its box of hints."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.app.watch import MOST, Inbox, Look, Watching, watch
from reconciler.errors import ReconcilerError, StoppedError, TransientError, WaitingError

POLL, RETRY = 60.0, 300.0
AWAY = TransientError("forge-away", "gitlab.example.com cannot be reached")
STOP = Look(stop=True)


@dataclass
class Story:
    """What comes in and what goes wrong, in order; and what the loop made of it."""

    comes: Iterator[Look]
    """One for each time that it waits for a hint; nothing more: it is to end."""
    fails: list[ReconcilerError | None] = field(default_factory=list)
    """One for each look at everything."""
    one_fails: Callable[[int], None] = lambda _number: None
    now: float = 1000.0
    did: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    rested: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    told_to_end: bool = False
    """Somebody says so while it rests."""

    def take(self, seconds: float) -> Look:
        look = next(self.comes, STOP)
        self.waited.append(seconds)
        # A hint comes at once; where none comes, the time passes.
        self.now += 0.0 if look != Look() else seconds
        return look

    def rest(self, seconds: float) -> bool:
        self.rested.append(seconds)
        self.now += seconds
        return self.told_to_end

    def everything(self) -> None:
        self.did.append("all")
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error

    def one(self, number: int) -> None:
        self.did.append(str(number))
        self.one_fails(number)

    def tell(self, error: ReconcilerError | None) -> None:
        self.told.append(error.reason if error else "well again")

    def run(self) -> Story:
        watch(
            Watching(self.everything, self.one, POLL, RETRY, lambda: self.now, self.tell),
            self,
        )
        return self


def story(*comes: Look, fails: Sequence[ReconcilerError | None] = ()) -> Story:
    return Story(iter(comes), list(fails))


def test_it_looks_at_once_and_then_every_so_often() -> None:
    done = story(Look(), Look(), Look()).run()
    assert done.did == ["all"] * 3
    assert done.waited[:3] == [0.0, POLL, POLL]
    assert done.told == []


def test_a_hint_is_looked_at_without_waiting_and_puts_off_no_poll() -> None:
    done = story(Look(), Look(numbers=(7, 9)), Look(everything=True), Look()).run()
    assert done.did == ["all", "7", "9", "all", "all"]
    assert done.waited[:3] == [0.0, POLL, POLL]


def test_an_hour_without_the_forge_is_told_once_and_not_hammered() -> None:
    many = [AWAY] * 15
    done = story(*[Look()] * 17, fails=many).run()
    assert done.rested[:4] == [60.0, 120.0, 240.0, 300.0]
    assert max(done.rested) == RETRY
    assert sum(done.rested) > 3600
    assert done.told == ["forge-away", "well again"]


def test_while_the_forge_is_away_hints_hurry_nothing() -> None:
    hints = [Look(numbers=(one,)) for one in range(1, 20)]
    done = story(Look(), *hints[:3], fails=[AWAY, AWAY, AWAY]).run()
    # Each time it rested first, and then looked at everything: no hint was needed.
    assert done.did == ["all"] * 4
    assert len(done.rested) == 3


def test_each_reason_is_told_once_though_they_take_turns() -> None:
    other = WaitingError("rate-limit", "too many requests")
    done = story(*[Look()] * 7, fails=[AWAY, other, AWAY, other, None, AWAY]).run()
    assert done.told == ["forge-away", "rate-limit", "well again", "forge-away", "well again"]


def test_what_only_a_human_can_mend_is_not_asked_for_often() -> None:
    done = story(Look(), Look(), fails=[ReconcilerError("token-revoked", "...")]).run()
    assert done.rested == [RETRY]
    assert done.told == ["token-revoked", "well again"]


def test_one_that_is_broken_does_not_stop_the_others() -> None:
    done = story(Look(), Look(numbers=(1, 2, 3)))

    def fail(number: int) -> None:
        if number == 2:
            raise ReconcilerError("gone", "there is no merge request 2")

    done.one_fails = fail
    done.run()
    assert done.did == ["all", "1", "2", "3"]
    assert done.told == ["gone"]
    assert done.rested == []


def test_one_that_could_not_be_looked_at_is_looked_at_with_everything() -> None:
    done = story(Look(), Look(numbers=(1,)), Look())

    def fail(_number: int) -> None:
        raise AWAY

    done.one_fails = fail
    done.run()
    assert done.did == ["all", "1", "all"]


def test_it_ends_when_it_is_told_to_or_when_what_it_does_is() -> None:
    assert story(STOP).run().did == []
    assert story(Look(), Look(), fails=[StoppedError("stopped", "...")]).run().did == ["all"]


def test_it_ends_while_it_waits_for_the_forge() -> None:
    ends = story(Look(), Look(), fails=[AWAY])
    ends.told_to_end = True
    assert ends.run().did == ["all"]


@given(st.lists(st.integers(min_value=-1, max_value=400), max_size=300))
def test_hints_are_never_lost_and_never_many(numbers: list[int]) -> None:
    inbox = Inbox()
    for number in numbers:
        inbox.hint(number)
    look = inbox.take(0)
    assert len(look.numbers) <= MOST
    assert look.everything or set(look.numbers) == set(numbers)
    assert inbox.take(0) == Look()


def test_hints_of_many_at_once_wake_who_waits() -> None:
    inbox = Inbox()
    seen: set[int] = set()

    def wait() -> None:
        while len(seen) < 50:
            seen.update(inbox.take(20).numbers)

    reader = threading.Thread(target=wait)
    reader.start()
    writers = [threading.Thread(target=inbox.hint, args=(number,)) for number in range(1, 51)]
    for one in writers:
        one.start()
    for one in [*writers, reader]:
        one.join(30)
    assert seen == set(range(1, 51))


@pytest.mark.parametrize("resting", ["take", "rest"])
def test_stop_wakes_who_waits(resting: str) -> None:
    inbox, ended = Inbox(), []

    def wait() -> None:
        ended.append(inbox.take(60).stop if resting == "take" else inbox.rest(60))

    waiter = threading.Thread(target=wait)
    waiter.start()
    inbox.stop()
    waiter.join(30)
    assert ended == [True]
