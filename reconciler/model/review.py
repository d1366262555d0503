"""Review: what is told about one merge request, and what was told before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from reconciler.model.difference import Difference
from reconciler.model.merge_request import Place
from reconciler.model.plan import Plan


@dataclass(frozen=True, slots=True)
class Shown:
    """What people had before their eyes: an agreement at a forge is one to this."""

    head: str
    policies: str
    """Digest of the policies that judged."""
    plans: tuple[tuple[str, str], ...] = ()
    """Environment -> digest of its plan, by name."""
    at: datetime | None = None
    """Since when, by the forge's clock; None: since the note was edited last."""

    def same(self, other: "Shown") -> bool:
        """Whether both show the same, whenever."""
        return (self.head, self.policies, self.plans) == (other.head, other.policies, other.plans)


@dataclass(frozen=True, slots=True)
class Memo:
    """What a note remembers, out of sight."""

    shown: tuple[Shown, ...] = ()
    """Oldest first; the last one stands there now."""
    asked: tuple[int, ...] = ()
    """Ids of those who were asked to look. Nobody is asked twice, also who was taken out again."""


@dataclass(frozen=True, slots=True)
class Unplanned:
    """An environment of which there should be a plan, and is none."""

    environment: str
    why: str
    hint: str = ""
    failed: bool = False
    """Whether planning went wrong; else it was not to be."""


@dataclass(frozen=True, slots=True)
class Review:
    """One merge request as it was judged."""

    report: CheckReport
    """With the decisions as they are beside the plans."""
    number: int = 0
    """0: no merge request, only a check."""
    plans: tuple[Plan, ...] = ()
    unplanned: tuple[Unplanned, ...] = ()
    planning: bool = False
    """Whether plans were asked for."""
    simulated: bool = False
    tracks: tuple[tuple[str, str], ...] = ()
    """Environment -> each track that judges it."""
    draft: bool = False
    job: str = ""
    """Where the job is seen that says this; empty: nowhere."""
    otherwise: tuple[tuple[str, Difference], ...] = ()
    """Environment -> how its plan differs from the one that people agreed to, where it is kept."""

    @property
    def verdict(self) -> Verdict:
        """The strictest of all."""
        return self.report.verdict


@dataclass(frozen=True, slots=True)
class Thread:
    """One finding on a line that the change made."""

    mark: str
    """What it is found by again."""
    place: Place
    text: str


ReviewState = Literal[
    "reviewed", "skipped", "closed", "merged", "retargeted", "gone", "moved", "unreadable"
]


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that could not be posted."""

    what: str
    why: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Merging:
    """What became of merging one by itself, where a profile wants that."""

    commit: str = ""
    """What brought it in; empty: nothing did."""
    why_not: tuple[str, ...] = ()
    later: bool = False
    """Whether the next look tries it again, also when nothing changes."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of looking at one merge request."""

    number: int
    title: str
    state: ReviewState | Literal["failed"]
    told: str = ""
    """Why it was not reviewed."""
    hint: str = ""
    review: Review | None = None
    text: str = ""
    """The note."""
    posted: tuple[str, ...] = ()
    """What was changed at the forge, in words."""
    mishaps: tuple[Mishap, ...] = ()
    notes: tuple[str, ...] = ()
    link: str = ""
    known: Verdict | None = None
    """What it came to when it was looked at last, where it was skipped and that is known."""
    merging: Merging | None = None
    """None: no profile wants it merged by itself, or a mishap says why it could not be."""

    @property
    def verdict(self) -> Verdict | None:
        """What it came to; None: nobody could say."""
        return self.review.verdict if self.review is not None else self.known
