"""Checkov behind the port `Scanner`: talks to a server in Checkov's own environment over pipes.

The server starts with the first scan, stays warm, and is started again when it is gone. Whatever
goes wrong is an answer, `ScanFailed`, never an exception and never "nothing found".
"""

import atexit
import hashlib
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from reconciler.adapters.tools import HINT, Toolbox
from reconciler.core.checkov import scanned
from reconciler.core.checkov_severity import map_digest
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest

SERVER = Path(__file__).with_name("checkov_server.py")
_START_SECONDS = 60.0
_GRACE = 5.0
_MAX_BYTES = 64 << 20
_MAX_FRAME = 256 << 20
_ENVIRONMENT = {
    # Only this reaches the server: no credentials, no proxies, no person's configuration.
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LOG_LEVEL": "CRITICAL",
    "CHECKOV_MAX_FILE_SIZE": str(_MAX_FRAME),
    "CHECKOV_MAX_IAC_FILE_SIZE": str(_MAX_FRAME),
    "CHECKOV_PARALLELIZATION_TYPE": "none",
    "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true",
    "NO_PROXY": "*",
}
_WORDS = {
    "out-of-time": ("Checkov did not answer within {seconds:g} seconds", ""),
    "died": ("Checkov died while it scanned {what}", "run again; is the machine out of memory?"),
    "failed": ("Checkov failed on {what}: {said}", ""),
    "refused": ("{said}", "mend what it names; what Checkov cannot read is not allowed"),
}


class _Gone(Exception):  # noqa: N818  # a state, told in words by who catches it
    """The server does not answer any more."""


