"""The ASGI application: authentication, faults, routing on the raw path, JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.gitlab import merge_requests, notes, project, routing, schemas, statuses
from tests.fakes.gitlab.faults import Fault
from tests.fakes.gitlab.routing import Answer, Call, RefusedError
from tests.fakes.gitlab.state import Lab

_FAMILIES = (merge_requests, notes, project, statuses)
"""Imported so that their paths are known."""
_API = "/api/v4"
_DRIP = 0.02

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class App:
    """Speaks ASGI for a lab. `wrong` collects answers that GitLab would never give."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.wrong: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        raw = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode()
        method = scope["method"]
        body = await _whole(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        with self.lab.lock:
            self.lab.asked.append((method, f"{raw}?{query}" if query else raw))
            fault = self.lab.faults.next(method, raw)
            if fault is None or fault.after or fault.kind == "cut":
                answer = self.answer(method, raw, query, headers, body)
            else:
                answer = Answer(200, None)
            self.lab.turn()
        answer.headers["date"] = format_datetime(self.lab.now(), usegmt=True)
        if fault is None:
            await _send(send, answer)
        else:
            await _fail(fault, answer, receive, send)

    def answer(
        self, method: str, raw: str, query: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        """What GitLab would say."""
        try:
            given = self._called(method, raw, query, headers, body)
        except RefusedError as refused:
            return Answer(refused.status, refused.body)
        wrong = schemas.wrong(given.schema, given.body)
        self.wrong += [f"{method} {raw}: {one}" for one in wrong]
        return given

    def _called(
        self, method: str, raw: str, query: str, headers: dict[str, str], body: bytes
    ) -> Answer:
        token = headers.get("private-token") or headers.get("authorization", "")
        user = self.lab.holder(token.removeprefix("Bearer "))
        if user is None:
            raise RefusedError(401, "401 Unauthorized")
        path = raw.removeprefix(_API)
        found = routing.find(method, path)
        if found is None or path == raw:
            raise RefusedError(404, "404 Not Found", "error")
        handler, words = found
        if path.startswith("/projects/"):
            own = self.lab.project
            if words[0] not in (own.path, str(own.id)) or user.level == 0:
                raise RefusedError(404, "404 Project Not Found")
        try:
            read = json.loads(body) if body else {}
        except ValueError as err:
            raise RefusedError(400, "400 Bad request - Invalid JSON", "error") from err
        return handler(Call(self.lab, user, path, words, dict(parse_qsl(query)), read))


async def _whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _send(send: Send, answer: Answer) -> None:
    data = b"" if answer.body is None else json.dumps(answer.body).encode()
    headers = {"content-type": "application/json", **answer.headers}
    await _put(send, answer.status, headers, data)


async def _put(send: Send, status: int, headers: dict[str, str], data: bytes) -> None:
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    sent.append((b"content-length", str(len(data)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": data})


async def _fail(fault: Fault, answer: Answer, receive: Receive, send: Send) -> None:
    if fault.kind == "hang":
        while (await receive())["type"] != "http.disconnect":
            pass
    elif fault.kind == "cut":
        data = json.dumps(answer.body).encode()
        sent = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(data))]
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send(
            {"type": "http.response.body", "body": data[: len(data) // 2], "more_body": True}
        )
        # Ending here without the rest is what cuts the connection.
    elif fault.kind in ("drip", "huge"):
        await _without_end(fault.kind == "drip", receive, send)
    elif fault.kind == "redirect":
        await _put(send, 302, {"location": fault.target}, b"")
    elif fault.kind == "not json":
        await _put(send, 200, {"content-type": "application/json"}, b"<html>sign in</html>")
    elif fault.kind == "locked":
        await _send(send, Answer(409, {"message": "409 Conflict: Resource lock"}))
    elif fault.kind == "429":
        headers = {"content-type": "text/plain", "retry-after": fault.retry_after}
        await _put(send, 429, headers, b"Retry later\n")
    else:
        page = b"<html><body>GitLab is not responding</body></html>"
        await _put(send, int(fault.kind), {"content-type": "text/html"}, page)


async def _without_end(slow: bool, receive: Receive, send: Send) -> None:  # noqa: FBT001
    """A body that goes on until nobody listens: a byte now and then, or as fast as it can."""
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    gone = asyncio.ensure_future(receive())
    while not gone.done():
        body = b" " if slow else b" " * 65_536
        await send({"type": "http.response.body", "body": body, "more_body": True})
        await asyncio.wait([gone], timeout=_DRIP if slow else 0)
