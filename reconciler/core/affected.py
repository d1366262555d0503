"""Which environments a range touches.

Equal to comparing full renders of both sides, at the cost of the change.

Object ids tell what cannot have changed. What remains is rendered on both sides and compared, so
the answer is exact: not an environment too many because a comment moved, not one too few because
a profile is far away from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.core.effective import effective
from reconciler.core.load import Found, load_environment, load_environments, load_shared
from reconciler.core.render import Renderer
from reconciler.core.tree import Change, changes, find
from reconciler.model.affected import Affected, Effect
from reconciler.model.desired import Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.rendered import Rendered
from reconciler.ports import RepoTree

ENVIRONMENTS = "environments/"


@dataclass(frozen=True, slots=True)
class Use:
    """What one environment's document refers to: enough to know who uses a shared document."""

    path: str
    track: str
    owner: str
    blueprint: str
    version: str


@dataclass(frozen=True, slots=True)
class State:
    """One environment on one side: its files when it can be rendered, and what it is judged by."""

    rendered: Rendered | None
    judged_by: tuple[Any, ...]


class Side:
    """One end of a range."""

    def __init__(self, tree: RepoTree) -> None:
        self.tree = tree
        self.shared: Shared = load_shared(tree, [])
        self._renderer = Renderer(tree, self.shared)

    def state(self, path: str | None) -> State | None:
        """The environment in a file; None when there is no such file."""
        entry = find(self.tree, path) if path is not None else None
        if entry is None:
            return None
        found: Found = []
        loaded = load_environment(self.tree, entry, found)
        if loaded is None:
            return State(None, (entry.oid, *(str(one) for one in found)))
        return state_of(loaded, self.shared, self._renderer)


def state_of(loaded: Loaded[Environment], shared: Shared, renderer: Renderer) -> State:
    """What an environment comes to on its side."""
    spec = loaded.document.spec
    profile, team = (
        shared.profiles.get(spec.track),
        shared.teams.get(loaded.document.metadata.owner),
    )
    blueprint = shared.blueprints.get((spec.blueprint.name, spec.blueprint.version))
    judged_by = (
        loaded.document,
        profile and profile.document,
        team and team.document,
        blueprint and blueprint.document,
    )
    filled, faults = effective(loaded, shared)
    if filled is None:
        return State(None, (*judged_by, *((f.code, f.message) for f in faults)))
    rendered = renderer.render(filled)
    if isinstance(rendered, Rendered):
        return State(rendered, judged_by)
    return State(None, (*judged_by, *((p.path, p.message) for p in rendered)))


def use_of(loaded: Loaded[Environment]) -> Use:
    """What the environment refers to."""
    spec = loaded.document.spec
    return Use(
        loaded.path,
        spec.track,
        loaded.document.metadata.owner,
        spec.blueprint.name,
        spec.blueprint.version,
    )


@dataclass(frozen=True, slots=True)
class SharedChanges:
    """Shared documents whose content differs between two sides."""

    tracks: frozenset[str]
    teams: frozenset[str]
    blueprints: frozenset[tuple[str, str]]
    includes: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.tracks or self.teams or self.blueprints or self.includes)

    def reasons(self, use: Use) -> tuple[str, ...]:
        """Why a user of these may be touched; empty when it is not."""
        found = []
        if use.track in self.tracks:
            found.append(f"the profile {use.track} changed")
        if use.owner in self.teams:
            found.append(f"the team {use.owner} changed")
        if (use.blueprint, use.version) in self.blueprints:
            found.append(f"the blueprint {use.blueprint} {use.version} changed")
        found += [f"the shared template {path} changed" for path in sorted(self.includes)]
        return tuple(found)


