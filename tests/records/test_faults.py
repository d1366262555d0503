"""What goes wrong around a repository: clear words, nothing lost, and it goes on afterwards."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters import git_refs, record_store
from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Broken, Records
from reconciler.core.records.document import fields_of
from reconciler.errors import ReconcilerError, TransientError
from tests.core.secrets.samples import filled
from tests.records import drafts
from tests.records.chains import clone, git, whole
from tests.repos import GitRepo


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return GitRepo.make(tmp_path / "r.git").path


def writing(path: Path) -> Records:
    return Records(GitRecords(path, "records"))


def refused(records: Records, number: int = 99, kind: str = "expiry") -> ReconcilerError:
    with pytest.raises(ReconcilerError) as caught:
        records.append([drafts.draft(kind, number)])
    assert caught.value.hint
    assert caught.value.message.isprintable()
    return caught.value


# --------------------------------------------------------------------------------------- locks


def aged(lock: Path, seconds: float) -> Path:
    lock.touch()
    then = time.time() - seconds
    os.utime(lock, (then, then))
    return lock


def test_the_lock_of_somebody_who_died_is_taken_away(path: Path) -> None:
    records = writing(path)
    aged(path / "refs/heads/records.lock", 3600)
    records.append([drafts.draft("expiry", 1)])
    aged(path / "refs/heads/records.lock", 3600)
    records.append([drafts.draft("expiry", 2)])
    assert len(whole(path)) == 2
    assert not (path / "refs/heads/records.lock").exists()


def test_the_lock_of_somebody_who_lives_is_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    lock = aged(path / "refs/heads/records.lock", 0)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            lock.unlink()

    monkeypatch.setattr("reconciler.adapters.git_refs.time.sleep", wait)
    records.append([drafts.draft("expiry", 2)])
    assert len(waits) == 3
    assert len(whole(path)) == 2


def test_a_lock_that_stays_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_refs, "_LOCKED", 0.02)
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    lock = aged(path / "refs/heads/records.lock", 0)
    said = refused(records)
    assert isinstance(said, TransientError)
    assert said.reason == "records-locked"
    assert str(lock) in said.message
    lock.unlink()
    records.append([drafts.draft("expiry", 99)])
    assert len(whole(path)) == 2


# ---------------------------------------------------------------------------- a disk that is not


def in_a_child(work: Callable[[], str]) -> str:
    """What the work says in a process of its own, whose rights and limits end with it."""
    reading, writing_ = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = work()
        except BaseException as err:  # noqa: BLE001  # whatever it is, the parent is told
            said = f"{type(err).__name__}: {err}"
        os.write(writing_, said.encode())
        os._exit(0)
    os.close(writing_)
    with os.fdopen(reading) as heard:
        said = heard.read()
    os.waitpid(child, 0)
    return said


def reason(records: Records, size: int = 1) -> str:
    try:
        records.append([drafts.draft("expiry", 50 + number) for number in range(size)])
    except ReconcilerError as err:
        return f"{err.reason} {err.hint}"
    return "written"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_repository_that_may_only_be_read_is_said(path: Path) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    before = git(path, "for-each-ref", "refs/heads")
    for folder in (path.parent, *path.parent.parents):
        folder.chmod(folder.stat().st_mode | 0o055)
        if folder.name.startswith("pytest-of"):
            break

    def work() -> str:
        os.setgid(65534)
        os.setuid(65534)
        return reason(records)

    assert "records-not-written is the disk full, or the repository read-only?" in in_a_child(work)
    assert git(path, "for-each-ref", "refs/heads") == before
    assert len(whole(path)) == 1


@pytest.mark.parametrize("size", [1, 40])
@pytest.mark.parametrize("limit", [0, 100, 700])
def test_a_full_disk_is_said_and_leaves_nothing(path: Path, size: int, limit: int) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    before = git(path, "for-each-ref", "refs/heads")

    def work() -> str:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
        said = reason(records, size)
        if said == "written":
            return said
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return said + " then " + reason(records, size)

    said = in_a_child(work)
    if said == "written":
        assert (size, limit) == (1, 700)
    else:
        assert said.startswith("records-not-written is the disk full")
        assert said.endswith(" then written")
    assert len(whole(path)) == 1 + size
    assert git(path, "for-each-ref", "refs/heads") != before
    assert not list((path / "objects/pack").glob("tmp_*"))
    assert "missing" not in git(path, "fsck", "--full", "--strict", "--no-dangling")


# ------------------------------------------------------------------------- odd kinds of clones


def test_packed_refs_are_as_good(path: Path) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    git(path, "pack-refs", "--all")
    assert not (path / "refs/heads/records").exists()
    records.append([drafts.draft("expiry", 2)], durable=True)
    git(path, "pack-refs", "--all")
    writing(path).append([drafts.draft("expiry", 3)])
    assert len(whole(path)) == 3


def test_objects_that_git_packed_meanwhile_are_found(path: Path) -> None:
    records, other = writing(path), writing(path)
    for number in range(5):
        records.append([drafts.draft("expiry", number)])
    other.append([drafts.draft("expiry", 10)])
    git(path, "repack", "-adq")
    git(path, "prune-packed")
    other.append([drafts.draft("promotion", 11)])
    git(path, "gc", "--quiet", "--prune=now")
    records.append([drafts.draft("expiry", 12)])
    assert len(whole(path)) == 8


def test_a_checkout_of_records_stops_them(tmp_path: Path, path: Path) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    git(path, "worktree", "add", "--quiet", str(tmp_path / "wt"), "records")
    said = refused(writing(path))
    assert said.reason == "records-checked-out"
    assert "git worktree list" in said.hint
    home = tmp_path / "home"
    subprocess.run(["git", "clone", "--quiet", "-b", "records", path, home], check=True)
    assert refused(writing(home)).reason == "records-checked-out"
    git(home, "checkout", "--quiet", "--orphan", "main")
    writing(home).append([drafts.draft("expiry", 2)])
    assert len(whole(home)) == 2
    # a bare repository's HEAD is a name, not a checkout
    git(path, "worktree", "remove", "--force", str(tmp_path / "wt"))
    git(path, "symbolic-ref", "HEAD", "refs/heads/records")
    writing(path).append([drafts.draft("expiry", 3)])


def test_a_worktree_of_another_branch_writes_to_the_same_records(tmp_path: Path) -> None:
    home = tmp_path / "home"
    subprocess.run(["git", "init", "--quiet", "-b", "main", home], check=True)
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    git(home, *who, "commit", "--quiet", "--allow-empty", "-m", "x")
    git(home, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "wt"))
    writing(tmp_path / "wt").append([drafts.draft("expiry", n) for n in range(20)], durable=True)
    writing(tmp_path / "wt").append([drafts.draft("expiry", 20)], durable=True)
    assert len(whole(home)) == 21
    assert git(home, "fsck", "--full", "--strict", "--no-dangling") == ""


def test_a_shallow_clone_writes_nothing_and_says_why(tmp_path: Path, path: Path) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", number) for number in range(9)])
    home = tmp_path / "home"
    url = f"file://{path}"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--depth=1", "-b", "records", url, home], check=True
    )
    shallow = writing(home)
    said = refused(shallow)
    assert said.reason == "records-incomplete"
    assert "--unshallow" in said.hint
    assert len(git(home, "rev-list", "records").split()) == 1
    with pytest.raises(Broken, match="missing") as caught:
        list(shallow.walk())
    assert caught.value.reason == "record-missing"
    git(home, "fetch", "--quiet", "--unshallow", "origin", "records")
    shallow.append([drafts.draft("expiry", 99)])
    assert len(whole(home)) == 10


def test_a_partial_clone_writes_nothing_and_says_why(tmp_path: Path, path: Path) -> None:
    git(path, "config", "uploadpack.allowFilter", "true")
    writing(path).append([drafts.draft("expiry", number) for number in range(9)])
    home = tmp_path / "home"
    url = f"file://{path}"
    subprocess.run(
        ["git", "clone", "--quiet", "--bare", "--filter=blob:none", url, home], check=True
    )
    said = refused(writing(home))
    assert said.reason == "records-incomplete"
    assert "--filter" in said.hint


def test_objects_may_lie_with_an_alternate(tmp_path: Path, path: Path) -> None:
    writing(path).append([drafts.draft("expiry", number) for number in range(3)])
    home = tmp_path / "home"
    subprocess.run(["git", "clone", "--quiet", "--bare", "--shared", path, home], check=True)
    writing(home).append([drafts.draft("expiry", 3)])
    assert len(whole(home)) == 4
    assert len(whole(path)) == 3
    kept = path.rename(path.with_name("away.git"))
    assert refused(writing(home)).reason == "records-incomplete"
    kept.rename(path)
    writing(home).append([drafts.draft("expiry", 4)])


def test_a_damaged_object_is_named_and_nothing_is_written_on_it(path: Path) -> None:
    records = writing(path)
    last = records.append([drafts.draft("expiry", 1)])[0]
    blob = git(path, "rev-parse", f"{last.commit}:record.json").strip()
    file = path / "objects" / blob[:2] / blob[2:]
    file.chmod(0o644)
    file.write_bytes(b"?" + file.read_bytes()[1:])
    said = refused(writing(path))
    assert said.reason == "records-incomplete"
    assert blob[:12] in said.message


def test_a_newer_program_is_not_written_behind(path: Path, tmp_path: Path) -> None:
    repo = GitRepo(path, writing(path).store._repository)  # type: ignore[attr-defined]
    repo.commit({"record.json": '{"schema":"reconciler.records/v2"}'}, "records")
    said = refused(writing(path))
    assert said.reason == "records-newer"
    assert "newer program" in said.hint
    del tmp_path


def test_a_branch_that_holds_no_records_is_not_written_on(path: Path) -> None:
    repo = GitRepo(path, writing(path).store._repository)  # type: ignore[attr-defined]
    repo.commit({"README.md": "x"}, "records")
    assert refused(writing(path)).reason == "records-rewritten"


# ------------------------------------------------------------------------------------- drafts


SECRET = filled("glpat-<W20>")


@pytest.mark.parametrize("where", ["body", "file", "name", "split", "run", "path"])
def test_a_secret_stops_the_write(path: Path, where: str) -> None:
    records = writing(path)
    records.append([drafts.draft("expiry", 1)])
    changes: dict[str, Any] = {
        "body": {"body": {"kind": "refusal", **drafts.BODIES["refusal"], "why": SECRET}},
        "file": {"files": {"plan.json": f'{{"a": "{SECRET}"}}'.encode()}},
        "name": {"actor": drafts.ADA.model_copy(update={"name": SECRET})},
        # it only stands together in the commit's header, where `<` may not stand
        "split": {"actor": drafts.ADA.model_copy(update={"name": f"{SECRET[:8]}<{SECRET[8:]}"})},
        "run": {"run": SECRET},
        "path": {"files": {f"{SECRET}.json": b"{}"}},
    }
    with pytest.raises(ReconcilerError) as caught:
        records.append([drafts.draft("refusal", 2, **changes[where])])
    assert caught.value.reason == "secret-in-record"
    assert SECRET not in caught.value.message + caught.value.hint + caught.value.subject
    assert len(whole(path)) == 1
    records.append([drafts.draft("refusal", 3)])
    stored = git(path, "cat-file", "--batch-all-objects", "--batch")
    assert SECRET not in stored


@pytest.mark.parametrize(
    "place",
    ["", "/", "/a", "a//b", "a/", "../a", "a/../b", ".", ".git/x", ".GITmodules", "a\0b", "a\nb",
     "a\\b", "C:a", "status.json", "record.json", "\ud800"],
)  # fmt: skip
def test_a_file_lies_where_files_may(path: Path, place: str) -> None:
    records = writing(path)
    with pytest.raises(ReconcilerError, match="no place for a file"):
        records.append([drafts.draft("expiry", 1, files={place: b"x"})])
    with pytest.raises(ReconcilerError, match="no place for a file"):
        records.append([drafts.draft("freeze", 1, files={"environments/box/x": b"x"})])
    assert git(path, "for-each-ref") == ""


def test_a_draft_that_is_none_is_a_mistake_of_ours(path: Path) -> None:
    records = writing(path)
    for draft in (
        drafts.draft("expiry", 1, id="x"),
        drafts.draft("expiry", 1, body={"kind": "expiry"}),
        drafts.draft("expiry", 1, environment="../x"),
        drafts.draft("expiry", 1, files={"a": b"x", "a/b": b"y"}),
    ):
        with pytest.raises(ReconcilerError) as caught:
            records.append([draft])
        assert caught.value.reason == "record-unfit"
    with pytest.raises(ReconcilerError, match="one id"):
        records.append([drafts.draft("expiry", 1)] * 2)
    assert records.append([]) == ()
    assert git(path, "for-each-ref") == ""


def test_files_follow_what_drafts_say(path: Path) -> None:
    records = writing(path)
    steps: list[tuple[dict[str, bytes | None], set[str]]] = [
        ({"a": b"1", "b/c": b"2", "b/d": b"3"}, {"a", "b/c", "b/d"}),
        ({"a": b"1", "x": None, "y/": None}, {"a", "b/c", "b/d"}),
        ({"b/": None, "b/d": b"4"}, {"a", "b/d"}),
        ({"a/e": b"5"}, {"a/e", "b/d"}),  # a file becomes a folder
        ({"b": b"6"}, {"a/e", "b"}),  # and a folder a file
        ({"a/": None, "b": None}, set()),
        ({"b/c/d": b"7"}, {"b/c/d"}),
        ({"b/c/": None}, set()),
    ]
    for number, (files, wanted) in enumerate(steps):
        records.append([drafts.draft("expiry", number, files=files)])
        last = whole(path)[-1]
        found = {name for name, _ in records.objects.files(last.tree)}
        own = {name.removeprefix("environments/box-one/") for name in found} - {"record.json"}
        assert own == wanted | {"status.json"}
    assert records.file("box-one", "status.json") is not None
    assert records.file("box-one", "b/c/d") is None
    assert git(path, "fsck", "--full", "--strict", "--no-dangling") == ""


def test_what_half_a_character_stands_in_is_recorded_nevertheless(path: Path) -> None:
    body = {"kind": "refusal", **drafts.BODIES["refusal"], "why": "a\udcff"}
    writing(path).append([drafts.draft("refusal", 1, body=body)])
    assert '"why":"a\\\\udcff"' in git(path, "show", "records:record.json")
    assert fields_of(drafts.draft("expiry"), drafts.CHAIN)["run"] is None


def test_many_environments_lie_in_folders_of_folders(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.app.records._FLAT", 3)
    records = writing(path)
    names = [f"env-{number}" for number in range(9)]
    for turn in range(2):
        records.append([
            drafts.draft("expiry", turn * 9 + number, environment=name)
            for number, name in enumerate(names)
        ])  # fmt: skip
    found = whole(path)
    assert len(found) == 18
    assert sorted(records.environments(found[-1].tree)) == names
    assert len(git(path, "ls-tree", "--name-only", "records:environments").split()) == 4


def test_two_writers_over_a_path_remote_lose_nothing(tmp_path: Path, path: Path) -> None:
    homes = [clone(tmp_path / name, str(path)) for name in ("one", "other")]
    writers = [Records(record_store.record_store(home, "records", "origin")) for home in homes]

    def between(_status: object) -> None:
        if len(whole(path)) == 1:
            writers[1].append([drafts.draft("expiry", 2)])

    writers[0].append([drafts.draft("expiry", 1)])
    writers[0].append([drafts.draft("expiry", 3)], check=between)
    assert len(whole(path)) == 3
