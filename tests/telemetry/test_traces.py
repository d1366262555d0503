"""Traces, sent to a real collector on loopback: one for each change, whoever works on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from reconciler.adapters.telemetry import LiveTelemetry
from reconciler.adapters.traces import Traces, headers_of, root_of, trace_of
from reconciler.errors import TransientError, UsageError

CHANGE = "a" * 40


class Collector:
    """Takes spans, and what they were sent with."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.status = 200
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.headers.append(dict(self.headers))
                if outer.status == 200:
                    request = ExportTraceServiceRequest.FromString(body)
                    for resource in request.resource_spans:
                        for scope in resource.scope_spans:
                            outer.spans.extend(scope.spans)
                self.send_response(outer.status)
                if outer.status == 302:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str) -> Any:
        (found,) = (one for one in self.spans if one.name == name)
        return found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_steps_of_two_processes_are_one_trace_below_one_root(collector: Collector) -> None:
    first, second = Traces(collector.url, {}), Traces(collector.url, {})
    with first.span("change", CHANGE, began="2026-11-21T10:00:00Z", environment="pitch"):
        pass
    with first.span("judge", CHANGE), first.span("plan", CHANGE):
        pass
    with second.span("apply", CHANGE, environment="pitch"):
        pass
    first.close()
    second.close()
    trace, root = trace_of(CHANGE).to_bytes(16), root_of(CHANGE).to_bytes(8)
    assert {one.trace_id for one in collector.spans} == {trace}
    change, judge = collector.named("change"), collector.named("judge")
    assert (change.span_id, change.parent_span_id) == (root, b"")
    assert change.start_time_unix_nano == 1795255200 * 1_000_000_000
    assert judge.parent_span_id == root
    assert collector.named("plan").parent_span_id == judge.span_id
    apply = collector.named("apply")
    assert apply.parent_span_id == root
    assert {one.key: one.value.string_value for one in apply.attributes} == {
        "commit": CHANGE,
        "environment": "pitch",
    }


def test_two_changes_are_two_traces_even_inside_each_other(collector: Collector) -> None:
    traces = Traces(collector.url, {})
    with traces.span("look", CHANGE), traces.span("apply", "b" * 40):
        pass
    traces.close()
    assert collector.named("apply").trace_id == trace_of("b" * 40).to_bytes(16)
    assert collector.named("look").trace_id != collector.named("apply").trace_id


def test_a_step_that_fails_says_of_what_kind_and_quotes_nothing(collector: Collector) -> None:
    traces = Traces(collector.url, {})
    error = TransientError("remote-away", "the token glpat-" + "Zx9kLm2Qw8Er4Ty6Ui1O was not taken")
    with pytest.raises(TransientError), traces.span("apply", CHANGE):
        raise error
    traces.close()
    apply = collector.named("apply")
    assert (apply.status.code, apply.status.message) == (2, "remote-away")
    assert not apply.events


def test_what_looks_like_a_secret_is_not_sent(collector: Collector) -> None:
    traces = Traces(collector.url, {})
    with traces.span("apply", CHANGE, why="it is glpat-" + "Zx9kLm2Qw8Er4Ty6Ui1O"):
        pass
    traces.close()
    assert "glpat" not in str(collector.spans)


def test_what_proves_us_goes_to_one_place_and_follows_no_redirect(collector: Collector) -> None:
    collector.status = 302
    traces = Traces(collector.url, {"authorization": "made-up"})
    with traces.span("apply", CHANGE):
        pass
    traces.close()
    assert [one["authorization"] for one in collector.headers] == ["made-up"]
    assert traces.lost == 1


def test_a_collector_that_is_away_is_counted_and_fails_nothing(
    collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.close()
    telemetry = LiveTelemetry(Traces(collector.url, {}, seconds=0.3))
    with telemetry.span("apply", CHANGE):
        pass
    telemetry.close()
    assert "\nreconciler_traces_lost_total 1.0\n" in telemetry.metrics().decode()
    assert "\nreconciler_traces_lost_total 1.0\n" in telemetry.metrics().decode()
    assert capfd.readouterr() == ("", "")


def test_headers_are_read_and_not_sent_in_the_clear() -> None:
    assert headers_of("https://otlp.example.com", " a=b, c-d = e=f ,") == {"a": "b", "c-d": "e=f"}
    assert headers_of("http://127.0.0.1:4318", "a=b") == {"a": "b"}
    assert headers_of("http://otlp.example.com", "") == {}
    with pytest.raises(UsageError, match="over http"):
        headers_of("http://otlp.example.com", "a=b")
    for bad in ("glpat", "=glpat", "glpat=", "gl glpat=b", "a=glpat\r\nc: d"):
        with pytest.raises(UsageError, match="name=value") as error:
            headers_of("https://otlp.example.com", bad)
        assert "glpat" not in str(error.value) + error.value.hint
