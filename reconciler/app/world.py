"""One tree, and its environments as they come to be looked at: read, filled in, rendered."""

from dataclasses import dataclass

from reconciler.app.render import Rendering, render_one
from reconciler.core.effective import effective
from reconciler.core.load import Found, as_problems, lazy_shared, load_environment
from reconciler.core.render import Renderer
from reconciler.core.tree import find
from reconciler.model.desired import Effective, Loaded
from reconciler.model.environment import Environment
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered
from reconciler.ports import RepoTree


@dataclass(frozen=True, slots=True)
class Seen:
    """An environment as far as it could be seen; `problems` say why not further."""

    loaded: Loaded[Environment] | None
    filled: Effective | None = None
    rendered: Rendered | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def document(self) -> Environment | None:
        """The environment's document, when it can be read."""
        return self.loaded.document if self.loaded else None


NOTHING = Seen(None)


class World:
    """The documents and templates of one tree, each read when it is asked for."""

    def __init__(self, tree: RepoTree, rendering: Rendering) -> None:
        self.tree = tree
        self.shared = lazy_shared(tree)
        self._renderer = Renderer(tree, self.shared)
        self._rendering = rendering

    def look(self, path: str) -> Seen:
        """The environment in a file; nothing when there is no such file."""
        entry = find(self.tree, path)
        if entry is None:
            return NOTHING
        found: Found = []
        loaded = load_environment(self.tree, entry, found)
        if loaded is None:
            return Seen(None, problems=as_problems(self.tree, found))
        return self.see(loaded)

    def document(self, path: str) -> Environment | None:
        """The environment's document in a file, when there is one that can be read."""
        entry = find(self.tree, path)
        loaded = load_environment(self.tree, entry, []) if entry is not None else None
        return loaded.document if loaded is not None else None

    def see(self, loaded: Loaded[Environment]) -> Seen:
        """An environment's document by the rules of this tree."""
        seen = self.fill(loaded)
        return seen if seen.filled is None else self.render(seen.filled)

    def fill(self, loaded: Loaded[Environment]) -> Seen:
        """The same, not rendered."""
        filled, faults = effective(loaded, self.shared)
        if filled is None:
            return Seen(loaded, problems=as_problems(self.tree, [*faults]))
        return Seen(loaded, filled)

    def render(self, filled: Effective) -> Seen:
        """What an environment comes to."""
        rendered = render_one(filled, self._renderer, self._rendering)
        if isinstance(rendered, Rendered):
            return Seen(filled.environment, filled, rendered)
        return Seen(filled.environment, filled, problems=rendered)
