"""A merge request as any forge tells it: what somebody proposes, and what was said about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from reconciler.model.approval import Person

MergeRequestState = Literal["open", "closed", "merged"]
StatusState = Literal["running", "success", "failed"]
NO_FILES: Final[Mapping[str, bytes]] = MappingProxyType({})
DeploymentState = Literal["running", "success", "failed", "canceled"]


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """One proposal to change the target branch."""

    number: int
    title: str
    description: str
    author: Person
    source: str
    """The branch that it comes from; in a fork, the fork's."""
    target: str
    """The branch that it goes to."""
    head: str
    """The last commit of the source; empty: there is none any more."""
    state: MergeRequestState
    opened: datetime
    updated: datetime
    """When anything about it changed. A forge may be late, and a clock may be wrong."""
    draft: bool = False
    fork: bool = False
    """Whether it comes from another repository: nothing of it gets near credentials."""
    labels: tuple[str, ...] = ()
    merged: str = ""
    """The commit that brought it into the target; empty: none did."""
    link: str = ""
    """Where a person looks at it; empty: only in git."""
    odd: tuple[str, ...] = ()
    """What somebody wrote to it that makes no sense and changes nothing; a server takes no such
    thing."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A merge request that is there, and cannot be read or is not to be believed."""

    number: int
    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A merge request that is to be opened."""

    title: str
    description: str
    source: str
    target: str
    labels: tuple[str, ...] = ()
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, as the merge request's last commit has it."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was said."""

    id: str
    thread: str
    """What it answers in; a note that begins one has its own."""
    by: Person
    at: datetime
    edited: datetime
    """When it came to say what it says now, by the forge's clock."""
    text: str
    ours: bool = False
    """Whether the forge says that it is of the account that we use."""
    place: Place | None = None
    resolved: bool | None = None
    """Whether its thread is settled; None: it is no thing to settle."""
    signed_by: str = ""
    """The fingerprint of the SSH key that signed it, verified; empty: nobody did."""
    rewritten: bool | None = None
    """Whether it says something else than at first; None: the forge tells only `edited`."""


@dataclass(frozen=True, slots=True)
class Consent:
    """That somebody agreed, as the forge tells it. Nothing here has been judged."""

    by: Person
    at: datetime
    head: str
    """The commit that was the last one then; empty: it cannot be told."""
    plans: tuple[tuple[str, str], ...] | None = None
    """Environment -> digest of the plan that was agreed to, where the agreement itself says so;
    None: it says nothing, and what was shown at that time counts."""
    policies: str = ""
    """Digest, where the agreement itself says so."""
    reference: str = ""
    """Where it was said."""
    signed_by: str = ""
    """The fingerprint of the SSH key that signed it, verified."""


@dataclass(frozen=True, slots=True)
class Status:
    """What one gate says about a commit, for the forge to show. A signal, never a proof."""

    name: str
    state: StatusState
    text: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One apply, for the forge to show."""

    environment: str
    commit: str
    branch: str
    state: DeploymentState
    production: bool = False


class Tier(StrEnum):
    """What a GitLab offers."""

    FREE = "Free"
    PREMIUM = "Premium"
    ULTIMATE = "Ultimate"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that was looked at about the forge's own settings."""

    what: str
    good: bool | None
    """None: it could not be told."""
    told: str
    """What is so."""
    hint: str = ""
    """What to do; empty: nothing."""
