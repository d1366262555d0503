"""`audit dora`: figures of delivery, from records and the commits that they name."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.app.audit.reading import Trail, every_record
from reconciler.app.records import Kept
from reconciler.core.load import load_environment, load_environments
from reconciler.core.records.dora import (
    Applied,
    Event,
    TakenBack,
    by_environment,
    grouped,
    measured,
)
from reconciler.core.records.query import instant, older
from reconciler.core.records.standing import STATUS
from reconciler.core.records.story import read_status
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError
from reconciler.model.audit import Break, Dora
from reconciler.model.base import parse_start
from reconciler.model.environment import Environment
from reconciler.model.record import ApplyEnded, Rollback
from reconciler.ports import Commits, RepoTree

_OLD_IN_A_ROW = 64


@dataclass(frozen=True, slots=True)
class Sources:
    """Where figures come from."""

    trail: Trail
    target: RepoTree | None
    commits: Commits
    snapshot: Callable[[str], RepoTree]


def figures(
    sources: Sources, since: datetime, until: datetime, only: frozenset[str] = frozenset()
) -> Dora:
    """Figures of a span of time; `only`: of these environments."""
    read = _Read(sources, since, until, only)
    read.all()
    begin = max(instant(since), read.first or instant(since))
    seconds = max(0, int((until - parse_start(begin).astimezone(UTC)).total_seconds()))
    found = by_environment(read.events[::-1], {name: read.running(name) for name in read.names})
    tracks, teams = read.groups()
    return Dora(
        sources.trail.branch,
        bool(sources.trail.records.tip()),
        begin,
        instant(until),
        measured("all", found.values(), seconds),
        grouped(found, tracks, seconds),
        grouped(found, teams, seconds),
        tuple(read.notes()),
        read.broken,
    )


def _all_done(body: ApplyEnded) -> bool:
    """Whether every planned change was done, though nobody may have seen the end of it."""
    if body.result != "interrupted":
        return body.result == "done"
    return bool(body.done) and not (body.failed or body.left or body.unknown)


class _Read:
    """One walk over the records, newest first, and what it brings."""

    def __init__(
        self, sources: Sources, since: datetime, until: datetime, only: frozenset[str]
    ) -> None:
        self._sources = sources
        self._only = only
        self._since = since
        self._until = until
        self._last: dict[str, str] = {}
        self._unknown: set[str] = set()
        self._authored: dict[str, datetime | None] = {}
        self._before: Kept | None = None
        self.events: list[Event] = []
        """Newest first."""
        self.first: str | None = None
        """The time of the very first record, when the walk came to it."""
        self.broken: Break | None = None

    def all(self) -> None:
        old = 0
        for one in every_record(self._sources.trail):
            if isinstance(one, Break):
                self.broken = one
                return
            record = one.record
            if record.chain.parent is None and not old:
                self.first = record.at
            if older(record, self._since):
                self._before = self._before or one
                old += 1
                if old >= _OLD_IN_A_ROW:
                    return
                continue
            old, self._before = 0, None
            if record.at <= instant(self._until):
                self._take(one)

    def _take(self, kept: Kept) -> None:
        record, body = kept.record, kept.record.body
        name = record.environment or ""
        if self._only and name not in self._only:
            return
        if isinstance(body, Rollback):
            self.events.append(TakenBack(name, body.bad, body.good))
        if not isinstance(body, ApplyEnded) or body.action != "apply" or body.commit is None:
            return
        try:
            at = parse_start(record.at).astimezone(UTC)
        except ValueError:  # a day that no calendar has
            return
        done = _all_done(body)
        authored = self._made(body.commit) if done else None
        self._last.setdefault(name, body.commit)
        self.events.append(Applied(name, at, body.commit, done, authored))

    def _made(self, commit: str) -> datetime | None:
        if commit not in self._authored:
            try:
                self._authored[commit] = self._sources.commits.commit(commit).authored
            except ReconcilerError:
                self._authored[commit] = None
        return self._authored[commit]

    def running(self, name: str) -> str:
        """The commit that an environment ran when the span began; empty: none, or not known."""
        records = self._sources.trail.records
        if self._before is None:
            return ""
        with suppress(LookupError, TypeError, ValueError):
            tree = self._before.tree
            found = records.objects.at(tree, (*records.folder(tree, name), STATUS.encode()))
            status = read_status(records.objects.blob(found.oid.hex())) if found else {}
            commit = status.get("applied", {}).get("commit")
            return commit if isinstance(commit, str) else ""
        return ""

    @property
    def names(self) -> list[str]:
        """The environments that anything is told of."""
        return sorted({one.environment for one in self.events})

    def groups(self) -> tuple[dict[str, str], dict[str, str]]:
        """Track and team of each environment: as declared now, else as it was applied last."""
        tracks: dict[str, str] = {}
        teams: dict[str, str] = {}
        target = self._sources.target
        known = load_environments(target, []) if target is not None and self.events else ()
        documents = {one.document.metadata.name: one.document for one in known}
        for name in self.names:
            document = documents.get(name) or self._once(name)
            if document is None:
                self._unknown.add(name)
                continue
            tracks[name] = document.spec.track
            teams[name] = document.metadata.owner
        return tracks, teams

    def _once(self, name: str) -> Environment | None:
        with suppress(ReconcilerError, KeyError):
            tree = self._sources.snapshot(self._last[name])
            for one in files_below(tree, "environments"):
                if one.name == f"{name}.yaml" and (loaded := load_environment(tree, one, [])):
                    return loaded.document
        return None

    def notes(self) -> list[str]:
        """What is not in the figures."""
        gone = sum(1 for one in self._authored.values() if one is None)
        found = []
        if gone:
            found.append(f"{gone} of the applied commits are not here, so they have no lead time")
        if self._unknown:
            many = len(self._unknown)
            found.append(f"of {many} environments neither track nor team is known: `unknown`")
        return found
