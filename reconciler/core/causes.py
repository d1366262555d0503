"""Drift -> causes: what the drift of several environments has in common. Pure.

A provider's new version, or a script that somebody ran over an account, drifts many environments
in the same way; people want to see it once. The same cause: the same type of resource, the same
attributes, and the same change of them. What differs by environment does not count: its name, its
account, and names that the cloud gave.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from reconciler.core.drift import kind_of
from reconciler.core.fingerprint import fingerprint
from reconciler.model.record import DriftedResource, DriftGone, DriftSeen
from reconciler.model.remediation import Cause, Group, Part, Seen, What

_OWN: Final = re.compile(
    r"arn:aws[a-z-]*:[^\s\"\\]+"
    r"|\b[0-9]{12}\b"
    r"|\b[a-z]+-[0-9a-f]{8,17}\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"
)
"""Names that the cloud gave to something of one account."""
_MARK: Final = 12
_ALL_TAGS: Final = re.compile(r"tags_all(?=$|[.\[])")


def parts(seen: Seen) -> tuple[Part, ...]:
    """What each cause did to an environment. Everything that drifted is in just one of them."""
    resources: dict[Cause, list[DriftedResource]] = defaultdict(list)
    unmanaged: dict[Cause, list[str]] = defaultdict(list)
    for one in seen.drifted:
        resources[_cause(one, seen.environment)].append(one)
    for arn in seen.unmanaged:
        unmanaged[_marked(kind_of(arn), "unmanaged", ())].append(arn)
    found = sorted({*resources, *unmanaged})
    return tuple(
        Part(one, tuple(resources.get(one, ())), tuple(unmanaged.get(one, ()))) for one in found
    )


def unmanaged_causes(arns: Iterable[str]) -> tuple[Cause, ...]:
    """Of what is unmanaged: one for each type."""
    return tuple(sorted({_marked(kind_of(arn), "unmanaged", ()) for arn in arns}))


@dataclass(frozen=True, slots=True)
class Told:
    """What records tell of an environment that drifts."""

    seen: Seen
    rest: Seen
    """Without what is let be."""
    let_be_by: tuple[str, ...]
    history: tuple[tuple[str, DriftSeen | DriftGone], ...]
    """Everything that looks found before, with its time, oldest first."""


def grouped(many: Iterable[Told]) -> tuple[Group, ...]:
    """By cause over environments, the widest first."""
    members: dict[Cause, list[tuple[Told, Part]]] = defaultdict(list)
    for told in many:
        for part in parts(told.seen):
            members[part.cause].append((told, part))
    groups = [_group(cause, held) for cause, held in members.items()]
    return tuple(sorted(groups, key=lambda one: (-len(one.environments), one.cause)))


def _group(cause: Cause, members: Sequence[tuple[Told, Part]]) -> Group:
    came = [_came(told, cause) for told, _ in members]
    suppressed = {
        name
        for told, _ in members
        if cause not in {part.cause for part in parts(told.rest)}
        for name in told.let_be_by
    }
    return Group(
        cause,
        tuple(sorted(told.seen.environment for told, _ in members)),
        sum(part.count for _, part in members),
        min(first for first, _, _ in came),
        max(last for _, last, _ in came),
        sum(times for _, _, times in came),
        tuple(sorted(suppressed)),
    )


def _came(told: Told, cause: Cause) -> tuple[str, str, int]:
    """When a cause was first seen in an environment, when it came last, and how often it came."""
    first, last, times, there = "", "", 0, False
    for at, body in told.history:
        now = isinstance(body, DriftSeen) and any(
            part.cause == cause for part in parts(_as_seen(told.seen.environment, body))
        )
        if now and not there:
            first, last, times = first or at, at, times + 1
        there = now
    return first or told.seen.since, last or told.seen.at, max(times, 1)


def _as_seen(name: str, body: DriftSeen) -> Seen:
    return Seen(name, body.digest, 0, 0, "", "", body.drifted, body.unmanaged, body.imports)


def _cause(one: DriftedResource, environment: str) -> Cause:
    paths = {each.path for each in one.attributes}
    changes = sorted(
        (each.path, _plain(each.want, environment), _plain(each.have, environment))
        for each in one.attributes
        # The provider shows a changed tag twice.
        if not (_ALL_TAGS.match(each.path) and _ALL_TAGS.sub("tags", each.path) in paths)
    )
    return _marked(one.type, one.what, tuple(changes))


def _marked(kind: str, what: What, changes: tuple[tuple[str, str, str], ...]) -> Cause:
    mark = fingerprint(kind, what, *(text for change in changes for text in change))[:_MARK]
    return Cause(kind, what, changes, mark)


def _plain(value: str, environment: str) -> str:
    """A value without what differs by environment."""
    own = rf"(?<![A-Za-z0-9]){re.escape(environment)}(?![A-Za-z0-9])"
    return re.sub(own, "*", _OWN.sub("*", value))
