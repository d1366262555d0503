"""Commands that write documents: nothing standing is lost, nothing invalid is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import main
from reconciler.core.yaml_reader import read_yaml
from tests.repos import GitRepo, as_json, small, write


def call(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = 0
    try:
        main(list(argv))
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "bug:" not in said.err
    return code, said.out, said.err


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    repo = GitRepo.make(tmp_path / "repo", bare=False)
    write(repo.path, small())
    repo.repository.config["user.name"] = "Ada"
    repo.repository.config["user.email"] = "ada@team-b.example.com"
    monkeypatch.chdir(repo.path)
    return repo


def documents(root: Path) -> set[str]:
    return {
        str(file.relative_to(root))
        for file in root.rglob("*")
        if file.is_file() and ".git" not in file.parts
    }


# --------------------------------------------------------------------------------------- init


def test_init_makes_a_repository_that_is_valid_and_current(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "deep" / "mine"
    code, out, _ = call(capsys, "init", str(root), "--format", "json")
    made = as_json(out)
    assert (code, made["kind"], made["madeRepository"]) == (0, "NewRepository", True)
    assert made["files"] == sorted(documents(root))
    assert {
        ".gitignore", ".gitlab-ci.yml", ".vscode/settings.json", "README.md", "reconciler.yaml",
        "environments/.gitkeep", "profiles/tracks/demo.yaml", "schemas/environment.schema.json",
    } <= documents(root)  # fmt: skip
    assert call(capsys, "validate", "--repo", str(root))[0] == 0
    assert call(capsys, "schema", str(root / "schemas"), "--check")[0] == 0


def test_init_again_refuses_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "init", str(tmp_path))
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".gitignore").unlink()
    before = documents(tmp_path)
    code, _, err = call(capsys, "init", str(tmp_path))
    assert code == 2
    assert "is there already" in err
    assert "nothing was written" in err
    assert documents(tmp_path) == before
    assert (tmp_path / "README.md").read_text() == "mine"


def test_init_into_a_clone_keeps_its_repository(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repo = GitRepo.make(tmp_path, bare=False)
    commit = repo.commit({"LICENSE": "x"})
    _, out, _ = call(capsys, "init", str(tmp_path), "--format", "json")
    assert as_json(out)["madeRepository"] is False
    assert str(repo.repository.references["refs/heads/main"].target) == commit


def test_init_where_nothing_can_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert call(capsys, "init", str(tmp_path / "file"))[0] == 2
    code, _, err = call(capsys, "init", str(tmp_path / "file" / "below"))
    assert code == 1
    assert "cannot be made" in err


# ---------------------------------------------------------------------------------------- new


def test_new_writes_a_document_that_is_valid(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = call(
        capsys, "new", "--track", "lab", "--name", "box-new", "--owner", "team-a",
        "--description", "Is it: #fine? yes", "--set", "image=box:1", "--set", "replicas=3",
        "--set", "share=0.25", "--set", "open=true", "--set", "friends=ann, bob",
        "--set", "notes=a=1,b=no", "--set", "zone=y",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.startswith("wrote environments/lab/box-new.yaml\n")
    assert "reconciler render box-new" in out
    written: Any = read_yaml((repo.path / "environments/lab/box-new.yaml").read_bytes())
    assert written["metadata"]["description"] == "Is it: #fine? yes"
    assert written["spec"]["parameters"] == {
        "image": "box:1", "replicas": 3, "share": 0.25, "open": True, "friends": ("ann", "bob"),
        "notes": {"a": "1", "b": "no"}, "zone": "y",
    }  # fmt: skip
    assert call(capsys, "validate")[0] == 0
    assert call(capsys, "render", "box-new")[0] == 0


def test_new_with_what_the_profile_gives(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(
        capsys, "new", "--track", "lab", "--name", "box-new", "--set", "image=box:1",
        "--format", "json",
    )  # fmt: skip
    assert code == 0
    said = as_json(out)
    assert said == {
        "apiVersion": "reconciler/v1", "kind": "NewEnvironment",
        "files": ["environments/lab/box-new.yaml"], "environment": "box-new", "problems": [],
    }  # fmt: skip
    written: Any = read_yaml((repo.path / "environments/lab/box-new.yaml").read_bytes())
    assert written["metadata"]["owner"] == "team-b"  # whose member the git user is
    assert written["spec"]["account"] == "111111111111"
    assert written["spec"]["stage"] == "dev"


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--name", "Box_New"], "lower-case words joined by `-`"),
        (["--name", "../../evil"], "lower-case words joined by `-`"),
        (["--track", "lba"], "did you mean `lab`?"),
        (["--owner", "team-aa"], "did you mean `team-a`?"),
        (["--blueprint", "bix"], "did you mean `box`?"),
        (["--set", "sise=small"], "did you mean `size`?"),
        (["--set", "replicas=many"], "`many` is not a whole number"),
        (["--set", "open=yes"], "`yes` is not true or false"),
        (["--set", "notes=a"], "`a` has no `=`"),
        (["--name", "box-one"], "the name `box-one` is taken by environments/lab/box-one.yaml"),
    ],
)
def test_new_with_a_mistake_writes_nothing(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    before = documents(repo.path)
    base = ["new", "--track", "lab", "--name", "box-new", "--owner", "team-a", "--set", "image=b"]
    code, out, err = call(capsys, *base, *argv)
    assert (code, out) == (2, "")
    assert words in err
    assert documents(repo.path) == before


@pytest.mark.parametrize(
    "argv, words",
    [
        (["--set", "size=huge"], "one of: small, medium, large"),
        (["--set", "size=large"], "size-not-allowed"),
        (["--set", "replicas=99"], "at most 9"),
        (["--stage", "prod"], "one of: dev, staging, production"),
        (["--account", "1"], "`account`"),
        (["--promoted-from", "nobody"], "there is no environment `nobody`"),
    ],
)
def test_new_that_would_not_be_valid_writes_nothing(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    before = documents(repo.path.parent)
    base = ["new", "--track", "lab", "--name", "box-new", "--owner", "team-a", "--set", "image=b"]
    code, out, err = call(capsys, *base, *argv)
    assert (code, out) == (1, "")
    assert words in err
    assert "Nothing was written." in err
    assert documents(repo.path.parent) == before
    code, out, _ = call(capsys, *base, *argv, "--format", "json")
    assert code == 1
    said = as_json(out)
    assert said["files"] == []
    assert said["problems"]


def test_new_is_not_written_through_a_link(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repo.path / "environments/lab").rename(repo.path / "environments/labs")
    (repo.path / "environments/lab").symlink_to(outside)
    code, _, err = call(
        capsys, "new", "--track", "lab", "--name", "box-new", "--set", "image=box:1"
    )
    assert code == 2
    assert "is a link" in err
    assert list(outside.iterdir()) == []


def test_new_in_a_bare_repository(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bare = GitRepo.make(tmp_path / "bare.git")
    bare.commit(small())
    code, _, err = call(
        capsys, "new", "--repo", str(bare.path), "--track", "lab", "--name", "box-new"
    )
    assert code == 2
    assert "run this in a clone" in err
