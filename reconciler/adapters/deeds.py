"""Processes that carry tasks out: each task has one of its own, and one stands ready beforehand.

A task is written to it as a line of JSON, and so is what came of it. Whoever starts it may die: it
goes on, ends where that is safe, and records what it did.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from tempfile import TemporaryFile
from threading import Lock, Thread
from typing import IO, Any, Final

from reconciler.model.work import Ended, Task

Told = Callable[[Ended, Mapping[str, Any]], None]
_LAST: Final = 2000


class Deeds:
    """The processes of one controller."""

    def __init__(self, module: str, more: Mapping[str, Any], told: Told) -> None:
        self._command = [sys.executable, "-m", module]
        self._more = dict(more)
        self._told = told
        self._lock = Lock()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._ready: tuple[subprocess.Popen[bytes], IO[bytes]] | None = None
        self._threads: list[Thread] = []

    def prepare(self) -> None:
        """Have one stand ready: it costs nobody's time when there is something to do."""
        if self._ready is None:
            with suppress(OSError):
                self._ready = self._begin()

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
            process, said = self._ready or self._begin()
            self._ready = None
            if process.poll() is not None:  # it died while it waited
                process, said = self._begin()
        except OSError as err:
            self._told(Ended(task, "again", f"no process could be started: {err}"), {})
            return
        with self._lock:
            self._running[process.pid] = process
        thread = Thread(target=self._wait, args=(process, said, task, order), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        self.prepare()

    def stop(self) -> None:
        """Ask everything that runs to end where that is safe."""
        with self._lock:
            for process in self._running.values():
                with suppress(OSError):
                    process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """Nothing more is to be started."""
        if self._ready is not None:
            process, said = self._ready
            self._ready = None
            if process.stdin is not None:
                process.stdin.close()
            process.wait()
            said.close()
        for thread in self._threads:
            thread.join()

    def _begin(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        said = TemporaryFile()  # noqa: SIM115  # it is read when the process has ended
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            # A Ctrl-C is for the controller, which lets what runs come to its end.
            start_new_session=True,
        )
        return process, said

    def _wait(
        self,
        process: subprocess.Popen[bytes],
        said: IO[bytes],
        task: Task,
        order: Mapping[str, Any],
    ) -> None:
        out = b""
        with suppress(OSError):
            out, _ = process.communicate(json.dumps(order).encode() + b"\n")
        process.wait()
        with self._lock:
            self._running.pop(process.pid, None)
        ended, more = _ended(task, out)
        if ended is None:
            said.seek(0, os.SEEK_END)
            said.seek(max(said.tell() - _LAST, 0))
            last = said.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
            how = f"its process ended with {process.returncode}"
            ended = Ended(task, "again", f"{how}: {last}" if last else how)
        said.close()
        self._told(ended, more)


def _ended(task: Task, out: bytes) -> tuple[Ended | None, Mapping[str, Any]]:
    try:
        told = json.loads(out.strip().rpartition(b"\n")[2])
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
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, {}
    return ended, told
