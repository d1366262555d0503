"""Whether this program is well, and its numbers: for whoever keeps it running.

`/healthz`: it is alive; who sees anything else here starts it anew. `/readyz`: it does its work.
`/metrics`: what Prometheus reads. It has a thread of its own, so that it answers whatever the rest
is at, and it tells no secret; but it tells names of environments, so it is for inside.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.adapters.small_server import SECONDS, Answer, Bounds, Head, SmallServer, Tell, plain

_KIND: Final = "text/plain; version=0.0.4; charset=utf-8"
_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Showing:
    """What a server shows."""

    metrics: Callable[[], bytes]
    alive: Callable[[], str]
    """Why it is not; empty: it is."""
    ready: Callable[[], str]
    """Why it is not; empty: it is."""
    tell: Tell
    """Told, once for each reason, why requests are refused."""
    seconds: float = SECONDS


class HealthServer(SmallServer):
    """Listens from the time that it is made until it is closed."""

    def __init__(self, host: str, port: int, showing: Showing) -> None:
        self._showing = showing
        bounds = Bounds(showing.seconds, _CONNECTIONS)
        super().__init__(host, port, showing.tell, bounds, "--health")

    async def answer(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        """What is asked for, by its path. A body is not read."""
        del reader, writer
        if head.method not in {"GET", "HEAD"}:
            return self.refused(405, "health is asked for by GET")
        found = self._shown(head.path.partition("?")[0])
        return Answer(found.status, b"", found.kind) if head.method == "HEAD" else found

    def _shown(self, path: str) -> Answer:
        match path:
            case "/metrics":
                return Answer(200, self._showing.metrics(), _KIND)
            case "/healthz":
                return _well(self._showing.alive())
            case "/readyz":
                return _well(self._showing.ready())
            case _:
                return plain(404, "here are /healthz, /readyz and /metrics")


def _well(why: str) -> Answer:
    return plain(503, why) if why else plain(200, "well")
