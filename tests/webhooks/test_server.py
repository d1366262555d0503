"""The server of webhooks, over real HTTP on loopback, and what is sent by those who mean it ill."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from reconciler.adapters.webhook_server import Listening, WebhookServer
from reconciler.core.webhook import Hint, Secrets, sign
from reconciler.errors import UsageError
from tests.webhooks.test_heard import KEY, MERGE_REQUEST, NOTE, NOW, PROJECT, TOKEN, body_of, secret

MANY: Final = 1000


@dataclass
class Post:
    """A listening server, and everything that it said."""

    hints: list[Hint] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    now: datetime = NOW
    server: WebhookServer = field(init=False)

    def start(self, secrets: str, **more: Any) -> WebhookServer:
        listening = Listening(
            Secrets.read(secrets),
            "gitlab-org/gitlab-test",
            self.hints.append,
            self.told.append,
            lambda: self.now,
            **more,
        )
        self.server = WebhookServer("127.0.0.1", 0, listening)
        return self.server

    def send(self, body: bytes, headers: dict[str, str], method: str = "POST") -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, "/hooks", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def signed(self, value: object, name: str = "id-1", when: datetime | None = None) -> int:
        body, seconds = body_of(value), str(int((when or self.now).timestamp()))
        headers = {
            "webhook-id": name,
            "webhook-timestamp": seconds,
            "webhook-signature": sign(KEY, name, seconds, body),
        }
        return self.send(body, headers)

    def raw(self, data: bytes, *, end: bool = True) -> bytes:
        """What comes back for bytes as they are."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=20) as connection:
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := connection.recv(4096):
                    answer += part
            except ConnectionResetError:
                pass
            return answer


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    made.start(f"{secret(KEY)} {TOKEN}")
    yield made
    made.server.close()


def head(length: object, *more: str) -> bytes:
    lines = ["POST / HTTP/1.1", "Host: x", f"Content-Length: {length}", *more, "", ""]
    return "\r\n".join(lines).encode()


def test_a_signed_hook_becomes_a_hint(post: Post) -> None:
    assert post.signed(MERGE_REQUEST) == 202
    assert post.hints == [Hint(16, "gitlab-org/gitlab-test", 5)]
    assert post.told == []


def test_a_hook_with_a_token_becomes_a_hint(post: Post) -> None:
    assert post.send(body_of(NOTE), {"X-Gitlab-Token": TOKEN}) == 202
    assert [one.number for one in post.hints] == [1]


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Gitlab-Token": "wrong"}, {"webhook-signature": "v1,AAAA"}],
    ids=["nothing", "token", "signature"],
)
def test_nobody_else_is_heard(post: Post, headers: dict[str, str]) -> None:
    assert post.send(body_of(MERGE_REQUEST), headers) == 401
    assert post.hints == []
    assert len(post.told) == 1


def test_a_replayed_hook_is_heard_once(post: Post) -> None:
    assert [post.signed(MERGE_REQUEST) for _ in range(3)] == [202, 202, 202]
    for _ in range(3):
        headers = {"X-Gitlab-Token": TOKEN, "Idempotency-Key": "f5e57ebe"}
        assert post.send(body_of(NOTE), headers) == 202
    assert [one.number for one in post.hints] == [16, 1]


def test_a_hook_that_is_replayed_later_is_refused(post: Post) -> None:
    sent = post.now
    post.now += timedelta(minutes=6)
    assert post.signed(MERGE_REQUEST, "id-late", sent) == 401
    post.now -= timedelta(hours=1)
    assert post.signed(MERGE_REQUEST, "id-early", sent) == 401
    assert post.hints == []
    assert all("clock" in one for one in post.told)


def test_hooks_out_of_order_are_hints_all_the_same(post: Post) -> None:
    later = post.now + timedelta(seconds=60)
    assert post.signed(NOTE, "id-2", later) == 202
    assert post.signed(MERGE_REQUEST, "id-1") == 202
    assert [one.number for one in post.hints] == [1, 16]


def test_what_is_about_another_project_is_none_of_ours(post: Post) -> None:
    other = {**MERGE_REQUEST, "project": {**PROJECT, "path_with_namespace": "a/b"}}
    assert post.signed(other) == 202
    assert post.signed({"object_kind": "wiki_page", "project": PROJECT}, "id-2") == 202
    assert post.hints == []


