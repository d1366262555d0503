"""Writing to merge requests that live in git: in the state that is there, or not at all."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from reconciler.adapters.local_merges import Merges, no_branch
from reconciler.adapters.merge_request_refs import Chain, MergeRequestRefs, Tips
from reconciler.core.forge.events import NotAnEvent, event_of
from reconciler.core.forge.fold import Entry, Folded, after, begun, too_late
from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model import forge_event as kinds
from reconciler.model.approval import Person
from reconciler.model.forge_event import LONGEST_TEXT, Body
from reconciler.model.merge_request import NO_FILES

ATTEMPTS: Final = 1000
_FAR: Final = 1000


class Writing:
    """Who acts, and where."""

    def __init__(self, refs: MergeRequestRefs, me: Person, clock: Callable[[], datetime]) -> None:
        self.refs = refs
        # An id that nobody checked must not pass for one that a forge knows.
        self.me = replace(me, forge_id=None)
        self.clock = clock
        self.merges = Merges(refs.repository)

    def now(self, number: int) -> tuple[Chain, Tips]:
        """A merge request and everything beside it, as they are now."""
        for _ in range(2):  # somebody who writes may have hidden it for a moment
            tips = self.refs.tips()
            if number in tips.requests:
                return self.refs.of(number, tips), tips
        raise UsageError(
            "no-such-merge-request",
            f"there is no merge request !{number}",
            hint="`reconciler mr list` lists those that are open",
        )

    def write(
        self,
        number: int,
        body_of: Callable[[Folded, Tips], Body | None],
        files: Mapping[str, bytes] = NO_FILES,
        *,
        late: bool = False,
    ) -> tuple[Chain, str]:
        """Write what has to happen in the state as it is; again when somebody was faster.

        `files`: what lies beside the event. `late`: also where it is merged.
        """
        for _ in range(ATTEMPTS):
            chain, tips = self.now(number)
            state = chain.state
            body = body_of(state, tips)
            if body is None:
                return chain, ""
            if not late and too_late(body) and self.merges.told(state, tips).state == "merged":
                raise _no_sense(number, "it is merged, and stays so")
            event = self.event(number, body)
            why = after(state, Entry("0" * 40, event, self.refs.signs_with))
            if isinstance(why, str):
                raise _no_sense(number, why)
            commit = self.refs.add(event, tips.requests[number], files)
            if commit:
                return self.refs.chain(number, commit), commit
        raise busy()

    def last(self, tips: Tips) -> int:
        """The last number that was given. One far beyond was made by hand, to take all numbers."""
        far = _FAR + 10 * len(tips.requests)
        return max((number for number in tips.requests if number < far), default=0)

    def begin(self, number: int, body: kinds.Opened) -> bool:
        """Open one under a number; False when somebody else has that."""
        event = self.event(number, body)
        why = begun(Entry("0" * 40, event, ""))
        if isinstance(why, str):
            raise UsageError("makes-no-sense", f"nothing was opened: {why}")
        return bool(self.refs.add(event, ""))

    def somebody(self) -> None:
        """An error unless it is known who acts."""
        if not self.me.email:
            raise UsageError(
                "nobody",
                "nobody knows who does this",
                hint="`git config user.name 'Your Name'` and `git config user.email"
                " you@example.com`, or RECONCILER_ACTOR_NAME and RECONCILER_ACTOR_EMAIL",
            )

    def event(self, number: int, body: Body) -> kinds.Event:
        """What happens now, by who acts."""
        self.somebody()
        try:
            return event_of(number, self.me, self.clock(), body)
        except NotAnEvent as err:
            raise UsageError(
                "does-not-fit",
                f"nothing was written: {err}",
                hint=f"words have at most {LONGEST_TEXT:,} characters, a title 255",
            ) from err

    def ends(self, source: str, target: str, tips: Tips) -> tuple[str, str]:
        """Where both branches are."""
        if source == target:
            raise UsageError(
                "one-branch",
                f"`{source}` cannot be merged into itself",
                hint="name the branch with the change: `--source`",
            )
        for one in (source, target):
            if one not in tips.branches:
                raise no_branch(one, pushed=self.refs.elsewhere)
        return tips.branches[source], tips.branches[target]

    def open_from(self, source: str, target: str, tips: Tips) -> int | None:
        """The open one between two branches."""
        for number in sorted(tips.requests):
            with suppress(ReconcilerError):  # a broken one is no reason not to work
                state = self.refs.of(number, tips).state
                ends = (state.source, state.target) == (source, target)
                if ends and self.merges.told(state, tips).state == "open":
                    return number
        return None

    def only_one(self, state: Folded, target: str, tips: Tips) -> None:
        """An error when another one is open between these branches."""
        there = self.open_from(state.source, target, tips)
        if there is not None and there != state.number:
            raise UsageError(
                "open-already",
                f"!{there} is open from `{state.source}` to `{target}` already",
                hint=f"go on with that one: `reconciler mr show {there}`",
            )


def _no_sense(number: int, why: str) -> UsageError:
    return UsageError(
        "makes-no-sense",
        f"nothing was written to !{number}: {why}",
        hint=f"`reconciler mr show {number}` shows how it stands",
        subject=f"!{number}",
    )


def busy() -> TransientError:
    """Nobody is wrong; only all at once."""
    return TransientError(
        "merge-requests-busy", "others write all the time, and ours found no place", hint="again"
    )
