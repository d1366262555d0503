"""Which environments a range touches.

Equal to comparing full renders of both sides, at the cost of the change.

Object ids tell what cannot have changed. What remains is rendered on both sides and compared, so
the answer is exact: not an environment too many because a comment moved, not one too few because
a profile is far away from it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.effective import effective
from reconciler.core.load import (
    blueprint_folders,
    lazy_shared,
    load_environment,
    load_environments,
)
from reconciler.core.render import Renderer
from reconciler.core.tree import Change, changes, files_below, find
from reconciler.model.affected import Affected, Effect
from reconciler.model.desired import Effective, Loaded, Shared
from reconciler.model.environment import Environment, Revert
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered
from reconciler.ports import RepoTree

ENVIRONMENTS = "environments/"
Render = Callable[[Renderer, Effective], Rendered | tuple[Problem, ...]]


@dataclass(frozen=True, slots=True)
class Use:
    """What one environment's document refers to: enough to know who uses a shared document."""

    path: str
    track: str
    owner: str
    blueprint: str
    version: str
    account: str
    promoted_from: str
    needs: str = ""
    """Environments that have to be there first, a comma between them."""

    @property
    def name(self) -> str:
        """The environment's."""
        return self.path.rpartition("/")[2].removesuffix(".yaml")


@dataclass(frozen=True, slots=True)
class State:
    """One environment on one side: its files when it can be rendered, and what it is judged by."""

    rendered: Rendered | None
    judged_by: tuple[Any, ...]
    revert: Revert | None = None
    """The drift that its document orders to put back."""


class Side:
    """One end of a range."""

    def __init__(self, tree: RepoTree, render: Render) -> None:
        self.tree = tree
        self.shared: Shared = lazy_shared(tree)
        self._renderer = Renderer(tree, self.shared)
        self._render = render

    def state(self, path: str | None) -> State | None:
        """The environment in a file; None when there is no such file."""
        entry = find(self.tree, path) if path is not None else None
        if entry is None:
            return None
        loaded = load_environment(self.tree, entry, [])
        if loaded is None:
            return State(None, (entry.oid,))  # the same bytes have the same problems
        return state_of(loaded, self.shared, self._renderer, self._render)


def state_of(
    loaded: Loaded[Environment],
    shared: Shared,
    renderer: Renderer,
    render: Render = Renderer.render,
) -> State:
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
    rendered = render(renderer, filled)
    if isinstance(rendered, Rendered):
        return State(rendered, judged_by, spec.revert)
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
        spec.account,
        spec.promoted_from or "",
        ",".join(spec.needs),
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


def affected(
    base: RepoTree, head: RepoTree, uses: "Uses", render: Render = Renderer.render
) -> tuple[Affected, ...]:
    """Every environment that differs between two trees, sorted by name.

    `render` is for a caller that limits the time of each rendering.
    """
    differing = list(changes(base, head))
    own, moved = _own_changes(differing)
    if not own and not any(_is_shared(change.path) for change in differing):
        return ()
    old, new = Side(base, render), Side(head, render)
    reasons: dict[str, tuple[str, ...]] = dict.fromkeys(own, ("its document changed",))
    if any(_is_shared(change.path) for change in differing):
        shared = shared_changes(old, new)
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


def uses_after(uses: Iterable[Use], differing: Iterable[Change], head: RepoTree) -> list[Use]:
    """The uses of a tree, from those of another one and what differs: only that is read."""
    by_path = {use.path: use for use in uses}
    for change in differing:
        by_path.pop(change.path, None)
        if change.head is not None and change.path.startswith(ENVIRONMENTS):
            loaded = load_environment(head, change.head, [])
            if loaded is not None:
                by_path[change.path] = use_of(loaded)
    return [by_path[path] for path in sorted(by_path)]


def neighbours(paths: Iterable[str], uses: Iterable[Use]) -> frozenset[str]:
    """The documents that a check of these must also see: what one is may be another's problem.

    Of the same name, of the same team on the same track, in the same account, and in both ways
    along promotion and along what has to be there first.
    """
    all_uses = list(uses)
    paths = frozenset(paths)
    own = [use for use in all_uses if use.path in paths]
    names = {path.rpartition("/")[2].removesuffix(".yaml") for path in paths}
    groups = {(use.owner, use.track) for use in own}
    accounts = {use.account for use in own}
    beside: dict[str, list[str]] = {}  # two of one name may stand in two chains
    for use in all_uses:
        for other in (use.promoted_from, *use.needs.split(",")):
            if other:
                beside.setdefault(other, []).append(use.name)
                beside.setdefault(use.name, []).append(other)
    todo, chain = [*names], set(names)
    while todo:
        more = {*beside.get(todo.pop(), ())} - chain
        chain |= more
        todo += more
    files = {f"{name}.yaml" for name in chain}
    return frozenset(
        use.path
        for use in all_uses
        if use.account in accounts
        or (use.owner, use.track) in groups
        or use.path.rpartition("/")[2] in files
    )


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
    moved_from = ""
    if path != before_path:
        why, moved_from = (f"its document moved here from {before_path}",), before_path
    if before.rendered != after.rendered:
        return Affected(name, path, Effect.CHANGED, why, broken, moved_from)
    if after.revert is not None and after.revert != before.revert:
        return Affected(name, path, Effect.REVERTED, why, broken, moved_from)
    if before.judged_by != after.judged_by:
        return Affected(name, path, Effect.REJUDGED, why, broken, moved_from)
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


def shared_changes(old: Side, new: Side) -> SharedChanges:
    """What of the shared documents differs in content. Only files that differ are read."""
    return SharedChanges(
        _differing(old.tree, new.tree, "profiles/tracks", old.shared.profiles, new.shared.profiles),
        _differing(old.tree, new.tree, "profiles/teams", old.shared.teams, new.shared.teams),
        _differing_blueprints(old, new),
        frozenset(entry.path for entry in {*old.shared.includes} ^ {*new.shared.includes}),
    )


def _differing(
    old_tree: RepoTree,
    new_tree: RepoTree,
    folder: str,
    olds: Mapping[str, Loaded[Any]],
    news: Mapping[str, Loaded[Any]],
) -> frozenset[str]:
    # By path: two files of one name are a mistake, and still both have to be looked at.
    differing = {*files_below(old_tree, folder)} ^ {*files_below(new_tree, folder)}
    names = {entry.name.removesuffix(".yaml") for entry in differing}
    return frozenset(
        name for name in names if _document(olds.get(name)) != _document(news.get(name))
    )


def _differing_blueprints(old: Side, new: Side) -> frozenset[tuple[str, str]]:
    before, after = blueprint_folders(old.tree), blueprint_folders(new.tree)
    found = set()
    for key in before.keys() | after.keys():
        if key in before and key in after and before[key].oid == after[key].oid:
            continue
        one, other = old.shared.blueprints.get(key), new.shared.blueprints.get(key)
        same = one and other and (one.files, one.document) == (other.files, other.document)
        if not same:
            found.add(key)
    return frozenset(found)


def _document(loaded: Loaded[Any] | None) -> object:
    return None if loaded is None else loaded.document
