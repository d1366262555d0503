"""`reconciler demo --step` at a terminal: it waits, and ends whole however its reader leaves."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.test_story import processes_in
from tests.repos import ROOT
from tests.terraform.test_runs import wait_for

PAUSE = "any key goes on, Ctrl-C ends"
GONE = (1, 130)
"""The exit codes of who is told that its terminal is gone, or finds out when it writes."""
CTRL_C, CTRL_D = "\x03", "\x04"
AT_A_TERMINAL = "import os, sys; os.login_tty(0); os.execv(sys.argv[1], sys.argv[1:])"
needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not on PATH"
)


class Terminal:
    """A terminal, and the demonstration at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours, self.theirs = os.openpty()
        self.settings = termios.tcgetattr(self.theirs)
        self.said = ""
        self._read = 0
        others = {key: one for key, one in os.environ.items() if not key.startswith("RECONCILER_")}
        program = [sys.executable, "-m", "reconciler", "demo", "--step", "--into", str(folder)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *program],
            env={
                **others,
                "PYTHONPATH": str(ROOT),
                "RECONCILER_CACHE_DIR": str(folder.parent / "cache"),
            },
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
        )

    def hears(self, words: str, seconds: float = 180) -> bool:
        """Whether that is said within so long, after what was heard before."""
        until = time.monotonic() + seconds
        while words not in self.said[self._read :]:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.ours], [], [], left)[0]:
                return False
            self.said += os.read(self.ours, 65536).decode("utf-8", "replace")
        self._read = self.said.index(words, self._read) + len(words)
        return True

    def presses(self, key: str, words: str) -> None:
        """Press a key until that is said: one that comes before it waits for one is nothing."""
        for _ in range(60):
            os.write(self.ours, key.encode())
            if self.hears(words, 1):
                return
        raise AssertionError(self.said)

    def ends(self, key: str) -> int:
        """Its exit code after that key, when nothing of it runs any more."""
        self.presses(key, "Ending what runs")
        assert self.hears("nothing of it runs any more")
        code = self.process.wait(60)
        self.hears("nothing ever says this", 0)
        assert "Traceback" not in self.said
        assert termios.tcgetattr(self.theirs) == self.settings
        assert processes_in(self.folder) == []
        return code

    def closes(self) -> None:
        """As a window that somebody closes: nothing can be read or written there any more."""
        for one in {self.ours, self.theirs} - {-1}:
            os.close(one)
        self.ours = self.theirs = -1


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "demo")
    try:
        yield made
    finally:
        made.closes()
        if made.process.poll() is None:
            made.process.terminate()
            made.process.wait(120)


def test_it_waits_for_a_key_and_ctrl_c_there_ends_it(terminal: Terminal) -> None:
    assert terminal.hears(PAUSE)
    assert not terminal.hears("== 1.", 0.3), "nobody pressed a key"
    assert terminal.ends(CTRL_C) == 130
    assert "== 1." not in terminal.said


def test_so_does_the_end_of_what_is_typed(terminal: Terminal) -> None:
    assert terminal.hears(PAUSE)
    assert terminal.ends(CTRL_D) == 130


def test_ctrl_c_within_a_step_ends_it(terminal: Terminal) -> None:
    assert terminal.hears(PAUSE)
    terminal.presses(" ", "== 1.")
    assert terminal.hears("$ reconciler list")
    assert terminal.ends(CTRL_C) == 130


@needs_terraform
def test_a_terminal_that_is_closed_within_a_step_leaves_nothing_running(terminal: Terminal) -> None:
    assert terminal.hears(PAUSE)
    terminal.presses(" ", "== 1.")
    assert terminal.hears("$ reconciler run")
    terminal.closes()
    assert terminal.process.wait(120) in GONE
    wait_for(lambda: not processes_in(terminal.folder), 30)


@pytest.mark.soak
@needs_terraform
@pytest.mark.parametrize("leaving", [CTRL_C, CTRL_D, "closed"])
def test_who_leaves_between_two_steps_leaves_nothing_running(
    terminal: Terminal, leaving: str
) -> None:
    assert terminal.hears(PAUSE)
    terminal.presses(" ", "== 1.")
    assert terminal.hears(PAUSE)
    assert processes_in(terminal.folder) != []
    assert not terminal.hears("== 2.", 1), "nobody pressed a key"
    if leaving != "closed":
        assert terminal.ends(leaving) == 130
        return
    terminal.closes()
    assert terminal.process.wait(120) in GONE
    wait_for(lambda: not processes_in(terminal.folder), 30)
