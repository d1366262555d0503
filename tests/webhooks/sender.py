"""A sender of webhooks that takes little itself: made before, one connection each, one process.

`python -m tests.webhooks.sender PORT COUNT RATE`: RATE is how many a second, 0 as fast as it goes.
It prints how many were taken, and how many seconds that took.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from typing import Final

from tests.webhooks.test_heard import TOKEN

PUSH: Final = json.dumps(
    {"object_kind": "push", "project": {"id": 5, "path_with_namespace": "some/project"}}
).encode()
AT_ONCE: Final = 50
PATIENCE: Final = 30.0


def request(number: int) -> bytes:
    """One of them; GitLab gives each a key of its own."""
    head = (
        f"POST /hooks HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {TOKEN}\r\n"
        f"Idempotency-Key: {number}\r\nContent-Length: {len(PUSH)}\r\n\r\n"
    )
    return head.encode() + PUSH


def sent(port: int, count: int, rate: float) -> tuple[int, float]:
    """How many were taken, and how long it took until the last was answered."""
    waiting = [request(number) for number in range(count)]
    taken = next_ = 0
    with selectors.DefaultSelector() as open_ones:
        began = time.monotonic()
        while next_ < count or open_ones.get_map():
            passed = time.monotonic() - began
            if passed > PATIENCE + (count / rate if rate else 0):
                break
            due = count if not rate else min(count, int(passed * rate) + 1)
            while next_ < due and len(open_ones.get_map()) < AT_ONCE:
                connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
                connection.sendall(waiting[next_])
                open_ones.register(connection, selectors.EVENT_READ)
                next_ += 1
            for key, _ in open_ones.select(0.001 if next_ < count else 1.0):
                found = key.fileobj
                assert isinstance(found, socket.socket)
                taken += found.recv(4096).startswith(b"HTTP/1.1 202")
                open_ones.unregister(found)
                found.close()
        return taken, time.monotonic() - began


if __name__ == "__main__":
    told = sent(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.write(json.dumps(told))
