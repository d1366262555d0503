"""The controller: what a look costs at any number of environments, and how soon something is done.

Looks are at a repository whose remote is a real server over loopback, whose requests are counted,
in a process of their own, whose memory is told. What is applied is applied into the sandbox, by the
loop and the processes that `reconciler run` has.
"""

import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pygit2

from benchmarks.generate import Generated
from benchmarks.measure import Result, seconds, show
from benchmarks.records import ADA, PROGRAM, _Unscanned
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.adapters.webhook_server import Listening, WebhookServer
from reconciler.app.records import Records
from reconciler.app.watch import Inbox
from reconciler.cli.controlling import spec_of, working_of
from reconciler.controller import Controller
from reconciler.core.webhook import Hint, Secrets
from reconciler.model.record import Draft
from reconciler.model.work import Ended, Task
from reconciler.wiring import build
from tests.check.project import PITCH, SARA
from tests.records.chains import clone
from tests.records.git_server import serving
from tests.repos import GitRepo
from tests.terraform.lab import SOMEBODY, Lab, lab
from tests.webhooks.test_heard import TOKEN

T = TypeVar("T")
MANY = 10_000
TICK = 100.0
MEGABYTES = 500.0
SOON = 2.0
FLOOR = 20.0
STORM = 1000.0
JOBS = 2
PATIENCE = 600.0
ROUNDS = 5


class _Nobody:
    """A crew for a repository in which nothing is to be done."""

    def start(self, task: Task, more: Mapping[str, Any]) -> None:
        """Nothing is begun; it stays as if it ran."""

    def stop(self) -> None:
        """Nothing runs."""


def _controller(
    repo: Path,
    told: Callable[[Ended, Mapping[str, Any]], None],
    *,
    sandbox: bool,
) -> tuple[Controller, Any]:
    ports = build()
    spec = spec_of(ports, repo)
    order = {"repo": str(repo), "sandbox": sandbox, "plan": False}
    crew = ports.deeds(order, told) if sandbox else _Nobody()
    telemetry = ports.telemetry()

    def tell(error: object) -> None:
        if error is not None:
            sys.stderr.write(f"{error}\n")

    def news(ended: Ended, _standing: object) -> None:
        if ended.state != "done":
            sys.stderr.write(f"{ended.task.environment} {ended.task.job}: {ended.why}\n")

    working = working_of(ports, repo, spec, crew, telemetry, tell, news, sandbox=sandbox, jobs=JOBS)
    return Controller(working, Inbox()), crew


# ------------------------------------------------------------------------------------------ looks


def _served(root: Path, many: int) -> Generated:
    """A repository of so many environments, all as declared, as a server has it."""
    made = Generated(root / "r.git", many)
    made.repository.config["http.receivepack"] = "true"
    settings = _settings(made)
    made.commit = made.replace("reconciler.yaml", settings.encode())
    made.repository.references["refs/heads/main"].set_target(made.commit)
    return made


def _settings(made: Generated) -> str:
    tree = made.repository[made.commit].peel(pygit2.Commit).tree
    text = tree["reconciler.yaml"].peel(pygit2.Blob).data.decode()
    assert text.count("  state:\n") == 1
    return text.replace("  state:\n", "  records:\n    remote: origin\n  state:\n")


def _applied(root: Path, digests: Mapping[str, str], commit: str) -> None:
    """Records that say of each that it was applied as it is declared."""
    writer = _Unscanned(GitRecords(root / "r.git", "records"))
    now = datetime.now(UTC).replace(microsecond=0)
    drafts = [
        Draft(
            id=f"{number:032x}",
            at=now,
            environment=name,
            actor=ADA,
            program=PROGRAM,
            run=f"run-{number}",
            body={
                "kind": "apply-ended",
                "action": "apply",
                "started": None,
                "result": "done",
                "commit": commit,
                "files": files,
                "plan": "sha256:" + "5d" * 32,
                "engine": "terraform 1.11.4",
                "counts": {},
                "done": [],
                "failed": [],
                "left": [],
                "unknown": [],
                "diagnostics": [],
                "state": None,
            },
        )
        for number, (name, files) in enumerate(sorted(digests.items()))
    ]
    for first in range(0, len(drafts), 1000):
        writer.append(drafts[first : first + 1000])
    subprocess.run(["git", "-C", root / "r.git", "repack", "-adq"], check=True)


