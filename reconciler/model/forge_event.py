"""What happens to a merge request of the local forge. What is written once is read for ever."""

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from reconciler.model.base import Model

VERSION: Final = "reconciler.merge-requests/v1"
DOCUMENT: Final = "event.json"
"""Where an event lies in its commit's tree."""
LONGEST_TEXT: Final = 100_000


def plan_file(digest: str) -> str:
    """Where a plan that was agreed to lies beside the event: for people, and not a part of it."""
    return f"plan-{digest.rpartition(':')[2]}.json"


Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
Short = Annotated[str, StringConstraints(max_length=255)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"\S")]
Long = Annotated[str, StringConstraints(max_length=LONGEST_TEXT)]
Branch = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Labels = Annotated[list[Label], Field(max_length=100)]
Instant = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")
]


class By(Model):
    """Who did it, as they say. Only a signature proves it, so there is no forge's id in it."""

    name: Short
    email: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Opened(Model):
    """Somebody proposes a change."""

    kind: Literal["opened"] = "opened"
    title: Title
    description: Long
    source: Branch
    target: Branch
    labels: Labels
    head: Commit
    base: Commit
    """Where the target was: what it had by then is no part of the proposal."""


class Edited(Model):
    """It says something else, or goes to another branch."""

    kind: Literal["edited"] = "edited"
    title: Title | None = None
    description: Long | None = None
    target: Branch | None = None
    base: Commit | None = None


class Closed(Model):
    """It is given up."""

    kind: Literal["closed"] = "closed"


class Reopened(Model):
    """It is taken up again."""

    kind: Literal["reopened"] = "reopened"


class Merged(Model):
    """The target has it; a reader believes that only when git shows it."""

    kind: Literal["merged"] = "merged"
    head: Commit
    commit: Commit


class PlanOf(Model):
    """The plan of one environment."""

    environment: Short
    digest: Short


class Approved(Model):
    """Somebody agrees to one commit, these plans, and what these policies say of them."""

    kind: Literal["approved"] = "approved"
    head: Commit
    plans: Annotated[list[PlanOf], Field(max_length=1000)]
    policies: Short


class Unapproved(Model):
    """They do not, any more."""

    kind: Literal["unapproved"] = "unapproved"


class Line(Model):
    """A line of a file."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    line: Annotated[int, Field(ge=1, le=10_000_000)]


class Said(Model):
    """A note."""

    kind: Literal["said"] = "said"
    text: Long
    thread: Commit | None = None
    """The note that it answers; none: it begins a thread."""
    place: Line | None = None


class Rewritten(Model):
    """A note says something else."""

    kind: Literal["rewritten"] = "rewritten"
    note: Commit
    text: Long


class Settled(Model):
    """A thread is settled, or open again."""

    kind: Literal["settled"] = "settled"
    thread: Commit
    resolved: bool


class Labelled(Model):
    """Labels given and taken."""

    kind: Literal["labelled"] = "labelled"
    add: Labels
    remove: Labels


class Invited(Model):
    """People are asked to look at it."""

    kind: Literal["invited"] = "invited"
    people: Annotated[list[By], Field(max_length=100)]


class Shown(Model):
    """What a gate says about a commit."""

    kind: Literal["shown"] = "shown"
    head: Commit
    name: Short
    state: Literal["running", "success", "failed"]
    text: Long
    link: Annotated[str, StringConstraints(max_length=2000)] = ""


Body = (
    Opened
    | Edited
    | Closed
    | Reopened
    | Merged
    | Approved
    | Unapproved
    | Said
    | Rewritten
    | Settled
    | Labelled
    | Invited
    | Shown
)


class Event(Model):
    """One thing that happened to one merge request."""

    schema_: Annotated[Literal["reconciler.merge-requests/v1"], Field(alias="schema")] = VERSION
    number: Annotated[int, Field(ge=1, le=999_999_999)]
    at: Instant
    by: By
    body: Annotated[Body, Field(discriminator="kind")]
