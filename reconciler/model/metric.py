"""Metric: what the program counts, times and weighs about itself. A list that people build on.

A name is never given another meaning. Labels have few values each; the one that names environments
is kept to so many by whoever keeps the numbers.
"""

from dataclasses import dataclass
from typing import Final, Literal

PREFIX: Final = "reconciler_"
MOST_SERIES: Final = 1000
"""So many series each metric has at most; of what comes later no numbers are kept."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One of them."""

    name: str
    """As code calls it."""
    kind: Literal["counter", "histogram", "gauge"]
    """counted, took, or stands."""
    meaning: str
    labels: tuple[str, ...] = ()
    fleeting: bool = False
    """A value of 0 takes the series away: what is not so any more is not there."""

    @property
    def shown(self) -> str:
        """As it is scraped."""
        ends = {"counter": "_total", "histogram": "_seconds", "gauge": ""}
        return PREFIX + self.name + ends[self.kind]


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured, to be handed on from one process to another."""

    kind: Literal["counter", "histogram", "gauge"]
    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


METRICS: Final = (
    Metric("ticks", "counter", "Looks at the whole repository.", ("result",)),
    Metric("tick", "histogram", "How long one look at the whole repository took."),
    Metric("last_tick", "gauge", "When the last look ended well, in seconds since 1970."),
    Metric("environments", "gauge", "Environments that are declared.", ("track",)),
    Metric("conditions", "gauge", "Environments of which a condition is so.", ("condition",)),
    Metric(
        "environment",
        "gauge",
        "1 while a condition is so of an environment; no series while it is not.",
        ("environment", "condition"),
        fleeting=True,
    ),
    Metric("queue", "gauge", "Deeds that are due and wait.", ("job",)),
    Metric("running", "gauge", "Deeds that are being done.", ("job",)),
    Metric("waited", "histogram", "From when a deed was due to when it began.", ("job",)),
    Metric("deeds", "counter", "Deeds that ended.", ("job", "result")),
    Metric("deed", "histogram", "How long one deed took.", ("job", "result")),
    Metric("step", "histogram", "How long one step of a deed took.", ("step",)),
    Metric("merge_to_apply", "histogram", "From a merge to the start of its apply."),
    Metric("verdicts", "counter", "Decisions.", ("verdict", "track")),
    Metric("failures", "counter", "What went wrong, by what is to be done about it.", ("kind",)),
    Metric("drifted", "gauge", "Environments that are not as they were left.", ("track",)),
    Metric("remediations", "counter", "Drift that was dealt with.", ("mode", "result")),
    Metric("leases", "gauge", "Leases that are held: ours, and those of others.", ("whose",)),
    Metric("leases_lost", "counter", "Leases that were ours and were taken away.", ()),
    Metric("expiring", "gauge", "Environments that were told that they end.", ("track",)),
    Metric("expiries", "counter", "What became of environments that end.", ("step",)),
    Metric("frozen", "gauge", "Environments that stand still."),
    Metric("refusals", "counter", "Attempts to get around a gate."),
    Metric("webhooks", "counter", "Webhooks that hurried a look."),
    Metric("notices", "counter", "Notices, by what became of them.", ("target", "result")),
    Metric("outbox", "gauge", "Notices that wait to be sent."),
    Metric("traces_lost", "counter", "Spans that nobody took."),
    Metric("measures_refused", "counter", "Measures of which no numbers are kept.", ("why",)),
    Metric("build", "gauge", "1; the version is its label.", ("version",)),
)

BY_NAME: Final = {one.name: one for one in METRICS}
