"""The sandbox's clock: everybody's, put forward by as much as somebody wanted to see.

It never goes back, not even when the sandbox stops: what happened in it is recorded with its time,
and a history whose clock went back is a broken one.
"""

import fcntl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reconciler.errors import ReconcilerError, UsageError

_FILE: Final = "ahead"
_FURTHEST: Final = timedelta(days=3650)
"""Beyond that dates have no place in certificates and the like."""


class SandboxClock:
    """One for all repositories of a user, as the sandbox itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def now(self) -> datetime:
        """What it shows."""
        return datetime.now(UTC) + self.ahead()

    def ahead(self) -> timedelta:
        """How far it was put forward."""
        try:
            return timedelta(seconds=int((self._folder / _FILE).read_text(encoding="ascii")))
        except FileNotFoundError:
            return timedelta()
        except (OSError, ValueError, OverflowError) as err:
            raise ReconcilerError(
                "bad-sandbox-clock",
                f"{self._folder / _FILE} does not say how far the sandbox's clock is ahead",
                hint="write the seconds into it again, no fewer than there were",
            ) from err

    def forward(self, by: timedelta) -> timedelta:
        """Put it forward; how far it is ahead by then."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / f"{_FILE}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ahead = self.ahead() + by
            if ahead > _FURTHEST:
                raise UsageError(
                    "too-far", f"the sandbox's clock goes no further than {_FURTHEST.days} days"
                )
            part = self._folder / f"{_FILE}.part"
            part.write_text(f"{int(ahead.total_seconds())}\n", encoding="ascii")
            part.replace(self._folder / _FILE)
        return ahead
