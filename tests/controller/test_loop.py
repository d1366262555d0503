"""The loop: everything is done once, nobody waits for a neighbour, and nothing runs hot."""

from __future__ import annotations

import gc
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from reconciler.errors import TransientError
from reconciler.model.work import Ended, Halt, Heads, Job, Task
from tests.controller.board import NOON, Board, as_declared, known, wanted

if TYPE_CHECKING:
    from collections.abc import Collection


def many(size: int) -> Board:
    board = Board(as_declared)
    board.declared = {f"env-{number}": wanted(f"env-{number}") for number in range(size)}
    return board


def test_what_was_never_applied_is_applied_once_and_then_only_looked_at() -> None:
    board = many(5).run(3 * 3600)
    for name in board.declared:
        jobs = board.jobs_of(name)
        assert jobs[0] is Job.APPLY
        assert set(jobs[1:]) == {Job.LOOK}
        assert 2 <= len(jobs[1:]) <= 4
    assert board.most <= board.jobs


def test_an_unchanged_repository_costs_one_listing_a_poll() -> None:
    board = many(3)
    board.remembered = {name: known(name) for name in board.declared}
    board.declared = {name: wanted(name, look_every=timedelta(days=30)) for name in board.declared}
    board.run(600)
    assert not board.started
    assert board.listings == 10


def test_one_that_fails_for_ever_delays_nobody_and_is_tried_less_and_less() -> None:
    def does(board: Board, task: Task) -> Ended:
        if task.environment == "poisoned" and task.job is Job.APPLY:
            board.records += 1
            return Ended(task, "again", "it fails")
        return as_declared(board, task)

    board = many(4)
    board.does = does
    board.jobs = 1
    board.declared["poisoned"] = wanted("poisoned", stage="production")
    board.run(3600)
    assert all(Job.APPLY in board.jobs_of(name) for name in board.declared)
    first = {task.environment: at for at, task in reversed(board.started)}
    assert max(first.values()) < 60
    tries = [at for at, task in board.started if task.environment == "poisoned"]
    gaps = [later - sooner for sooner, later in pairwise(tries)]
    assert gaps[0] >= 10
    assert gaps == sorted(gaps)
    assert gaps[-1] <= 300 + 60 + 1
    assert len(tries) < 20


def test_what_is_stuck_is_tried_again_when_something_changes_and_not_before() -> None:
    def does(board: Board, task: Task) -> Ended:
        return Ended(task, "stuck", "denied") if task.job is Job.APPLY else as_declared(board, task)

    board = many(1)
    board.does = does
    board.run(3600)
    assert board.jobs_of("env-0") == [Job.APPLY]
    board.declared["env-0"] = wanted("env-0", files="v2")
    board.version += 1
    board.go_on(120)
    assert board.jobs_of("env-0") == [Job.APPLY] * 2


def test_the_remote_away_for_an_hour_is_told_once_and_nothing_is_begun_meanwhile() -> None:
    board = many(2)
    board.away = True
    board.run(3600)
    assert not board.started
    assert len(board.told) == 1
    assert board.listings < 25
    board.away = False
    board.go_on(600)
    assert board.told[-1] is None
    assert {task.environment for _, task in board.started} == {"env-0", "env-1"}


def test_a_freeze_in_between_stops_what_has_not_begun_and_ends_what_has() -> None:
    def does(board: Board, task: Task) -> Ended:
        board.frozen = dict.fromkeys(board.declared, Halt("stop: it burns"))
        return as_declared(board, task)

    board = many(6)
    board.does = does
    board.run(1800)
    applied = [task.environment for _, task in board.started if task.job is Job.APPLY]
    assert len(applied) == board.jobs
    assert all(board.remembered[name].files == "v1" for name in applied)
    left = set(board.declared) - set(applied)
    assert all(board.loop.standings[name].of("Frozen") for name in left)
    board.frozen = {}
    board.does = as_declared
    board.version += 1
    board.go_on(600)
    assert {name for name in board.declared if board.of(name).files == "v1"} == set(board.declared)


def test_what_has_no_document_is_destroyed_unless_it_must_be_kept() -> None:
    board = Board(as_declared)
    board.remembered = {name: known(name) for name in ("gone", "kept")}
    board.kept = {"kept": "too many were removed at once"}
    board.run(600)
    assert board.jobs_of("gone") == [Job.DESTROY]
    assert not board.jobs_of("kept")
    found = board.loop.standings["kept"].of("Stalled")
    assert found is not None
    assert "too many" in found.why
    assert "gone" not in board.loop.standings


def test_what_needs_another_waits_for_it_and_goes_before_it() -> None:
    board = Board(as_declared)
    board.declared = {
        "app": wanted("app", after=("network",), stage="production"),
        "network": wanted("network"),
    }
    board.run(600)
    order = [task.environment for _, task in board.started if task.job is Job.APPLY]
    assert order == ["network", "app"]
    board.declared = {}
    board.version += 1
    board.go_on(600)
    order = [task.environment for _, task in board.started if task.job is Job.DESTROY]
    assert order == ["app", "network"]


