"""One core or many: the same results, in order, whatever happens to a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from reconciler.adapters.workers import OutOfTime, Workers
from reconciler.errors import TransientError

MANY = list(range(300))


def late(item: int) -> int:
    return -item


def square(item: int) -> int:
    return item * item


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 300, 1000])
def test_results_come_in_the_order_of_items(jobs: int, count: int) -> None:
    items = list(range(count))
    assert list(Workers(jobs).map(square, items, 10, late)) == [n * n for n in items]


def where(item: int) -> tuple[int, int]:
    return item, os.getpid()


@pytest.mark.parametrize("row", [1, 64, 100, 129, 10_000])
@pytest.mark.parametrize("count", [65, 1000, 5000])
def test_long_rows_come_in_order_too(row: int, count: int) -> None:
    found = list(Workers(2).map(where, range(count), 10, lambda _: (-1, 0), row=row))
    assert [number for number, _ in found] == list(range(count))
    assert len({who for _, who in found}) == 2


def test_neighbours_in_a_row_are_done_by_one() -> None:
    found = list(Workers(2).map(lambda _item: os.getpid(), range(16_000), 10, late, row=1000))
    rows = [set(found[at : at + 1000]) for at in range(0, 16_000, 1000)]
    assert all(len(row) == 1 for row in rows)
    assert rows[0] != rows[1]


def test_many_items_are_spread_over_processes() -> None:
    found = set(Workers(2).map(lambda _item: os.getpid(), MANY, 10, late))
    assert len(found) == 2
    assert os.getpid() not in found


def test_few_items_are_done_here() -> None:
    assert set(Workers(2).map(lambda _item: os.getpid(), [1, 2, 3], 10, late)) == {os.getpid()}


@pytest.mark.parametrize("count", [10, 300])
def test_an_item_that_runs_on_is_late_and_the_others_are_not(count: int) -> None:
    def work(item: int) -> int:
        while item == 7:
            pass
        return item

    expected = [-7 if n == 7 else n for n in range(count)]
    assert list(Workers(2).map(work, range(count), 0.2, late)) == expected


@pytest.mark.parametrize("count", [10, 300])
def test_code_that_swallows_every_exception_is_late_too(count: int) -> None:
    def work(item: int) -> int:
        while item == 3:
            try:
                while True:
                    pass
            except Exception:  # noqa: BLE001, S112  # as a careless template helper would
                continue
        return item

    expected = [-3 if n == 3 else n for n in range(count)]
    assert list(Workers(2).map(work, range(count), 0.2, late)) == expected


def test_large_results_get_through() -> None:
    results = Workers(2).map(lambda item: bytes([item % 256]) * 50_000, MANY, 10, lambda _: b"")
    assert [len(one) for one in results] == [50_000] * 300


def test_a_worker_that_is_killed_is_a_failure_that_may_be_tried_again() -> None:
    def work(item: int) -> int:
        if item == 130:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(TransientError) as caught:
        list(Workers(2).map(work, MANY, 10, late))
    assert caught.value.reason == "worker-died"
    assert "memory" in caught.value.hint


def test_all_workers_killed_at_once() -> None:
    def work(item: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(TransientError):
        list(Workers(2).map(work, MANY, 10, late))


@pytest.mark.parametrize("count", [10, 300])
def test_an_exception_is_the_same_here_and_there(count: int) -> None:
    def work(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    with pytest.raises(ValueError, match="five"):
        list(Workers(2).map(work, range(count), 10, late))


def children() -> set[str]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:  # noqa: PTH123  # no file of ours
        return set(file.read().split())


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux")  # noqa: PTH110
def test_no_process_is_left_when_somebody_stops_listening() -> None:
    before = children()
    results: Iterator[int] = Workers(2).map(square, MANY, 10, late)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]  # a generator
    assert children() == before


def test_the_alarm_of_others_is_put_back() -> None:
    before = signal.getsignal(signal.SIGALRM)
    list(Workers(1).map(square, [1], 10, late))
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_by_default_there_is_one_for_each_core() -> None:
    assert Workers(0).jobs == len(os.sched_getaffinity(0))


def test_out_of_time_is_no_ordinary_exception() -> None:
    assert not issubclass(OutOfTime, Exception)


def test_cores_are_counted_where_the_system_cannot_say_which_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert Workers(0).jobs >= 1
