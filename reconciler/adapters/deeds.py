"""Processes that carry tasks out: one is loaded once, and forks for each task.

A task is written to its fork as a line of JSON, and so is what came of it. Whoever starts it may
die: it goes on, ends where that is safe, and records what it did.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock, Thread
from typing import IO, Any, Final

from reconciler.adapters.forked import become, hand, handed
from reconciler.model.work import Ended, Task
from reconciler.settings import whole_environment

Told = Callable[[Ended, Mapping[str, Any]], None]
_LAST: Final = 2000
_PIECE: Final = 65536
_AT_ONCE: Final = -1
"""Instead of a number that is not known yet: it is to end as soon as it is."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The process that forks, and what it is asked over."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    said: IO[bytes]

    def end(self) -> None:
        """It ends by itself when nobody can ask it any more. What it forked goes on."""
        self.channel.close()
        self.process.wait()
        self.said.close()


class Deeds:
    """The processes of one controller."""

    def __init__(self, module: str, more: Mapping[str, Any], told: Told) -> None:
        self._command = [sys.executable, "-m", module]
        self._more = dict(more)
        self._told = told
        self._lock = Lock()
        self._running: dict[socket.socket, int] = {}
        self._loaded: _Loaded | None = None
        self._threads: list[Thread] = []

    def prepare(self) -> None:
        """Have it loaded: that costs nobody's time when there is something to do."""
        if self._loaded is None:
            with suppress(OSError):
                self._loaded = self._load()

    def start(self, task: Task, more: Mapping[str, Any]) -> None:
        """Begin."""
        order = {
            **self._more,
            **more,
            "environment": task.environment,
            "job": task.job,
            "why": task.why,
        }
        try:
            ours, said, loaded = self._fork()
        except OSError as err:
            self._told(Ended(task, "again", f"no process could be started: {err}"), {})
            return
        with self._lock:
            self._running[ours] = 0
        told = (ours, (said, loaded.said), task, order)
        thread = Thread(target=self._wait, args=told, daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def stop(self) -> None:
        """Ask everything that runs to end where that is safe."""
        with self._lock:
            for one, pid in self._running.items():
                self._running[one] = pid or _AT_ONCE
                _ask_to_end(pid)

    def close(self) -> None:
        """Nothing more is to be started."""
        for thread in self._threads:
            thread.join()
        if self._loaded is not None:
            self._loaded.end()
            self._loaded = None

    def _load(self) -> _Loaded:
        said = TemporaryFile()  # noqa: SIM115  # it is read when the process has ended
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=said,
                # A Ctrl-C is for the controller, which lets what runs come to its end.
                start_new_session=True,
            )
        return _Loaded(process, ours, said)

    def _fork(self) -> tuple[socket.socket, IO[bytes], _Loaded]:
        """What a fork is talked to over, and where its words go."""
        said = TemporaryFile()  # noqa: SIM115  # it is read when the process has ended
        here = Path.cwd()
        ours, theirs = socket.socketpair()
        with theirs:
            streams = (theirs.fileno(), theirs.fileno(), said.fileno())
            for _ in range(2):
                loaded = self._loaded = self._loaded or self._load()
                try:
                    hand(loaded.channel, {}, streams, whole_environment(), here)
                except OSError:  # it died while it waited
                    loaded.end()
                    self._loaded = None
                    continue
                return ours, said, loaded
        ours.close()
        said.close()
        raise BrokenPipeError("what carries tasks out ends at once")

    def _wait(
        self,
        ours: socket.socket,
        said: tuple[IO[bytes], IO[bytes]],
        task: Task,
        order: Mapping[str, Any],
    ) -> None:
        with suppress(OSError):
            ours.sendall(json.dumps(order).encode() + b"\n")
        lines = self._heard(ours)
        with self._lock:
            self._running.pop(ours, None)
        ours.close()
        found = (_ended(task, line) for line in lines)
        ended, more = next((one for one in found if one[0] is not None), (None, {}))
        if ended is None:
            codes = [one["ended"] for one in map(_fields, lines) if "ended" in one]
            last = _last(said[0]) or _last(said[1])
            how = f"its process ended with {codes[0]}" if codes else "its process ended"
            ended = Ended(task, "again", f"{how}: {last}" if last else how)
        said[0].close()
        self._told(ended, more)

    def _heard(self, ours: socket.socket) -> list[bytes]:
        """Every line, until nobody is there any more."""
        data, known = b"", False
        with suppress(OSError):
            while piece := ours.recv(_PIECE):
                data += piece
                if not known and b"\n" in data:
                    pids = [one["pid"] for one in map(_fields, data.split(b"\n")) if "pid" in one]
                    known = bool(pids)
                    if known:
                        self._known(ours, pids[0])
        return data.split(b"\n")

    def _known(self, ours: socket.socket, pid: int) -> None:
        with self._lock:
            if self._running[ours] == _AT_ONCE:
                _ask_to_end(pid)
            self._running[ours] = pid


