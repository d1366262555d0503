"""Results kept by the object ids of what they were made from.

A key holds everything that a result depends on: the program, and the ids of the files. So nothing
ever has to be thrown away because it is stale, and deleting the cache loses nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

from reconciler.model.desired import Effective, Shared
from reconciler.model.finding import Finding, Location
from reconciler.model.problem import Problem
from reconciler.model.rendered import RenderSummary
from reconciler.model.tree import Entry
from reconciler.ports import Cache, RepoTree

ROOTS = frozenset({"environments", "policies", "profiles", "reconciler.yaml", "templates"})


@dataclass(frozen=True, slots=True)
class Kept:
    """A cache, and what this program is."""

    cache: Cache
    program: str

    def key(self, *parts: str) -> str:
        """One key of many parts."""
        return hashlib.sha256("\0".join((self.program, *parts)).encode()).hexdigest()


def identity(tree: RepoTree) -> str:
    """One word for everything in a tree that the program looks at."""
    entries = [f"{e.kind.value} {e.path} {e.oid}" for e in tree.children(None) if e.path in ROOTS]
    return hashlib.sha256("\n".join(sorted(entries)).encode()).hexdigest()


def render_parts(filled: Effective, shared: Shared) -> tuple[str, ...]:
    """The ids of everything that one environment's files are made from."""
    files: tuple[Entry, ...] = (*filled.blueprint.files, *shared.includes)
    return (
        filled.environment.path,
        filled.environment.oid,
        filled.profile.oid,
        filled.team.oid,
        filled.blueprint.loaded.oid,
        *(f"{entry.path} {entry.oid}" for entry in files),
    )


def pack_problems(problems: tuple[Problem, ...]) -> list[list[str | int]]:
    """For JSON."""
    return [list(astuple(problem)) for problem in problems]


def unpack_problems(packed: list[list[str | int]]) -> tuple[Problem, ...]:
    """From JSON."""
    return tuple(Problem(*one) for one in packed)  # type: ignore[arg-type]  # as it was packed


def pack_summary(summary: RenderSummary) -> list[object]:
    """For JSON, and for the way between processes."""
    return [summary.digest, [list(file) for file in summary.files]]


def unpack_summary(packed: Any) -> RenderSummary:
    """The reverse."""
    digest, files = packed
    return RenderSummary(digest, tuple((path, size) for path, size in files))


_FIELDS = [field.name for field in fields(Finding)]
_PLACE = _FIELDS.index("location")


def pack_finding(one: Finding) -> list[object]:
    """For JSON."""
    return list(astuple(one))


def unpack_finding(row: Sequence[Any]) -> Finding:
    """The reverse."""
    known = dict(zip(_FIELDS, row, strict=True))
    return Finding(**{**known, "location": Location(*row[_PLACE])})
