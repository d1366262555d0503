"""What people agreed to, for an apply: read from the merge request that brought the commit.

A commit of the target branch has been agreed to by nobody just because it is there: on most forges
whoever may merge can. So the approvals are read again, and judged beside the very plan.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from reconciler.app.deliver import Decided
from reconciler.app.otherwise import agreed_plan, beside_approvals, in_notes, on_this_machine
from reconciler.app.review import Room, agreed
from reconciler.core.chatops import agreed_late
from reconciler.errors import UsageError
from reconciler.model.approval import Given, Person
from reconciler.model.author import Author
from reconciler.model.commit import Commit
from reconciler.model.merge_request import MergeRequest, Note
from reconciler.model.plan import Plan
from reconciler.ports import Cache

SHARED: Final = ("profiles", "templates")
"""What an environment is made of beside its own document."""


class Makers(Protocol):
    """Who made what, as git tells."""

    def commit(self, revision: str) -> Commit:
        """What a commit says of itself."""
        ...

    def contains(self, revision: str, commit: str) -> bool | None:
        """Whether a commit is in a revision's history."""
        ...

    def before(self, revision: str, path: str) -> str:
        """The newest commit behind one with nothing at a path; empty: none."""
        ...

    def makers(self, began: str, head: str, paths: Collection[str] = ()) -> tuple[Author, ...]:
        """Who made the commits between two that change something at one of the paths."""
        ...


@dataclass(frozen=True, slots=True)
class Applied:
    """What is about to be applied."""

    environment: str
    path: str
    """Where its document lies."""
    commit: str
    since: str
    """The commit that was applied last; empty: none was."""


def brought_by(room: Room, commit: str) -> MergeRequest:
    """The merge request that brought a commit into the target branch; an error: none did."""
    request = room.forge.brought(commit)
    if request is None or request.target != room.branch:
        raise UsageError(
            "not-brought",
            f"no merge request brought {commit[:12]} into `{room.branch}`, as git shows it",
            hint="apply the commit that merged what was agreed to: `--rev`",
        )
    return request


def given_to(room: Room, git: Makers, what: Applied, request: MergeRequest) -> Given:
    """What was said about it, with everybody whose own agreement is none.

    An error when it cannot be told: then nobody agreed.
    """
    heard, _ = agreed(room.forge, request, room.trust(request.number))
    given = heard[what.environment]
    if not room.forge.takes_late:
        late = agreed_late(room.forge.notes(request.number), what.environment)
        said = replace(heard, consents=late)[what.environment].approvals
        given = replace(given, approvals=(*given.approvals, *said))
    people = {Person(one.name, one.email) for one in _makers(git, what, request.head)}
    order = sorted(people, key=lambda one: (one.email, one.name))
    return replace(given, authors=(*given.authors, *order))


def plan_given_to(room: Room, found: Decided, request: MergeRequest, cache: Cache) -> Plan | None:
    """The plan that was agreed to where another one is made now; None: it is kept nowhere."""

    def notes() -> Sequence[Note]:
        return room.forge.notes(request.number)

    looks = (
        beside_approvals(room.git.snapshot),
        on_this_machine(cache),
        in_notes(notes),
    )
    return agreed_plan(found.decision, found.planned.plan, looks)


def _makers(git: Makers, what: Applied, head: str) -> set[Author]:
    """Who made the merge request, and who changed what it is made of since it was applied.

    Of what was never applied: since it is there. Merging it is not making it, unless somebody put
    something into the merge that git would not have.
    """
    commit = what.commit
    since = what.since if what.since and git.contains(commit, what.since) else ""
    began = since or git.before(commit, what.path)
    found = set(git.makers(began, commit, (what.path, *SHARED)))
    parents = git.commit(commit).parents
    if commit != head and parents:
        found |= set(git.makers(parents[0], head))
    return found
