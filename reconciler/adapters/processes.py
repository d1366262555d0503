"""Processes of this machine, named so that a number that is used again is not mistaken."""

import os
import re
import socket
import subprocess
import time
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Final

from reconciler.core.records.words import line

_HOLDER: Final = re.compile(
    r"process ([1-9][0-9]{0,9}) \[([0-9a-f]{12})-([0-9a-f]{8})-[0-9a-f]{8}]"
)
_NAME: Final = 80


def started(pid: int) -> str:
    """When a process was started, in words of its system; empty when there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else fields[19]
    done = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


@lru_cache(maxsize=1)
def machine() -> str:
    """One start of one machine, and whose processes are seen there; empty: it cannot be told.

    Containers of one machine do not see each other's processes, and are other machines here.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return _short(f"{boot} {Path('/proc/self/ns/pid').readlink()}", 12)
    except OSError:
        return ""


def uptime() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the machine sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def name_of_process(program: str) -> str:
    """This process in words, and a mark by which `has_ended` knows it. Each call gives another."""
    pid = os.getpid()
    host = line(socket.gethostname(), _NAME)
    where = f"{machine() or '0' * 12}-{_short(started(pid), 8)}-{token_hex(4)}"
    return f"{line(program, _NAME)} on {host}, process {pid} [{where}]"


def has_ended(name: str) -> bool:
    """Whether it names a process of this machine that is no more; of others nobody knows."""
    found = _HOLDER.search(name)
    if found is None or not machine() or found[2] != machine():
        return False
    return _short(started(int(found[1])), 8) != found[3]


def _short(text: str, length: int) -> str:
    return sha256(text.encode()).hexdigest()[:length]