def affected(base: RepoTree, head: RepoTree, uses: "Uses") -> tuple[Affected, ...]:
    """Every environment that differs between two trees, sorted by name."""
    differing = list(changes(base, head))
    own, moved = _own_changes(differing)
    if not own and not any(_is_shared(change.path) for change in differing):
        return ()
    old, new = Side(base), Side(head)
    reasons: dict[str, tuple[str, ...]] = dict.fromkeys(own, ("its document changed",))
    if any(_is_shared(change.path) for change in differing):
        shared = shared_changes(old.shared, new.shared)
        if shared:
            # A file that is touched itself is here already; all others are the same on both sides.
            for use in uses(head):
                why = shared.reasons(use)
                if why:
                    reasons[use.path] = reasons.get(use.path, ()) + why
    found = []
    for path, why in reasons.items():
        before = moved.get(path, path)
        one = _compare(path, old.state(before), new.state(path), why, before)
        if one is not None:
            found.append(one)
    return tuple(sorted(found))


class Uses:
    """Gives the uses of all environments of a tree; a caller may remember them by object id."""

    def __call__(self, tree: RepoTree) -> Iterable[Use]:
        """Of every environment that can be read."""
        return [use_of(loaded) for loaded in load_environments(tree, [])]


def _compare(
    path: str, before: State | None, after: State | None, why: tuple[str, ...], before_path: str
) -> Affected | None:
    name = path.rpartition("/")[2].removesuffix(".yaml")
    broken = after is not None and after.rendered is None
    if before is None and after is None:
        return None
    if before is None:
        return Affected(name, path, Effect.ADDED, ("its document is new",), broken)
    if after is None:
        return Affected(name, path, Effect.REMOVED, ("its document is gone",))
    if path != before_path:
        why = (f"its document moved here from {before_path}",)
    if before.rendered != after.rendered:
        return Affected(name, path, Effect.CHANGED, why, broken)
    if before.judged_by != after.judged_by:
        return Affected(name, path, Effect.REJUDGED, why, broken)
    return None


def _is_shared(path: str) -> bool:
    return path.startswith(("profiles/", "templates/"))


def _own_changes(differing: Iterable[Change]) -> tuple[list[str], dict[str, str]]:
    """The environment files that differ; and, for one that moved, where it was before."""
    own = [
        change
        for change in differing
        if change.path.startswith(ENVIRONMENTS) and change.path.endswith(".yaml")
    ]
    gone: dict[str, list[str]] = {}
    came: dict[str, list[str]] = {}
    for change in own:
        name = change.path.rpartition("/")[2]
        if change.head is None:
            gone.setdefault(name, []).append(change.path)
        elif change.base is None:
            came.setdefault(name, []).append(change.path)
    moved = {
        came[name][0]: gone[name][0]
        for name in gone.keys() & came.keys()
        if len(gone[name]) == len(came[name]) == 1
    }
    left = set(moved.values())
    return [change.path for change in own if change.path not in left], moved


def shared_changes(old: Shared, new: Shared) -> SharedChanges:
    """What of the shared documents differs in content."""
    tracks = {
        name
        for name in old.profiles.keys() | new.profiles.keys()
        if _document(old.profiles.get(name)) != _document(new.profiles.get(name))
    }
    teams = {
        name
        for name in old.teams.keys() | new.teams.keys()
        if _document(old.teams.get(name)) != _document(new.teams.get(name))
    }
    blueprints = set()
    for key in old.blueprints.keys() | new.blueprints.keys():
        before, after = old.blueprints.get(key), new.blueprints.get(key)
        if (
            before is None
            or after is None
            or (before.files, before.document) != (after.files, after.document)
        ):
            blueprints.add(key)
    olds = {entry.path: entry.oid for entry in old.includes}
    news = {entry.path: entry.oid for entry in new.includes}
    includes = {path for path in olds.keys() | news.keys() if olds.get(path) != news.get(path)}
    return SharedChanges(
        frozenset(tracks), frozenset(teams), frozenset(blueprints), frozenset(includes)
    )


def _document(loaded: Loaded[Any] | None) -> object:
    return None if loaded is None else loaded.document
