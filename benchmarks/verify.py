"""Verifying records: against git that only reads them.

Git's side is `git log --format=raw` of the branch, and `git cat-file --batch` of every file that a
record wrote. Ours is all that `audit verify` does, in one process for each core.

`python -m benchmarks.verify 100000` does the same with so many, and tells the memory that it takes.
"""

import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.measure import Result, pairs, seconds, show
from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.ssh_keys import verify as signature
from reconciler.adapters.workers import Workers
from reconciler.app.bench import Bench, trees_of
from reconciler.app.records import Records
from reconciler.app.verify import verify
from reconciler.core.decide import decide
from reconciler.core.records.facts import (
    decision_body,
    decision_files,
    ended_body,
    ended_files,
    policy_body,
    refusal_body,
    started_body,
)
from reconciler.model.approval import Given
from reconciler.model.author import Author
from reconciler.model.record import Draft
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.report.check_json import decided
from tests.verify.history import CONTROLLER, PROGRAM, TOM, World, plan_for

ROOT = Path(__file__).resolve().parent.parent
MANY = 20_000
SIGNED = 4.5
"""Three times git's reading is not reached here: checking Ed25519 alone, on two cores, takes about
as long as git does for all of its reading. The row tells how many the machine checks."""
_NONE: Mapping[str, bytes | None] = {}
_SIDE = 100
"""Environments."""
_COMMIT = re.compile(rb"[0-9a-f]{40}")


def history(folder: Path, many: int = MANY, *, signed: bool = True) -> World:
    """A repository with so many records of a hundred environments, in one pack."""
    world = World.make(folder)
    if not signed:
        world.edit("reconciler.yaml", "signed: true", "signed: false")
    writer = Author(CONTROLLER.email, CONTROLLER.name)
    records = Records(
        GitRecords(world.path, "records"), world.key("controller") if signed else None, writer
    )
    head = world.head
    records.append([_draft(world, "", policy_body(head, trees_of(GitSource(world.path), head)))])
    number = 1
    while number < many:
        drafts: list[Draft] = []
        for place in range(_SIDE):
            drafts += _round(world, f"shop-{place}", number + len(drafts), head)
        records.append(drafts)
        number += len(drafts)
    subprocess.run(["git", "-C", str(world.path), "gc", "-q"], check=True)
    return world


def _round(world: World, name: str, number: int, head: str) -> Iterator[Draft]:
    """A decision with an approval, its apply, and two that were refused."""
    plan = plan_for(name, str(number))
    question = world.asked(name, plan, [TOM], head)
    fields = decided(decide(question))
    body = decision_body(
        decide(question),
        fields,
        (),
        plan,
        Given((), question.authors, question.heads),
        action="apply",
        began=None,
        place=("customer", "production", "team-web"),
    )
    yield _draft(world, name, body, decision_files(fields, plan))
    yield _draft(world, name, started_body(plan, head, number, "apply"))
    outcome = world.outcome(name, plan)
    body = ended_body(outcome, {}, commit=head, started=number + 1, action="apply")
    source = RenderedFile("terraform/main.tf", f"# {name} {number}\n".encode())
    yield _draft(world, name, body, ended_files(outcome, Rendered(name, (source,)), "apply"))
    for why in ("another plan", "not now"):
        yield _draft(world, name, refusal_body("apply", why, head, number))


def _draft(
    world: World, name: str, body: Mapping[str, Any], files: Mapping[str, bytes | None] = _NONE
) -> Draft:
    world.now += timedelta(seconds=1)
    return Draft(
        world.new_id(), world.now, name, CONTROLLER, PROGRAM, body, "run", simulated=False,
        files=files,
    )  # fmt: skip


def asked_of_git(path: Path, branch: str = "records") -> bytes:
    """What `git cat-file --batch` is asked: every file that a record wrote, by commit and path.

    So git finds each through the trees of its commit, as whoever reads the history has to. Finding
    out which these are is not measured.
    """
    words = ["git", "-C", str(path), "log", "--format=%H", "--name-only", "--root"]
    words += ["--diff-filter=d", "-z", branch]
    told = subprocess.run(words, capture_output=True, check=True).stdout
    asked, commit = [], b""
    for word in told.replace(b"\n", b"\0").split(b"\0"):
        if _COMMIT.fullmatch(word):
            commit = word
        elif word:
            asked.append(b"%s:%s\n" % (commit, word))
    return b"".join(asked)


def _log(path: Path, branch: str) -> bytes:
    words = ["git", "-C", str(path), "log", "--format=raw", branch]
    return subprocess.run(words, capture_output=True, check=True).stdout


def by_git(path: Path, asked: bytes, branch: str = "records") -> None:
    """Only reading."""
    _log(path, branch)
    words = ["git", "-C", str(path), "cat-file", "--batch"]
    found = subprocess.run(words, input=asked, capture_output=True, check=True).stdout
    assert b" missing\n" not in found


def by_us(path: Path, branch: str = "records", jobs: int = 0) -> int:
    """Everything that `audit verify` does."""
    git = GitSource(path)
    bench = Bench(git, git.snapshot("main").revision, signature)
    workers = Workers(jobs)
    found = verify(Records(GitRecords(path, branch)), bench, branch, workers=workers)
    assert found.whole, found.breaks[:3]
    return found.records


def run(many: int = MANY, *, memory: bool = False) -> list[Result]:
    """Rows of the page."""
    found = []
    for signed, bound in ((False, 3.0), (True, SIGNED)):
        with tempfile.TemporaryDirectory() as folder:
            path = history(Path(folder), many, signed=signed).path
            asked = asked_of_git(path)
            ours, theirs, ratio = pairs(
                partial(by_us, path), partial(by_git, path, asked), rounds=3
            )
            kind = "signed" if signed else "unsigned"
            against = (
                f"{show(theirs)} for `git log --format=raw` and `git cat-file --batch` of"
                " every file that they wrote"
            )
            if signed:
                against += f"; the machine checks {signatures():,.0f} signatures a second and core"
            if memory:
                print(f"{kind}: {peak(path)}", flush=True)
            name = f"Verifying {many:,} {kind} records"
            found.append(Result(name, show(ours), against, ratio, bound))
    return found


def signatures(many: int = 2000) -> float:
    """Ed25519 signatures that the library checks in a second, and nothing else."""
    key = Ed25519PrivateKey.generate()
    public, words = key.public_key(), b"x" * 120
    made = key.sign(words)
    return many / seconds(lambda: [public.verify(made, words) for _ in range(many)])


def peak(path: Path) -> str:
    """The memory of a process that verifies, and of the largest one that helps it."""
    script = """
import gc, resource, sys
from pathlib import Path
from benchmarks.verify import by_us
gc.set_threshold(100_000, 50, 50)
by_us(Path(sys.argv[1]))
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss // 1024)
"""
    words = [sys.executable, "-c", script, str(path)]
    told = subprocess.run(words, capture_output=True, check=True, text=True, cwd=ROOT).stdout
    ours, theirs = told.split()
    return f"at most {ours} MiB here and {theirs} MiB in a worker, packs that are mapped included"


def cpu(work: Callable[[], object]) -> float:
    """Seconds of processors, here and in children: what a busy machine does not change."""
    before = _spent()
    work()
    return _spent() - before


def _spent() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    print("\n".join(one.row for one in run(int(sys.argv[1]), memory=True)))