def look(root: Path, many: int) -> dict[str, float]:
    """In a process of its own: what looks cost, and what it holds."""
    made = _served(root, many)
    with serving(root) as server:
        home = clone(root / "clone.git", server.url())
        subprocess.run(["git", "-C", home, "fetch", "-q", "origin", "main:main"], check=True)
        controller, _ = _controller(home, lambda _ended, _more: None, sandbox=False)
        working = controller.working
        working.view.declare(made.commit)
        digests = {name: one.files for name, one in working.view.wanted.items()}
        _applied(root, digests, made.commit)
        controller, _ = _controller(home, lambda _ended, _more: None, sandbox=False)
        first = seconds(controller.tick)
        ready = sum(one.of("Ready") is not None for one in controller.standings.values())
        assert ready == many, f"{ready} of {many} are as declared"
        controller.tick()
        calls, times = [], []
        for _ in range(ROUNDS):
            before = len(server.asked)
            times.append(seconds(controller.tick))
            calls.append(len(server.asked) - before)
        made.repository.references["refs/heads/main"].set_target(made.edit(7))
        changed = seconds(controller.tick)
        waiting = [one for one in controller.standings.values() if one.of("Ready") is None]
        assert len(waiting) == 1
        gc.collect()
    megabytes = _most()
    return {
        "first": first,
        "tick": statistics.median(times),
        "calls": max(calls),
        "changed": changed,
        "megabytes": megabytes,
    }


