"""One at a time on this machine: a lock that ends with its holder, however that ends."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError, WaitingError

RETRY: Final = 0.1


def taken(descriptor: int) -> bool:
    """Whether it is ours now; it is let go with the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def held(
    path: Path, what: str, seconds: float, busy: Callable[[str], WaitingError]
) -> Iterator[None]:
    """Hold a file; `busy` makes the error of who holds it when that takes longer than this."""
    with path.open("a+b") as file:
        until = time.monotonic() + seconds
        while not taken(file.fileno()):
            if time.monotonic() >= until:
                file.seek(0)
                raise busy(_holder(file.read()))
            time.sleep(RETRY)
        file.truncate(0)
        holder = {"pid": os.getpid(), "what": what, "since": int(time.time())}
        file.write(json.dumps(holder).encode())
        file.flush()
        yield
        file.truncate(0)


@contextmanager
def reviewing(folder: Path, number: int, seconds: float) -> Iterator[None]:
    """Nobody else on this machine reviews the same merge request meanwhile."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise ReconcilerError(
            "unwritable",
            f"{folder} cannot be written: {err.strerror}",
            hint="set RECONCILER_STATE_DIR to a folder of your own",
            subject=str(folder),
        ) from err

    def busy(who: str) -> WaitingError:
        return WaitingError(
            "review-busy",
            f"!{number} is being looked at: {who}",
            hint="it says the same; or wait for it, and look again",
            subject=f"!{number}",
        )

    with held(folder / f"{number}.lock", "a review", seconds, busy):
        yield


def _holder(said: bytes) -> str:
    try:
        holder = json.loads(said)
        minutes = max(int(time.time() - holder["since"]) // 60, 0)
    except (ValueError, KeyError, TypeError):
        return "another process"
    return f"{holder['what']} of process {holder['pid']}, for {minutes} minutes"
