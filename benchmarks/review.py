"""Looking at merge requests: what a thousand open ones cost, and what posting adds to the gates.

Here the forge is one in memory that counts what it is asked; `review_gitlab` measures the same over
HTTP. `python -m benchmarks.review` measures.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pygit2

from benchmarks.measure import Result, seconds, show
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.review import review, review_all
from reconciler.cli.reviewing import room_of
from reconciler.core.review.consent import Heard
from reconciler.settings import ProcessSettings
from tests.check.project import PITCH, SARA, Project, base_files, warm
from tests.repos import GitRepo, edited
from tests.review.conftest import Desk, Served
from tests.review.memory_forge import MemoryForge

READS = 5
"""Requests beyond the listing, for one that changed."""
ON_TOP = 1000
"""Milliseconds from a verdict to its being posted."""


@contextmanager
def desk(folder: Path, engine: EmbeddedEngine) -> Iterator[Desk]:
    """The samples, a forge, and a machine that remembers."""
    repo = GitRepo.make(folder / "repo.git")

    def head(branch: str) -> str:
        return str(repo.repository.references[f"refs/heads/{branch}"].target)

    with environment(RECONCILER_STATE_DIR=str(folder / "state")):
        ports = warm(folder / "kept", engine)
        forge = MemoryForge(head)
        served = Served(ProcessSettings(), ports.kept, ports.workers, engine, forge)
        project = Project(repo, served)
        files = base_files()
        base = project.commit(files)
        repo.repository.references.create("refs/heads/main", pygit2.Oid(hex=base))
        yield Desk(project, forge, files, base, served)


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables, as a process would have been started with."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def a_thousand(of: Desk, many: int) -> list[Result]:
    """All were looked at; then one of them changes."""
    of.push("same", _edit(of, 0), SARA)
    for _ in range(many):
        of.forge.propose("same")
    room, memory = of.room(), of.ports.reviewed(of.project.repo.path)
    for one in of.forge.requests.values():
        memory(one.number).put(room.word(one))
    of.push("other", _edit(of, 1), SARA)
    of.forge.touch(many // 2, source="other", head=of.forge.heads("other"))
    of.forge.agree(many // 2)
    of.forge.calls.clear()
    spent = seconds(lambda: _only_one(of))
    assert of.forge.calls["open_ones"] == 1
    reads = of.forge.reads
    still = statistics.median(seconds(lambda: list(review_all(room, memory))) for _ in range(3))
    what = f"{many:,} open merge requests, one changed"
    return [
        Result(
            f"{what}: requests that read, beyond the listing",
            f"{reads}, and {show(spent)}",
            "what is asked for",
            reads,
            READS,
            "requests",
        ),
        Result(
            f"{many:,} open merge requests, looked at again",
            show(still),
            "how often they are looked at is told in seconds",
            still,
            5,
            "s",
        ),
    ]


def _only_one(of: Desk) -> None:
    room = room_of(of.ports, of.project.repo.path, plan=False, sandbox=False, post=True)
    found = list(review_all(room, of.ports.reviewed(of.project.repo.path)))
    assert sum(one.state == "reviewed" for one in found) == 1, found[:3]


def on_top(of: Desk, rounds: int) -> list[Result]:
    """A review that posts everything, and the gates alone, on changes that nobody has seen."""
    room = of.room()
    times = []
    calls = 0
    for place in range(rounds + 1):
        number = of.open(f"r{place}", _edit(of, 10 + 2 * place), SARA)
        alone = of.push(f"g{place}", _edit(of, 11 + 2 * place), SARA)
        heard = Heard((), (), (of.forge.requests[number].author,), alone)

        def gates(head: str = alone, heard: Heard = heard) -> None:
            with room.judge(room.rules.revision, head, heard):
                pass

        of.forge.calls.clear()
        whole = seconds(partial(review, room, number))
        calls = of.forge.calls.total()
        times.append((whole, seconds(gates)))
    whole, gates_alone = (statistics.median(column) for column in zip(*times[1:], strict=True))
    more = statistics.median(one - other for one, other in times[1:])
    return [
        Result(
            f"from a push to a posted verdict, one environment, {calls} requests",
            show(whole),
            f"the gates alone: {show(gates_alone)}",
            max(more, 0.0001) * 1000,
            ON_TOP,
            "ms on top",
        )
    ]


def _edit(of: Desk, place: int) -> dict[str, str]:
    return edited(of.files, PITCH, "ttl: 72h", f"ttl: 72h # {place}")


def run(many: int = 1000, rounds: int = 7) -> list[Result]:
    """All of it; half a minute."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        engine = EmbeddedEngine(10, 1)
        stack.callback(engine.close)
        of = stack.enter_context(desk(Path(name), engine))
        return [*on_top(of, rounds), *a_thousand(of, many)]


if __name__ == "__main__":
    print("\n".join(one.row for one in run()))
