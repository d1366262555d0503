"""The embedded engine: regorus, in processes of its own.

Nothing stops a policy from within the interpreter that runs it, so each runs in a process that can
be killed. Processes stay warm, keep what they have compiled, and are used by one thread at a time.
"""

import json
import os
import re
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

from reconciler.adapters.regorus_worker import LENGTHS
from reconciler.model.policy import Answered, Indeterminate, Lines, Module, Modules, Parsed
from reconciler.model.problem import Problem

_LOADING: Final = 30.0
"""Seconds for what is done once for a set of policies: reading, compiling, coverage."""
_PLACE = re.compile(r"^-->\s*(?P<path>[^\n]+?):(?P<line>\d+):(?P<column>\d+)$", re.MULTILINE)
_ERROR = re.compile(r"^error: (?P<words>.*)", re.MULTILINE)
_CHUNK: Final = 1 << 16


class _Gone(Exception):  # noqa: N818  # a state of the worker, not an error of the program
    """The worker ended before it answered."""


class _Late(Exception):  # noqa: N818  # the same
    """The worker did not answer in time."""


class _Worker:
    """One process, its pipes, and which policies it has compiled."""

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "reconciler.adapters.regorus_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            start_new_session=True,  # Ctrl-C is the parent's business
        )
        assert self._process.stdin is not None  # noqa: S101  # for the type checker
        assert self._process.stdout is not None  # noqa: S101
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def call(self, header: Mapping[str, Any], body: bytes, seconds: float) -> dict[str, Any]:
        """One frame there, one back, within the time."""
        head = json.dumps(header).encode()
        outgoing = memoryview(LENGTHS.pack(len(head), len(body)) + head + body)
        incoming = bytearray()
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._out, selectors.EVENT_READ)
            selector.register(self._in, selectors.EVENT_WRITE)
            while True:
                left = deadline - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    raise _Late
                for key, _ in ready:
                    if key.fileobj is self._in:
                        outgoing = outgoing[self._write(outgoing) :]
                        if not outgoing:
                            selector.unregister(self._in)
                    elif (reply := self._read(incoming)) is not None:
                        return reply

    def _write(self, data: memoryview) -> int:
        try:
            return os.write(self._in.fileno(), data[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError as err:
            raise _Gone from err

    def _read(self, incoming: bytearray) -> dict[str, Any] | None:
        try:
            data = os.read(self._out.fileno(), _CHUNK)
        except BlockingIOError:
            return None
        if not data:
            raise _Gone
        incoming += data
        if len(incoming) < LENGTHS.size:
            return None
        size, _ = LENGTHS.unpack_from(incoming)
        if len(incoming) < LENGTHS.size + size:
            return None
        reply: dict[str, Any] = json.loads(incoming[LENGTHS.size :])
        return reply

    def end(self) -> None:
        """Kill it, whatever it does, and take its exit code."""
        with suppress(ProcessLookupError):
            self._process.kill()
        for pipe in (self._in, self._out):
            with suppress(OSError):
                pipe.close()
        self._process.wait()


class EmbeddedEngine:
    """Asks regorus. Many threads may; each call has a worker to itself."""

    def __init__(self, timeout: float, most: int = 2) -> None:
        self._timeout = timeout
        self._slots = threading.BoundedSemaphore(most)
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._closed = False
        self.compiled = 0
        """How often policies were compiled."""
        self.name = f"embedded (regorus {version('gordon-to-regorus')})"

    def ask(
        self, modules: Modules, query: str, document: Mapping[str, Any]
    ) -> Answered | Indeterminate:
        """A rule's value for an input."""
        try:
            body = json.dumps(document, allow_nan=False).encode()
        except (TypeError, ValueError) as err:
            return Indeterminate("bad-input", f"the input is not JSON: {err}")
        header = {"do": "ask", "digest": modules.digest, "query": query}
        reply = self._with_worker(header, body, self._timeout, modules)
        if isinstance(reply, Indeterminate):
            return reply
        if reply.get("undefined"):
            return Indeterminate("undefined", f"`{query}` has no value")
        if "value" not in reply:
            return Indeterminate("wrong-type", "the engine answered without a value")
        return Answered(reply["value"])

    def parse(self, modules: Sequence[Module]) -> Sequence[Parsed | Problem] | Indeterminate:
        """Each file's syntax tree, or what is wrong with it."""
        files = [[one.path, one.source] for one in modules]
        reply = self._with_worker({"do": "parse", "files": files}, b"", _LOADING)
        if isinstance(reply, Indeterminate):
            return reply
        return [
            _from_error(module.path, one["error"])
            if "error" in one
            else Parsed(module.path, module.source, one["tree"])
            for module, one in zip(modules, reply, strict=True)
        ]

    def compile(self, modules: Modules) -> tuple[Problem, ...] | Indeterminate:
        """What the engine says when it takes all files together."""
        header = {"do": "load", "digest": modules.digest, "files": _files(modules)}
        reply = self._with_worker(header, b"", _LOADING)
        if isinstance(reply, Indeterminate):
            return (_from_error("policies", reply.message),) if reply.reason == "error" else reply
        return ()

    def coverage(
        self, modules: Modules, queries: Sequence[str]
    ) -> tuple[Lines, ...] | Indeterminate:
        """Which lines the queries reach."""
        header = {"do": "cover", "files": _files(modules), "queries": list(queries)}
        reply = self._with_worker(header, b"", _LOADING)
        if isinstance(reply, Indeterminate):
            return reply
        return tuple(Lines(path, tuple(covered), tuple(missed)) for path, covered, missed in reply)

    def close(self) -> None:
        """End all idle workers; those at work are ended when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()

    @property
    def pids(self) -> list[int]:
        """Of the idle workers, for tests."""
        return [worker.pid for worker in self._idle]

    def _with_worker(
        self, header: Mapping[str, Any], body: bytes, seconds: float, modules: Modules | None = None
    ) -> Any:
        """The reply of a worker, which has the policies; a worker that fails is not used again."""
        with self._slots:
            with self._lock:
                worker = self._take(modules.digest if modules else "")
            try:
                worker = worker or _Worker()
            except OSError as err:
                return Indeterminate("dead-worker", f"no worker could be started: {err.strerror}")
            whole = False
            try:
                reply = self._asked(worker, header, body, seconds, modules)
                whole = True
            except _Late:
                return Indeterminate(
                    "timeout",
                    f"the policies took longer than {seconds:g} s and were stopped",
                    "a rule may loop; `policy.timeout` in reconciler.yaml gives more time",
                )
            except (_Gone, ValueError):
                return Indeterminate(
                    "dead-worker",
                    "the process that ran the policies ended without an answer",
                    "try again; if it happens again, a rule may take all memory",
                )
            finally:
                self._put(worker, whole=whole)
            return reply

    def _asked(
        self,
        worker: _Worker,
        header: Mapping[str, Any],
        body: bytes,
        seconds: float,
        modules: Modules | None,
    ) -> Any:
        if modules is not None and modules.digest not in worker.loaded:
            failed = self._load(worker, modules)
            if failed is not None:
                return failed
        reply = worker.call(header, body, seconds)
        if modules is not None and reply.get("reply", {}).get("unloaded"):
            failed = self._load(worker, modules)
            if failed is not None:
                return failed
            reply = worker.call(header, body, seconds)
        if "error" in reply:
            return Indeterminate(
                "error", str(reply["error"]), "`reconciler policy test` may show it"
            )
        if header["do"] == "load":
            worker.loaded.add(header["digest"])
            self.compiled += 1
        return reply["reply"]

    def _load(self, worker: _Worker, modules: Modules) -> Indeterminate | None:
        header = {"do": "load", "digest": modules.digest, "files": _files(modules)}
        reply = self._asked(worker, header, b"", _LOADING, None)
        return reply if isinstance(reply, Indeterminate) else None

    def _take(self, digest: str) -> _Worker | None:
        """An idle worker, one that has compiled the policies if there is one."""
        if not self._idle:
            return None
        self._idle.sort(key=lambda worker: digest in worker.loaded)
        return self._idle.pop()

    def _put(self, worker: _Worker, *, whole: bool) -> None:
        with self._lock:
            if whole and not self._closed:
                self._idle.append(worker)
                return
        worker.end()


def _files(modules: Modules) -> list[list[str]]:
    return [[one.path, one.source] for one in modules.files]


def _from_error(path: str, error: str) -> Problem:
    """The engine's words as a problem with its place."""
    place, words = _PLACE.search(error), _ERROR.search(error)
    message = words["words"] if words else error.splitlines()[-1] if error else "it cannot be read"
    if place is None:
        return Problem(path, 0, 0, "rego", message)
    return Problem(place["path"], int(place["line"]), int(place["column"]), "rego", message)