class _Server:
    """One running server. Several threads may ask at once: whoever waits reads for all."""

    def __init__(self, python: Path) -> None:
        self.owner = os.getpid()
        self.home = tempfile.mkdtemp(prefix="reconciler-checkov-")
        self._send = threading.Lock()
        self._news = threading.Condition()
        self._reading = False
        self._gone = False
        self._answers: dict[int, dict[str, Any]] = {}
        self._data = bytearray()
        self._following = 0
        self.process = subprocess.Popen(
            [str(python), "-I", "-B", str(SERVER), self.home],
            env={**_ENVIRONMENT, "HOME": self.home, "TMPDIR": self.home},
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )
        self._in, self._out = _descriptors(self.process)
        try:
            self.hello = self.receive(0, time.monotonic() + _START_SECONDS)
        except _Gone:
            self.stop()
            raise

    def ask(self, request: ScanRequest, files: dict[str, str], seconds: float) -> int:
        """Send a request; the number to receive its answer by."""
        with self._send:
            self._following += 1
            body = json.dumps(
                {
                    "id": self._following,
                    "framework": request.framework,
                    "seconds": seconds,
                    "files": files,
                }
            ).encode()
            data = memoryview(struct.pack(">I", len(body)) + body)
            until = time.monotonic() + seconds + _GRACE
            os.set_blocking(self._in, False)
            while data:
                left = until - time.monotonic()
                news, ready, _ = select.select([self._out], [self._in], [], max(0, left))
                if not ready:
                    # It may be waiting for us to take an answer before it reads on.
                    self._read_if_nobody_does(bool(news), until)
                    continue
                try:
                    data = data[os.write(self._in, data) :]
                except BlockingIOError:
                    continue
                except OSError as err:
                    raise _Gone from err
            return self._following

    def _read_if_nobody_does(self, news: bool, until: float) -> None:  # noqa: FBT001  # one caller
        if not news or self._gone or time.monotonic() >= until:
            raise _Gone
        with self._news:
            taken, self._reading = self._reading, True
        if taken:
            time.sleep(0.001)
            return
        try:
            self._read_some(until)
        except (OSError, ValueError, _Gone) as err:
            self._gone = True
            raise _Gone from err
        finally:
            with self._news:
                self._reading = False
                self._news.notify_all()

    def receive(self, number: int, until: float) -> dict[str, Any]:
        """The answer to a request. Raises _Gone when there will be none."""
        while True:
            with self._news:
                while number not in self._answers and self._reading and not self._gone:
                    if not self._news.wait(max(0, until - time.monotonic())):
                        raise _Gone
                if number in self._answers:
                    return self._answers.pop(number)
                if self._gone:
                    raise _Gone
                self._reading = True
            try:
                self._read_some(until)
            except (OSError, ValueError, _Gone) as err:
                self._gone = True
                raise _Gone from err
            finally:
                with self._news:
                    self._reading = False
                    self._news.notify_all()

    def _read_some(self, until: float) -> None:
        ready, _, _ = select.select([self._out], [], [], max(0, until - time.monotonic()))
        data = os.read(self._out, 1 << 20) if ready else b""
        if not data:
            raise _Gone
        self._data += data
        while len(self._data) >= 4:  # noqa: PLR2004  # a frame's head
            (length,) = struct.unpack_from(">I", self._data)
            if length > _MAX_FRAME:
                raise _Gone
            if len(self._data) < 4 + length:
                break
            message = json.loads(bytes(self._data[4 : 4 + length]))
            del self._data[: 4 + length]
            if not isinstance(message, dict):
                raise _Gone
            with self._news:
                self._answers[int(message.get("id", 0))] = message
                self._news.notify_all()

    def stop(self) -> None:
        """End it, and everything that it started."""
        if self.owner != os.getpid():
            return  # a fork of ours: it belongs to the parent
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            with suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def _descriptors(process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    if process.stdin is None or process.stdout is None:
        raise _Gone
    return process.stdin.fileno(), process.stdout.fileno()


class Checkov:
    """The scanner. `seconds` is what one scan may take, `jobs` how many run at once."""

    def __init__(self, toolbox: Toolbox, seconds: float = 30, jobs: int = 2) -> None:
        self._toolbox = toolbox
        self._seconds = seconds
        self._jobs = max(1, jobs)
        self._server: _Server | None = None
        self._inherited: _Server | None = None
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._slots = threading.BoundedSemaphore(self._jobs)

    @cached_property
    def _program(self) -> str:
        state = hashlib.sha256()
        for file in (SERVER, Path(__file__)):
            state.update(file.read_bytes())
        return state.hexdigest()

    def identity(self) -> str | ScanFailed:
        """Checkov's version, its lock file, our map and our own program, as one word."""
        if self._toolbox.python("checkov") is None:
            return _absent()
        tool = self._toolbox.tool("checkov")
        parts = (tool.version, tool.digest, tool.folder[-6:], map_digest(), self._program)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def scan(self, request: ScanRequest) -> Scanned | ScanFailed:
        """What is wrong with the files, or why nobody knows."""
        return next(self.scan_many((request,)))

    def scan_many(self, requests: Sequence[ScanRequest]) -> Iterator[Scanned | ScanFailed]:
        """The same for many, in order, as many at a time as there are jobs.

        A long scan holds up what comes after it only here: there is always a next one under way.
        """
        if len(requests) == 1:
            yield self._one(requests[0])
            return
        left = deque(enumerate(requests))
        answers: dict[int, Scanned | ScanFailed | BaseException] = {}
        news = threading.Condition()

        def work() -> None:
            while True:
                with news:
                    if not left:
                        return
                    place, request = left.popleft()
                try:
                    answer: Scanned | ScanFailed | BaseException = self._one(request)
                except BaseException as err:  # noqa: BLE001  # raised where it is waited for
                    answer = err
                with news:
                    answers[place] = answer
                    news.notify_all()

        for _ in range(min(self._jobs, len(requests))):
            threading.Thread(target=work, daemon=True).start()
        try:
            for place in range(len(requests)):
                with news:
                    news.wait_for(lambda: place in answers)  # noqa: B023  # waited for at once
                    answer = answers.pop(place)
                if isinstance(answer, BaseException):
                    raise answer
                yield answer
        finally:
            with news:
                left.clear()

    def _one(self, request: ScanRequest) -> Scanned | ScanFailed:
        """One scan, when it is its turn."""
        if self._owner != os.getpid():  # a fork of ours: nobody would give back the parent's slots
            self._owner, self._slots = os.getpid(), threading.BoundedSemaphore(self._jobs)
        with self._slots:
            return self._receive(request, self._ask(request))

    def _ask(self, request: ScanRequest) -> ScanFailed | tuple[_Server, int, float]:
        if sum(len(file.content) for file in request.files) > _MAX_BYTES:
            return ScanFailed("too-large", f"more than {_MAX_BYTES >> 20} MiB to scan")
        try:
            files = {file.path: file.content.decode() for file in request.files}
            "".join(files).encode()
        except UnicodeError:
            return ScanFailed("not-text", "a file to scan is not UTF-8 text")
        for _ in range(2):
            server = self._running()
            if isinstance(server, ScanFailed):
                return server
            try:
                number = server.ask(request, files, self._seconds)
            except _Gone:
                self._drop(server)  # it died since the last scan: once more, with a new one
                continue
            return server, number, time.monotonic() + self._seconds + _GRACE
        return ScanFailed("died", "Checkov's server dies as soon as it is started", HINT)

    def _receive(
        self, request: ScanRequest, asked: ScanFailed | tuple[_Server, int, float]
    ) -> Scanned | ScanFailed:
        if isinstance(asked, ScanFailed):
            return asked
        server, number, until = asked
        try:
            answer = server.receive(number, until)
        except _Gone:
            self._drop(server)
            late = time.monotonic() >= until
            return self._failed(request, "out-of-time" if late else "died", "")
        if "error" in answer:
            return self._failed(request, str(answer["error"]), str(answer.get("message", "")))
        try:
            return scanned(request, answer)
        except (AttributeError, KeyError, TypeError, ValueError):
            return ScanFailed("nonsense", "Checkov's server answered what nobody understands", HINT)

    def _failed(self, request: ScanRequest, reason: str, said: str) -> ScanFailed:
        message, hint = _WORDS.get(reason, _WORDS["failed"])
        what = f"the {request.framework.replace('_', ' ')} of {request.environment}"
        return ScanFailed(
            reason, message.format(seconds=self._seconds, what=what, said=said or reason), hint
        )

    def _running(self) -> _Server | ScanFailed:
        with self._lock:
            server = self._server
            if server is not None and server.owner != os.getpid():
                self._inherited = server  # the parent's: left alone, and not collected
                server = self._server = None
            if server is not None and server.process.poll() is None:
                return server
            if server is not None:
                server.stop()
            python = self._toolbox.python("checkov")
            if python is None:
                return _absent()
            try:
                started = _Server(python)
            except (_Gone, OSError):
                return ScanFailed("broken", "Checkov does not start", f"{HINT} --again")
            if started.hello.get("checkov") != self._toolbox.tool("checkov").version:
                started.stop()
                return ScanFailed("broken", "Checkov is not the one of the lock file", HINT)
            self._server = started
            atexit.register(started.stop)
            return started

    def _drop(self, server: _Server) -> None:
        with self._lock:
            if self._server is server:
                self._server = None
        server.stop()

    def close(self) -> None:
        """Stop the server, if it runs."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()
            atexit.unregister(server.stop)


def _absent() -> ScanFailed:
    return ScanFailed("not-installed", "Checkov is not installed", HINT)
