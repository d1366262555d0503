"""What the target branch declares and what records know, kept up to date as their heads move.

Nothing is read again that did not change: a commit that touches one document costs one document,
a record of one environment costs one folder. It only reads; whoever starts anew comes to the same.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Final

from reconciler.app.kept import Kept
from reconciler.app.records import Records
from reconciler.app.render import Rendering, render_all
from reconciler.app.world import NOTHING, Seen, World
from reconciler.core.known import known_of
from reconciler.core.load import load_environments
from reconciler.core.records.facts import OUTPUTS
from reconciler.core.rollout import canary_of
from reconciler.core.tree import changes, find
from reconciler.model.desired import Effective, Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.work import Known, Wanted
from reconciler.ports import RepoTree, Vanishing

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
        vanishing: Vanishing | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._records = records
        self._kept = kept
        self._rendering = rendering
        self._vanishing = vanishing
        self._cloud = ""
        self._tree: RepoTree | None = None
        self._record_tree = ""
        self._files: dict[str, dict[str, Wanted]] = {}
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
        """Follow the target branch; the names that may be wanted otherwise now, None: all.

        Cut short it has followed nothing, and is asked again.
        """
        tree = self._snapshot(commit)
        digest, before = _digest(tree), self._tree
        if before is None or digest != self.digest:
            self._read_all(tree)
            self._tree, self.digest = tree, digest
            return None
        paths = [one.path for one in changes(before, tree) if one.path.startswith(_DOCUMENTS)]
        world = World(tree, self._rendering)
        found = {path: _as_seen(tree, path, world.look(path)) for path in paths}
        for path, wanted in found.items():
            self._put(path, wanted)
        self._tree = tree
        names = {_name(path) for path in paths}
        self._settle(names)
        return names

    def follow(self, tip: str) -> Collection[str]:
        """Follow records; the names of which something else is known now."""
        after = self._records.kept(tip).tree if tip else ""
        names = set(self._records.changed(self._record_tree, after))
        cloud = self._vanishing.cloud() if self._vanishing is not None else ""
        if cloud != self._cloud:
            names |= self.known.keys()
        for name in names:
            self.known[name] = self._there(known_of(name, self._records.status_in(after, name)))
        self._record_tree, self._cloud = after, cloud
        return names

    def _there(self, known: Known) -> Known:
        """What is known of it, but for what went with a sandbox: that is not there any more."""
        lost = self._vanishing.gone(known.name, known.state) if self._vanishing is not None else ""
        return replace(known, files="", lost=lost) if lost else known

    def of(self, name: str) -> Known:
        """What is known of an environment."""
        return self.known.get(name) or Known(name)

    def _read_all(self, tree: RepoTree) -> None:
        world = World(tree, self._rendering)
        whole = {one.path: world.fill(one) for one in load_environments(tree, [])}
        found: dict[str, Wanted | None] = {}
        for one in render_all(tree, self._kept, self._rendering, lambda _done, _all: None):
            seen = whole.get(one.path, NOTHING)
            if one.summary is not None and seen.filled is not None:
                found[one.path] = _whole(seen.filled, one.summary.digest)
            else:
                found[one.path] = _as_seen(tree, one.path, replace(seen, problems=one.problems))
        self.wanted, self._files = {}, {}
        for path, wanted in found.items():
            self._put(path, wanted)
        self._settle(self._files)

    def _put(self, path: str, wanted: Wanted | None) -> None:
        files = self._files.setdefault(_name(path), {})
        if wanted is None:
            files.pop(path, None)
        else:
            files[path] = wanted

    def _settle(self, names: Collection[str]) -> None:
        """Of two files of one name nobody knows which is meant."""
        for name in tuple(names):
            files = sorted(self._files.get(name, {}).items())
            if not files:
                self._files.pop(name, None)
                self.wanted.pop(name, None)
                continue
            (_, wanted), *more = files
            if more:
                wanted = replace(wanted, files="", problem=f"{more[0][0]} has the same name")
            self.wanted[name] = wanted


def _as_seen(tree: RepoTree, path: str, seen: Seen) -> Wanted | None:
    """What a file says; None: it is no document. What cannot be read is not what is gone."""
    if seen.rendered is not None and seen.filled is not None:
        return _whole(seen.filled, seen.rendered.digest)
    if seen.loaded is not None:
        return _broken(seen.loaded, seen.problems)
    if not seen.problems:
        return None
    oid = entry.oid if (entry := find(tree, path)) else ""
    said = _said(seen.problems)
    return Wanted(
        _name(path), path, oid, "", "production", "", "", "advisory", _NEVER, problem=said
    )


def _whole(filled: Effective, files: str) -> Wanted:
    loaded, profile = filled.environment, filled.profile.document.spec
    document = loaded.document
    spec, own = document.spec, document.spec.overrides
    drift = own.drift if own is not None else None
    return Wanted(
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


def _broken(loaded: Loaded[Environment], problems: Collection[Problem]) -> Wanted:
    document, spec = loaded.document, loaded.document.spec
    return Wanted(
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


def _name(path: str) -> str:
    """Of an environment whose document is there: each is named as its file."""
    return path.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")


def _said(problems: Collection[Problem]) -> str:
    first = next(iter(problems), None)
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{first.path}:{first.line}: {first.message}{more}" if first else "it cannot be read"


def _digest(tree: RepoTree) -> str:
    entries = [f"{one.path} {one.oid}" for one in tree.children(None) if one.path in _JUDGES]
    return sha256("\n".join(sorted(entries)).encode()).hexdigest()
