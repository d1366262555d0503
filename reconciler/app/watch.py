"""Watch a forge: look at everything every so often, and sooner where somebody says so.

It recomputes from what is there: a hint that is lost, doubled or a lie only changes when it looks.
While the forge is away it waits longer and longer, says so once, and hints hurry nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Condition
from typing import Final, Protocol

from reconciler.errors import ReconcilerError, StoppedError, TransientError, WaitingError

MOST: Final = 100
"""Hints about so many merge requests are one about all."""


@dataclass(frozen=True, slots=True)
class Look:
    """Where somebody says that there is something to see."""

    everything: bool = False
    numbers: tuple[int, ...] = ()
    stop: bool = False
    """It is to end."""


class Inbox:
    """Hints that wait to be looked at: each place once, and never more than a few.

    Others put in while one takes out.
    """

    def __init__(self) -> None:
        self._change = Condition()
        self._numbers: dict[int, None] = {}
        self._everything = False
        self._stop = False
        self._woken = False

    def hint(self, number: int) -> None:
        """Look at a merge request; 0: at everything."""
        with self._change:
            if number <= 0 or len(self._numbers) >= MOST:
                self._everything = True
            if self._everything:
                self._numbers.clear()
            else:
                self._numbers[number] = None
            self._change.notify()

    def wake(self) -> None:
        """Whoever waits looks around, though there is nothing to look at."""
        with self._change:
            self._woken = True
            self._change.notify()

    def stop(self) -> None:
        """End, when what is being done is done; a signal's handler may call it."""
        with self._change:
            self._stop = True
            self._change.notify()

    def take(self, seconds: float) -> Look:
        """What there is; what comes first within that time; or nothing."""
        with self._change:
            self._change.wait_for(lambda: self.due, seconds)
            look = Look(self._everything, tuple(self._numbers), self._stop)
            self._woken = self._stop = False
            self._numbers.clear()
            self._everything = False
            return look

    @property
    def due(self) -> bool:
        """Whether there is something to take."""
        return bool(self._stop or self._everything or self._numbers or self._woken)

    def rest(self, seconds: float) -> bool:
        """Wait whatever comes; whether it is to end."""
        with self._change:
            return self._change.wait_for(lambda: self._stop, seconds)


class Waiting(Protocol):
    """What an Inbox does for whoever waits."""

    def take(self, seconds: float) -> Look:
        """What comes first within that time."""
        ...

    def rest(self, seconds: float) -> bool:
        """Wait whatever comes; whether it is to end."""
        ...


@dataclass(frozen=True, slots=True)
class Watching:
    """What is done for each look, and how often."""

    everything: Callable[[], None]
    """Look at every open merge request; it takes care of what one of them does to another."""
    one: Callable[[int], None]
    poll: float
    """Seconds from one look at everything to the next."""
    retry: float
    """Seconds that it waits at most while it fails."""
    clock: Callable[[], float]
    """Seconds of a clock that nobody sets."""
    tell: Callable[[ReconcilerError | None], None]
    """Told once for each reason why it fails, and (None) when it is well again."""


def watch(watching: Watching, inbox: Waiting) -> None:
    """Look until it is told to end. What can be tried again, it tries again for ever."""
    failing: set[str] = set()
    wait = 0.0
    due = watching.clock()
    while True:
        left = due - watching.clock()
        look = inbox.take(max(left, 0.0))
        if look.stop:
            return
        try:
            if look.everything or due <= watching.clock():
                watching.everything()
                due = watching.clock() + watching.poll
            else:
                for number in look.numbers:
                    _one(watching, number)
        except StoppedError:
            return
        except ReconcilerError as error:
            # What was not looked at comes with the next look at everything.
            if error.reason not in failing:
                watching.tell(error)
            failing.add(error.reason)
            wait = _longer(wait, watching, error)
            if inbox.rest(wait):
                return
            due = watching.clock()
        else:
            if failing:
                watching.tell(None)
            failing.clear()
            wait = 0.0


def _one(watching: Watching, number: int) -> None:
    """One that somebody named. Whatever is wrong with it alone must not stop the others."""
    try:
        watching.one(number)
    except (TransientError, WaitingError, StoppedError):
        raise
    except ReconcilerError as error:
        watching.tell(error)


def _longer(wait: float, watching: Watching, error: ReconcilerError) -> float:
    """Twice as long as before; what only a human can mend is not asked for often."""
    shortest = min(watching.poll, watching.retry)
    if not isinstance(error, TransientError | WaitingError):
        return watching.retry
    return min(wait * 2 or shortest, watching.retry)
