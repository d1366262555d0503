"""What is counted, timed and weighed, as Prometheus reads it; and the traces of changes.

Nothing here may fail or hold anybody up: what cannot be kept is counted as such and dropped.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from threading import Lock
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from reconciler import __version__
from reconciler.model.metric import BY_NAME, METRICS, MOST_SERIES, PREFIX, Metric
from reconciler.ports import Tracing

_BUCKETS: Final = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 7200)
_LONGEST: Final = 100
_Labels = tuple[str, ...]


class LiveTelemetry:
    """Keeps numbers in this process, and hands steps of traces on."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self._tracing = tracing
        self._lock = Lock()
        self._series: dict[str, set[_Labels]] = {one.name: set() for one in METRICS}
        self._counters: dict[str, Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        for one in METRICS:
            self._make(one)
        ProcessCollector(namespace=PREFIX.rstrip("_"), registry=self._registry)
        self._told_lost = 0
        self.stands("build", 1, version=__version__)

    def counted(self, name: str, amount: float = 1, **labels: str) -> None:
        """So many more of it."""
        if not amount >= 0:  # nor what is no number
            self._refuse("value")
            return
        values = self._values(name, "counter", labels)
        if values is None:
            return
        counter = self._counters[name]
        (counter.labels(*values) if values else counter).inc(amount)

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """How long one of it took; a clock that was set back took no time."""
        values = self._values(name, "histogram", labels)
        if values is None:
            return
        histogram = self._histograms[name]
        (histogram.labels(*values) if values else histogram).observe(max(seconds, 0.0))

    def stands(self, name: str, value: float, **labels: str) -> None:
        """How much of it there is now."""
        metric = BY_NAME.get(name)
        if metric is not None and metric.fleeting and value == 0:
            self._forget(metric, labels)
            return
        values = self._values(name, "gauge", labels)
        if values is None:
            return
        gauge = self._gauges[name]
        (gauge.labels(*values) if values else gauge).set(value)

    def span(self, name: str, change: str, **words: str) -> AbstractContextManager[None]:
        """One step of what becomes of a change."""
        if self._tracing is None:
            return nullcontext()
        return self._tracing.span(name, change, **words)

    def metrics(self) -> bytes:
        """All of it, to be scraped."""
        if self._tracing is not None:
            with self._lock:
                lost = self._tracing.lost
                new, self._told_lost = lost - self._told_lost, lost
            self._counters["traces_lost"].inc(new)
        return generate_latest(self._registry)

    def close(self) -> None:
        """Send what waits, for a moment."""
        if self._tracing is not None:
            self._tracing.close()

    def _make(self, one: Metric) -> None:
        name = PREFIX + one.name
        match one.kind:
            case "counter":
                self._counters[one.name] = Counter(
                    name, one.meaning, one.labels, registry=self._registry
                )
            case "histogram":
                self._histograms[one.name] = Histogram(
                    one.shown, one.meaning, one.labels, registry=self._registry, buckets=_BUCKETS
                )
            case "gauge":
                self._gauges[one.name] = Gauge(
                    name, one.meaning, one.labels, registry=self._registry
                )

    def _values(self, name: str, kind: str, labels: Mapping[str, str]) -> _Labels | None:
        """The labels' values in their order; None: no numbers of that are kept."""
        metric = BY_NAME.get(name)
        if metric is None or metric.kind != kind or set(labels) != set(metric.labels):
            self._refuse("unknown")
            return None
        values = _ordered(metric, labels)
        with self._lock:
            series = self._series[name]
            if values in series or len(series) < MOST_SERIES:
                series.add(values)
                return values
        self._refuse("too-many")
        return None

    def _forget(self, metric: Metric, labels: Mapping[str, str]) -> None:
        if set(labels) != set(metric.labels):
            self._refuse("unknown")
            return
        values = _ordered(metric, labels)
        with self._lock:
            if values not in self._series[metric.name]:
                return
            self._series[metric.name].discard(values)
        with suppress(KeyError):
            self._gauges[metric.name].remove(*values)

    def _refuse(self, why: str) -> None:
        self._counters["measures_refused"].labels(why).inc()


def _ordered(metric: Metric, labels: Mapping[str, str]) -> _Labels:
    return tuple(str(labels[one])[:_LONGEST] for one in metric.labels)
