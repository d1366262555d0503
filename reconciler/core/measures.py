"""What records and standings come to in numbers. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.model.metric import Measure
from reconciler.model.work import Standing

_CALLING: Final = frozenset({"Stalled", "Drifted", "Frozen", "Expiring"})
"""Conditions that somebody may have to look at: only of these environments are named."""
_Labels = tuple[tuple[str, str], ...]


def counted_in(body: Mapping[str, Any]) -> tuple[Measure, ...]:
    """What a record's body adds to the counters."""
    match body.get("kind"):
        case "decision":
            return _one("verdicts", verdict=body["verdict"], track=body.get("track", ""))
        case "remediation-proposed" | "remediation-ended":
            return _one("remediations", mode=body["mode"], result=body["result"] or "proposed")
        case "expiry":
            return _one("expiries", step=body["step"])
        case "refusal":
            return _one("refusals")
        case _:
            return ()


def weighed(standings: Iterable[Standing], before: Iterable[Measure] = ()) -> tuple[Measure, ...]:
    """How many environments there are and what is so of them.

    `before`: what was weighed last; what is not so any more is 0 now.
    """
    found: Counter[tuple[str, _Labels]] = Counter({("frozen", ()): 0})
    for one in standings:
        track = (("track", one.track),)
        found["environments", track] += 1
        for name in {each.name for each in one.conditions}:
            found["conditions", (("condition", name),)] += 1
            if name in _CALLING:
                found["environment", (("environment", one.name), ("condition", name))] = 1
            if name == "Frozen":
                found["frozen", ()] += 1
            elif name in ("Drifted", "Expiring"):
                found[name.lower(), track] += 1
    gone = {(one.name, one.labels) for one in before if one.value} - found.keys()
    return (
        *(Measure("gauge", name, 0, labels) for name, labels in sorted(gone)),
        *(Measure("gauge", name, value, labels) for (name, labels), value in found.items()),
    )


def _one(name: str, **labels: str) -> tuple[Measure, ...]:
    return (Measure("counter", name, 1, tuple(labels.items())),)
