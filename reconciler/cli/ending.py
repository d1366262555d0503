"""Being told to end: by SIGTERM, by Ctrl-C, or since the terminal was closed."""

import os
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

TOLD: Final = (signal.SIGTERM, signal.SIGHUP)
"""What a service manager sends, and a terminal that is closed."""
_OUTPUT: Final = (1, 2)


@contextmanager
def told_to_end(
    stop: Callable[[], None], numbers: Collection[signal.Signals] = TOLD
) -> Iterator[None]:
    """Whatever of these comes meanwhile calls `stop`; `nohup` keeps what it was asked to keep.

    A terminal that is closed says so once, however many say it: the system and the shell both do.
    Nobody reads what is said to a terminal that was closed: what is still to be done, and to be
    recorded, must not fail for that.
    """
    shown = [number for number in _OUTPUT if os.isatty(number)]

    closed: list[int] = []

    def heard(told: int, _frame: FrameType | None) -> None:
        for number in shown:
            if not os.isatty(number):
                _to_nobody(number)
        if told == signal.SIGHUP:
            closed.append(told)
        if told != signal.SIGHUP or len(closed) == 1:
            stop()

    kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    taken = [one for one in numbers if one is not signal.SIGHUP or not kept]
    before = {one: signal.signal(one, heard) for one in taken}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _to_nobody(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
