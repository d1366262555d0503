"""Drift -> causes: what the drift of several environments has in common. Pure.

A provider's new version, or a script that somebody ran over an account, drifts many environments
in the same way; people want to see it once. The same cause: the same type of resource, the same
attributes, and the same change of them. What differs by environment does not count: its name, its
account, and names that the cloud gave.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from reconciler.core.drift import kind_of
from reconciler.core.fingerprint import fingerprint
from reconciler.model.record import DriftedResource
from reconciler.model.remediation import Cause, Part, Seen, What

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


def grouped(many: Iterable[tuple[Seen, int]]) -> Iterator[tuple[Cause, tuple[str, ...], int]]:
    """Cause, environments that have it, and how many resources, the widest first."""
    environments: dict[Cause, list[str]] = defaultdict(list)
    counts: dict[Cause, int] = defaultdict(int)
    for seen, _ in many:
        for part in parts(seen):
            environments[part.cause].append(seen.environment)
            counts[part.cause] += part.count
    for one in sorted(environments, key=lambda one: (-len(environments[one]), one)):
        yield one, tuple(sorted(environments[one])), counts[one]


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
