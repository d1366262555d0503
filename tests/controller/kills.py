"""Kills processes, or fills their disk, at points of their work.

It is put before everything else that Python imports in a process that is to be hit (as
`sitecustomize`), so it imports nothing of ours. What a process does is counted by the files that it
touches and the programs that it starts.
"""

import atexit
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

TOLD = {
    "open",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "socket.sendmsg",
    "sqlite3.connect",
    "subprocess.Popen",
}
DEED = "reconciler.cli.deed"


class Hits:
    """One process: the point that it took, and what it does when it comes there."""

    def __init__(self, own: str, points: str, begin: str) -> None:
        self.own, self.points, self.begin = own, points, begin
        self.whole = self.loaded = os.getpid()
        self.alone = threading.RLock()
        self.busy = False
        self.point: dict[str, Any] | None = None
        self.count = self.hits = 0
        self.waits: threading.Timer | None = None
        atexit.register(self.told)
        os.register_at_fork(after_in_child=self.forked)

    def forked(self) -> None:
        """A task of its own, where it is the first fork of what carries them out."""
        if DEED in sys.orig_argv and os.getppid() == self.loaded:
            self.whole = os.getpid()

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        """What Python says that it is about to do."""
        if event not in TOLD or os.getpid() != self.whole:
            return
        words = " ".join(str(one) for one in args)
        if not self.ours(words):
            return
        with self.alone:
            if self.busy:
                return
            self.busy = True
            try:
                self.met(f"{event} {words}")
            finally:
                self.busy = False

    def ours(self, words: str) -> bool:
        """Whether it is about what is looked at here, and not about Python or this."""
        if DEED in words or words.startswith("<socket.socket"):
            return True
        python = "python" in words.partition(" ")[0]
        return self.own in words and f"{self.own}/points/" not in words and not python

    def met(self, text: str) -> None:
        """One more."""
        if self.point is None:
            if not all(one in text for one in self.begin.split()):
                return
            self.point = self.taken()
        self.count += 1
        if self.point and all(one in text for one in self.point["match"].split()):
            self.hits += 1
            if self.hits == self.point["nth"]:
                self.hit(self.point)

    def taken(self) -> dict[str, Any]:
        """The first point that nobody has taken."""
        for name in sorted(os.listdir(self.points)):  # noqa: PTH208  # nothing more is imported
            if name.endswith(".point"):
                mine = f"{name}.{os.getpid()}"
                try:
                    os.rename(f"{self.points}/{name}", f"{self.points}/{mine}")  # noqa: PTH104
                except OSError:
                    continue
                with Path(self.points, mine).open(encoding="utf-8") as file:
                    return {**json.load(file), "name": mine}
        return {}

    def hit(self, point: dict[str, Any]) -> None:
        """Here."""
        name = f"{self.points}/{point['name']}"
        os.rename(name, f"{name}.hit")  # noqa: PTH104
        if point["after"]:
            self.waits = threading.Timer(point["after"], self.done, [point["whom"]])
            self.waits.start()
        else:
            self.done(point["whom"])

    def done(self, whom: str) -> None:
        """Kill itself, or whoever started it, or both; or leave no room on the disk."""
        if whom == "disk":
            fill(Path(os.environ["FAULT_DISK"], "fill"))
        controller = parent(os.getppid())
        if whom in ("parent", "both") and is_controller(controller):
            os.kill(controller, signal.SIGKILL)
        if whom in ("self", "both"):
            os.kill(os.getpid(), signal.SIGKILL)

    def told(self) -> None:
        """How much there was to be hit at, where it came to its end; none escapes by being fast."""
        if self.waits and os.getpid() == self.whole:
            self.waits.join()
        if self.count and os.getpid() == self.whole:
            self.busy = True
            Path(self.points, f"{os.getpid()}.count").write_text(str(self.count), encoding="utf-8")


def parent(pid: int) -> int:
    """Of another process: what forks for tasks stands between them and the controller."""
    try:
        return int(
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]
        )
    except OSError:
        return 0


def is_controller(pid: int) -> bool:
    """Whoever has lost its controller has another parent."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"\0reconciler\0run\0" in line


def fill(path: Path) -> None:
    """Until nothing more goes onto that disk."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


def begin() -> None:
    """Look at this process, if somebody wants it hit."""
    own = os.environ.get("FAULT_OWN", "")
    kind = "deed" if DEED in sys.orig_argv else "controller"
    points = f"{os.environ.get('FAULT_POINTS', '')}/{kind}"
    if own and Path(points).is_dir():
        sys.addaudithook(Hits(own, points, os.environ["FAULT_FROM"]))


if __name__ == "sitecustomize":
    begin()
