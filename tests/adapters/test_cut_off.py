"""Loose objects that were cut off: told at once, by name. libgit2 alone reads them for ever."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pygit2
import pytest

from tests.repos import BOX, GitRepo, edited, small

SECONDS: Final = 30
"""Far more than it takes, and less than for ever."""
LOOKS: Final = """\
import sys
from pathlib import Path
from reconciler.adapters.git import GitSource
from reconciler.adapters.git_history import GitHistory
from reconciler.core.load import load
from reconciler.errors import ReconcilerError

path, short, *asked = Path(sys.argv[1]), *sys.argv[2:]
looks = {
    "snapshot": lambda: load(GitSource(path).snapshot("main")),
    "short": lambda: load(GitSource(path).snapshot(short)),
    "named": lambda: load(GitSource(path).snapshot(GitSource(path).named("main"))),
    "began": lambda: load(GitSource(path).snapshot(GitSource(path).began("main", "main~1"))),
    "changes": lambda: [
        GitHistory(path).read(blob.oid, 10**6)
        for one in GitHistory(path).changes("main")
        for blob in one.added
    ],
    "staged": lambda: GitHistory(path).staged(),
    "commit": lambda: GitHistory(path).commit("main"),
    "lies": lambda: GitHistory(path).lies("main", "environments/lab/box-one.yaml"),
}
for name in asked:
    try:
        looks[name]()
    except ReconcilerError as err:
        print(name, err.reason, err.subject)
    else:
        print(name, "whole")
"""


READING: Final = ("snapshot", "short", "changes")


def tree_of(repo: GitRepo, path: str) -> pygit2.Oid:
    found = repo.repository.revparse_single(f"main:{path}")
    return found.id


CUT: Final[dict[str, Callable[[GitRepo], pygit2.Oid]]] = {
    "commit": lambda repo: repo.repository.revparse_single("main").id,
    "root": lambda repo: repo.repository.revparse_single("main^{tree}").id,
    "folder": lambda repo: tree_of(repo, BOX.rpartition("/")[0]),
    "file": lambda repo: tree_of(repo, BOX),
}


def cut(repo: GitRepo, oid: str, keep: Callable[[bytes], bytes]) -> None:
    file = Path(repo.repository.path) / "objects" / oid[:2] / oid[2:]
    data = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(keep(data))


def looked(path: Path, short: str, *looks: str) -> dict[str, str]:
    """What a process of its own says of each look; one that hangs fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", LOOKS, str(path), short, *looks],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def borrowing(repo: GitRepo, path: Path) -> Path:
    git = ["git", "clone", "-q", "--shared", str(repo.path), str(path)]
    subprocess.run(git, check=True, capture_output=True)
    return path


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    repo = GitRepo.make(tmp_path / "r", bare=False)
    repo.commit(small())
    repo.commit(edited(small(), BOX, "stage: dev", "stage: staging"))
    return repo


@pytest.mark.parametrize(
    "what,looks",
    [
        ("commit", (*READING, "named", "began", "staged", "commit", "lies")),
        ("root", (*READING, "staged", "lies")),
        ("folder", (*READING, "staged", "lies")),
        ("file", READING),
    ],
)
def test_an_object_that_was_cut_off_is_named(
    repo: GitRepo, what: str, looks: tuple[str, ...]
) -> None:
    oid = str(CUT[what](repo))
    short = repo.repository.revparse_single("main").short_id
    cut(repo, oid, lambda data: data[: len(data) * 2 // 3])
    found = looked(repo.path, short, *looks)
    assert found == dict.fromkeys(looks, f"object-damaged {oid}")


@pytest.mark.parametrize("rest", [b"", b"xyz"], ids=["nothing", "three bytes"])
def test_however_little_is_left(repo: GitRepo, rest: bytes) -> None:
    oid = str(CUT["file"](repo))
    cut(repo, oid, lambda _: rest)
    assert looked(repo.path, "main", "snapshot") == {"snapshot": f"object-damaged {oid}"}


def test_what_is_whole_is_read_wherever_it_lies(repo: GitRepo, tmp_path: Path) -> None:
    short = repo.repository.revparse_single("main").short_id
    whole = dict.fromkeys((*READING, "staged"), "whole")
    assert looked(repo.path, short, *whole) == whole
    assert looked(borrowing(repo, tmp_path / "shared"), short, *whole) == whole
    subprocess.run(["git", "-C", str(repo.path), "repack", "-adq"], check=True)
    assert looked(repo.path, short, *whole) == whole


def test_an_object_that_was_cut_off_where_a_clone_borrows_it(repo: GitRepo, tmp_path: Path) -> None:
    shared = borrowing(repo, tmp_path / "shared")
    oid = str(CUT["folder"](repo))
    cut(repo, oid, lambda data: data[: len(data) // 2])
    assert looked(shared, "main", "snapshot") == {"snapshot": f"object-damaged {oid}"}


def test_the_command_says_which_object_and_what_to_do(repo: GitRepo) -> None:
    oid = str(CUT["file"](repo))
    cut(repo, oid, lambda data: data[: len(data) // 2])
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "validate", "--repo", str(repo.path), "--rev", "main"],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1, done.stdout
    assert f"the object {oid} is cut off or changed" in done.stderr
    assert "git fetch --refetch" in done.stderr
