"""`check`, whole: beside the `checkov` command on the same files, as repositories grow, and of all.

Every round is a change of its own, in a process that has served before: nothing of it is kept.
`python -m benchmarks.check` measures; it needs Checkov: `reconciler tools install`.
"""

import hashlib
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from benchmarks.generate import ROOT, Generated
from benchmarks.measure import Result, pairs, seconds, show
from reconciler.adapters.cache import SqliteCache
from reconciler.adapters.git import GitSource
from reconciler.adapters.git_history import GitHistory
from reconciler.adapters.program import program_digest
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.adapters.ssh_keys import verify
from reconciler.adapters.workers import Workers
from reconciler.app.check import Tools, check_all, check_change
from reconciler.app.grounds import Span
from reconciler.app.kept import Kept
from reconciler.app.render import Rendering
from reconciler.app.world import World
from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from reconciler.settings import ProcessSettings
from reconciler.wiring import Ports

FLOOR = 500
GUARD = 200
"""Checks a minute that a busy machine must still do. The floor is printed beside what is measured:
with Checkov it is met on a quiet machine at best, since Checkov is nearly all of the time."""
"""Validations a minute that a platform of this kind is asked for."""
SAMPLES = {
    "pitch-acme": "environments/demo/pitch-acme.yaml",
    "acme-portal": "environments/customer/acme-portal.yaml",
}
NOW = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Server:
    """What serves one check after another: warm engines, and a cache that was empty at first."""

    tools: Tools
    rendering: Rendering

    def change(self, repository: Path, head: str) -> CheckReport:
        """Check one merge request, as the command line does."""
        git = GitSource(repository)
        last = git.snapshot(head)
        span = Span(
            git.snapshot("main"),
            git.snapshot(git.began("main", head)),
            last,
            last,
            GitHistory(repository),
            None,
        )
        return told(check_change(span, self.tools, NOW, (), quiet))

    def all(self, repository: Path, names: tuple[str, ...]) -> CheckReport:
        """Check every environment, or those."""
        tree = GitSource(repository).snapshot("main")
        return told(check_all(tree, self.tools, NOW, names, quiet))

    def files(self, repository: Path, path: str) -> dict[str, bytes]:
        """What an environment renders to."""
        world = World(GitSource(repository).snapshot("main"), self.rendering)
        rendered = world.look(path).rendered
        assert rendered is not None
        return {one.path: one.content for one in rendered.files}


def quiet(_done: int, _total: int) -> None:
    """No progress bar."""


def told(report: CheckReport) -> CheckReport:
    """A report in which every gate said something: what failed would be quick."""
    assert report.decisions
    assert all(one.verdict is not Verdict.INDETERMINATE for one in report.decisions), report
    return report


@contextmanager
def serving(cache: Path) -> Iterator[Server]:
    """A server with a cache of its own."""
    kept = Kept(SqliteCache(cache), program_digest())
    ports = Ports(ProcessSettings(), kept, Workers(0))
    version = ports.toolbox().tool("checkov").version
    with ExitStack() as stack:
        engine = EmbeddedEngine(10, ports.workers.jobs)
        stack.callback(engine.close)
        stack.callback(ports.checkov.close)
        rendering = Rendering(ports.workers, 10)
        engines = (("policy", engine.name), ("checkov", f"checkov {version}"))
        tools = Tools(engine, engine, ports.checkov, kept, rendering, b"benchmark", engines, verify)
        yield Server(tools, rendering)


def edits(of: Generated, path: str) -> Iterator[str]:
    """Commits, each with another image in the environment, so that its Terraform differs."""
    data = of.documents.get(path) or (ROOT / path).read_bytes()
    for number in count():
        digest = hashlib.sha256(f"{of.count} {path} {number}".encode()).hexdigest().encode()
        yield of.replace(path, re.sub(rb"@sha256:[0-9a-f]{64}", b"@sha256:" + digest, data))


def checkov_command(files: dict[str, bytes], folder: Path) -> Callable[[], None]:
    """The `checkov` command alone, on the same rendered files."""
    python = Ports(ProcessSettings(), Kept(SqliteCache(None), ""), Workers(1)).toolbox()
    program = python.python("checkov")
    if program is None:
        sys.exit("Checkov is not installed: reconciler tools install")
    for path, data in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def run() -> None:
        done = subprocess.run(
            [
                *(str(program), "-m", "checkov.main", "-d", str(folder)),
                *("--framework", "terraform", "gitlab_ci", "-o", "json"),
                *("--compact", "--quiet", "--skip-download", "--soft-fail"),
            ],
            cwd=folder,
            env={
                "PATH": "/usr/bin:/bin",
                "HOME": str(folder),
                "LOG_LEVEL": "CRITICAL",
                "CKV_SKIP_PACKAGE_UPDATE_CHECK": "true",
            },
            capture_output=True,
            check=True,
        )
        assert b"check_type" in done.stdout

    return run


def cold_command(repository: Path, heads: Iterator[str]) -> Callable[[], None]:
    """`reconciler check` as a new process that remembers nothing."""

    def run() -> None:
        with tempfile.TemporaryDirectory(prefix="bench-") as empty:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "reconciler", "check", "--format", "json"),
                    *("--repo", str(repository), "--base", "main", "--head", next(heads)),
                ],
                env={**os.environ, "RECONCILER_CACHE_DIR": empty},
                capture_output=True,
                check=False,
            )
        assert done.returncode in (0, 10, 11), done.stderr

    return run


