"""Each task has a process of its own, which is forked, and whose end is known."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from reconciler.adapters.deeds import Deeds
from reconciler.cli.chores import together
from reconciler.model.work import Ended, Job, Task
from tests.terraform.test_runs import wait_for, zombie

Found = Queue[tuple[Ended, Mapping[str, Any]]]
PATIENCE = 60.0
NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture
def found() -> Found:
    return Queue()


@pytest.fixture
def deeds(found: Found) -> Iterator[Deeds]:
    made = Deeds("tests.controller.tasks", {"more": "told"}, lambda *told: found.put(told))
    yield made
    made.stop()
    made.close()


def after(deeds: Deeds, found: Found, name: str) -> tuple[Ended, Mapping[str, Any]]:
    """What came of a task."""
    deeds.start(Task(name, Job.LOOK, NOW), {})
    return found.get(timeout=PATIENCE)


def test_a_task_is_done_by_a_fork_that_is_where_the_controller_is_now(
    deeds: Deeds, found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deeds.prepare()
    monkeypatch.setenv("OF_NOW", "now")
    monkeypatch.chdir(tmp_path)
    ended, _ = after(deeds, found, "well")
    assert (ended.state, ended.why) == ("done", f"now {tmp_path} True told")


def test_what_forks_is_loaded_once(deeds: Deeds, found: Found) -> None:
    assert len({after(deeds, found, "well")[1]["pid"] for _ in range(3)}) == 1


@pytest.mark.parametrize(
    "name, words",
    [
        ("fails", "its process ended with 1: ValueError: this is why"),
        ("dies", "its process ended with -9"),
        ("silent", "its process ended with 0"),
    ],
)
def test_what_tells_nothing_is_tried_again(
    deeds: Deeds, found: Found, name: str, words: str
) -> None:
    ended, _ = after(deeds, found, name)
    assert (ended.state, ended.why) == ("again", words)
    assert after(deeds, found, "well")[0].state == "done"


def test_where_what_forks_is_killed_there_is_another(deeds: Deeds, found: Found) -> None:
    first = after(deeds, found, "well")[1]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: zombie(first), PATIENCE)  # its sockets are closed by then
    ended, more = after(deeds, found, "well")
    assert ended.state == "done"
    assert more["pid"] != first


def test_the_end_of_what_another_one_forked_is_known_too(
    deeds: Deeds, found: Found, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    first = after(deeds, found, "well")[1]["pid"]
    deeds.start(Task("waits", Job.LOOK, NOW), {})
    wait_for((tmp_path / "begun").exists, PATIENCE)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: zombie(first), PATIENCE)
    assert after(deeds, found, "well")[0].state == "done"
    deeds.stop()
    assert found.get(timeout=PATIENCE)[0].why == "its process ended"


@pytest.mark.parametrize("when", ["at work", "just begun"])
def test_what_runs_can_be_asked_to_end(
    deeds: Deeds, found: Found, when: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    deeds.start(Task("waits", Job.LOOK, NOW), {})
    if when == "at work":
        begun = tmp_path / "begun"
        wait_for(begun.exists, PATIENCE)
    deeds.stop()
    assert found.get(timeout=PATIENCE)[0].why == "its process ended with -15"


def test_a_program_that_cannot_be_loaded_says_why(found: Found) -> None:
    deeds = Deeds("tests.controller.nothing", {}, lambda *told: found.put(told))
    ended, _ = after(deeds, found, "well")
    deeds.close()
    assert ended.state == "again"
    assert "No module named tests.controller.nothing" in ended.why


def test_a_reason_that_keeps_several_parts_is_told_once() -> None:
    wrong = {"the history of records is broken": ["removals", "drift"], "it is away": []}
    assert together(wrong) == [
        "removals, drift: the history of records is broken",
        "it is away",
    ]
