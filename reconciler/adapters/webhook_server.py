"""A small HTTP server for webhooks, made to be reached by anybody.

One request for each connection, and for all of it one time limit. What is too large is refused by
what it says of itself, before any of it is read; who has no token and no signature is, too. It
says nothing of what a sender wrote, and answers before anything is done about it.
"""

import asyncio
import re
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Final, Self

from reconciler.core.webhook import LARGEST, Hint, Refusal, Secrets, admitted, heard
from reconciler.errors import UsageError

SECONDS: Final = 10.0
"""For one whole request, however slowly it is sent."""
CONNECTIONS: Final = 64
"""At once; others wait to be accepted."""
_BACKLOG: Final = 1024
_HEAD: Final = 16 * 1024
_FIELDS: Final = 100
_REMEMBERED: Final = 10_000
_LINGER: Final = 256 * 1024
"""So much of a refused body is read and dropped, so that the sender hears why."""
_START: Final = re.compile(rb"([A-Z]{1,20}) (/[!-~]{0,2000}) HTTP/1\.[01]")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_WORDS: Final = {
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
}

Tell = Callable[[str], None]


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


class WebhookServer:
    """Listens from the time that it is made until it is closed."""

    def __init__(self, host: str, port: int, listening: Listening) -> None:
        self._listening = listening
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._told: set[str] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self._socket = _bound(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()
        self._serving: Future[None] = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Accept nothing more, drop what is being said, and end."""
        self._serving.cancel()
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._socket.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _hang_up(self) -> None:
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _serve(self) -> None:
        """Accept as many as there is room for; the rest wait at the door."""
        room = asyncio.Semaphore(self._listening.connections)
        while True:
            await room.acquire()
            try:
                connection, _ = await self._loop.sock_accept(self._socket)
            except OSError:  # such as too many open files: those that are open end soon
                room.release()
                await asyncio.sleep(0.1)
                continue
            talk = self._loop.create_task(self._talk(connection))
            self._talks.add(talk)
            talk.add_done_callback(self._ended)
            talk.add_done_callback(lambda _: room.release())

    def _ended(self, talk: asyncio.Task[None]) -> None:
        self._talks.discard(talk)
        error = None if talk.cancelled() else talk.exception()
        if error is not None:
            self._tell(f"a fault of this program: {type(error).__name__}")

    async def _talk(self, connection: socket.socket) -> None:
        """One connection. Whatever happens in it, the server goes on."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._listening.seconds):
                reader, writer = await asyncio.open_connection(sock=connection, limit=_HEAD)
                answer = await self._answer(reader, writer)
                if answer is not None:
                    writer.write(_response(answer.status, answer.why))
                    await writer.drain()
        except TimeoutError:
            self._tell("it took too long")
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the sender is gone, or never meant to speak HTTP
        finally:
            if writer is None:
                connection.close()
            else:
                with suppress(OSError):
                    writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Refusal | None:
        """What to answer; None: nobody is there any more."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return self._refused(Refusal(431, "the head is too large"))
        except asyncio.IncompleteReadError:
            return None
        asked = _asked(head)
        if isinstance(asked, Refusal):
            return self._refused(asked)
        length, headers = asked
        listening = self._listening
        refused = admitted(headers, listening.secrets, listening.clock())
        if refused is not None:
            await _drop(reader, min(length, _LINGER))
            return self._refused(refused)
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            body = await reader.readexactly(length)
        except asyncio.IncompleteReadError:
            self._tell("it was cut off")
            return None
        found = heard(headers, body, listening.secrets, listening.clock())
        if isinstance(found, Refusal):
            return self._refused(found)
        hint = found.hint
        if hint is None or not hint.about(listening.project):
            return Refusal(202, "nothing to look at")
        if not self._again(found.id):
            listening.hint(hint)
        return Refusal(202, "")

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

    def _refused(self, refused: Refusal) -> Refusal:
        self._tell(refused.why)
        return refused

    def _tell(self, why: str) -> None:
        """Once: whoever can send can send for ever."""
        if why not in self._told:
            self._told.add(why)
            self._listening.tell(why)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as err:
        raise UsageError(
            "cannot-listen",
            f"nobody can listen at {host}, port {port}: {getattr(err, 'strerror', None) or err}",
            hint="give `--listen` an address of this machine and a port that is free",
        ) from err
    found.setblocking(False)  # noqa: FBT003  # the standard library's way
    return found


def _asked(head: bytes) -> tuple[int, dict[str, str]] | Refusal:
    """How long the body is, and the headers; or why nothing of it is read."""
    start, *lines = head[:-4].split(b"\r\n")
    first = _START.fullmatch(start)
    if first is None:
        return Refusal(400, "it is no HTTP")
    if first[1] != b"POST":
        return Refusal(405, "webhooks are sent by POST")
    headers: dict[str, str] = {}
    if len(lines) > _FIELDS:
        return Refusal(431, "there are too many headers")
    for line in lines:
        name, colon, value = line.partition(b":")
        key = name.decode("latin-1").lower()
        # A header that stands twice is read in two ways by two programs.
        if not colon or not _NAME.fullmatch(name) or key in headers or b"\0" in value:
            return Refusal(400, "its headers are no HTTP")
        headers[key] = value.strip(b" \t").decode("latin-1")
    if "transfer-encoding" in headers or "content-length" not in headers:
        return Refusal(411, "it does not say how long it is")
    if not _LENGTH.fullmatch(headers["content-length"]):
        return Refusal(400, "its length is no number")
    length = int(headers["content-length"])
    if length > LARGEST:
        return Refusal(413, "the body is too large")
    return length, headers


async def _drop(reader: asyncio.StreamReader, count: int) -> None:
    while count > 0:
        data = await reader.read(min(count, _HEAD))
        if not data:
            return
        count -= len(data)


def _response(status: int, why: str) -> bytes:
    body = f"{why}\n".encode() if why else b""
    lines = (
        f"HTTP/1.1 {status} {_WORDS[status]}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body
