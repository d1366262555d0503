"""What an environment is made of at a commit: its document, and the files that it comes to.

Profiles and templates are everybody's: a commit that changes one for others changes nothing here,
and what an environment renders to tells.
"""

from dataclasses import dataclass, field

from reconciler.app.agreed import SHARED
from reconciler.app.environment import find_environment
from reconciler.app.render import Rendering, render_one
from reconciler.model.desired import Effective
from reconciler.model.rendered import Rendered
from reconciler.ports import Commits, Snapshots

_Parts = tuple[str | None, ...]


@dataclass(frozen=True)
class Makings:
    """Reads commits, each thing once."""

    commits: Commits
    trees: Snapshots
    rendering: Rendering
    _files: dict[tuple[str, _Parts], str] = field(default_factory=dict)

    def parts(self, commit: str, path: str) -> _Parts:
        """The objects of its document and of everything that is everybody's."""
        return tuple(self.commits.lies(commit, one) for one in (path, *SHARED))

    def filled(self, commit: str, name: str) -> Effective | None:
        """The environment with everything that applies to it; None: it cannot be told."""
        return find_environment(self.trees.snapshot(commit), name).filled

    def files(self, commit: str, name: str, path: str) -> str:
        """The digest of what it renders to, as records have it; empty: nothing."""
        key = (name, self.parts(commit, path))
        if key not in self._files:
            found = find_environment(self.trees.snapshot(commit), name)
            made = (
                render_one(found.filled, found.renderer, self.rendering) if found.filled else None
            )
            self._files[key] = made.digest if isinstance(made, Rendered) else ""
        return self._files[key]

    def same(self, one: str, other: str, name: str, path: str) -> bool:
        """Whether two commits say the same of it, and make the same of that."""
        ours, theirs = self.parts(one, path), self.parts(other, path)
        if ours == theirs:
            return True
        if ours[0] is None or ours[0] != theirs[0]:
            return False
        files = self.files(one, name, path)
        return bool(files) and files == self.files(other, name, path)
