"""Tools in environments of their own, each made from a lock file that we carry, checked by hash.

A tool's folder is named by the digest of its lock file and by Python's version, so another release
of reconciler never meets what this one installed. It is made beside its place and moved there when
it is whole: what was interrupted is made anew.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from reconciler.errors import ReconcilerError, TransientError, UsageError
from reconciler.model.scan import Tool

LOCKS = {"checkov": Path(__file__).with_name("checkov.lock")}
HINT = "run `reconciler tools install`"
_READY = "ready.json"
_LAST_LINES = 6
_DISTRIBUTION = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)

Say = Callable[[str], None]


class Toolbox:
    """The tools of one user. `environment` is what an installer may know of ours."""

    def __init__(self, folder: Path | None, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._read: dict[str, tuple[str, list[tuple[str, str]]]] = {}

    @cached_property
    def _locks(self) -> dict[str, str]:
        return {name: path.read_text(encoding="utf-8") for name, path in LOCKS.items()}

    def digest(self, name: str) -> str:
        """Of the tool's lock file."""
        return self._known(name)[0]

    def _known(self, name: str) -> tuple[str, list[tuple[str, str]]]:
        """Digest and pins of a lock file, worked out once."""
        found = self._read.get(name)
        if found is None:
            text = self._locks[name]
            found = (hashlib.sha256(text.encode()).hexdigest(), _DISTRIBUTION.findall(text))
            self._read[name] = found
        return found

    def place(self, name: str) -> Path:
        """The tool's folder, there or not."""
        if self._folder is None:
            raise ReconcilerError(
                "no-tools-folder",
                "there is no folder to keep tools in: no home folder is known",
                hint="set RECONCILER_TOOLS_DIR",
            )
        python = f"py{sys.version_info.major}.{sys.version_info.minor}"
        return self._folder.absolute() / f"{name}-{self.digest(name)[:16]}-{python}"

    def python(self, name: str) -> Path | None:
        """The Python of the tool's environment, if the tool is installed and whole."""
        try:
            place = self.place(name)
            ready = json.loads((place / _READY).read_bytes())
        except (OSError, ValueError, ReconcilerError):
            return None
        python = place / "bin" / "python"
        good = isinstance(ready, dict) and ready.get("digest") == self.digest(name)
        return python if good and os.access(python, os.X_OK) else None

    def tool(self, name: str) -> Tool:
        """What is known of a tool."""
        _, pins = self._known(name)
        folder = "" if self._folder is None else str(self.place(name))
        return Tool(
            name,
            dict(pins).get(name, ""),
            self.python(name) is not None,
            folder,
            len({package for package, _ in pins}),
            f"sha256:{self.digest(name)}",
        )

    def tools(self) -> tuple[Tool, ...]:
        """All of them, by name."""
        return tuple(self.tool(name) for name in sorted(LOCKS))

    def install(self, name: str, say: Say, *, again: bool = False) -> Tool:
        """Install a tool, unless it is there; `say` hears what takes so long."""
        if name not in LOCKS:
            raise UsageError(
                "unknown-tool",
                f"there is no tool `{name}`",
                hint=f"one of: {', '.join(sorted(LOCKS))}",
            )
        place = self.place(name)
        with self._alone(place.parent, say):
            tool = self.tool(name)
            if tool.installed and not again:
                say(f"{name} {tool.version} is there already")
                return tool
            say(f"making an environment of its own for {name} {tool.version} ...")
            making = Path(tempfile.mkdtemp(prefix=f".making-{name}-", dir=place.parent))
            try:
                self._make(name, making, say)
                if place.exists():
                    shutil.rmtree(place)  # it is not whole
                making.rename(place)
            finally:
                shutil.rmtree(making, ignore_errors=True)
        tool = self.tool(name)
        say(f"installed {name} {tool.version}")
        return tool

    def _make(self, name: str, making: Path, say: Say) -> None:
        base = getattr(sys, "_base_executable", None) or sys.executable
        self._run(f"an environment for {name}", [base, "-m", "venv", str(making)])
        tool = self.tool(name)
        say(f"installing {tool.packages} packages, each checked by hash (about a minute) ...")
        lock = making / "requirements.lock"
        lock.write_text(self._locks[name], encoding="utf-8")
        python = str(making / "bin" / "python")
        options = ("--quiet", "--disable-pip-version-check", "--no-input")
        self._run(
            f"the packages of {name}",
            [
                *(python, "-m", "pip", "install", *options, "--require-hashes", "--no-deps"),
                *("--only-binary", ":all:", "--requirement", str(lock)),
            ],
        )
        ready = {"digest": self.digest(name), "version": tool.version}
        (making / _READY).write_text(json.dumps(ready), encoding="utf-8")

    def _run(self, what: str, command: list[str]) -> None:
        done = subprocess.run(  # nothing of ours but what an installer needs
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            errors="replace",
        )
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if line.strip()][-_LAST_LINES:]
            raise TransientError(
                "not-installed",
                f"{what} could not be installed:\n  " + "\n  ".join(said),
                hint="no network, or a proxy? pip listens to HTTPS_PROXY, PIP_INDEX_URL and"
                " PIP_CERT; without a network see docs/checkov.md",
                subject=command[0],
            )

    @contextmanager
    def _alone(self, folder: Path, say: Say) -> Iterator[None]:
        """One installer at a time; left-overs of one that was killed go away."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (folder / ".lock").open("w")
        except OSError as err:
            raise ReconcilerError(
                "unwritable",
                f"{folder} cannot be written: {err.strerror}",
                hint="set RECONCILER_TOOLS_DIR",
                subject=str(folder),
            ) from err
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("waiting for another installer ...")
                fcntl.flock(lock, fcntl.LOCK_EX)
            for left in folder.glob(".making-*"):
                shutil.rmtree(left, ignore_errors=True)
            yield
