"""A storm of webhooks at a real controller: it looks once a second, and loses nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.check.project import SETTINGS
from tests.controller.conftest import Make
from tests.controller.real import Real, Watched, declared, document
from tests.repos import ROOT
from tests.webhooks.test_heard import TOKEN

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

FORGE: Final = """\
  forge:
    kind: gitlab
    url: http://127.0.0.1:9
    project: some/project
    webhookSecretFrom: HOOKS
"""
SLOWER: Final = 3
"""Beside it something is applied, and other tests run; `make bench` tells what it can take."""
MEGABYTES: Final = 48
"""So much more than before is bounded; ten thousand bodies that are kept are more."""


@contextmanager
def storm(port: int, rate: int, seconds: int) -> Iterator[subprocess.Popen[str]]:
    """So many webhooks a second, from a process of its own."""
    numbers = (str(port), str(rate * seconds), str(rate))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.webhooks.sender", *numbers],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        yield process


def shown(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def ticks(port: int) -> int:
    found = re.search(
        r'^reconciler_ticks_total\{result="done"\} (\S+)$', shown(port, "/metrics"), re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def megabytes(watched: Watched) -> float:
    text = Path(f"/proc/{watched.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", text, re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


def heard(real: Real, rate: int, seconds: int) -> None:
    watched = real.watch(
        "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", HOOKS=TOKEN, GITLAB_TOKEN="none"
    )
    watched.until("applied", "before")
    ports = {one["what"]: int(one["port"]) for one in watched.heard("listening")}
    before, looks = megabytes(watched), ticks(ports["health"])
    real.change({document("meanwhile"): declared("meanwhile")})
    answers, began = 0, time.monotonic()
    with storm(ports["webhooks"], rate, seconds) as sender:
        while sender.poll() is None:
            answers += shown(ports["health"], "/healthz") == "well\n"
            with suppress(subprocess.TimeoutExpired):
                sender.wait(seconds / 5)
        assert sender.stdout is not None
        taken, sending = json.loads(sender.stdout.read())
    took = time.monotonic() - began
    assert taken == rate * seconds
    assert sending < seconds * SLOWER, "the pace is not held"
    assert answers >= 3
    after = megabytes(watched)
    looked = ticks(ports["health"]) - looks
    watched.until("applied", "meanwhile")
    sys.stdout.write(f"{taken} in {sending:.1f} s, {looked} looks, {after - before:+.1f} MB\n")
    # Once a second, and again when a task has ended.
    assert looked <= took + 6, (looked, took)
    assert after - before < MEGABYTES, (before, after)
    assert watched.end() == 0
    real.whole(["before", "meanwhile"])


@pytest.mark.parametrize(
    "rate, seconds", [(1000, 1), pytest.param(1000, 10, marks=pytest.mark.soak)]
)
def test_a_storm_of_webhooks_hurries_it_and_does_no_more(
    make: Make, rate: int, seconds: int
) -> None:
    real = make("before")
    text = re.sub(r"  forge:\n    kind: local\n", FORGE, real.files[SETTINGS])
    text = text.replace("poll: 1s", "poll: 1h").replace("retry: 1s", "retry: 1h")
    real.change({SETTINGS: text})
    heard(real, rate, seconds)