def test_a_clock_that_jumps_neither_stops_it_nor_has_everything_done_twice() -> None:
    board = many(3)
    board.run(600)
    applied = len([1 for _, task in board.started if task.job is Job.APPLY])
    for jump in (timedelta(days=-400), timedelta(days=800)):
        board.now += jump
        board.go_on(2 * 3600)
        looked = [task for _, task in board.started if task.job is Job.LOOK]
        assert looked
        assert len(looked) < 40
    assert len([1 for _, task in board.started if task.job is Job.APPLY]) == applied == 3


def test_it_ends_when_what_runs_has_ended_and_starts_nothing_more() -> None:
    board = many(5)
    board.lasting = 30
    loop = board.made()
    loop.inbox.stop()
    loop.run()
    assert len(board.started) == board.jobs
    assert not loop.running
    assert len(board.news) == board.jobs
    assert not board.stopped


def test_what_does_not_end_is_asked_to_after_a_while() -> None:
    board = many(1)
    board.lasting = 10_000
    loop = board.made()
    loop.inbox.stop()
    loop.run()
    assert board.stopped == 1
    assert not loop.running


def test_once_does_everything_once_and_looks_at_all() -> None:
    def does(board: Board, task: Task) -> Ended:
        if task.environment == "env-1" and task.job is Job.APPLY:
            return Ended(task, "again", "no")
        return as_declared(board, task)

    board = many(4)
    board.does = does
    board.remembered["env-0"] = known("env-0")
    board.once()
    assert board.jobs_of("env-0") == [Job.LOOK]
    assert board.jobs_of("env-1") == [Job.APPLY]
    assert board.jobs_of("env-2") == [Job.APPLY]


def test_drift_that_is_to_be_mended_is_applied_once() -> None:
    def does(board: Board, task: Task) -> Ended:
        if task.job is Job.CHORES:
            drift = board.of("env-0").drift
            return Ended(task, "done", mend=(("env-0", drift),) if drift else ())
        return as_declared(board, task)

    board = many(1)
    board.does = does
    board.own = (Job.CHORES,)
    board.remembered["env-0"] = known("env-0", drift="d1", drifted=NOON)
    board.run(900)
    assert board.jobs_of("env-0").count(Job.APPLY) == 1
    assert not board.of("env-0").drift


def test_looking_never_takes_every_place() -> None:
    board = many(8)
    board.remembered = {name: known(name) for name in board.declared}
    board.declared = {
        name: wanted(name, look_every=timedelta(minutes=1)) for name in board.declared
    }
    board.lasting = 50
    board.run(600)
    assert board.most == board.jobs - 1


def test_what_moved_is_not_forgotten_when_a_look_fails_half_way() -> None:
    class Half(Board):
        """Tells each change once, and is away when records are asked for."""

        def declare(self, _commit: str) -> Collection[str] | None:
            return {"env-0"} if self.version else None

        def follow(self, _tip: str) -> Collection[str]:
            if self.away:
                raise TransientError("remote-away", "records are away", hint="wait")
            return set()

        def heads(self) -> Heads:
            return Heads(str(self.version), str(self.records), "")

    board = Half(as_declared)
    board.declared = {"env-0": wanted("env-0", look_every=timedelta(days=30))}
    board.run(600)
    board.declared["env-0"] = wanted("env-0", files="v2", look_every=timedelta(days=30))
    board.version, board.away = 1, True
    board.records += 1
    board.go_on(300)
    assert board.jobs_of("env-0") == [Job.APPLY]
    board.away = False
    board.go_on(600)
    assert board.jobs_of("env-0") == [Job.APPLY] * 2


def test_a_storm_of_webhooks_makes_it_look_once_a_second_and_loses_nothing() -> None:
    board = many(1)
    board.remembered = {name: known(name) for name in board.declared}
    board.declared["env-0"] = wanted("env-0", look_every=timedelta(days=30))
    board.storm.extend([0] * 10_000)
    board.declared["env-1"] = wanted("env-1")
    board.run(10)
    assert board.listings <= 12
    assert board.jobs_of("env-1") == [Job.APPLY]


def test_hints_about_some_merge_requests_never_keep_it_from_looking_at_all() -> None:
    board = many(0)
    board.own = (Job.REVIEW,)
    board.lasting = 30
    board.run(10)
    assert [one["numbers"] for one in board.told_beside] == [[]], "it begins with all"
    board.storm.extend([5, 6])
    board.go_on(50)
    assert board.told_beside[-1]["numbers"] == [5, 6]
    board.storm.extend([7] * 3)
    board.go_on(120)
    assert [] in [one["numbers"] for one in board.told_beside[2:]]


def test_hints_that_nobody_can_follow_do_not_pile_up() -> None:
    board = many(0)
    board.own = (Job.REVIEW,)
    board.away = True
    board.storm.extend(range(1, 5_000))
    board.run(600)
    assert not board.told_beside
    board.away = False
    board.go_on(600)
    assert board.told_beside[0]["numbers"] == []


