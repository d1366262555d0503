"""A storm of webhooks at a real controller: it looks once a second, and loses nothing."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

import pytest

from tests.check.project import SETTINGS
from tests.controller.conftest import Make
from tests.controller.real import Real, Watched, declared, document
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
PUSH: Final = json.dumps(
    {"object_kind": "push", "project": {"id": 5, "path_with_namespace": "some/project"}}
).encode()
AT_ONCE: Final = 100
MEGABYTES: Final = 48
"""So much more than before is bounded; ten thousand bodies that are kept are more."""


async def storm(port: int, rate: int, seconds: float) -> tuple[int, float]:
    """So many webhooks a second; how many were taken, and how long it took."""
    room, begun = asyncio.Semaphore(AT_ONCE), time.monotonic()

    async def one(number: int) -> bool:
        await asyncio.sleep(max(begun + number / rate - time.monotonic(), 0))
        head = (
            f"POST /hooks HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {TOKEN}\r\n"
            f"Idempotency-Key: {number}\r\nContent-Length: {len(PUSH)}\r\n\r\n"
        )
        async with room:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode() + PUSH)
            answer = await reader.read()
            writer.close()
            return answer.startswith(b"HTTP/1.1 202")

    taken = await asyncio.gather(*(one(number) for number in range(int(rate * seconds))))
    return sum(taken), time.monotonic() - begun


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


def heard(real: Real, rate: int, seconds: float) -> None:
    watched = real.watch(
        "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", HOOKS=TOKEN, GITLAB_TOKEN="none"
    )
    watched.until("applied", "before")
    ports = {one["what"]: int(one["port"]) for one in watched.heard("listening")}
    before, looks = megabytes(watched), ticks(ports["health"])

    async def all_of_it() -> tuple[tuple[int, float], int]:
        answers, sent = 0, asyncio.create_task(storm(ports["webhooks"], rate, seconds))
        while not sent.done():
            await asyncio.wait([sent], timeout=seconds / 5)
            answers += await asyncio.to_thread(shown, ports["health"], "/healthz") == "well\n"
        return await sent, answers

    real.change({document("meanwhile"): declared("meanwhile")})
    (taken, took), answers = asyncio.run(all_of_it())
    assert taken == rate * seconds
    assert answers >= 3
    after = megabytes(watched)
    looked = ticks(ports["health"]) - looks
    watched.until("applied", "meanwhile")
    sys.stdout.write(f"{taken} in {took:.1f} s, {looked} looks, {after - before:+.1f} MB\n")
    # Once a second, and again when a task has ended.
    assert looked <= took + 6, (looked, took)
    assert after - before < MEGABYTES, (before, after)
    assert watched.end() == 0
    real.whole(["before", "meanwhile"])


@pytest.mark.parametrize(
    "rate, seconds", [(400, 2), pytest.param(1000, 10, marks=pytest.mark.soak)]
)
def test_a_storm_of_webhooks_hurries_it_and_does_no_more(
    make: Make, rate: int, seconds: float
) -> None:
    real = make("before")
    text = re.sub(r"  forge:\n    kind: local\n", FORGE, real.files[SETTINGS])
    text = text.replace("poll: 1s", "poll: 1h").replace("retry: 1s", "retry: 1h")
    real.change({SETTINGS: text})
    heard(real, rate, seconds)