def _most() -> float:
    """The most memory that this process ever had; what began it is not in it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    words = next(one for one in status.read_text().split("\n") if one.startswith("VmHWM:"))
    return int(words.split()[1]) / 1024


def looks(many: int) -> list[Result]:
    """A look at so many environments of which none, or one, changed."""
    with tempfile.TemporaryDirectory() as name:
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.controller", name, str(many)],
            env={**os.environ, "RECONCILER_CACHE_DIR": f"{name}/kept"},
            stdout=subprocess.PIPE,
            check=True,
        )
    found = json.loads(told.stdout)
    what = f"a tick over {many:,} environments"
    tick, changed = found["tick"], found["changed"]
    return [
        Result(f"{what}, unchanged", show(tick), "a server", tick * 1000, TICK, "ms"),
        Result(
            f"{what}, unchanged: remote calls",
            f"{found['calls']:.0f}",
            "what is asked for",
            found["calls"],
            1,
            "calls",
        ),
        Result(
            f"{what}, one document changed, with its fetch",
            show(changed),
            f"the first look: {show(found['first'])}",
            changed,
            SOON,
            "s",
        ),
        Result(
            f"the controller's memory at {many:,} environments",
            f"{found['megabytes']:.0f} MB",
            "the most it ever had, with the making of the repository",
            found["megabytes"],
            MEGABYTES,
            "MB",
        ),
    ]


# ----------------------------------------------------------------------------------------- deeds


@dataclass
class _Loop:
    """A loop over a little repository and a sandbox, as `reconciler run --sandbox` has it."""

    lab: Lab
    controller: Controller
    files: dict[str, str]
    pitch: str
    names: list[str] = field(default_factory=list)

    def more(self, *names: str) -> float:
        """Merge so many environments, hint as a webhook does, and tell when that was."""
        for name in names:
            text = self.pitch.replace("name: pitch-acme", f"name: {name}")
            self.files[f"environments/demo/{name}.yaml"] = text
        self.lab.repo.commit(dict(self.files), who=SARA)
        began = time.perf_counter()
        self.controller.inbox.hint(0)
        return began

    def until(self, so: Callable[[], bool]) -> float:
        """When it was so."""
        end = time.perf_counter() + PATIENCE
        while not so():
            if time.perf_counter() > end:
                msg = "it never came to that"
                raise TimeoutError(msg)
            time.sleep(0.02)
        return time.perf_counter()

    def records(self) -> Records:
        return Records(GitRecords(self.lab.repo.path, "records-sandbox"))

    def status(self, name: str) -> dict[str, Any]:
        return self.records().status(name)

    def planned(self, name: str) -> bool:
        """Whether a plan of it has begun."""
        return bool(self.lab.runs(name))

    def started(self, name: str) -> bool:
        return bool({"applying", "lastApply"} & self.status(name).keys())

    def done(self, name: str) -> bool:
        return "applied" in self.status(name)


def _looping(drive: Callable[[_Loop], T]) -> T:
    """A loop in this thread, since it renders, and what is done to it in another."""
    with tempfile.TemporaryDirectory() as name, _as({**SOMEBODY, "RECONCILER_SANDBOX": "1"}, name):
        root = Path(name)
        files = {path: text for path, text in lab().items() if not path.startswith("environments/")}
        repo = GitRepo.make(root / "repo.git")
        repo.commit(dict(files))
        cloud = Cloud(root / "state" / "sandbox")
        here = Lab(repo, root / "state", cloud.start(), files)
        holder: list[Controller] = []
        controller, crew = _controller(
            repo.path, lambda ended, _more: holder[0].over(ended), sandbox=True
        )
        holder.append(controller)
        crew.prepare()
        loop = _Loop(here, controller, files, lab()[PITCH])
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(drive, loop)
            found.add_done_callback(lambda _: controller.inbox.stop())
            try:
                controller.run()
            finally:
                crew.close()
                cloud.stop()
            return found.result()


@contextmanager
def _as(more: Mapping[str, str], root: str) -> Iterator[None]:
    before = dict(os.environ)
    (Path(root) / "state").mkdir(mode=0o700)
    os.environ.update(more)
    os.environ["RECONCILER_STATE_DIR"] = f"{root}/state"
    os.environ["RECONCILER_CACHE_DIR"] = f"{root}/kept"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _driven(loop: _Loop, rounds: int, many: int) -> tuple[float, float, float]:
    """Medians from a merge to its plan and to its apply, and what many took."""
    soon, plans = [], []
    for number in range(rounds + 1):
        name = f"soon-{number}"
        began = loop.more(name)
        planned = loop.until(partial(loop.planned, name)) - began
        started = loop.until(partial(loop.started, name)) - began
        loop.until(partial(loop.done, name))
        if number:  # the first is the warm-up
            plans.append(planned)
            soon.append(started)
    names = [f"many-{number}" for number in range(many)]
    began = loop.more(*names)
    took = loop.until(lambda: all(loop.done(name) for name in names)) - began
    return statistics.median(plans), statistics.median(soon), took


def deeds(rounds: int, many: int) -> list[Result]:
    """From a merge to its apply, and how many of them a minute."""
    plan, start, took = _looping(lambda loop: _driven(loop, rounds, many))
    return [
        Result(
            "from a merge (hint of a webhook) to the start of its apply, in the sandbox",
            show(start),
            f"until it begins to plan: {show(plan)}",
            start,
            SOON,
            "s",
        ),
        Result(
            f"{many} new environments of 3 resources, merged at once, applied in the sandbox",
            show(took),
            f"{JOBS} at a time on two cores",
            many / took * 60,
            FLOOR,
            "a minute",
            at_least=True,
        ),
    ]


def storms(many: int = 10_000) -> list[Result]:
    """How many webhooks a second are taken, each with a connection of its own."""
    secrets = Secrets(tokens=(TOKEN.encode(),))
    looked: list[Hint] = []
    listening = Listening(secrets, "some/project", looked.append, print, lambda: datetime.now(UTC))
    with WebhookServer("127.0.0.1", 0, listening) as server:
        command = [sys.executable, "-m", "tests.webhooks.sender", str(server.port), str(many), "0"]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        taken, took = json.loads(said.stdout)
    if (taken, len(looked)) != (many, many):
        raise RuntimeError(said.stdout)
    return [
        Result(
            f"{many:,} webhooks, as fast as they are taken: each authenticated, read and told",
            show(took),
            "a sender in a process of its own, a connection for each",
            many / took,
            STORM,
            "a second",
            at_least=True,
        )
    ]


def run(environments: int = MANY, rounds: int = 3, many: int = 20) -> list[Result]:
    """All of them; what needs Terraform only where it is."""
    results = looks(environments) + storms()
    return results + (deeds(rounds, many) if shutil.which("terraform") else [])


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("\n".join(one.row for one in run()))
    else:
        print(json.dumps(look(Path(sys.argv[1]), int(sys.argv[2]))))
