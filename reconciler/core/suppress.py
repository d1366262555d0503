"""Which drift is let be, by the suppressions that hold at a time. Pure.

Only what a suppression names is let be: another attribute of the same resource still is drift.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from reconciler.core.drift import kind_of
from reconciler.model.record import DriftedResource
from reconciler.model.remediation import Seen
from reconciler.model.suppression import DriftSubject, Suppression


@dataclass(frozen=True, slots=True)
class LetBe:
    """Drift without what is let be."""

    rest: Seen
    names: tuple[str, ...]
    """Suppressions that let anything be."""
    reverted: tuple[str, ...]
    """Addresses of what is let be, and what an apply would put back all the same."""

    @property
    def nothing_left(self) -> bool:
        """Whether all of it is let be."""
        return not (self.rest.drifted or self.rest.unmanaged)


def let_be(seen: Seen, track: str, suppressions: Iterable[Suppression], now: datetime) -> LetBe:
    """The drift of an environment, without what somebody said is to be let be."""
    held = [
        one
        for one in sorted(suppressions, key=lambda one: one.metadata.name)
        if _holds(one, seen.environment, track, now)
    ]
    if not held:
        return LetBe(seen, (), ())
    names: set[str] = set()
    reverted: list[str] = []
    rest: list[DriftedResource] = []
    for resource in seen.drifted:
        left, by = _without(resource, held)
        if by and resource.mended:
            reverted.append(resource.address)
        names.update(by)
        if left is not None:
            rest.append(left)
    unmanaged: list[str] = []
    for arn in seen.unmanaged:
        by = {
            one.metadata.name
            for one in held
            if _is_for(one.spec.subject, "unmanaged", kind_of(arn), arn)
        }
        names.update(by)
        if not by:
            unmanaged.append(arn)
    left_over = replace(seen, drifted=tuple(rest), unmanaged=tuple(unmanaged))
    return LetBe(left_over, tuple(sorted(names)), tuple(reverted))


def _holds(one: Suppression, environment: str, track: str, now: datetime) -> bool:
    subject = one.spec.subject
    return (
        now <= one.spec.expires
        and (not subject.environments or environment in subject.environments)
        and (not subject.tracks or track in subject.tracks)
    )


def _is_for(subject: DriftSubject, what: str, kind: str, address: str) -> bool:
    return (
        subject.what == what
        and subject.type == kind
        and (not subject.resources or address in subject.resources)
    )


def _without(
    resource: DriftedResource, held: Sequence[Suppression]
) -> tuple[DriftedResource | None, set[str]]:
    """What of a resource still is drift, and who lets the rest be."""
    mine = [
        one
        for one in held
        if _is_for(one.spec.subject, resource.what, resource.type, resource.address)
    ]
    if resource.what == "gone":
        return (None if mine else resource), {one.metadata.name for one in mine[:1]}
    by: set[str] = set()
    left = []
    for each in resource.attributes:
        names = {
            one.metadata.name
            for one in mine
            if any(_covers(path, each.path) for path in one.spec.subject.attributes)
        }
        by |= names
        if not names:
            left.append(each)
    if not by:
        return resource, by
    return (resource.model_copy(update={"attributes": tuple(left)}) if left else None), by


def _covers(pattern: str, path: str) -> bool:
    """Whether a pattern names an attribute; a provider shows tags twice."""
    return any(
        _compiled(pattern).fullmatch(one) is not None
        for one in (path, re.sub(r"^tags_all\b", "tags", path))
    )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
