"""Health over real HTTP on loopback."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from reconciler.adapters.health_server import HealthServer, Showing
from reconciler.adapters.telemetry import LiveTelemetry
from reconciler.errors import UsageError


@dataclass
class Ward:
    """A program that is as well as a test says."""

    alive: str = ""
    ready: str = ""
    told: list[str] = field(default_factory=list)
    telemetry: LiveTelemetry = field(default_factory=LiveTelemetry)
    server: HealthServer = field(init=False)

    def start(self, seconds: float = 10.0) -> None:
        showing = Showing(
            self.telemetry.metrics,
            lambda: self.alive,
            lambda: self.ready,
            self.told.append,
            seconds,
        )
        self.server = HealthServer("127.0.0.1", 0, showing)

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.getheader("content-type", "")
        finally:
            connection.close()


@pytest.fixture
def ward() -> Iterator[Ward]:
    made = Ward()
    made.start()
    yield made
    made.server.close()


def test_who_is_well_says_so(ward: Ward) -> None:
    assert ward.ask("/healthz")[:2] == (200, "well\n")
    assert ward.ask("/readyz?verbose")[:2] == (200, "well\n")


def test_who_is_not_says_why_and_each_is_told_by_itself(ward: Ward) -> None:
    ward.ready = "the remote is away"
    assert ward.ask("/readyz")[:2] == (503, "the remote is away\n")
    assert ward.ask("/healthz")[0] == 200
    ward.alive, ward.ready = "no look has ended for 10 minutes", ""
    assert ward.ask("/healthz")[0] == 503
    assert ward.ask("/readyz")[0] == 200


def test_numbers_are_scraped_as_prometheus_wants_them(ward: Ward) -> None:
    ward.telemetry.counted("refusals")
    status, text, kind = ward.ask("/metrics")
    assert status == 200
    assert kind.startswith("text/plain; version=0.0.4")
    assert "\nreconciler_refusals_total 1.0\n" in text


def test_head_has_no_body_and_other_paths_and_ways_are_refused(ward: Ward) -> None:
    assert ward.ask("/healthz", "HEAD")[:2] == (200, "")
    assert ward.ask("/")[0] == 404
    assert ward.ask("/metrics/../etc/passwd")[0] == 404
    assert ward.ask("/healthz", "POST")[0] == 405


def test_whoever_says_nothing_keeps_nobody_else_waiting() -> None:
    ward = Ward()
    ward.start(seconds=0.2)
    idle = [socket.create_connection(("127.0.0.1", ward.server.port)) for _ in range(40)]
    try:
        assert ward.ask("/healthz")[0] == 200
    finally:
        for one in idle:
            one.close()
        ward.server.close()
    assert ward.told == ["it took too long"]


def test_a_fault_of_ours_ends_one_talk_and_not_the_server(ward: Ward) -> None:
    def broken() -> bytes:
        raise RuntimeError("secret words")

    showing = Showing(broken, lambda: "", lambda: "", ward.told.append)
    with HealthServer("127.0.0.1", 0, showing) as server:
        port = server.port
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/metrics")
        with pytest.raises(http.client.HTTPException):
            connection.getresponse()
        connection.close()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
    assert ward.told == ["a fault of this program: RuntimeError"]


def test_a_port_that_is_taken_is_told_in_words(ward: Ward) -> None:
    showing = Showing(bytes, str, str, ward.told.append)
    with pytest.raises(UsageError, match="nobody can listen") as error:
        HealthServer("127.0.0.1", ward.server.port, showing)
    assert "--health" in error.value.hint
