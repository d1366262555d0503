"""On a terminal one sees that something goes on; elsewhere nothing but results."""

import io
import os
import pty
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from unittest.mock import patch

import pytest

from reconciler.cli import screen
from reconciler.cli.screen import progress
from reconciler.cli.voice import VOICE, begin


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(screen, "_PATIENCE", 0.01)
    begin([])
    yield
    begin([])


@contextmanager
def terminal() -> Iterator[int]:
    """Standard error is a terminal; what it shows can be read from here."""
    ours, theirs = pty.openpty()
    with (
        patch.dict(os.environ, {"TERM": "xterm-256color", "COLUMNS": "80"}),
        os.fdopen(theirs, "w", encoding="utf-8") as stream,
        redirect_stderr(stream),
    ):
        yield ours
    os.close(ours)


def shown(terminal: int, words: bytes) -> bytes:
    """What it shows until these words have come."""
    seen, end = b"", time.monotonic() + 10
    while words not in seen and time.monotonic() < end:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        seen += os.read(terminal, 65536) if ready else b""
    return seen


def test_what_takes_a_while_is_shown_with_how_far_it_is() -> None:
    with terminal() as seen, progress("counting") as step:
        assert b"counting" in shown(seen, b"counting")
        step(3, 9)
        assert b"3/9" in shown(seen, b"3/9")
        with progress("inside"):  # the outer one says enough
            step(4, 9)
            assert b"inside" not in shown(seen, b"4/9")


@pytest.mark.parametrize("name", ["quiet", "verbose", "log_json"])
def test_who_wants_it_otherwise_sees_no_bar(name: str) -> None:
    setattr(VOICE, name, True)
    with terminal() as seen:
        with progress("counting") as step:
            step(3, 9)
        sys.stderr.write("end\n")
        sys.stderr.flush()
        assert b"3/9" not in shown(seen, b"end")


def test_what_is_soon_done_and_what_is_no_terminal_shows_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with progress("counting") as step:
        step(3, 9)
    assert stream.getvalue() == ""


def test_a_step_that_fails_leaves_the_terminal_as_it_was() -> None:
    def counting(seen: int) -> None:
        with progress("counting"):
            shown(seen, b"counting")
            raise RuntimeError

    with terminal() as seen:
        with pytest.raises(RuntimeError):
            counting(seen)
        assert b"\x1b[?25h" in shown(seen, b"\x1b[?25h")  # the cursor is there again
