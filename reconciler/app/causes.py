"""What drifts now, by its causes, as records tell it. Nothing is looked at."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Final

from reconciler.app.drift_desk import concerned
from reconciler.app.environment import find_environment
from reconciler.app.records import Records
from reconciler.core.causes import Told, grouped
from reconciler.core.load import lazy_shared
from reconciler.core.records.drifts import seen_of
from reconciler.core.records.facts import DRIFT
from reconciler.core.suppress import let_be
from reconciler.errors import UsageError
from reconciler.model.record import DriftGone, DriftSeen
from reconciler.model.remediation import Group
from reconciler.ports import RepoTree

_MOST: Final = 1000
"""So many records of an environment are gone through, the newest."""


def causes_of(records: Records, tree: RepoTree, now: datetime) -> tuple[Group, ...]:
    """The causes of all drift that records know of, the widest first."""
    suppressions = [one.document for one in lazy_shared(tree).suppressions.values()]
    told = []
    for name, status in concerned(records):
        seen = seen_of(name, status, records.file(name, DRIFT))
        if seen is not None:
            held = let_be(seen, _track(tree, name), suppressions, now)
            told.append(Told(seen, held.rest, held.names, tuple(_history(records, name))[::-1]))
    return grouped(told)


def _history(records: Records, name: str) -> Iterator[tuple[str, DriftSeen | DriftGone]]:
    """What looks found, newest first."""
    for kept in islice(records.of_environment(name), _MOST):
        if isinstance(kept.record.body, DriftSeen | DriftGone):
            yield kept.record.at, kept.record.body


def _track(tree: RepoTree, name: str) -> str:
    """The track of an environment; empty where no document says so any more."""
    try:
        filled = find_environment(tree, name).filled
    except UsageError:
        return ""
    return filled.environment.document.spec.track if filled is not None else ""
