"""Whether a change did an environment good: what is wrong with it, held against when it changed.

A change takes its time, so each check has patience with it. What was wrong before the change is not
its fault: going back would not mend it, and going on would be blind; so it only holds things up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from reconciler.model.health import Complaint, Ill, State, Unsettled, Well

_SKEW: Final = timedelta(minutes=1)
"""The cloud's clock and ours differ by less."""


def state_of_health(
    complaints: Sequence[Complaint], began: datetime, ended: datetime, now: datetime
) -> State:
    """How it is at `now`, after a change that was made from `began` to `ended`."""
    fresh = [one for one in complaints if one.since is None or one.since >= began - _SKEW]
    ill = [one for one in fresh if now >= ended + one.patience]
    if ill:
        return Ill(_words(ill))
    if fresh:
        return Unsettled(_words(fresh), min(ended + one.patience for one in fresh))
    if complaints:
        return Unsettled(f"{_words(complaints)} (since before the change)", None)
    return Well()


def _words(complaints: Sequence[Complaint]) -> str:
    return "; ".join(one.what for one in complaints)