def beside_checkov(server: Server, few: Generated, name: str, rounds: int) -> list[Result]:
    """One environment: the command, a warm check and a cold one, in turn."""
    path = SAMPLES[name]
    heads = edits(few, path)
    files = server.files(few.path, path)
    small = name == "pitch-acme"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = checkov_command(files, Path(folder))
        cold = cold_command(few.path, heads)

        def warm() -> None:
            _one(server.change(few.path, next(heads)))

        for one in (command, warm, cold):
            one()  # the warm-up
        times = []
        for _ in range(rounds):
            theirs = seconds(command)
            ours = statistics.median(seconds(warm) for _ in range(3))
            times.append((theirs, ours, seconds(cold)))
    theirs, mine, anew = (statistics.median(column) for column in zip(*times, strict=True))
    gain = statistics.median(one / two for one, two, _ in times)
    dearer = statistics.median(three / one for one, _, three in times)
    size = sum(len(data) for path, data in files.items() if path.startswith("terraform/")) >> 10
    what = f"check of a change, {name} ({size} KiB of Terraform)"
    against = f"the checkov command alone: {show(theirs)}"
    # The promise is about a small, typical environment. Checkov's own work on a large one takes
    # longer than all that is promised; its bounds only keep it from growing worse.
    return [
        Result(f"{what}, warm", show(mine), "a new one", mine * 1000, 150 if small else 400, "ms"),
        Result(f"{what}, warm", show(mine), against, gain, 15 if small else 7, at_least=True),
        Result(f"{what}, a new process", show(anew), against, dearer, 1.2),
    ]


def one_of_many(server: Server, large: Generated, small: Generated, rounds: int) -> list[Result]:
    """The same change of one environment in a large and in a small repository."""

    def of(generated: Generated) -> Iterator[str]:
        path = next(path for path in sorted(generated.documents) if "/demo/" in path)
        return edits(generated, path)

    def warm(generated: Generated) -> Callable[[], None]:
        heads = of(generated)
        return lambda: _one(server.change(generated.path, next(heads)))

    big, little, ratio = pairs(warm(large), warm(small), rounds)
    results = [
        Result(
            f"check of a change, one of {large.count:,}, warm",
            show(big),
            f"one of {small.count}: {show(little)}",
            ratio,
            1.5,
        )
    ]
    cold = (cold_command(large.path, of(large)), cold_command(small.path, of(small)))
    big, little, ratio = pairs(*cold, max(1, rounds // 3))
    results.append(
        Result(
            f"check of a change, one of {large.count:,}, a new process",
            show(big),
            f"one of {small.count}: {show(little)}",
            ratio,
            1.5,
        )
    )
    return results


def _one(report: CheckReport) -> None:
    assert len(report.touched) == 1


def processor_seconds() -> float:
    """What this process has used, and its children that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def of_all(folder: Path, large: Generated, some: int) -> list[Result]:
    """Some hundred of all, from end to end of the repository: the whole takes minutes."""
    every = [Path(path).stem for path in sorted(large.documents)]
    names = tuple(every[:: max(1, len(every) // some)][:some])

    def used(work: Callable[[Server], object]) -> float:
        """Processor time, of everything that is started for it too."""
        before = processor_seconds()
        with serving(folder / "cache-of-all") as server:
            server.all(large.path, names[:1])  # the warm-up
            work(server)
        return processor_seconds() - before

    first = again = 0.0

    def measure(server: Server) -> None:
        nonlocal first, again
        first = seconds(lambda: server.all(large.path, names))
        again = statistics.median(seconds(lambda: server.all(large.path, names)) for _ in range(3))

    whole = used(measure)
    empty = used(lambda server: [server.all(large.path, names) for _ in range(4)])
    rate = len(names) / first
    each = (whole - empty) / len(names)
    what = f"check {len(names)} of {large.count:,}, all static gates"
    return [
        Result(
            f"{what}, two cores",
            f"{show(first)}, {rate:.1f} a second",
            f"{FLOOR} a minute are asked for",
            rate * 60,
            GUARD,
            "a minute",
            at_least=True,
        ),
        Result(
            f"{what}: processor time of one",
            show(each),
            f"what {FLOOR} a minute leaves on two cores",
            each * 1000,
            2 * 60_000 / GUARD,
            "ms",
        ),
        Result(f"{what}, again", show(again), f"the first time: {show(first)}", again / first, 0.1),
    ]


def run(little: int = 100, much: int = 10_000, some: int = 240, rounds: int = 5) -> list[Result]:
    """All of it; about two minutes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(serving(folder / "cache"))
        small = Generated(folder / "small", little, also=("environments",))
        large = Generated(folder / "large", much)
        results = []
        for sample in SAMPLES:
            results += beside_checkov(server, small, sample, rounds)
        results += one_of_many(server, large, small, 2 * rounds + 1)
        results += of_all(folder, large, some)
        return results


if __name__ == "__main__":
    print("\n".join(one.row for one in run()))