def test_what_is_said_to_be_done_and_is_not_is_tried_less_and_less() -> None:
    board = many(1)
    board.does = lambda _board, task: Ended(task, "done")
    board.run(3600)
    tries = [at for at, _ in board.started]
    gaps = [later - sooner for sooner, later in pairwise(tries)]
    assert gaps == sorted(gaps)
    assert len(tries) < 25


def test_what_failed_of_something_else_is_done_again_though_it_is_declared_as_before() -> None:
    """A change that failed half way and was taken back in git left something behind."""
    board = many(1)
    board.remembered["env-0"] = known("env-0", result="failed", tried="v2", failures=1)
    board.run(600)
    assert board.jobs_of("env-0")[0] is Job.APPLY


def test_an_idle_controller_starts_nothing_at_a_poll() -> None:
    board = many(1)
    board.does = lambda _board, task: Ended(task, "done")
    board.own = (Job.CHORES, Job.REVIEW)
    board.remembered["env-0"] = known("env-0")
    board.declared["env-0"] = wanted("env-0", look_every=timedelta(days=30))
    board.run(1800)
    assert board.listings >= 30
    assert sum(task.job is Job.CHORES for _, task in board.started) <= 1800 / 300 + 1


def waiting(board: Board) -> Board:
    """Everything that is to be applied waits for people on merge request 7."""

    def does(_board: Board, task: Task) -> Ended:
        if task.job is Job.APPLY:
            return Ended(task, "waiting", "NEEDS APPROVAL", awaits=7)
        return Ended(task, "done")

    board.does = does
    board.requests = {7: "a", 8: "a"}
    return board


def test_what_waits_for_people_is_tried_as_soon_as_something_happens_there() -> None:
    board = waiting(many(1))
    board.run(100)
    assert len(board.jobs_of("env-0")) == 1
    board.requests[8] = "b"
    board.go_on(61)
    assert len(board.jobs_of("env-0")) == 1, "that is no business of its"
    board.requests[7] = "b"
    listings = board.listings
    board.go_on(61)
    assert len(board.jobs_of("env-0")) == 2
    assert board.listings - listings <= 3, "the listing of each tick tells it"


def test_who_agrees_while_it_is_tried_is_not_overheard() -> None:
    board = waiting(many(1))

    def does(board: Board, task: Task) -> Ended:
        board.requests[7] = "b"
        return Ended(task, "waiting", "NEEDS APPROVAL", awaits=7)

    board.does = does
    board.run(30)
    assert len(board.jobs_of("env-0")) == 2, "once more, and not for ever"


def test_who_agrees_in_a_note_is_heard_at_once_and_only_where_something_waits() -> None:
    board = waiting(many(1))
    board.own = (Job.REVIEW,)
    inner = board.does
    agreed: tuple[str, ...] = ()

    def does(board: Board, task: Task) -> Ended:
        return Ended(task, "done", agreed=agreed) if task.job is Job.REVIEW else inner(board, task)

    board.does = does
    board.run(100)
    assert board.jobs_of("env-0") == [Job.APPLY]
    looks = [one["awaited"] for one in board.told_beside if "awaited" in one]
    assert looks[0] == []
    assert looks[-1] == [7]
    agreed = ("env-0",)
    board.go_on(61)
    assert board.jobs_of("env-0")[:2] == [Job.APPLY] * 2


def test_who_agrees_in_a_note_while_it_is_tried_is_not_overheard() -> None:
    """A server: no head tells of merge requests, and both end at the same time."""
    board = waiting(many(1))
    board.requests = {}
    board.own = (Job.REVIEW,)
    inner = board.does

    def does(board: Board, task: Task) -> Ended:
        first = len(board.jobs_of("env-0")) == 1
        if task.job is Job.REVIEW and first:
            return Ended(task, "done", agreed=("env-0",))
        return inner(board, task)

    board.does = does
    board.run(30)
    assert len(board.jobs_of("env-0")) == 2, "once more, and not for ever"


def test_everywhere_that_people_are_waited_for_is_looked_at_in_turn() -> None:
    board = many(50)
    board.jobs = 50
    board.own = (Job.REVIEW,)

    def does(_board: Board, task: Task) -> Ended:
        if task.job is Job.APPLY:
            return Ended(task, "waiting", "NEEDS APPROVAL", awaits=1 + int(task.environment[4:]))
        return Ended(task, "done")

    board.does = does
    board.run(400)
    looks = [one["awaited"] for one in board.told_beside if one.get("awaited")]
    assert len(looks) >= 3
    assert max(map(len, looks)) == 20
    assert {number for one in looks[:3] for number in one} == set(range(1, 51))


def test_it_keeps_nothing_of_what_it_saw_when_what_ran_has_ended() -> None:
    board = many(3)
    board.requests = {7: "a"}
    board.run(3 * 3600)
    assert {task.job for _, task in board.started} == {Job.APPLY, Job.LOOK}
    listed = [
        one for one in gc.get_objects() if isinstance(one, Heads) and one.requests == {7: "a"}
    ]
    assert len(listed) == 1
