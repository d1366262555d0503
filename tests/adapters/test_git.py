"""Repositories, honest and hostile: read from objects, nothing followed, nothing that crashes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git import GitSource, GitTree, make_repository, safe_name
from reconciler.core.load import load
from reconciler.core.tree import changes, files_below, find, walk
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.author import Author
from reconciler.model.tree import DOCUMENT_LIMIT, Entry, EntryKind
from reconciler.ports import RepoTree
from tests.repos import (
    BOX,
    GitRepo,
    Raw,
    edited,
    link,
    placed,
    problems,
    shipped,
    small,
    submodule,
    write,
)


def snapshot(repo: GitRepo, revision: str = "main") -> GitTree:
    return GitSource(repo.path).snapshot(revision)


def paths(tree: GitTree) -> dict[str, EntryKind]:
    return {entry.path: entry.kind for entry in walk(tree, None)}


def bytes_of(tree: GitTree, path: str) -> bytes | None:
    entry = find(tree, path)
    assert entry is not None
    return tree.read(entry, DOCUMENT_LIMIT)


@pytest.mark.parametrize("bare", [True, False])
def test_a_commit_is_read_from_objects(tmp_path: Path, bare: bool) -> None:  # noqa: FBT001
    repo = GitRepo.make(tmp_path / "r", bare=bare)
    commit = repo.commit(small())
    tree = snapshot(repo)
    assert tree.revision == commit
    assert set(paths(tree)) == set(small())
    for path, text in small().items():
        assert bytes_of(tree, path) == text.encode()
    desired, found = load(tree)
    assert found == ()
    assert len(desired.environments) == 5


def test_the_shipped_samples_are_valid_as_a_commit(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(shipped())
    desired, found = load(snapshot(repo))
    assert found == ()
    assert len(desired.environments) >= 9


def test_a_packed_repository_is_read_the_same(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit({**small(), "old.txt": "x" * 1000})
    commit = repo.commit(small())
    before = {path: bytes_of(snapshot(repo), path) for path in small()}
    subprocess.run(["git", "-C", str(repo.path), "gc", "--quiet", "--prune=now"], check=True)
    assert not list((repo.path / "objects").glob("[0-9a-f][0-9a-f]/*"))
    tree = snapshot(repo, commit)
    assert {path: bytes_of(tree, path) for path in small()} == before


def test_a_revision_by_any_of_its_names(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    first = repo.commit({"a": "1"})
    second = repo.commit({"a": "2"})
    repo.tag("v1", first)
    repo.commit({"a": "3"}, branch="topic/x")
    source = GitSource(repo.path)
    names = {
        "main": second, "refs/heads/main": second, "HEAD": second, second: second,
        second[:10]: second, "v1": first, "refs/tags/v1": first, "main~1": first, "HEAD^": first,
        "v1^{commit}": first,
    }  # fmt: skip
    assert {name: source.snapshot(name).revision for name in names} == names
    assert bytes_of(source.snapshot("topic/x"), "a") == b"3"


@pytest.mark.parametrize(
    "revision",
    ["", "nothing", "main..main", "main~9", "main:a", "HEAD^{tree}", "0" * 40, "f" * 7, "-x", "@{",
     "main@{yesterday}", "\ud800", "é" * 300, ":/nothing", "^main", "refs/heads/"],
)  # fmt: skip
def test_a_revision_that_there_is_not(tmp_path: Path, revision: str) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit({"a": "1"})
    with pytest.raises(UsageError) as caught:
        GitSource(repo.path).snapshot(revision)
    assert caught.value.reason == "unknown-revision"
    assert caught.value.hint


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    GitRepo.make(tmp_path / "r")
    with pytest.raises(UsageError) as caught:
        GitSource(tmp_path / "r").snapshot("HEAD")
    assert caught.value.reason == "unknown-revision"


@pytest.mark.parametrize("name", ["", "not-there", "file"])
def test_what_is_not_a_repository(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError) as caught:
        GitSource(tmp_path / name)
    assert caught.value.reason == "not-a-repository"
    assert "reconciler init" in caught.value.hint


def test_a_repository_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r", bare=False)
    repo.commit(small())
    write(repo.path, small())
    source = GitSource(repo.path / "environments" / "lab")
    assert source.workdir is not None
    assert source.workdir.resolve() == repo.path.resolve()


def test_folders_come_in_git_s_order(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit({"a/x": "1", "a-b/x": "1", "a.b": "1", "a0": "1"})
    names = [entry.name for entry in snapshot(repo).children(None)]
    assert names == ["a-b", "a.b", "a", "a0"]


# -------------------------------------------------------------------------------------- hostile


def test_links_and_submodules_are_told_and_never_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(small()[BOX])
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(
        {
            **small(),
            "environments/lab/abs.yaml": link(repo, "abs.yaml", str(secret)),
            "environments/lab/rel.yaml": link(repo, "rel.yaml", "../../../secret.yaml"),
            "environments/loop": link(repo, "loop", "."),
            "environments/sub": submodule("sub"),
            "templates/box/1.0.0/terraform/leak.tf": link(repo, "leak.tf", "/etc/passwd"),
            "profiles/tracks/lib.yaml": link(repo, "lib.yaml", "lab.yaml"),
        }
    )
    desired, found = load(snapshot(repo))
    assert {(one.path, one.code) for one in found} == {
        ("environments/lab/abs.yaml", "not-a-file"),
        ("environments/lab/rel.yaml", "not-a-file"),
        ("environments/loop", "not-a-file"),
        ("environments/sub", "not-a-file"),
        ("templates/box/1.0.0/terraform/leak.tf", "not-a-file"),
        ("profiles/tracks/lib.yaml", "not-a-file"),
    }
    assert len(desired.environments) == 5


@pytest.mark.parametrize(
    "name",
    [b"..", b".", b".git", b".GIT", b".Git", b"a\\b", b"c:x", b"a\nb", b"a\x1b[31mb", b"caf\xe9",
     b"\xff\xfe", "a\u202eb".encode(), "a\u200bb".encode(), b"a\x7fb", "\ue000".encode()],
)  # fmt: skip
@pytest.mark.parametrize("mode", [b"100644", b"40000"])
def test_names_that_no_honest_repository_has_are_told_and_not_opened(
    tmp_path: Path, name: bytes, mode: bytes
) -> None:
    repo = GitRepo.make(tmp_path / "r")
    inside = repo.blob(small()[BOX])
    if mode == b"40000":
        inside = repo.tree({"box-three.yaml": small()[BOX]})
    repo.commit({**small(), "environments/bad": Raw(name, mode, inside)})
    found = load(snapshot(repo))[1]
    assert [(one.code, one.message) for one in found] == [
        ("not-a-file", "a special file is never followed")
    ]
    assert found[0].path.startswith("environments/")


def test_a_name_with_a_slash_inside_cannot_leave_its_folder(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit({**small(), "environments/x": Raw(b"../../etc/x.yaml", b"100644", repo.blob("x"))})
    found = load(snapshot(repo))[1]
    assert [one.code for one in found] == ["not-a-file"]


@pytest.mark.parametrize("name", ["..", ".", "", ".git", ".GiT", "a/b", "a\\b", "a:b", "a\nb"])
def test_unsafe_names(name: str) -> None:
    assert not safe_name(name)


@pytest.mark.parametrize(
    "name", ["a", "a b", "...", ".gitkeep", "-a", "ä.yaml", "日本", ".gitignore"]
)
def test_safe_names(name: str) -> None:
    assert safe_name(name)


def test_a_huge_blob_is_told_and_not_loaded(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    path = "environments/lab/huge.yaml"
    repo.commit({**small(), path: "#" * (DOCUMENT_LIMIT + 1)})
    tree = snapshot(repo)
    assert bytes_of(tree, path) is None
    found = load(tree)[1]
    assert [(one.path, one.code) for one in found] == [(path, "too-large")]
    assert bytes_of(tree, BOX) is not None


def test_a_document_of_other_bytes_than_utf8_has_a_place(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    data = small()[BOX].encode().replace(b"name: box-one", b"name: caf\xe9")
    repo.commit({**small(), BOX: data})
    found = [one for one in load(snapshot(repo))[1] if one.code == "yaml"]
    assert [placed(one) for one in found] == [(BOX, 4, 12)]


@pytest.mark.parametrize("path", [BOX, "reconciler.yaml", "templates/box/1.0.0/blueprint.yaml"])
def test_a_missing_blob_names_the_path_and_what_to_do(tmp_path: Path, path: str) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(small())
    entry = find(snapshot(repo), path)
    assert entry is not None
    repo.forget(entry.oid)
    with pytest.raises(ReconcilerError) as caught:
        load(snapshot(repo))
    assert (caught.value.reason, caught.value.subject) == ("object-missing", path)
    assert "git fsck" in caught.value.hint


@pytest.mark.parametrize("path", ["environments", "environments/lab", "templates/box"])
def test_a_missing_tree_names_the_path_and_what_to_do(tmp_path: Path, path: str) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(small())
    entry = find(snapshot(repo), path)
    assert entry is not None
    repo.forget(entry.oid)
    with pytest.raises(ReconcilerError) as caught:
        load(snapshot(repo))
    assert (caught.value.reason, caught.value.subject) == ("object-missing", path)


def test_a_commit_whose_root_is_missing(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    commit = repo.commit(small())
    root = repo.repository[commit].peel(pygit2.Tree)
    repo.forget(str(root.id))
    with pytest.raises(ReconcilerError) as caught:
        load(snapshot(repo))
    assert caught.value.reason == "object-missing"


def test_a_folder_that_is_really_a_file_and_the_other_way_round(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    entries = {
        "environments/fake": Raw(b"fake", b"40000", repo.blob(small()[BOX])),
        "environments/fake.yaml": Raw(b"fake.yaml", b"100644", repo.tree({"x": "y"})),
    }
    repo.commit({**small(), "environments/fake.yaml": entries["environments/fake.yaml"]})
    with pytest.raises(ReconcilerError) as damaged:
        load(snapshot(repo))
    assert damaged.value.subject == "environments/fake.yaml"
    repo.commit({**small(), "environments/fake": entries["environments/fake"]}, branch="other")
    with pytest.raises(ReconcilerError) as caught:
        load(snapshot(repo, "other"))
    assert caught.value.subject == "environments/fake"


@pytest.mark.parametrize("depth, reason", [(20, None), (300, "tree-too-large")])
def test_folders_may_be_deep_within_reason(tmp_path: Path, depth: int, reason: str | None) -> None:
    repo = GitRepo.make(tmp_path / "r")
    before = snapshot_of(repo, small())
    after = snapshot_of(repo, {**small(), f"environments/{'d/' * depth}note.txt": "x"})
    for look in (lambda: load(after), lambda: list(changes(before, after))):
        if reason is None:
            look()
            continue
        with pytest.raises(ReconcilerError) as caught:
            look()
        assert caught.value.reason == reason


def test_a_small_tree_that_stands_for_ever_so_many_files_is_refused_soon(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    tree = repo.tree({"note.txt": "x"})
    for _ in range(7):
        tree = repo.raw_tree([Raw(b"f%d" % n, b"40000", tree) for n in range(10)])
    repo.commit({**small(), "environments/bomb": Raw(b"bomb", b"40000", tree)})
    with pytest.raises(ReconcilerError) as caught:
        load(snapshot(repo))
    assert caught.value.reason == "tree-too-large"


def snapshot_of(repo: GitRepo, files: dict[str, str]) -> RepoTree:
    repo.commit({**files})
    return snapshot(repo)


def test_a_hundred_thousand_names_of_one_tree_are_listed_once(tmp_path: Path) -> None:
    """A tree may name the same folder often: what it costs to walk is what it says, not more."""
    repo = GitRepo.make(tmp_path / "r")
    inner = repo.tree({"note.txt": "x"})
    wide = repo.raw_tree([Raw(b"f%05d" % n, b"40000", inner) for n in range(2000)])
    repo.commit({**small(), "environments/wide": Raw(b"wide", b"40000", wide)})
    assert len(files_below(snapshot(repo), "environments/wide")) == 2000


def test_nothing_of_the_repository_s_own_settings_is_run(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r", bare=False)
    mark = tmp_path / "owned"
    config = repo.path / ".git" / "config"
    config.write_text(
        config.read_text()
        + f'[core]\n\tfsmonitor = "touch {mark}"\n\thooksPath = {tmp_path}\n'
        + f'[filter "x"]\n\tsmudge = touch {mark}\n\tclean = touch {mark}\n'
    )
    repo.commit({**small(), ".gitattributes": "* filter=x\n"})
    assert load(snapshot(repo))[1] == ()
    assert not mark.exists()


def test_a_commit_and_memory_say_the_same_of_the_same_files(tmp_path: Path) -> None:
    files = edited(small(), BOX, "stage: dev", "stage: dve")
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(files)
    assert load(snapshot(repo))[1] == problems(files)


# -------------------------------------------------------------------------------- making one


def test_a_repository_is_made_where_there_is_none(tmp_path: Path) -> None:
    assert make_repository(tmp_path) is True
    assert make_repository(tmp_path) is False
    inner = tmp_path / "inner"
    inner.mkdir()
    assert make_repository(inner) is False
    assert (tmp_path / ".git" / "HEAD").read_text() == "ref: refs/heads/main\n"


def test_the_author_is_the_one_that_git_would_write(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.repository.config["user.name"] = "Ada"
    repo.repository.config["user.email"] = "ada@team-a.example.com"
    assert GitSource(repo.path).author == Author("ada@team-a.example.com", "Ada")


def test_reading_what_is_not_a_file_is_damage(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r")
    repo.commit(small())
    tree = snapshot(repo)
    folder = find(tree, "environments")
    assert folder is not None
    with pytest.raises(ReconcilerError) as caught:
        tree.read(Entry(folder.path, folder.oid, EntryKind.FILE), DOCUMENT_LIMIT)
    assert caught.value.reason == "object-missing"


def test_the_lines_that_a_change_made_are_told_as_its_end_has_them(tmp_path: Path) -> None:
    repo = GitRepo.make(tmp_path / "r.git")
    long = "".join(f"line {number}\n" for number in range(20))
    before = repo.commit(
        {"a.yaml": long, "gone.yaml": "x\n", "same.yaml": "y\n", "b.bin": b"\0\1", "e": "a\nb"}
    )
    after = repo.commit(
        {
            "a.yaml": long.replace("line 3\n", "").replace("line 9\n", "line 9!\nand\n") + "end",
            "same.yaml": "y\n",
            "b.bin": b"\0\2",
            "new\xe9.yaml": "1\n2\n",
            "large.yaml": "z\n" * 600_000,
            "e": "a\nb\n",
        }
    )
    git = GitSource(repo.path)
    paths = {"a.yaml", "gone.yaml", "same.yaml", "b.bin", "new\xe9.yaml", "large.yaml", "e"}
    assert git.changed_lines(before, after, paths) == {
        "a.yaml": frozenset({9, 10, 21}),
        "gone.yaml": frozenset(),
        "b.bin": frozenset(),
        "new\xe9.yaml": frozenset({1, 2}),
        "e": frozenset({2}),
    }
    assert git.changed_lines(before, after, {"same.yaml"}) == {}
    assert git.changed_lines(before, before, paths) == {}
