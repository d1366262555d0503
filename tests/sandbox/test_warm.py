"""A provider that is warm: it does what a fresh one does, and ends with whoever asked."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from reconciler.adapters.sandbox import attach, mirror
from reconciler.adapters.sandbox.provider import COOKIE
from tests.terraform.test_runs import wait_for

if sys.platform != "linux":
    pytest.skip("elsewhere each provider is loaded anew", allow_module_level=True)

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(endpoint: str, tmp_path: Path) -> Start:
    """A provider as terraform starts it, or, with another mark, what is run instead."""

    def run(
        mark: str = "", *, cookie: str = COOKIE[1], url: str = "", before: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        words = [*before, sys.executable, "-I", "-S", attach.__file__, mark or mirror.mark()]
        return subprocess.Popen(
            [*words, "/bin/echo", "somebody else"],
            env={COOKIE[0]: cookie, "AWS_ENDPOINT_URL": url or endpoint, "HOME": str(tmp_path)},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


def greeting(process: subprocess.Popen[str]) -> Path:
    """Where the provider that answers listens."""
    assert process.stdout is not None
    words = process.stdout.readline().split("|")
    assert words[:3] == ["1", "6", "unix"], words
    return Path(words[3])


def answers(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(place)) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_greets_terraform_and_ends_with_it(start: Start, number: int) -> None:
    process = start()
    place = greeting(process)
    assert answers(place)
    process.send_signal(signal.SIGINT)
    assert answers(place), "what is in flight is finished"
    process.send_signal(number)
    process.wait(10)
    wait_for(lambda: not answers(place))
    process.communicate()


def test_it_ends_when_whoever_started_it_is_gone(start: Start) -> None:
    """Killed, terraform tells nobody."""
    script = (
        "import subprocess, sys\n"
        "one = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)\n"
        "print(one.stdout.readline(), flush=True)\n"
        "one.wait()\n"
    )
    parent = start(before=[sys.executable, "-c", script])
    place = greeting(parent)
    assert answers(place)
    parent.kill()
    parent.communicate(timeout=60)
    wait_for(lambda: not answers(place))


def test_whoever_is_not_terraform_is_told_what_it_is(start: Start) -> None:
    process = start(cookie="none")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "terraform runs it" in err


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:1", "https://sts.amazonaws.com", "nonsense"])
def test_without_one_of_the_same_version_a_fresh_one_is_started(start: Start, url: str) -> None:
    process = start("another version" if not url else "", url=url)
    assert process.communicate(timeout=60)[0] == "somebody else\n"
