"""Which branch judges."""

from reconciler.core.load import lazy_shared
from reconciler.errors import UsageError
from reconciler.ports import RepoTree
from reconciler.wiring import Repository


def target_of(repository: Repository, head: RepoTree, base: str | None) -> str:
    """The target branch: what was named, else the one of the settings, as last fetched."""
    if base is not None:
        return base
    own = repository.git.named("refs/remotes/origin/HEAD")
    settings = lazy_shared(repository.snapshot(own) if own is not None else head).settings
    branch = settings.document.spec.branches.target if settings else "main"
    found = repository.git.named(f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
    if found is None:
        raise UsageError(
            "no-target",
            f"there is no branch `{branch}` to compare with",
            hint="name it with `--base`, or check everything with `--all`",
        )
    return found
