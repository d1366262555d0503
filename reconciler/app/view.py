"""What the target branch declares and what records know, kept up to date as their heads move.

Nothing is read again that did not change: a commit that touches one document costs one document,
a record of one environment costs one folder. It only reads; whoever starts anew comes to the same.
"""

import json
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Final

from reconciler.app.kept import Kept
from reconciler.app.records import Records
from reconciler.app.render import Rendering, render_all
from reconciler.app.world import Seen, World
from reconciler.core.known import known_of
from reconciler.core.load import load_environments
from reconciler.core.records.facts import OUTPUTS
from reconciler.core.rollout import canary_of
from reconciler.core.tree import changes, find
from reconciler.model.desired import Effective, Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.work import Known, Wanted
from reconciler.ports import RepoTree

_DOCUMENTS: Final = "environments/"
_NEVER: Final = timedelta(days=365)
_JUDGES: Final = ("policies", "profiles", "templates", "reconciler.yaml")


class View:
    """Every environment, by name: as it is wanted, and as it is known."""

    def __init__(
        self,
        snapshot: Callable[[str], RepoTree],
        records: Records,
        kept: Kept,
        rendering: Rendering,
    ) -> None:
        self._snapshot = snapshot
        self._records = records
        self._kept = kept
        self._rendering = rendering
        self._tree: RepoTree | None = None
        self._record_tree = ""
        self._paths: dict[str, str] = {}
        self.wanted: dict[str, Wanted] = {}
        self.known: dict[str, Known] = {}
        self.digest = ""
        """Of everything that judges and builds."""

    @property
    def commit(self) -> str:
        """The commit of the target branch that it rests on."""
        return self._tree.revision if self._tree is not None else ""

    @property
    def tree(self) -> RepoTree:
        """That commit's tree; only once something was declared."""
        if self._tree is None:
            raise LookupError(self.commit)
        return self._tree

    @property
    def shared(self) -> Shared:
        """What judges and builds there."""
        return World(self.tree, self._rendering).shared

    @property
    def names(self) -> frozenset[str]:
        """Every environment that is declared or known."""
        return frozenset(self.wanted) | frozenset(self.known)

    def untaken(self, name: str) -> tuple[tuple[str, object], ...]:
        """Parameters that do not say what others put out, each with what they do.

        What is not known yet is none of them: whoever waits for the other knows it then.
        """
        wanted = self.wanted.get(name)
        found = []
        for key, other, output, has in wanted.takes if wanted else ():
            puts = self._outputs_of(other)
            if output in puts and puts[output] != has:
                found.append((key, puts[output]))
        return tuple(found)

    def _outputs_of(self, name: str) -> Mapping[str, object]:
        data = self._records.file(name, OUTPUTS)
        try:
            found = json.loads(data) if data else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def declare(self, commit: str) -> Collection[str] | None:
        """Follow the target branch; the names that may be wanted otherwise now, None: all."""
        tree = self._snapshot(commit)
        digest = _digest(tree)
        before, self._tree = self._tree, tree
        if before is None or digest != self.digest:
            self.digest = digest
            self._read_all(tree)
            return None
        touched = [
            one.path
            for one in changes(before, tree)
            if one.path.startswith(_DOCUMENTS) and one.path.endswith(".yaml")
        ]
        world = World(tree, self._rendering)
        names: set[str] = set()
        for path in touched:
            old = self._paths.pop(path, "")
            if old:
                names.add(old)
                self.wanted.pop(old, None)
        for path in touched:
            seen = world.look(path)
            self._take(path, seen)
            if path in self._paths:
                names.add(self._paths[path])
        return names

    def follow(self, tip: str) -> Collection[str]:
        """Follow records; the names of which something else is known now."""
        after = self._records.kept(tip).tree if tip else ""
        names = set(self._records.changed(self._record_tree, after))
        for name in names:
            self.known[name] = known_of(name, self._records.status_in(after, name))
        self._record_tree = after
        return names

    def of(self, name: str) -> Known:
        """What is known of an environment."""
        return self.known.get(name) or Known(name)

    def _read_all(self, tree: RepoTree) -> None:
        self.wanted, self._paths = {}, {}
        world = World(tree, self._rendering)
        whole = {one.path: world.fill(one) for one in load_environments(tree, [])}
        for one in render_all(tree, self._kept, self._rendering, lambda _done, _all: None):
            seen = whole.get(one.path)
            if seen is None or seen.loaded is None:
                self._unreadable(one.path, one.problems)
            elif one.summary is not None and seen.filled is not None:
                self._note(seen.filled, one.summary.digest)
            else:
                self._broken(seen.loaded, one.problems)

    def _take(self, path: str, seen: Seen) -> None:
        if seen.rendered is not None and seen.filled is not None:
            self._note(seen.filled, seen.rendered.digest)
        elif seen.loaded is not None:
            self._broken(seen.loaded, seen.problems)
        elif seen.problems:
            self._unreadable(path, seen.problems)

    def _note(self, filled: Effective, files: str) -> None:
        loaded, profile = filled.environment, filled.profile.document.spec
        document = loaded.document
        spec, own = document.spec, document.spec.overrides
        drift = own.drift if own is not None else None
        self._put(
            Wanted(
                document.metadata.name,
                loaded.path,
                loaded.oid,
                spec.track,
                spec.stage,
                document.metadata.owner,
                files,
                (drift.mode if drift else None) or profile.drift.mode,
                (drift.interval if drift else None) or profile.drift.interval,
                None if filled.ttl_hours is None else timedelta(hours=filled.ttl_hours),
                after=spec.needs,
                takes=tuple(
                    (key, one.environment, one.output, spec.parameters.get(key))
                    for key, one in sorted(spec.takes.items())
                ),
                checked=bool(filled.blueprint.document.spec.health),
                trial=canary_of(document, filled.rollout) is not None,
            )
        )

    def _broken(self, loaded: Loaded[Environment], problems: Collection[Problem]) -> None:
        document, spec = loaded.document, loaded.document.spec
        self._put(
            Wanted(
                document.metadata.name,
                loaded.path,
                loaded.oid,
                spec.track,
                spec.stage,
                document.metadata.owner,
                "",
                "advisory",
                _NEVER,
                problem=_said(problems),
            )
        )

    def _unreadable(self, path: str, problems: Collection[Problem]) -> None:
        """A file that is no document: it is not taken for one that is gone."""
        name = path.rpartition("/")[2].removesuffix(".yaml")
        oid = entry.oid if (entry := find(self.tree, path)) else ""
        said = _said(problems)
        self._put(
            Wanted(name, path, oid, "", "production", "", "", "advisory", _NEVER, problem=said)
        )

    def _put(self, wanted: Wanted) -> None:
        self.wanted[wanted.name] = wanted
        self._paths[wanted.path] = wanted.name


def _said(problems: Collection[Problem]) -> str:
    first = next(iter(problems), None)
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{first.path}:{first.line}: {first.message}{more}" if first else "it cannot be read"


def _digest(tree: RepoTree) -> str:
    entries = [f"{one.path} {one.oid}" for one in tree.children(None) if one.path in _JUDGES]
    return sha256("\n".join(sorted(entries)).encode()).hexdigest()
