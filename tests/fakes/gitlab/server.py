"""The fake on loopback, in a thread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from tests.fakes.gitlab.app import App
from tests.fakes.gitlab.state import Lab, Tier


@contextmanager
def serving(repository: Path, tier: Tier = "Free") -> Iterator[Lab]:
    """A GitLab over a bare repository; at its end no answer may have been against the schemas."""
    lab = Lab(repository, tier)
    app = App(lab)
    # Named as TCP, or asyncio leaves Nagle's algorithm on: 40 ms for each answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    lab.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield lab
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
        lab.hooks.close()
    assert not app.wrong, "answers that GitLab would not give: " + "; ".join(app.wrong)
