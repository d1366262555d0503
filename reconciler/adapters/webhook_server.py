"""A small HTTP server for webhooks, made to be reached by anybody.

What is too large is refused by what it says of itself, before any of it is read; who has no token
and no signature is, too. It says nothing of what a sender wrote, and answers before anything is
done about it.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.adapters.small_server import (
    CONNECTIONS,
    HEAD,
    SECONDS,
    Answer,
    Bounds,
    Head,
    SmallServer,
    Tell,
    plain,
)
from reconciler.core.webhook import LARGEST, Hint, Refusal, Secrets, admitted, heard

_REMEMBERED: Final = 10_000
_LINGER: Final = 256 * 1024
"""So much of a refused body is read and dropped, so that the sender hears why."""
_LENGTH: Final = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Listening:
    """What a server listens for."""

    secrets: Secrets
    project: str
    """The project's path or id: what is about another one is none of ours."""
    hint: Callable[[Hint], None]
    """Told where to look; it returns at once."""
    tell: Tell
    """Told, once for each reason, why requests are refused."""
    clock: Callable[[], datetime]
    seconds: float = SECONDS
    connections: int = CONNECTIONS


class WebhookServer(SmallServer):
    """Listens from the time that it is made until it is closed."""

    def __init__(self, host: str, port: int, listening: Listening) -> None:
        self._listening = listening
        self._seen: OrderedDict[str, None] = OrderedDict()
        bounds = Bounds(listening.seconds, listening.connections)
        super().__init__(host, port, listening.tell, bounds, "--listen")

    async def answer(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        """What to answer; None: nobody is there any more."""
        if head.method != "POST":
            return self.refused(405, "webhooks are sent by POST")
        headers = head.headers
        length = _length(headers)
        if isinstance(length, Refusal):
            return self.refused(length.status, length.why)
        listening = self._listening
        refused = admitted(headers, listening.secrets, listening.clock())
        if refused is not None:
            await _drop(reader, min(length, _LINGER))
            return self.refused(refused.status, refused.why)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            self.tell("it was cut off")
            return None
        found = heard(headers, body, listening.secrets, listening.clock())
        if isinstance(found, Refusal):
            return self.refused(found.status, found.why)
        hint = found.hint
        if hint is None or not hint.about(listening.project):
            return plain(202, "nothing to look at")
        if not self._again(found.id):
            listening.hint(hint)
        return plain(202, "")

    def _again(self, name: str) -> bool:
        """Whether it was heard before; the last ones are remembered."""
        if not name:
            return False
        if name in self._seen:
            return True
        self._seen[name] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return False


def _length(headers: Mapping[str, str]) -> int | Refusal:
    """How long the body is; or why nothing of it is read."""
    if "transfer-encoding" in headers or "content-length" not in headers:
        return Refusal(411, "it does not say how long it is")
    if not _LENGTH.fullmatch(headers["content-length"]):
        return Refusal(400, "its length is no number")
    length = int(headers["content-length"])
    if length > LARGEST:
        return Refusal(413, "the body is too large")
    return length


async def _drop(reader: asyncio.StreamReader, count: int) -> None:
    while count > 0:
        data = await reader.read(min(count, HEAD))
        if not data:
            return
        count -= len(data)