@pytest.mark.parametrize(
    "length, status",
    [
        (100 * 1024 * 1024, b"413"),
        (1024 * 1024 + 1, b"413"),
        ("99999999999999999999", b"400"),
        ("-1", b"400"),
        ("1e3", b"400"),
        ("", b"400"),
    ],
)
def test_a_huge_body_is_refused_by_what_it_claims(
    post: Post, length: object, status: bytes
) -> None:
    answer = post.raw(head(length, f"X-Gitlab-Token: {TOKEN}"), end=False)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert post.hints == []


@pytest.mark.parametrize(
    "data, status",
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"400"),
        (b"POST http://x/ HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (b"POST / HTTP/1.1\r\n folded: x\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (b"POST / HTTP/1.1\r\n" + b"A%d: b\r\n" * 1 + b"no colon\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % i for i in range(200)) + b"\r\n",
            b"431",
        ),
        (b"POST / HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"431"),
        (b"", b""),
        (b"POST", b""),
    ],
    ids=range(12),
)
def test_what_is_no_proper_request_is_refused(post: Post, data: bytes, status: bytes) -> None:
    answer = post.raw(data)
    assert answer[9:12] == status
    assert post.signed(MERGE_REQUEST) == 202


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 400_000, b'{"a":{}}'], ids=range(5))
def test_a_malformed_body_stops_nothing(post: Post, body: bytes) -> None:
    assert post.send(body, {"X-Gitlab-Token": TOKEN}) in (202, 400)
    assert post.signed(MERGE_REQUEST) == 202
    assert [one.number for one in post.hints] == [16]


def test_a_body_that_is_cut_off_is_no_hook(post: Post) -> None:
    assert post.raw(head(500, f"X-Gitlab-Token: {TOKEN}") + b'{"object_kind": "push"}') == b""
    assert post.signed(MERGE_REQUEST) == 202
    assert [one.number for one in post.hints] == [16]
    assert post.told == ["it was cut off"]


def test_who_sends_slowly_does_not_keep_others_waiting_for_ever() -> None:
    post = Post()
    with post.start(TOKEN, seconds=0.3, connections=2) as server:
        slow = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(4)]
        for one in slow:
            one.sendall(b"POST / HTTP/1.1\r\n")
        # It waits at the door until the slow ones are shown out.
        assert post.send(body_of(MERGE_REQUEST), {"X-Gitlab-Token": TOKEN}) == 202
        for one in slow:
            assert one.recv(100) == b""
            one.close()
    assert [one.number for one in post.hints] == [16]
    assert "it took too long" in post.told


def test_a_thousand_hooks_at_once_are_all_answered(post: Post) -> None:
    start = threading.Barrier(40)

    def some(first: int) -> list[int]:
        start.wait()
        return [
            post.signed({**NOTE, "merge_request": {"iid": number}}, f"id-{number}")
            for number in range(first, first + MANY // 40)
        ]

    with ThreadPoolExecutor(40) as pool:
        answers = [one for many in pool.map(some, range(1, MANY + 1, MANY // 40)) for one in many]
    assert answers == [202] * MANY
    assert sorted(one.number for one in post.hints) == list(range(1, MANY + 1))


def test_an_endless_stream_of_strangers_is_told_once(post: Post) -> None:
    for number in range(20):
        assert post.send(b"\x1b[2J" * 10, {"X-Gitlab-Token": f"guess {number}"}) == 401
    assert post.told == ["the token is wrong"]


def test_a_sender_that_asks_first_is_told_to_go_on(post: Post) -> None:
    body = body_of(MERGE_REQUEST)
    sent = head(len(body), f"X-Gitlab-Token: {TOKEN}", "Expect: 100-continue") + body
    assert post.raw(sent).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted")


def test_it_ends_while_somebody_is_still_sending() -> None:
    post = Post()
    with post.start(TOKEN) as server:
        slow = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        slow.sendall(b"POST / HTTP/1.1\r\n")
        assert post.send(json.dumps(NOTE).encode(), {"X-Gitlab-Token": TOKEN}) == 202
    assert slow.recv(10) == b""
    slow.close()


def test_a_port_that_is_taken_is_said(post: Post) -> None:
    again = Post()
    with pytest.raises(UsageError, match="nobody can listen") as told:
        WebhookServer(
            "127.0.0.1",
            post.server.port,
            Listening(Secrets.read(TOKEN), "", again.hints.append, again.told.append, lambda: NOW),
        )
    assert "--listen" in told.value.hint
