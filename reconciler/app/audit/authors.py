"""Who made a commit, for what records tell of commits only: as git and the documents have it."""

from collections.abc import Callable

from reconciler.core.load import lazy_shared
from reconciler.core.records.deeds import Person
from reconciler.errors import ReconcilerError
from reconciler.ports import Commits, RepoTree


def authors(commits: Commits, target: RepoTree | None) -> Callable[[str], Person | None]:
    """By commit; None: it is not here. Which of them are agents the target branch says now."""
    shared = lazy_shared(target) if target is not None else None
    known = shared.agents.values() if shared is not None else ()
    agents = {one.document.spec.identity.email.lower() for one in known}

    def author(commit: str) -> Person | None:
        try:
            by = commits.commit(commit).author
        except ReconcilerError:
            return None
        return by.name, by.email, None, "agent" if by.email.lower() in agents else "human"

    return author
