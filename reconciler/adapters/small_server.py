"""A small HTTP server, made to be reached by anybody.

One request for each connection, and for all of it one time limit; few connections at once. What is
no plain HTTP is refused, whatever a connection does the server goes on, and nothing of what a
sender wrote is said again.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from reconciler.errors import UsageError

SECONDS: Final = 10.0
"""For one whole request, however slowly it is sent."""
CONNECTIONS: Final = 64
"""At once; others wait to be accepted."""
HEAD: Final = 16 * 1024
_BACKLOG: Final = 1024
_FIELDS: Final = 100
_START: Final = re.compile(rb"([A-Z]{1,20}) (/[!-~]{0,2000}) HTTP/1\.[01]")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_WORDS: Final = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
PLAIN: Final = "text/plain; charset=utf-8"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a request; the connection ends with it."""

    status: int
    body: bytes = b""
    kind: str = PLAIN


def plain(status: int, why: str) -> Answer:
    """An answer of one line."""
    return Answer(status, f"{why}\n".encode() if why else b"")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a body."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By names in small letters, each once; values are bytes, read as Latin-1."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of a server anybody may take."""

    seconds: float = SECONDS
    connections: int = CONNECTIONS


class SmallServer:
    """Listens from the time that it is made until it is closed."""

    def __init__(self, host: str, port: int, tell: Tell, bounds: Bounds, option: str) -> None:
        self._tells = tell
        self._bounds = bounds
        self._told: set[str] = set()
        self._talks: set[asyncio.Task[None]] = set()
        self._socket = _bound(host, port, option)
        self.host, self.port = self._socket.getsockname()[:2]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)
        self._thread.start()
        self._serving: Future[None] = asyncio.run_coroutine_threadsafe(self._serve(), self._loop)

    async def answer(
        self, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        """What to say to a request; None: nobody is there any more."""
        raise NotImplementedError

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

    def refused(self, status: int, why: str) -> Answer:
        """Why it gets no hearing: said to the sender, and once to us."""
        self.tell(why)
        return plain(status, why)

    def tell(self, why: str) -> None:
        """Once: whoever can send can send for ever."""
        if why not in self._told:
            self._told.add(why)
            self._tells(why)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _hang_up(self) -> None:
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _serve(self) -> None:
        """Accept as many as there is room for; the rest wait at the door."""
        room = asyncio.Semaphore(self._bounds.connections)
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
            self.tell(f"a fault of this program: {type(error).__name__}")

    async def _talk(self, connection: socket.socket) -> None:
        """One connection. Whatever happens in it, the server goes on."""
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._bounds.seconds):
                reader, writer = await asyncio.open_connection(sock=connection, limit=HEAD)
                answer = await self._heard(reader, writer)
                if answer is not None:
                    writer.write(_response(answer))
                    await writer.drain()
        except TimeoutError:
            self.tell("it took too long")
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # the sender is gone, or never meant to speak HTTP
        finally:
            if writer is None:
                connection.close()
            else:
                with suppress(OSError):
                    writer.close()

    async def _heard(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer | None:
        try:
            data = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return self.refused(431, "the head is too large")
        except asyncio.IncompleteReadError:
            return None
        head = _head(data)
        if isinstance(head, Head):
            return await self.answer(head, reader, writer)
        return self.refused(*head)


def _bound(host: str, port: int, option: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as err:
        raise UsageError(
            "cannot-listen",
            f"nobody can listen at {host}, port {port}: {getattr(err, 'strerror', None) or err}",
            hint=f"give `{option}` an address of this machine and a port that is free",
        ) from err
    found.setblocking(False)  # noqa: FBT003  # the standard library's way
    return found


def _head(data: bytes) -> Head | tuple[int, str]:
    """What is asked for; or the status and why it is not heard."""
    start, *lines = data[:-4].split(b"\r\n")
    first = _START.fullmatch(start)
    if first is None:
        return 400, "it is no HTTP"
    headers: dict[str, str] = {}
    if len(lines) > _FIELDS:
        return 431, "there are too many headers"
    for line in lines:
        name, colon, value = line.partition(b":")
        key = name.decode("latin-1").lower()
        # A header that stands twice is read in two ways by two programs.
        if not colon or not _NAME.fullmatch(name) or key in headers or b"\0" in value:
            return 400, "its headers are no HTTP"
        headers[key] = value.strip(b" \t").decode("latin-1")
    return Head(first[1].decode(), first[2].decode(), headers)


def _response(answer: Answer) -> bytes:
    lines = (
        f"HTTP/1.1 {answer.status} {_WORDS[answer.status]}",
        f"Content-Type: {answer.kind}",
        f"Content-Length: {len(answer.body)}",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + answer.body
