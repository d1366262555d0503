"""What a state rests on: the steps without which it would be another one."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lineage:
    """Commits in a row, newest first, and what each makes of something. The last is where it began.

    Whoever walks it goes from a state to a commit that made it, and on to the state that commit
    found: what led away from a state and back to it is passed over.
    """

    commits: Sequence[str]
    states: Sequence[Hashable]

    @property
    def end(self) -> int:
        """Where it began."""
        return len(self.commits) - 1

    def made(self, number: int) -> int:
        """The oldest commit that made what there is at one; the end: it was so from the first."""
        state = self.states[number]
        return max(other for other, one in enumerate(self.states) if one == state)
