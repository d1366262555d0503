"""Many small files of a repository become one pack: nothing goes, and whoever reads goes on."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters import git_upkeep
from reconciler.adapters.git import GitSource
from reconciler.adapters.git_refs import GitRefs
from reconciler.adapters.git_upkeep import gather
from reconciler.core.git_objects import object_id
from reconciler.core.git_pack import names, pack
from reconciler.errors import ReconcilerError
from tests.repos import GitRepo

PACKS = 60


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As after sixty fetches, and with a few objects alone, one of which nothing points to."""
    made = GitRepo.make(tmp_path_factory.mktemp("fetched") / "r.git")
    files: dict[str, str] = {}
    for number in range(PACKS):
        files[f"environments/{number}.yaml"] = f"number {number}\n" * 20
        made.commit(files)
        git(made.path, "repack", "-dq")
    made.commit({**files, "last.yaml": "alone\n"})
    pygit2.Repository(str(made.path)).create_blob(b"nobody's\n")
    assert len(packs(made.path)) == PACKS
    return made.path


@pytest.fixture
def repo(tmp_path: Path, fetched: Path) -> Path:
    return Path(shutil.copytree(fetched, tmp_path / "r.git"))


def git(path: Path, *args: str, said: str | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", path, *args],
        input=said,
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return done.stdout


def packs(path: Path) -> list[Path]:
    return sorted((path / "objects/pack").glob("*.pack"))


def alone(path: Path) -> list[Path]:
    return sorted(path.glob("objects/[0-9a-f][0-9a-f]/*"))


def everything(path: Path) -> set[str]:
    return {str(oid) for oid in pygit2.Repository(str(path))}


def whole(path: Path) -> bool:
    return git(path, "fsck", "--full", "--no-dangling") == ""


def test_everything_lies_in_one_pack_and_nothing_is_lost(repo: Path) -> None:
    before, history = everything(repo), git(repo, "log", "-p", "--all")
    assert gather(repo) == len(before)
    assert (len(packs(repo)), alone(repo)) == (1, [])
    assert everything(repo) == before
    assert git(repo, "log", "-p", "--all") == history
    assert whole(repo)
    assert [one.name for one in repo.glob("objects/tmp_*")] == []
    assert not (repo / "gc.pid").exists()
    assert gather(repo) == 0


def test_no_pack_is_left_open(repo: Path) -> None:
    """A process has some thousand files, and there may be more packs than that."""
    gather(repo)
    mine = {os.path.realpath(one) for one in Path("/proc/self/fd").iterdir()}
    assert [one for one in mine if one.startswith(str(repo))] == []


def test_a_tidy_repository_is_left_alone(tmp_path: Path) -> None:
    made = GitRepo.make(tmp_path / "r.git")
    made.commit({"a": "b"})
    before = alone(made.path)
    assert gather(made.path) == 0
    assert alone(made.path) == before


def test_many_objects_that_lie_alone_are_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = GitRepo.make(tmp_path / "r.git")
    made.commit({f"{number}": f"{number}" for number in range(200)})
    monkeypatch.setattr(git_upkeep, "_ALONE", 0)
    assert (made.path / "objects/17").is_dir()
    assert gather(made.path) >= 200
    assert alone(made.path) == []
    assert whole(made.path)


def test_whoever_read_before_reads_on(repo: Path) -> None:
    tree = GitSource(repo).snapshot("refs/heads/main")
    (folder,) = (one for one in tree.children(None) if one.path == "environments")
    refs = GitRefs(repo, "records")
    tip = refs.here("refs/heads/main")
    refs.read(tip)
    names_before = git(repo, "rev-list", "--objects", "--all").split("\n")
    gather(repo)
    read = {one.path: tree.read(one, 1000) for one in tree.children(folder)}
    assert read["environments/7.yaml"] == b"number 7\n" * 20
    assert len(read) == PACKS
    assert all(refs.read(one.split()[0]) for one in names_before if one)


@pytest.mark.parametrize("told", [".keep", ".promisor", ".bitmap", ".mtimes"])
def test_what_somebody_keeps_stays(repo: Path, told: str) -> None:
    kept = packs(repo)[7]
    kept.with_suffix(told).touch()
    gather(repo)
    assert kept in packs(repo)
    assert len(packs(repo)) == 2


@pytest.mark.parametrize(
    "command",
    [("multi-pack-index", "write"), ("config", "extensions.preciousObjects", "true")],
)
def test_where_git_looks_after_its_packs_they_stay(repo: Path, command: tuple[str, ...]) -> None:
    git(repo, "config", "core.repositoryFormatVersion", "1")
    git(repo, *command)
    assert gather(repo) == 0
    assert len(packs(repo)) == PACKS


def readers(repo: Path) -> set[int]:
    return {one.stat().st_mode & 0o777 for one in repo.glob("objects/pack/*.*")}


def test_whoever_could_read_it_can_and_nobody_else(repo: Path) -> None:
    closed, before = packs(repo)[5], everything(repo)
    closed.chmod(0o400)
    was = os.umask(0o077)
    try:
        gather(repo)
    finally:
        os.umask(was)
    assert closed in packs(repo)
    assert len(packs(repo)) == 2
    assert readers(repo) == {0o400, 0o444}
    assert {one.stat().st_mode & 0o777 for one in packs(repo) if one != closed} == {0o444}
    assert everything(repo) == before


def test_what_only_leads_elsewhere_stays(repo: Path, tmp_path: Path) -> None:
    other, led = tmp_path / "other", packs(repo)[5]
    folder = alone(repo)[0].parent
    led.rename(tmp_path / led.name)
    led.symlink_to(tmp_path / led.name)
    folder.rename(other)
    folder.symlink_to(other)
    before, there = everything(repo), sorted(other.iterdir())
    gather(repo)
    assert led.is_symlink()
    assert len(packs(repo)) == 2
    assert sorted(other.iterdir()) == there
    assert everything(repo) == before


def test_packs_of_another_repository_stay(repo: Path, tmp_path: Path) -> None:
    folder = repo / "objects/pack"
    folder.rename(tmp_path / "packs")
    folder.symlink_to(tmp_path / "packs")
    assert gather(repo) == 0
    assert len(packs(repo)) == PACKS


def test_what_comes_to_gigabytes_is_not_read(repo: Path) -> None:
    large = git(repo, "hash-object", "-w", "--stdin", said="0" * 34_000_000).strip()
    named = git(repo, "pack-objects", "-q", "objects/pack/pack", said=f"{large}\n").strip()
    (repo / "objects" / large[:2] / large[2:]).unlink()
    before = everything(repo)
    gather(repo)
    assert len(packs(repo)) == 2
    assert repo / f"objects/pack/pack-{named}.pack" in packs(repo)
    assert everything(repo) == before


def test_what_can_never_be_put_together_is_not_done_again_and_again(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather(repo)
    monkeypatch.setattr(git_upkeep, "_PACKS", 0)
    assert gather(repo) == 0


def test_a_full_disk_is_told(repo: Path) -> None:
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from reconciler.adapters.git_upkeep import gather\n"
        "from reconciler.errors import ReconcilerError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))\n"
        "try:\n"
        "    gather(Path(sys.argv[1]))\n"
        "except ReconcilerError as error:\n"
        "    print(error.reason)\n"
    )
    before = everything(repo)
    for room in ("0", "4096"):
        command = [sys.executable, "-c", program, str(repo), room]
        assert subprocess.check_output(command, text=True) == "not-tidied\n"
        assert len(packs(repo)) == PACKS
        assert everything(repo) == before
        assert [one.name for one in repo.glob("objects/tmp_*")] == []


def test_where_git_is_told_to_leave_it_alone_so_are_we(repo: Path) -> None:
    git(repo, "config", "gc.auto", "0")
    assert gather(repo) == 0
    assert len(packs(repo)) == PACKS


def test_a_damaged_object_stays_where_it_is_found(repo: Path) -> None:
    damaged = alone(repo)[0]
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-4])
    gather(repo)
    assert alone(repo) == [damaged]
    assert len(packs(repo)) == 1


