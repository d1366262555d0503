"""Traces over OTLP/HTTP: one for each change, from its commit to what was applied.

The trace's number is derived from the commit, so that every process that works on a change writes
into one trace without a word between them. A step named `change` is the root of it.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from requests import Session

from reconciler import __version__
from reconciler.core.redact import hidden
from reconciler.errors import ReconcilerError, UsageError

ROOT: Final = "change"
"""The step that all others of a change are parts of."""
_SECONDS: Final = 5.0
"""For sending once, and for what still waits at the end."""
_WAITING: Final = 2048
_LONGEST: Final = 300
_HEADER: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_VALUE: Final = re.compile(r"[ -~]{1,4000}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NEXT: ContextVar[tuple[int, int] | None] = ContextVar("next ids of a root", default=None)


def trace_of(change: str) -> int:
    """The number of a change's trace."""
    return _number(f"trace {change}", 16)


def root_of(change: str) -> int:
    """The number of its root."""
    return _number(f"root {change}", 8)


def headers_of(endpoint: str, text: str) -> dict[str, str]:
    """`name=value` pairs; what proves who we are is sent to nobody in the clear."""
    found = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or not _HEADER.fullmatch(name.strip()) or not _VALUE.fullmatch(value.strip()):
            raise UsageError(
                "bad-headers",
                "RECONCILER_OTLP_HEADERS is not `name=value`, separated by commas",
                hint="such as RECONCILER_OTLP_HEADERS=authorization=...",
            )
        found[name.strip()] = value.strip()
    parts = urlsplit(endpoint)
    if found and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise UsageError(
            "traces-in-the-clear",
            "RECONCILER_OTLP_HEADERS would be sent over http, where anybody can read them",
            hint="take an https address in RECONCILER_OTLP_ENDPOINT, or unset the headers",
        )
    return found


class Traces:
    """Sends steps of traces, in a thread of its own."""

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], seconds: float = _SECONDS
    ) -> None:
        self._seconds = seconds
        session = Session()
        session.max_redirects = 0  # what proves who we are is for one server
        # It would tell on stderr, each time, that nobody is there.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        logging.getLogger("opentelemetry").propagate = False
        self._exporter = _Counting(
            OTLPSpanExporter(
                endpoint=endpoint.rstrip("/") + "/v1/traces",
                headers=dict(headers),
                timeout=seconds,
                session=session,
            )
        )
        resource = Resource({"service.name": "reconciler", "service.version": __version__})
        self._provider = TracerProvider(
            resource=resource, id_generator=_Ids(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=_WAITING,
                schedule_delay_millis=1000,
                max_export_batch_size=256,
            )
        )
        self._tracer = self._provider.get_tracer("reconciler", __version__)

    @property
    def lost(self) -> int:
        """How many steps nobody took."""
        return self._exporter.lost

    @contextmanager
    def span(self, name: str, change: str, **words: str) -> Iterator[None]:
        """One step. `began`, for a root: when the change began, as an instant."""
        began = _nanoseconds(words.pop("began", ""))
        inner = trace.get_current_span().get_span_context()
        context, token = None, None
        if name == ROOT:
            context = Context()
            token = _NEXT.set((trace_of(change), root_of(change)))
        elif not inner.is_valid or inner.trace_id != trace_of(change):
            context = _below_root(change)
        try:
            span = self._tracer.start_span(name, context, start_time=began)
        finally:
            if token is not None:
                _NEXT.reset(token)
        span.set_attribute("commit", change)
        for word, said in words.items():
            span.set_attribute(word, hidden(said[:_LONGEST]))
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield
            except BaseException as error:
                # The kind and no more: messages may quote what nobody is to see.
                why = error.reason if isinstance(error, ReconcilerError) else type(error).__name__
                span.set_status(Status(StatusCode.ERROR, why))
                raise
            finally:
                span.end()

    def close(self) -> None:
        """Send what waits, for a moment."""
        self._provider.force_flush(int(self._seconds * 1000))
        self._provider.shutdown()


class _Ids(IdGenerator):
    """Numbers at random, but for the root of a change."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        known = _NEXT.get()
        return known[0] if known else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        known = _NEXT.get()
        return known[1] if known else self._random.generate_span_id()


class _Counting(SpanExporter):
    """Counts what nobody took."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _below_root(change: str) -> Context:
    sampled = TraceFlags(TraceFlags.SAMPLED)
    parent = SpanContext(trace_of(change), root_of(change), is_remote=True, trace_flags=sampled)
    return trace.set_span_in_context(NonRecordingSpan(parent), Context())


def _number(words: str, size: int) -> int:
    """Never zero, which means none."""
    return int.from_bytes(sha256(words.encode()).digest()[:size]) or 1


def _nanoseconds(instant: str) -> int | None:
    try:
        return int(datetime.fromisoformat(instant).timestamp() * 1_000_000_000)
    except ValueError:
        return None
