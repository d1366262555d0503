"""A controller as it is run: real processes, git, terraform and a cloud that is simulated.

Its processes can be killed at any file they touch and at any program they start: whoever kills
at a time, kills somewhere; this kills there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from reconciler.adapters.processes import started
from reconciler.adapters.sandbox.cloud import Cloud
from tests.check.project import PITCH, SETTINGS
from tests.repos import ROOT, Files, GitRepo, edited
from tests.terraform.lab import ACCOUNT, Lab, lab
from tests.terraform.test_runs import wait_for

PATIENCE: Final = 300
KILLS: Final = """
import json, os, signal, sys, threading

own = os.environ.get("FAULT_OWN", "")
deed = "reconciler.cli.deed" in sys.orig_argv
points = os.path.join(own, "points", "deed" if deed else "controller") if own else ""
told = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "subprocess.Popen"}
alone, whole = threading.Lock(), os.getpid()
count, hits, point, busy = 0, 0, None, False


def kill(after):
    os.rename(os.path.join(points, point["name"]), os.path.join(points, point["name"] + ".hit"))
    if after:
        threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL)).start()
    else:
        os.kill(os.getpid(), signal.SIGKILL)


def claim():
    for name in sorted(os.listdir(points)):
        if name.endswith(".point"):
            mine = name + "." + str(os.getpid())
            try:
                os.rename(os.path.join(points, name), os.path.join(points, mine))
            except OSError:
                continue
            with open(os.path.join(points, mine)) as file:
                return {**json.load(file), "name": mine}
    return {}


def hook(event, args):
    global count, hits, point, busy
    if event not in told or os.getpid() != whole:
        return
    words = " ".join(str(one) for one in args)
    if own not in words or own + "/points" in words or "python" in words.partition(" ")[0]:
        return
    with alone:
        if busy:
            return
        busy = True
        try:
            if point is None:
                if os.environ["FAULT_FROM"] not in words:
                    return
                point = claim()
            count += 1
            text = event + " " + words
            if point and all(one in text for one in point["match"].split()):
                hits += 1
                if hits == point["nth"]:
                    kill(point["after"])
        finally:
            busy = False


if points and os.path.isdir(points):
    sys.addaudithook(hook)
