"""A controller as it is run: real processes, git, terraform and a cloud that is simulated.

Its processes can be hit at any file they touch and at any program they start: whoever kills at a
time, kills somewhere; this kills there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Final, Literal

from reconciler.adapters.processes import started
from reconciler.adapters.sandbox.cloud import Cloud
from tests.check.project import ADA, PITCH, SARA, SETTINGS
from tests.controller import kills
from tests.repos import ROOT, Files, GitRepo, edited
from tests.terraform.lab import ACCOUNT, TEMPLATE, Lab, lab
from tests.terraform.test_runs import wait_for

PATIENCE: Final = 300
BLUEPRINT: Final = "templates/serverless-demo/1.0.0/blueprint.yaml"
KEY: Final = """
resource "aws_kms_key" "key" { description = local.name }
"""
"""It has no name of its own: made twice, there are two."""
WHOLE: Final = Counter({"sns": 1, "logs": 1, "dynamodb": 1, "kms": 1})


@dataclass(frozen=True)
class Point:
    """Where something is hit: at the nth time that it touches what has all of these words."""

    match: str
    nth: int = 1
    after: float = 0.0
    """Seconds later."""
    whom: Literal["self", "parent", "both", "disk"] = "self"
    """Who ends; disk: nobody, but there is no more room."""


class Watched:
    """A controller that runs, and every line that it has written so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(json.loads(line))

    def heard(self, event: str, environment: str = "") -> list[dict[str, Any]]:
        """What it said of that, oldest first."""
        return [
            one
            for one in self.said
            if one["event"] == event and environment in ("", one.get("environment"))
        ]

    def until(self, event: str, environment: str = "") -> dict[str, Any]:
        """Wait for it to say so."""
        wait_for(lambda: self.heard(event, environment), PATIENCE)
        return self.heard(event, environment)[0]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self._reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return code


@dataclass
class Real(Lab):
    """One repository, its states, its cloud, and the controllers that look after it."""

    top: Path = field(default=Path())
    cloud: Cloud | None = None
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    watched: list[Watched] = field(default_factory=list)
    armed: int = 0
    told: dict[str, str] = field(default_factory=dict)
    """What its processes find in their environment beside."""
    world: tuple[str, ...] = ("--sandbox",)
    branch: str = "records-sandbox"

    @classmethod
    def make(cls, top: Path, names: tuple[str, ...], more: Files | None = None) -> Real:
        """With environments of the blueprint that is soon built."""
        files = {path: text for path, text in lab().items() if not path.startswith("environments/")}
        files |= {document(name): declared(name) for name in names}
        files = edited(files, SETTINGS, "poll: 1m", "poll: 1s")
        files = edited(files, SETTINGS, "retry: 5m", "retry: 1s")
        files[TEMPLATE] += KEY
        # Nobody looks whether what is so small does well: that is another task, and takes time.
        files[BLUEPRINT] = re.sub(r"\n  health:\n(?:    .*\n)+", "\n", files[BLUEPRINT])
        files |= more or {}
        state = top / "state"
        state.mkdir(exist_ok=True)
        (top / "site").mkdir()
        shutil.copy(kills.__file__, top / "site" / "sitecustomize.py")
        cloud = Cloud(state / "sandbox")
        repo = GitRepo.make(top / "repo.git")
        repo.commit(dict(files))
        return cls(repo, state, cloud.start(), files, ACCOUNT, top=top, cloud=cloud)

    def close(self) -> None:
        """End everything that was begun here."""
        for watched in self.watched:
            watched.end(signal.SIGKILL)
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
        process = self.process(*argv, **{**own, **self.told, **more})
        self.processes.append(process)
        return process

    def does(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command, to its end."""
        process = self.start(*argv, **more)
        out, err = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in out + err, err
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def once(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        """One pass over everything."""
        return self.does("run", *self.world, "--once", "--jobs", "2", *argv, **more)

    def watch(self, *argv: str, **more: str) -> Watched:
        """A controller that stays, and what it says."""
        process = self.start("run", *self.world, "--log-json", *argv, **more)
        self.processes.remove(process)
        self.watched.append(Watched(process))
        return self.watched[-1]

    def kills(self, whom: str, points: tuple[Point, ...], begin: str = "") -> dict[str, str]:
        """Each process of that kind takes one of the points, as long as there are some.

        `begin`: what it touches when it takes one.
        """
        self.armed += 1
        folder = self.points / whom
        folder.mkdir(parents=True)
        for number, one in enumerate(points):
            (folder / f"{number:04}.point").write_text(json.dumps(asdict(one)))
        return {
            "FAULT_OWN": str(self.top),
            "FAULT_POINTS": str(self.points),
            "FAULT_FROM": begin,
            "FAULT_DISK": str(self.state),
        }

    @property
    def points(self) -> Path:
        """Those that were given out last; who was told of others keeps to them."""
        return self.top / "points" / str(self.armed)

    def hits(self) -> int:
        """How many processes were hit at their point."""
        return len([*self.points.glob("*/*.hit")])

    def counted(self) -> list[int]:
        """How often those that came to their end could have been hit."""
        return sorted(int(file.read_text()) for file in self.points.glob("*/*.count"))

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
        """A commit on the target branch, of somebody who may."""
        own = all(path.startswith("environments/") for path in (*files, *gone))
        self.files = {path: text for path, text in (self.files | files).items() if path not in gone}
        return self.repo.commit(dict(self.files), who=SARA if own else ADA)

    # -- what is so

    def recorded(self) -> list[str]:
        """What happened, in words, oldest first."""
        command = ["git", "log", "--format=%s", "--reverse", self.branch, "--"]
        done = subprocess.run(
            command, cwd=self.repo.path, capture_output=True, text=True, check=False
        )
        return done.stdout.splitlines()

    def begun(self, name: str) -> int:
        """How many applies were ever begun."""
        return sum(one.startswith(f"apply({name}): started") for one in self.recorded())

    def made(self, name: str) -> Counter[str]:
        """What is there of an environment, as the cloud counts it. Keys are never gone at once."""
        kms = self.aws.client("kms")
        return Counter(
            arn.split(":")[2]
            for arn in self.aws.tagged(name)
            if ":kms:" not in arn or kms.describe_key(KeyId=arn)["KeyMetadata"]["Enabled"]
        )

    def status(self) -> dict[str, Any]:
        """What `status` shows of each environment."""
        told = json.loads(self.does("status", *self.world, "--format", "json").stdout)
        return {str(one["name"]): one for one in told["environments"]}

    def whole(self, names: Collection[str]) -> None:
        """Records verify, nobody holds a lease, all is as declared, and was made once."""
        verified = self.does("audit", "verify")
        assert verified.returncode == 0, verified.stdout
        leases = self.does("lease", "list", *self.world, "--format", "json")
        assert json.loads(leases.stdout)["leases"] == []
        status = self.status()
        assert {name for name, one in status.items() if ready(one)} == {*names}, status
        assert {name: self.made(name) for name in names} == dict.fromkeys(names, WHOLE)


def ready(status: dict[str, Any]) -> bool:
    return [one["type"] for one in status["conditions"]] == ["Ready"]


def document(name: str) -> str:
    return f"environments/demo/{name}.yaml"


def declared(name: str) -> str:
    """One of the demos, as the samples have it."""
    return lab()[PITCH].replace("name: pitch-acme", f"name: {name}")
