"""The version is what git says of the commit, however the commit got here."""

import re
import subprocess
from pathlib import Path

import pytest

from reconciler.version import NEXT, source_version

ROOT = Path(__file__).parents[2]


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada Berg", "-c", "user.email=ada@example.com")
    done = subprocess.run(
        ["git", *who, "-c", "protocol.file.allow=always", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Three commits of a project that marks its archives as ours does."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name in (".git_archival.txt", ".gitattributes"):
        (folder / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "pyproject.toml").touch()
    for number in range(3):
        (folder / "file").write_text(str(number), encoding="utf-8")
        git(folder, "add", "--all")
        git(folder, "commit", "-q", "-m", f"Number {number}")
    return folder


def unreleased(folder: Path, revision: str = "HEAD") -> str:
    return f"{NEXT}.dev0+g{git(folder, 'rev-parse', revision)[:12]}"


def clone(project: Path, folder: Path, *options: str) -> Path:
    git(project, "clone", "-q", *options, project.as_uri(), str(folder))
    return folder


def archive(project: Path, folder: Path, revision: str) -> Path:
    folder.mkdir()
    git(project, "archive", "--format=tar", "-o", str(folder / "a.tar"), revision)
    subprocess.run(["tar", "-xf", "a.tar"], cwd=folder, check=True)
    return folder


def test_what_nobody_released_says_so_wherever_it_is(project: Path, tmp_path: Path) -> None:
    wanted = unreleased(project)
    assert source_version(project) == wanted
    assert source_version(clone(project, tmp_path / "shallow", "--depth=1")) == wanted
    assert source_version(archive(project, tmp_path / "archive", "HEAD")) == wanted
    git(project, "switch", "-q", "--detach", "HEAD~1")
    assert source_version(project) == unreleased(project) != wanted
    git(project, "worktree", "add", "-q", str(tmp_path / "beside"), "main")
    assert source_version(tmp_path / "beside") == wanted
    git(project, "pack-refs", "--all")
    assert source_version(tmp_path / "beside") == wanted


@pytest.mark.parametrize("words", [(), ("-a", "-m", "The first one")], ids=["light", "annotated"])
def test_a_tag_is_the_version_of_its_commit(
    project: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    git(project, "tag", *words, "v1.2.3")
    assert source_version(project) == "1.2.3"
    assert source_version(archive(project, tmp_path / "archive", "v1.2.3")) == "1.2.3"
    shallow = clone(project, tmp_path / "shallow", "--depth=1", "--branch=v1.2.3")
    assert source_version(shallow) == "1.2.3"
    # As a pipeline gets it: the tag's object is in a pack, and its ref is loose.
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    git(fetched, "init", "-q")
    git(fetched, "-c", "fetch.unpackLimit=1", "fetch", "-q", "--depth=1", project.as_uri(),
        "+refs/tags/v1.2.3:refs/tags/v1.2.3")  # fmt: skip
    git(fetched, "checkout", "-q", "--detach", "v1.2.3")
    assert list((fetched / ".git" / "objects" / "pack").glob("*.pack"))
    assert source_version(fetched) == "1.2.3"
    git(project, "gc", "-q")
    assert source_version(project) == "1.2.3"
    (project / "file").write_text("more", encoding="utf-8")
    git(project, "commit", "-q", "-a", "-m", "More")
    assert source_version(project) == unreleased(project)


def test_of_several_tags_the_highest_release_counts_and_others_do_not(project: Path) -> None:
    for name in ("v1.9.0", "v1.10.0rc2", "v1.10.0", "version-7", "v2", "v3.0.0-final"):
        git(project, "tag", name)
    assert source_version(project) == "1.10.0"


def test_a_source_distribution_says_what_it_was_made_as(tmp_path: Path) -> None:
    text = "Metadata-Version: 2.4\nName: reconciler\nVersion: 4.5.6\n"
    (tmp_path / "PKG-INFO").write_text(text, encoding="utf-8")
    (tmp_path / ".git_archival.txt").write_text("node: $Format:%H$\n", encoding="utf-8")
    assert source_version(tmp_path) == "4.5.6"


def test_a_folder_inside_of_another_repository_is_not_taken_for_it(project: Path) -> None:
    inside = project / "unpacked"
    inside.mkdir()
    assert source_version(inside) == f"{NEXT}.dev0+unknown"


def test_what_cannot_be_read_is_never_a_release(project: Path) -> None:
    git(project, "tag", "-a", "-m", "x", "v1.2.3")
    git(project, "update-ref", "refs/tags/v1.2.4", git(project, "rev-parse", "HEAD~1"))
    (loose,) = (
        path
        for path in (project / ".git" / "objects").rglob("*")
        if path.parent.name + path.name == git(project, "rev-parse", "v1.2.3")
    )
    loose.chmod(0o644)
    loose.write_bytes(b"garbage")
    assert re.fullmatch(rf"{re.escape(NEXT)}\.dev0\+.*", source_version(project))