def _ask_to_end(pid: int) -> None:
    if pid > 0:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM)


def stand_by(work: Callable[[], int]) -> None:
    """Fork for each task that is asked for over our input, until nobody can ask any more.

    `work` finds its task in its input. Everything that it needs should be loaded by now.
    """
    gc.collect()
    gc.freeze()  # what is loaded is shared with the forks as long as nobody counts it again
    wakes, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    running: dict[int, int] = {}
    with socket.socket(fileno=os.dup(0)) as channel:
        while True:
            ready = select.select([channel.fileno(), wakes], [], [])[0]
            if wakes in ready:
                os.read(wakes, _PIECE)
                _reap(running)
            if channel.fileno() not in ready:
                continue
            try:
                said, streams = handed(channel)
            except (OSError, ValueError):
                return
            pid = os.fork()
            if not pid:
                channel.close()
                _be(work, said, streams, (wakes, wake, *running.values()))
            running[pid] = streams[0]
            _tell(streams[0], {"pid": pid})
            for one in streams[1:]:
                os.close(one)


def _be(
    work: Callable[[], int], said: Mapping[str, Any], streams: list[int], others: tuple[int, ...]
) -> None:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in others:
            os.close(one)
        os.setsid()
        become(said, streams)
        code = work()
        atexit._run_exitfuncs()  # noqa: SLF001  # all of the end but the taking apart
    except BaseException:  # noqa: BLE001  # whoever asked reads the last line of it
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)


def _reap(running: dict[int, int]) -> None:
    """Tell whoever asked how each fork ended that did."""
    for pid in list(running):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            stream = running.pop(pid)
            _tell(stream, {"ended": os.waitstatus_to_exitcode(status)})
            os.close(stream)


def _tell(stream: int, told: Mapping[str, int]) -> None:
    with suppress(OSError):  # who asked is gone
        # On a line of its own, whatever was cut off before.
        os.write(stream, b"\n" + json.dumps(told).encode() + b"\n")


def _last(said: IO[bytes]) -> str:
    """The last line of what it said; none where another one was loaded meanwhile."""
    if said.closed:
        return ""
    said.seek(0, os.SEEK_END)
    said.seek(max(said.tell() - _LAST, 0))
    return said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]


def _fields(line: bytes) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    return {}


def _ended(task: Task, out: bytes) -> tuple[Ended | None, Mapping[str, Any]]:
    try:
        told = json.loads(out)
        later = told.get("later")
        ended = Ended(
            task,
            told["state"],
            str(told["why"]),
            str(told["hint"]),
            tuple((str(name), str(drift)) for name, drift in told.get("mend", ())),
            tuple(str(name) for name in told.get("look", ())),
            tuple((str(name), str(why)) for name, why in told.get("gone", ())),
            datetime.fromisoformat(later) if later else None,
            int(told.get("awaits", 0)),
            tuple(str(name) for name in told.get("agreed", ())),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}
    return ended, told