"""
"""Put before everything else that Python imports: it kills its own process at a point."""


@dataclass(frozen=True)
class Point:
    """Where a process ends: at the nth time that it touches what has all of these words."""

    match: str
    nth: int = 1
    after: float = 0.0
    """Seconds later."""


@dataclass
class Real(Lab):
    """One repository, its states, its cloud, and the controllers that look after it."""

    top: Path = field(default=Path())
    cloud: Cloud | None = None
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @classmethod
    def make(cls, top: Path, names: tuple[str, ...], more: Files | None = None) -> Real:
        """With environments of the blueprint that is soon built."""
        files = {path: text for path, text in lab().items() if not path.startswith("environments/")}
        files |= {document(name): declared(name) for name in names}
        files = edited(files, SETTINGS, "poll: 1m", "poll: 1s")
        files = edited(files, SETTINGS, "retry: 5m", "retry: 1s")
        files |= more or {}
        state = top / "state"
        state.mkdir()
        (top / "site").mkdir()
        (top / "site" / "sitecustomize.py").write_text(KILLS)
        cloud = Cloud(state / "sandbox")
        repo = GitRepo.make(top / "repo.git")
        repo.commit(dict(files))
        return cls(repo, state, cloud.start(), files, ACCOUNT, top=top, cloud=cloud)

    def close(self) -> None:
        """End everything that was begun here."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.deeds():
            os.kill(pid, signal.SIGKILL)
        if self.cloud is not None:
            self.cloud.stop()

    # -- doing

    def start(self, *argv: str, **more: str) -> subprocess.Popen[str]:
        """A process of the program."""
        own = {
            "PYTHONPATH": f"{self.top / 'site'}{os.pathsep}{ROOT}",
            "RECONCILER_CACHE_DIR": str(self.top / "cache"),
            "RECONCILER_LOCK_SECONDS": "60",
        }
        process = self.process(*argv, **{**own, **more})
        self.processes.append(process)
        return process

    def does(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        process = self.start(*argv, **more)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def once(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One pass over everything in the sandbox."""
        return self.does("run", "--sandbox", "--once", "--jobs", "2", *argv, **more)

    def kills(self, whom: str, points: tuple[Point, ...], begin: str = "") -> dict[str, str]:
        """Each process of that kind takes one of the points, as long as there are some.

        `begin`: what it touches when it takes one.
        """
        folder = self.top / "points" / whom
        folder.mkdir(parents=True, exist_ok=True)
        for number, one in enumerate(points):
            told = {"match": one.match, "nth": one.nth, "after": one.after}
            (folder / f"{number:04}.point").write_text(json.dumps(told))
        return {"FAULT_OWN": str(self.top), "FAULT_FROM": begin}

    def hits(self, whom: str) -> int:
        """How many processes were killed at their point."""
        return len([*(self.top / "points" / whom).glob("*.hit")])

    def forget(self) -> None:
        """Kill nobody any more."""
        for file in (self.top / "points").glob("*/*"):
            file.unlink()

    def deeds(self) -> list[int]:
        """Processes that carry out tasks for this repository's controllers, and those beside."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "environ").read_bytes().split(b"\0")
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            own = f"RECONCILER_STATE_DIR={self.state}".encode() in words
            if own and b"reconciler.cli.deed" in line and started(int(folder.name)):
                found.append(int(folder.name))
        return found

    def settle(self) -> None:
        """Wait until whoever lost their controller has ended."""
        wait_for(lambda: not self.deeds(), PATIENCE)

    def change(self, files: Files, *gone: str) -> str:
        """A commit on the target branch."""
        self.files = {path: text for path, text in (self.files | files).items() if path not in gone}
        return self.repo.commit(dict(self.files))

    # -- what is so

    def recorded(self, branch: str = "records-sandbox") -> list[str]:
        """What happened, in words, oldest first."""
        command = ["git", "log", "--format=%s", "--reverse", branch, "--"]
        done = subprocess.run(
            command, cwd=self.repo.path, capture_output=True, text=True, check=False
        )
        return done.stdout.splitlines()

    def begun(self, name: str) -> int:
        """How many applies were ever begun."""
        return sum(one.startswith(f"apply({name}): started") for one in self.recorded())

    def made(self, name: str) -> Counter[str]:
        """What is there of an environment, as the cloud counts it."""
        return Counter(arn.split(":")[2] for arn in self.aws.tagged(name))

    def status(self, *argv: str) -> dict[str, Any]:
        """What `status` shows of each environment."""
        told = json.loads(self.does("status", *argv, "--format", "json").stdout)
        return {str(one["name"]): one for one in told["environments"]}

    def whole(self, names: tuple[str, ...], *argv: str) -> None:
        """Records verify, nobody holds a lease, everything is as declared and was made once."""
        verified = self.does("audit", "verify")
        assert verified.returncode == 0, verified.stdout
        leases = self.does("lease", "list", *argv, "--format", "json")
        assert json.loads(leases.stdout)["leases"] == []
        status = self.status(*argv)
        assert {name for name, one in status.items() if ready(one)} == set(names), status


WHOLE: Final = Counter({"sns": 1, "logs": 1, "dynamodb": 1})


def ready(status: dict[str, Any]) -> bool:
    return [one["type"] for one in status["conditions"]] == ["Ready"]


def document(name: str) -> str:
    return f"environments/demo/{name}.yaml"


def declared(name: str) -> str:
    """One of the demos, as the samples have it."""
    return lab()[PITCH].replace("name: pitch-acme", f"name: {name}")
