"""The files as they lie there: what a person would commit, and nothing else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.worktree import WorkTree
from reconciler.core.load import load
from reconciler.core.tree import find, walk
from reconciler.errors import ReconcilerError
from reconciler.model.tree import DOCUMENT_LIMIT, STATIC_LIMIT, EntryKind
from tests.repos import BOX, GitRepo, edited, environment, problems, small, write


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A clone with everything committed and checked out."""
    repo = GitRepo.make(tmp_path / "r", bare=False)
    repo.commit(small())
    write(repo.path, small())
    return repo


def work(repo: GitRepo) -> WorkTree:
    source = GitSource(repo.path)
    assert source.workdir is not None
    return WorkTree(source.workdir, source.ignores)


def told(repo: GitRepo) -> list[tuple[str, str]]:
    return [(one.path, one.code) for one in load(work(repo))[1]]


def test_a_clean_tree_is_what_was_committed(repo: GitRepo) -> None:
    here, there = work(repo), GitSource(repo.path).snapshot("main")
    assert list(walk(here, None)) == list(walk(there, None))
    assert here.revision == "working tree"
    for entry in walk(here, None):
        assert here.read(entry, DOCUMENT_LIMIT) == there.read(entry, DOCUMENT_LIMIT)


def test_object_ids_are_those_that_git_gives(repo: GitRepo) -> None:
    for entry in walk(work(repo), None):
        said = subprocess.run(
            ["git", "hash-object", "--no-filters", str(repo.path / entry.path)],
            capture_output=True, check=True, text=True,
        )  # fmt: skip
        assert entry.oid == said.stdout.strip()


def test_the_order_is_git_s_too(repo: GitRepo) -> None:
    for folder in ("lab-2", "lab.x", "lab0", "Lab", "lä", "l"):
        name = f"box-{abs(hash(folder)) % 1000}"
        write(repo.path, {f"environments/{folder}/{name}.yaml": environment(name)})
    files = {
        str(file.relative_to(repo.path)): file.read_text()
        for file in repo.path.rglob("*")
        if file.is_file() and ".git" not in file.parts
    }
    repo.commit(files)
    there = GitSource(repo.path).snapshot("main")
    assert list(walk(work(repo), None)) == list(walk(there, None))


def test_what_is_not_committed_is_seen(repo: GitRepo) -> None:
    write(repo.path, {BOX: small()[BOX].replace("size: small", "size: tiny")})
    write(repo.path, {"environments/new/deep/box-three.yaml": environment("box-three")})
    desired, found = load(work(repo))
    assert [(one.path, one.code) for one in found] == [(BOX, "parameter")]
    assert "environments/new/deep/box-three.yaml" in {one.path for one in desired.environments}


def test_what_was_deleted_is_gone(repo: GitRepo) -> None:
    (repo.path / "environments/lab/box-two.yaml").unlink()
    assert find(work(repo), "environments/lab/box-two.yaml") is None


def test_what_git_ignores_is_not_seen(repo: GitRepo) -> None:
    write(repo.path, {".gitignore": "scratch/\n*.bak.yaml\n/environments/lab/mine.yaml\n"})
    write(
        repo.path,
        {
            "environments/scratch/bad.yaml": "{",
            "environments/lab/x.bak.yaml": "{",
            "environments/lab/mine.yaml": "{",
            "environments/lab/.gitignore": "local-*\n",
            "environments/lab/local-1.yaml": "{",
        },
    )
    assert told(repo) == []


def test_other_files_of_the_clone_are_not_even_listed(repo: GitRepo) -> None:
    write(repo.path, {"src/main.py": "x", "node_modules/x/environments/bad.yaml": "{"})
    assert {entry.name for entry in work(repo).children(None)} == {
        "environments", "policies", "profiles", "reconciler.yaml", "templates",
    }  # fmt: skip


