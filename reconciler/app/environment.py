"""Find one environment by name, and fill it in."""

from collections.abc import Collection
from dataclasses import dataclass

from reconciler.app.render import Rendering, render_one
from reconciler.core.approve import is_commit
from reconciler.core.check import environment_faults
from reconciler.core.effective import effective
from reconciler.core.load import Found, as_problems, lazy_shared, load_environment, load_shared
from reconciler.core.render import Renderer, context
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.tree import files_below
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.desired import Effective
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered
from reconciler.model.show import Shown
from reconciler.ports import RepoTree


@dataclass(frozen=True, slots=True)
class FoundEnvironment:
    """One environment of a revision: filled in, or the problems that stand against it."""

    name: str
    path: str
    filled: Effective | None
    renderer: Renderer
    problems: tuple[Problem, ...]


def _called(tree: RepoTree) -> str:
    """A tree in a sentence: by its commit, or as the files that lie here."""
    return f"the {tree.revision}" if " " in tree.revision else tree.revision


def find_environment(tree: RepoTree, name: str) -> FoundEnvironment:
    """The environment of that name. Only its own file and the shared documents are read."""
    entries = [entry for entry in files_below(tree, "environments") if entry.path.endswith(".yaml")]
    names = {entry.name.removesuffix(".yaml"): entry for entry in entries}
    same = [entry for entry in entries if entry.name == f"{name}.yaml"]
    if not same:
        raise _unknown(tree, name, names)
    if len(same) > 1:
        raise UsageError(
            "ambiguous-environment",
            f"`{name}` stands in {len(same)} files: {', '.join(entry.path for entry in same)}",
            hint="names are unique; `reconciler validate` shows all clashes",
        )
    shared = lazy_shared(tree)
    renderer = Renderer(tree, shared)
    own: Found = []
    loaded = load_environment(tree, same[0], own)
    filled = None
    if loaded is not None:
        filled, faults = effective(loaded, shared)
        own += faults
        if filled is not None:
            own += environment_faults(filled)
        else:
            load_shared(tree, own)  # what is missing may be there, and broken
    return FoundEnvironment(name, same[0].path, filled, renderer, as_problems(tree, own))


def whole(tree: RepoTree, name: str) -> Effective:
    """An environment, filled in; an error where it is none, or broken."""
    found = find_environment(tree, name)
    if found.filled is None:
        raise ReconcilerError(
            "broken",
            f"{name} cannot be read in {tree.revision[:12]}: {found.problems[0].message}",
            hint="`reconciler validate` shows all problems",
            subject=name,
        )
    return found.filled


def _unknown(tree: RepoTree, name: str, names: Collection[str]) -> UsageError:
    """Nobody sees by a commit's id that it lacks what lies in the files, or on a branch."""
    hint = did_you_mean(name, names)
    if not hint:
        there = f"there are: {listed(names)}" if names else "it has none"
        hint = f"{there}; `reconciler new` makes one"
        if is_commit(tree.revision):
            hint += "; what lies in your files, or on another branch, is not in that commit"
    return UsageError(
        "unknown-environment",
        f"there is no environment `{name}` in {_called(tree)}",
        hint=hint,
    )


def show(tree: RepoTree, name: str, rendering: Rendering) -> Shown | tuple[Problem, ...]:
    """The environment with everything that applies to it, or what is wrong with it."""
    found = find_environment(tree, name)
    if found.filled is None:
        return found.problems
    filled = found.filled
    own = filled.environment.document.spec.parameters
    defaults = filled.profile.document.spec.defaults.parameters
    sources = {
        key: "environment" if key in own else "profile" if key in defaults else "blueprint"
        for key in filled.parameters
    }
    result = render_one(filled, found.renderer, rendering)
    if isinstance(result, Rendered):
        return Shown(filled, sources, context(filled), result, found.problems)
    return Shown(filled, sources, context(filled), None, tuple(sorted({*found.problems, *result})))
