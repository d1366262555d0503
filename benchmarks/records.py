"""Records: how many a second, what one costs after many, and what asking for one environment costs.

Many are written through the program itself, in batches; only the scan for secrets is left out of
the preparation, since what is prepared is not what is measured.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path

import pygit2

from benchmarks.measure import Result, seconds, show
from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Records
from reconciler.model.record import Actor, Draft, Program

ROOT = Path(__file__).resolve().parent.parent
FLOOR = 300
GROWTH = 1.5
FEW = 10
ASKED = 0.3
BARE = 5.0
BATCH = 50
MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of its own is made there
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADA = Actor.model_validate({"name": "Ada Berg", "email": "ada@example.com", "forgeId": 7})
PROGRAM = Program.model_validate({"name": "reconciler", "version": "0.1.0", "digest": "x"})
BEGIN = time.monotonic_ns()
ASK = """
import sys, time
from pathlib import Path
from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Records
found = list(Records(GitRecords(Path(sys.argv[1]), "records")).of_environment(sys.argv[2]))
assert len(found) == int(sys.argv[3]), len(found)
"""


class _Unscanned(Records):
    def _scan(self, files: Mapping[str, bytes | None]) -> None:
        """Not what is measured."""


def drafts(numbers: range, environments: int) -> list[Draft]:
    """Drift that comes and goes, now here and now there."""
    return [
        Draft(
            id=sha256(f"{BEGIN} {number}".encode()).hexdigest()[:32],
            at=NOW + timedelta(seconds=number),
            environment=f"env-{number % environments}",
            actor=ADA,
            program=PROGRAM,
            body={
                "kind": "drift-seen",
                "digest": "sha256:" + sha256(b"%d" % number).hexdigest(),
                "commit": sha256(b"c%d" % number).hexdigest()[:40],
                "engine": "terraform 1.9.5",
                "drifted": [
                    {
                        "address": "aws_s3_bucket.data",
                        "type": "aws_s3_bucket",
                        "what": "changed",
                        "identity": f"arn:aws:s3:::data-{number}",
                        "attributes": [{"path": "tags", "want": '{"a":"b"}', "have": "null"}],
                        "who": "",
                    }
                ],
                "unmanaged": [],
            },
        )
        for number in numbers
    ]


def repository(path: Path) -> Path:
    pygit2.init_repository(str(path), bare=True)
    return path


def records(path: Path) -> Records:
    return Records(GitRecords(path, "records"))


def filled(path: Path, many: int, environments: int) -> None:
    """So many records, a thousand at a time; in one pack, as `git gc` leaves a repository."""
    writer = _Unscanned(GitRecords(repository(path), "records"))
    for first in range(0, many, 1000):
        writer.append(drafts(range(first, min(first + 1000, many)), environments))
    subprocess.run(["git", "-C", path, "repack", "-adq"], check=True)


def bare(path: Path, tip: str) -> float:
    """Seconds for the objects of one record and one move of a ref, by libgit2 alone."""
    repo = pygit2.Repository(str(path))
    tree = repo[tip].peel(pygit2.Tree).id
    places = subprocess.run(
        ["git", "-C", path, "ls-tree", "-rt", "--object-only", tip],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    sizes = [int(repo.odb.read_header(pygit2.Oid(hex=one))[1]) for one in places[:5]]
    blob = pygit2.enums.ObjectType.BLOB
    start = time.perf_counter()
    for size in sizes:
        repo.odb.write(blob, os.urandom(size // 2).hex().encode())
    made = repo.create_commit(None, AUTHOR, AUTHOR, os.urandom(8).hex(), tree, [])
    repo.references.create("refs/heads/bare", made, force=True)
    return time.perf_counter() - start


AUTHOR = pygit2.Signature("Ada Berg", "ada@example.com", 1_700_000_000, 0)


def rates(path: Path, some: int) -> list[Result]:
    """Records a second, alone and in batches."""
    repository(path)
    writer = records(path)

    def written(first: int, size: int) -> float:
        made = drafts(range(first, first + size), 50)
        return seconds(lambda: writer.append(made)) / size

    for number in range(20):  # the warm-up
        written(number, 1)
    alone, apart, together = [], [], []
    for number in range(100, 100 + some):
        alone.append(written(number, 1))
        apart.append(bare(path, writer.tip()))
        if number % 10 == 0:
            together.append(written(number * 1000, BATCH))
    single, floor, many = map(statistics.median, (alone, apart, together))
    return [
        _floor("one at a time", single),
        Result(
            "records, one at a time",
            show(single),
            f"libgit2 writing as many objects: {show(floor)}",
            single / floor,
            BARE,
        ),
        _floor(f"{BATCH} in a batch", many),
    ]


def _floor(how: str, each: float) -> Result:
    name = f"records, {how}"
    return Result(name, show(each), "in memory, one core", 1 / each, FLOOR, "/s", at_least=True)


def growth(little: Path, much: Path, much_is: int, environments: int, some: int) -> Result:
    """What one more record costs after ten, and after many of so many environments."""
    filled(little, 10, environments)
    small, large = records(little), records(much)
    numbers = count(much_is)
    times = []
    for turn in range(some + 5):
        pair = []
        for writer in (small, large):
            number = next(numbers)
            draft = drafts(range(number, number + 1), environments)
            pair.append(seconds(lambda w=writer, d=draft: w.append(d)))  # type: ignore[misc]
        if turn >= 5:  # the warm-up
            times.append((pair[0], pair[1]))
    ten, many = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(large / small for small, large in times)
    return Result(
        f"one record after {much_is:,}, among {environments:,} environments",
        show(many),
        f"after 10, among at most 10: {show(ten)}",
        ratio,
        GROWTH,
    )


def asked(path: Path, many: int, environments: int, rounds: int) -> Result:
    """All records of one environment, by a process that knows nothing yet."""
    wanted = environments // 3
    there = len(range(wanted, many, environments))

    def ask() -> None:
        arguments = [str(path), f"env-{wanted}", str(there)]
        subprocess.run([sys.executable, "-c", ASK, *arguments], cwd=ROOT, check=True)

    def nothing() -> None:
        imports = "\n".join(ASK.splitlines()[:5])
        subprocess.run([sys.executable, "-c", imports], cwd=ROOT, check=True)

    ask()
    nothing()
    times = [(seconds(ask), seconds(nothing)) for _ in range(rounds)]
    whole, start = (statistics.median(column) for column in zip(*times, strict=True))
    return Result(
        f"the {there} records of one of {environments:,} environments, beyond a cold start",
        show(whole),
        f"starting Python and importing: {show(start)}",
        statistics.median(one - other for one, other in times),
        ASKED,
        "s",
    )


def run(
    many: int = 100_000, environments: int = 10_000, some: int = 200, rounds: int = 5
) -> list[Result]:
    """All of it."""
    # In memory where there is such a folder: what other programs do to the disk is not measured.
    memory = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(dir=memory) as quick:
        root = Path(folder)
        results = rates(Path(quick) / "rates.git", some)
        much = root / "much.git"
        filled(much, many, environments)
        answer = asked(much, many, environments, rounds)
        results.append(growth(root / "little.git", much, many, environments, some))
        filled(root / "long.git", many, FEW)
        results.append(growth(root / "short.git", root / "long.git", many, FEW, some))
        return [*results, answer]
