"""What the program itself wants changed: on the target branch, or as merge requests of its own.

One program proposes one thing once: a branch of ours names what it is for, and whoever comes again
finds it. Nothing of anybody else's is touched.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.app.branches import Change, Edits, commit_to, replaced
from reconciler.errors import ReconcilerError, TransientError, WaitingError
from reconciler.model.author import Author
from reconciler.model.merge_request import MergeRequest, Proposal
from reconciler.ports import Forge, RecordStore, Signer

OURS: Final = "reconciler/"
"""Branches of ours begin so."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that we want, and how we say it."""

    source: str
    """The branch, below `reconciler/`; the same wish has the same one."""
    title: str
    description: str
    edits: Edits
    author: Author
    """Who wanted it."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bot:
    """Commits and merge requests in our own name."""

    forge: Forge
    target: str
    branch: Callable[[str], RecordStore]
    """A branch as everybody has it."""
    me: Author
    """Who commits."""
    clock: Callable[[], datetime]
    signer: Signer | None = None
    """Our key; None: there is none, and nobody can prove that a commit is ours."""

    def propose(self, wish: Wish) -> MergeRequest:
        """The merge request for it; where it is open already, that one, brought up to date."""
        source = OURS + wish.source
        base = self.branch(self.target).tip(fresh=True)
        replaced(self.branch(source), base, self._change(wish), source)
        proposal = Proposal(wish.title, wish.description, source, self.target, wish.labels)
        return self.forge.open(proposal)

    def offer(self, wish: Wish) -> str:
        """A branch that somebody may take up, and no merge request; its name."""
        source = OURS + wish.source
        base = self.branch(self.target).tip(fresh=True)
        replaced(self.branch(source), base, self._change(wish), source)
        return source

    def put(
        self,
        wish: Wish,
        still: Callable[[str], bool],
        kept_out: Callable[[ReconcilerError], None] = lambda _why: None,
    ) -> str | MergeRequest:
        """On the target branch at once; where nobody lets us push there, as a merge request.

        The commit, empty when it was done before. `still`: whether a tip still wants it.
        `kept_out` hears what keeps us from the branch.
        """
        try:
            return commit_to(self.branch(self.target), self._change(wish), still)
        except (TransientError, WaitingError):
            raise
        except ReconcilerError as error:
            kept_out(error)
            return self.propose(wish)

    def open_ones(self) -> Mapping[str, MergeRequest]:
        """Those of ours that are open, by what comes after `reconciler/`."""
        me = self.forge.me()
        return {
            one.source.removeprefix(OURS): one
            for one in self.forge.open_ones(self.target)
            if one.source.startswith(OURS) and not one.fork and one.author == me
        }

    def withdraw(self, opened: MergeRequest, why: str) -> None:
        """Close one of ours that is wanted no more, and say why."""
        self.forge.say(opened.number, why)
        self.forge.close(opened.number)

    def _change(self, wish: Wish) -> Change:
        text = f"{wish.title}\n\n{wish.description.rstrip()}\n"
        return Change(wish.edits, text, wish.author, self.me, self.clock(), self.signer)


def bullets(lines: Sequence[str]) -> str:
    """A list, in a description."""
    return "".join(f"- {one}\n" for one in lines)
