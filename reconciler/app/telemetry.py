"""Telemetry where nobody scrapes, and where another process keeps the numbers.

A command line tells nobody. A child process gathers what it measures and hands it to its parent,
which is the one that is scraped; steps of a trace it tells by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from time import monotonic
from typing import Any, Final

from reconciler.model.metric import Measure
from reconciler.ports import Telemetry, Tracing

_MOST: Final = 1000
"""A child measures far less; more would only be a fault, and is dropped."""


class NullTelemetry:
    """Tells nobody."""

    def counted(self, name: str, amount: float = 1, **labels: str) -> None:
        """Nothing."""

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """Nothing."""

    def stands(self, name: str, value: float, **labels: str) -> None:
        """Nothing."""

    def span(self, name: str, change: str, **words: str) -> AbstractContextManager[None]:
        """Nothing."""
        del name, change, words
        return nullcontext()


class Gathering:
    """Keeps what is measured until somebody takes it along."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self._tracing = tracing
        self._measured: list[Measure] = []

    @property
    def measured(self) -> Sequence[Measure]:
        """In the order in which it was measured."""
        return tuple(self._measured)

    def counted(self, name: str, amount: float = 1, **labels: str) -> None:
        """So many more of it."""
        self._keep(Measure("counter", name, amount, tuple(labels.items())))

    def took(self, name: str, seconds: float, **labels: str) -> None:
        """How long one of it took."""
        self._keep(Measure("histogram", name, seconds, tuple(labels.items())))

    def stands(self, name: str, value: float, **labels: str) -> None:
        """How much of it there is now."""
        self._keep(Measure("gauge", name, value, tuple(labels.items())))

    def span(self, name: str, change: str, **words: str) -> AbstractContextManager[None]:
        """One step of what becomes of a change."""
        if self._tracing is None:
            return nullcontext()
        return self._tracing.span(name, change, **words)

    def close(self) -> None:
        """Send what waits, for a moment."""
        if self._tracing is not None:
            self._tracing.close()

    def _keep(self, measure: Measure) -> None:
        if len(self._measured) < _MOST:
            self._measured.append(measure)


def passed_on(measured: Iterable[Measure], telemetry: Telemetry) -> None:
    """Tell somebody what another process measured."""
    for one in measured:
        labels = dict(one.labels)
        match one.kind:
            case "counter":
                telemetry.counted(one.name, one.value, **labels)
            case "histogram":
                telemetry.took(one.name, one.value, **labels)
            case "gauge":
                telemetry.stands(one.name, one.value, **labels)


def told(measured: Iterable[Measure]) -> list[list[object]]:
    """For the way between processes."""
    return [
        [one.kind, one.name, one.value, [list(pair) for pair in one.labels]] for one in measured
    ]


def measures(more: Mapping[str, Any]) -> Iterator[Measure]:
    """The reverse, of what a process told; what is none is left out."""
    for row in more.get("measures", ()):
        with suppress(TypeError, ValueError):
            kind, name, value, labels = row
            yield Measure(kind, name, value, tuple((str(one), str(is_)) for one, is_ in labels))


@contextmanager
def step(telemetry: Telemetry, name: str, change: str, **words: str) -> Iterator[None]:
    """One step of what becomes of a change: timed, and a part of its trace."""
    began = monotonic()
    try:
        with telemetry.span(name, change, **words):
            yield
    finally:
        telemetry.took("step", monotonic() - began, step=name)
