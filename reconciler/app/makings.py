"""What an environment is made of at a commit: its document, and the files that it comes to.

Profiles and templates are everybody's: a commit that changes one for others changes nothing here,
and what an environment renders to tells.
"""

from dataclasses import dataclass, field
from typing import Final

from reconciler.app.agreed import SHARED
from reconciler.app.environment import find_environment
from reconciler.app.render import Rendering, render_one
from reconciler.core.lineage import Lineage
from reconciler.errors import IndeterminateError, UsageError
from reconciler.model.desired import Effective
from reconciler.model.rendered import Rendered
from reconciler.ports import Commits, Snapshots

_Parts = tuple[str | None, ...]
_State = tuple[str | None, ...] | None
FAR: Final = 10_000
"""So many commits back nobody looks for what made an environment."""


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

    def brought(self, commit: str, name: str, path: str) -> str:
        """The newest commit, by first parents, that made it what it is at one."""
        for _ in range(FAR):
            parents = self.commits.commit(commit).parents
            if not parents or not self.same(parents[0], commit, name, path):
                break
            commit = parents[0]
        return commit

    def lineage(self, commit: str, since: str, name: str, path: str) -> Lineage:
        """What it was at each commit, by first parents, back to `since` or to where it was not."""
        stop = since if since and self.commits.contains(commit, since) else ""
        chain: list[str] = []
        states: list[_State] = []
        while len(chain) < FAR:
            path = self._place(commit, name, path)
            chain.append(commit)
            states.append(self._state(commit, name, path) if path else None)
            if commit in (stop, "") or not path:
                return Lineage(chain, states)
            parents = self.commits.commit(commit).parents
            commit = parents[0] if parents else ""
        raise IndeterminateError(
            "too-far",
            f"what made {name} what it is lies more than {FAR} commits back",
            hint="apply a commit that is nearer to what was applied last",
            subject=name,
        )

    def _place(self, commit: str, name: str, path: str) -> str:
        """Where its document lies, which may have been moved; empty: there is none."""
        if not commit:
            return ""
        if self.commits.lies(commit, path) is not None:
            return path
        try:
            return find_environment(self.trees.snapshot(commit), name).path
        except UsageError as error:
            if error.reason != "unknown-environment":
                raise
            return ""

    def _state(self, commit: str, name: str, path: str) -> _State:
        """What it is; of what cannot be rendered, everything that it would be made of."""
        parts = self.parts(commit, path)
        files = self.files(commit, name, path)
        return (parts[0], files) if files else parts