def test_links_are_told_and_never_followed(repo: GitRepo, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("{")
    outside = tmp_path / "outside"
    write(outside, {"bad.yaml": "{"})
    (repo.path / "environments/lab/file.yaml").symlink_to(secret)
    (repo.path / "environments/folder").symlink_to(outside)
    (repo.path / "environments/loop").symlink_to(".")
    (repo.path / "environments/dangling.yaml").symlink_to("nowhere")
    assert sorted(told(repo)) == [
        (f"environments/{name}", "not-a-file")
        for name in ("dangling.yaml", "folder", "lab/file.yaml", "loop")
    ]


def test_a_root_that_is_a_link_is_told(repo: GitRepo, tmp_path: Path) -> None:
    (repo.path / "environments").rename(tmp_path / "elsewhere")
    (repo.path / "environments").symlink_to(tmp_path / "elsewhere")
    assert ("environments", "not-a-file") in told(repo)


def test_a_repository_inside_is_told_and_not_read(repo: GitRepo) -> None:
    write(repo.path, {"environments/sub/bad.yaml": "{", "environments/mod/bad.yaml": "{"})
    write(repo.path, {"environments/mod/.git": "gitdir: ../../.git/modules/mod\n"})
    GitRepo.make(repo.path / "environments/sub", bare=False)
    assert sorted(told(repo)) == [
        ("environments/mod", "not-a-file"),
        ("environments/sub", "not-a-file"),
    ]


def test_a_pipe_is_told_and_does_not_hang(repo: GitRepo) -> None:
    os.mkfifo(repo.path / "environments/lab/pipe.yaml")
    assert told(repo) == [("environments/lab/pipe.yaml", "not-a-file")]


@pytest.mark.parametrize(
    "name", [b"caf\xe9.yaml", b"a\nb.yaml", b"a\x1b[31mb.yaml", "a\u202eb.yaml".encode()]
)
def test_names_that_cannot_be_shown_are_told(repo: GitRepo, name: bytes) -> None:
    file = os.fsencode(repo.path / "environments/lab") + b"/" + name
    Path(os.fsdecode(file)).write_text("{")
    (problem,) = load(work(repo))[1]
    assert (problem.code, problem.message) == ("file-name", "the name is not allowed in a path")


def test_a_folder_whose_name_cannot_be_shown_is_told(repo: GitRepo) -> None:
    folder = Path(os.fsdecode(os.fsencode(repo.path / "environments") + b"/caf\xe9"))
    folder.mkdir()
    (folder / "bad.yaml").write_text("{")
    assert [code for _, code in told(repo)] == ["file-name"]


def test_an_empty_folder_is_nothing_as_in_git(repo: GitRepo) -> None:
    (repo.path / "templates/box/2.0.0/terraform").mkdir(parents=True)
    assert told(repo) == []


def test_a_huge_file_is_told_and_not_kept(repo: GitRepo) -> None:
    write(repo.path, {"environments/lab/huge.yaml": b"#" * (STATIC_LIMIT + 1)})
    write(repo.path, {"environments/lab/large.yaml": b"#" * (DOCUMENT_LIMIT + 1)})
    assert told(repo) == [
        ("environments/lab/huge.yaml", "too-large"),
        ("environments/lab/large.yaml", "too-large"),
    ]


def test_the_same_look_gives_the_same_bytes_when_a_file_changes_meanwhile(repo: GitRepo) -> None:
    tree = work(repo)
    entry = find(tree, BOX)
    assert entry is not None
    write(repo.path, {BOX: "{"})
    assert tree.read(entry, DOCUMENT_LIMIT) == small()[BOX].encode()
    assert load(tree)[1] == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_failure_with_its_name(repo: GitRepo) -> None:
    (repo.path / BOX).chmod(0)
    with pytest.raises(ReconcilerError) as caught:
        load(work(repo))
    assert (caught.value.reason, caught.value.subject) == ("unreadable", BOX)


def test_an_id_of_a_folder_changes_with_anything_below_it(repo: GitRepo) -> None:
    def identity() -> str:
        entry = find(work(repo), "environments")
        assert entry is not None
        return entry.oid

    before = identity()
    assert identity() == before
    write(repo.path, {BOX: small()[BOX] + "# more\n"})
    changed = identity()
    (repo.path / "environments/lab/x").symlink_to("y")
    assert len({before, changed, identity()}) == 3


def test_a_working_tree_and_its_commit_get_the_same_verdict(repo: GitRepo) -> None:
    files = edited(small(), BOX, "size: small", "size: huge")
    write(repo.path, files)
    repo.commit(files)
    here, there = load(work(repo))[1], load(GitSource(repo.path).snapshot("HEAD"))[1]
    assert here == there == problems(files)
    assert here != ()


def test_kinds_of_entries(repo: GitRepo) -> None:
    kinds = {entry.path: entry.kind for entry in work(repo).children(None)}
    assert kinds["environments"] is EntryKind.FOLDER
    assert kinds["reconciler.yaml"] is EntryKind.FILE