def test_a_damaged_pack_is_told_and_everything_stays(repo: Path) -> None:
    damaged, before, lie = packs(repo)[3], everything(repo), alone(repo)
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:40])
    with pytest.raises(ReconcilerError) as caught:
        gather(repo)
    assert caught.value.reason == "not-tidied"
    assert (len(packs(repo)), alone(repo)) == (PACKS, lie)
    assert everything(repo) == before
    assert not (repo / "gc.pid").exists()


def test_while_somebody_else_does_it_nothing_is_done(repo: Path) -> None:
    lock = repo / "gc.pid"
    for held in (f"{os.getpid()} {socket.gethostname()}", "1 another.example", f"1 {'a' * 63}"):
        lock.write_text(held, encoding="utf-8")
        assert gather(repo) == 0
        assert lock.read_text(encoding="utf-8") == held


@pytest.mark.parametrize("left", ["gone", "old", "nonsense"])
def test_what_the_dead_left_holds_nobody_up(repo: Path, left: str) -> None:
    dead = subprocess.check_output(
        [sys.executable, "-c", "import os; print(os.getpid())"], text=True
    )
    lock = repo / "gc.pid"
    here = socket.gethostname()
    lock.write_text({"gone": f"{int(dead)} {here}"}.get(left, left), encoding="utf-8")
    if left == "old":
        lock.write_text("1 another.example", encoding="utf-8")
        then = time.time() - 13 * 3600
        os.utime(lock, (then, then))
    work = repo / "objects" / "tmp_upkeep_left"
    work.mkdir()
    assert gather(repo) > 0
    assert not lock.exists()
    assert not work.exists()


@pytest.mark.parametrize("nth", [1, 2, 3, 40, 100, 190])
def test_killed_at_any_step_nothing_is_lost(repo: Path, nth: int) -> None:
    before = everything(repo)
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from reconciler.adapters.git_upkeep import gather\n"
        "left = [int(sys.argv[2])]\n"
        "def hook(event, args):\n"
        "    if event in ('os.rename', 'os.remove'):\n"
        "        left[0] -= 1\n"
        "        if not left[0]: os.kill(os.getpid(), 9)\n"
        "sys.addaudithook(hook)\n"
        "gather(Path(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, repo, str(nth)], check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    assert everything(repo) == before
    assert whole(repo)
    git_upkeep.gather(repo)
    assert everything(repo) == before
    assert whole(repo)


@given(st.lists(st.binary(max_size=20), unique=True, max_size=30))
def test_the_index_of_a_pack_names_what_is_in_it(blobs: list[bytes]) -> None:
    made = {object_id("blob", one): ("blob", one) for one in blobs}
    index = pack(made)[2]  # type: ignore[arg-type]  # each of them is a kind
    assert names(index) == tuple(sorted(made))
    for cut in (0, 7, 1031, len(index) - 41):
        with pytest.raises(ValueError, match="index"):
            names(index[:cut])


@given(st.integers(0, 1031 + 28 * 9 + 40), st.integers(1, 255))
def test_an_index_that_is_damaged_is_none(at: int, other: int) -> None:
    made = {object_id("blob", bytes([one])): ("blob", bytes([one])) for one in range(9)}
    index = bytearray(pack(made)[2])  # type: ignore[arg-type]  # each of them is a kind
    index[at] ^= other
    with pytest.raises(ValueError, match="index"):
        names(bytes(index))
