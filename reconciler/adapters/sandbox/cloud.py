"""The sandbox's cloud: started once, found again by its file, stopped by whoever wants.

State is in `cloud.json`: pid, endpoint, since when, and a random id. moto keeps its data in memory
only. After a restart the cloud is empty and has another id: states of terraform that were made in
another cloud are then stale, and whoever keeps states must compare the id before using them.
"""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reconciler.adapters.processes import started
from reconciler.errors import ReconcilerError

_FILE: Final = "cloud.json"
_LOG: Final = "cloud.log"
_PATIENCE: Final = 30.0
_PAUSE: Final = 0.02


@dataclass(frozen=True)
class Status:
    """What is known of a cloud."""

    running: bool
    pid: int = 0
    endpoint: str = ""
    since: str = ""
    cloud_id: str = ""


@dataclass(frozen=True)
class _Record:
    pid: int
    started: str
    """When the system started that process: a pid alone may be someone else's by now."""
    endpoint: str
    since: str
    cloud_id: str


class Cloud:
    """One cloud, kept in a folder. Every method may be called at any time, by any process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self) -> str:
        """Start the cloud unless it runs, and give its endpoint."""
        import fcntl

        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "cloud.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            record = self._running()
            if record is None:
                record = self._spawn()
        return record.endpoint

    def stop(self) -> None:
        """End the cloud, with all that it holds. Nothing happens when there is none."""
        record = self._running()
        if record is not None:
            with suppress(ProcessLookupError):
                os.killpg(record.pid, signal.SIGTERM)
            deadline = time.monotonic() + _PATIENCE
            while _alive(record) and time.monotonic() < deadline:
                _reap(record.pid)
                time.sleep(_PAUSE)
        (self._folder / _FILE).unlink(missing_ok=True)

    def status(self) -> Status:
        """What is so; a cloud whose process is gone is not running."""
        record = self._running()
        if record is None:
            return Status(running=False)
        return Status(
            running=True,
            pid=record.pid,
            endpoint=record.endpoint,
            since=record.since,
            cloud_id=record.cloud_id,
        )

    def _running(self) -> _Record | None:
        try:
            record = _Record(**json.loads((self._folder / _FILE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        _reap(record.pid)
        return record if started(record.pid) == record.started else None

    def _spawn(self) -> _Record:
        environment = {
            # moto must neither look for credentials of this machine nor reach another cloud.
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(self._folder),
            "PATH": os.defpath,
        }
        with (self._folder / _LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reconciler.adapters.sandbox.server"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=self._folder,
                start_new_session=True,
            )
        try:
            return self._begun(process)
        except BaseException:
            # Interrupted before anybody knows of it, nobody would end it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def _begun(self, process: subprocess.Popen[bytes]) -> _Record:
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        with process.stdout:
            port = process.stdout.readline().strip().decode()
        if not port:
            process.wait()
            last = (self._folder / _LOG).read_text(encoding="utf-8", errors="replace")
            raise ReconcilerError(
                "sandbox-does-not-start",
                "the sandbox's cloud ended before it was ready",
                hint=last.strip().rpartition("\n")[2] or "is reconciler[sandbox] installed?",
            )
        record = _Record(
            pid=process.pid,
            started=started(process.pid),
            endpoint=f"http://127.0.0.1:{port}",
            since=datetime.now(UTC).isoformat(timespec="seconds"),
            cloud_id=secrets.token_hex(8),
        )
        self._write(record)
        # The process outlives this object on purpose.
        process.returncode = 0
        return record

    def _write(self, record: _Record) -> None:
        handle, name = tempfile.mkstemp(dir=self._folder, prefix=_FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(record), file, indent=1)
        Path(name).replace(self._folder / _FILE)


def _alive(record: _Record) -> bool:
    """Whether anything of it is left: a process may look dead before its port is free."""
    if started(record.pid) == record.started:
        return True
    address = urlsplit(record.endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), 1).close()
    except OSError:
        return False
    return True


def _reap(pid: int) -> None:
    """Take note of the end of a child; of another's process there is nothing to take."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
