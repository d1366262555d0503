"""The target branch as it is now: what judges, who may, and which environments there are."""

from dataclasses import dataclass

from reconciler.core.load import lazy_shared
from reconciler.core.tree import files_below
from reconciler.model.desired import Shared
from reconciler.ports import RepoTree


@dataclass(frozen=True, slots=True)
class Law:
    """One commit of the target branch."""

    commit: str
    shared: Shared
    environments: frozenset[str]
    tree: RepoTree

    @classmethod
    def of(cls, tree: RepoTree) -> "Law":
        """What one commit of it says."""
        files = files_below(tree, "environments")
        names = (one.name.removesuffix(".yaml") for one in files if one.name.endswith(".yaml"))
        return cls(tree.revision, lazy_shared(tree), frozenset(names), tree)

    def has(self, environment: str) -> bool:
        """Whether there is an environment of that name."""
        return environment in self.environments
