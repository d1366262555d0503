"""Whatever happens to a controller: all is as declared in the end, and was made once."""

from __future__ import annotations

import shutil
import signal

import pytest

from tests.check.project import SETTINGS
from tests.controller.conftest import Make
from tests.controller.real import Point, declared, document

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

STEPS = (
    Point("locks/"),  # the lease is ours
    Point("os.rename .run.json"),  # there is a run
    Point("subprocess.Popen 'init'"),
    Point("subprocess.Popen 'plan'"),
    Point("subprocess.Popen 'show'"),  # it is planned
    Point("os.rename .run.json", 2),  # the decision is recorded
    Point("open refs/heads/records-sandbox"),  # the intent is recorded
    Point("subprocess.Popen 'apply'"),
    Point("subprocess.Popen 'apply'", after=0.3),  # something is made
    Point("subprocess.Popen 'pull'", 2),  # all is made
    Point("os.rename marks/"),
    Point("os.remove doubts/"),  # all is known
    Point("open refs/heads/records-sandbox", 2),  # the outcome is recorded
)
"""What carries a task out, from its beginning to its end."""
LOST = (
    ("controller", Point("socket.sendmsg"), ""),  # a task is given away
    ("deed", Point("subprocess.Popen 'plan'", whom="parent"), "/locks/"),
    ("deed", Point("subprocess.Popen 'apply'", after=0.3, whom="both"), "/locks/"),
    ("deed", Point("os.remove doubts/", whom="parent"), "/locks/"),
)
"""Where a controller is when it dies, or what carries a task out for it."""


def test_killed_at_each_step_the_next_pass_ends_what_was_begun(make: Make) -> None:
    names = tuple(f"step-{number}" for number in range(len(STEPS)))
    real = make(*names)
    first = real.once(**real.kills("deed", STEPS, "/locks/"))
    assert first.returncode == 1
    assert real.hits() == len(STEPS)
    second = real.once()
    assert second.returncode == 0, second.stderr
    real.whole(names)


def test_controllers_that_are_killed_leave_all_to_those_that_follow(make: Make) -> None:
    names = tuple(f"lost-{number}" for number in range(len(LOST)))
    real = make()
    for name, (whom, point, begin) in zip(names, LOST, strict=True):
        real.change({document(name): declared(name)})
        killed = real.once(**real.kills(whom, (point,), f"{begin} {name}" if begin else ""))
        assert (killed.returncode, real.hits()) == (-signal.SIGKILL, 1), killed.stderr
    real.settle()
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(names)


def test_without_its_engine_nothing_is_applied_until_it_is_back(make: Make) -> None:
    real = make("one")
    well = real.files[SETTINGS]
    away = well.replace("engine: auto", "engine: opa\n    url: http://127.0.0.1:9")
    real.change({SETTINGS: away})
    first = real.once()
    assert first.returncode == 1, first.stderr
    assert "not applied" in first.stderr
    assert "127.0.0.1:9" in first.stderr
    assert (real.begun("one"), real.made("one")) == (0, {})
    real.change({SETTINGS: well})
    second = real.once()
    assert second.returncode == 0, second.stderr
    real.whole(["one"])
