"""`reconciler scan` as a person, a hook and a program meet it."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.cli.main import main
from tests.core.secrets.samples import sample
from tests.repos import ROOT, GitRepo, Raw, write

TOKEN = sample("secret-github-token")
GUESS = sample("secret-generic-password")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepo:
    repo = GitRepo.make(tmp_path / "repo", bare=False)
    write(repo.path, {"a.txt": "nothing\n", ".gitignore": "ignored/\n"})
    repo.commit({"a.txt": "nothing\n", ".gitignore": "ignored/\n"})
    monkeypatch.chdir(repo.path)
    monkeypatch.delenv("RECONCILER_SECRET_KEY", raising=False)
    return repo


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    capsys.readouterr()
    try:
        main(["scan", *arguments])
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    said = capsys.readouterr()
    assert "bug:" not in said.err
    assert TOKEN not in said.out + said.err
    assert TOKEN[6:] not in said.out + said.err
    return code, said.out + said.err


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out = run(capsys, *arguments, "--format", "json")
    found: dict[str, Any] = json.loads(out)
    return code, found


def test_nothing(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = run(capsys)
    assert code == 0
    assert out.startswith("NO SECRETS")
    assert repo.path.exists()


def test_a_secret_denies_and_says_where_what_and_what_to_do(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo.path, {"b.txt": f"x\n{TOKEN}\n"})
    code, out = run(capsys)
    assert code == 10
    assert out.startswith("DENIED: 1 secret")
    assert f"b.txt:2: GitHub personal access token (classic), {TOKEN[:4]}****" in out
    assert "revoke it" in out


def test_advice_alone_passes_and_is_shown(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo.path, {"b.txt": GUESS})
    code, out = run(capsys)
    assert code == 0
    assert "1 hint" in out
    assert "possible password, ****" in out


def test_what_cannot_be_scanned_is_indeterminate_and_a_secret_still_denies(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    (repo.path / "c.gz").write_bytes(gzip.compress(b"x"))
    code, out = run(capsys)
    assert code == 13
    assert "c.gz: not scanned: it is compressed" in out
    write(repo.path, {"b.txt": TOKEN})
    assert run(capsys)[0] == 10


def test_paths_ignored_files_and_links(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    write(repo.path, {"ignored/b.txt": TOKEN, "d/e.txt": "x"})
    (repo.path / "l").symlink_to("ignored")
    assert run(capsys)[0] == 0
    assert run(capsys, "d", "l")[0] == 0
    code, found = document(capsys, "ignored/b.txt")
    assert code == 10
    assert [one["path"] for one in found["findings"]] == ["ignored/b.txt"]
    assert run(capsys, "nowhere")[0] == 2


def test_outside_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {"plain/b.txt": TOKEN})
    assert run(capsys, "--repo", str(tmp_path / "plain"))[0] == 10
    assert run(capsys, "--repo", str(tmp_path / "plain"), "--staged")[0] == 2


def test_a_range_shows_the_commit(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    bad = repo.commit({"b.txt": TOKEN})
    repo.commit({"b.txt": "gone"})
    code, out = run(capsys, "--range", "main~2..main")
    assert code == 10
    assert f"{bad[:12]} b.txt:1" in out
    assert run(capsys, "--range", "main..main")[0] == 0
    assert run(capsys, "--range", "nobody..main")[0] == 2
    assert run(capsys, "--range", "main", "--staged")[0] == 2


def test_a_name_that_is_no_utf8_is_shown(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.commit({"odd": Raw(b"\xff\x1b[31m", b"100644", repo.blob(TOKEN))})
    code, out = run(capsys, "--range", "main~1..main")
    assert code == 10
    assert "\x1b" not in out
    code, found = document(capsys, "--range", "main~1..main")
    assert found["findings"][0]["path"] == "\\udcff\x1b[31m"


def test_a_shallow_clone_still_scans_files(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    repo.commit({"b.txt": TOKEN})
    repo.commit({"b.txt": TOKEN, "c": "x"})
    clone = tmp_path / "clone"
    source = ["git", "clone", "-q", "--depth", "1", repo.path.as_uri(), str(clone)]
    subprocess.run(source, check=True, capture_output=True)
    assert run(capsys, "--repo", str(clone))[0] == 10
    code, out = run(capsys, "--repo", str(clone), "--range", "HEAD")
    assert code == 1
    assert "history is incomplete" in out


def test_a_baseline_accepts_what_it_names_and_nothing_else(
    repo: GitRepo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(repo.path, {"b.txt": f"{TOKEN}\n"})
    (repo.path / "c.gz").write_bytes(gzip.compress(b"x"))
    _, before = document(capsys)
    baseline = tmp_path / "baseline.json"
    baseline.write_text(json.dumps(before), encoding="utf-8")
    write(repo.path, {"b.txt": f"moved\ndown\n{TOKEN}\n"})
    code, found = document(capsys, "--baseline", str(baseline))
    assert (code, found["findings"], found["accepted"]) == (0, [], 2)
    write(repo.path, {"d.txt": f"{TOKEN}\n"})
    assert run(capsys, "--baseline", str(baseline))[0] == 10
    baseline.write_text("[]", encoding="utf-8")
    assert run(capsys, "--baseline", str(baseline))[0] == 2


def test_fingerprints_depend_on_the_key_and_on_the_repository(
    repo: GitRepo,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def mark(folder: Path) -> str:
        _, found = document(capsys, "--repo", str(folder))
        return str(found["findings"][0]["fingerprint"])

    other = GitRepo.make(tmp_path / "other", bare=False)
    other.commit({"x": "another first commit"})
    for one in (repo, other):
        write(one.path, {"b.txt": TOKEN})
    plain = mark(repo.path)
    assert plain == mark(repo.path) != mark(other.path)
    monkeypatch.setenv("RECONCILER_SECRET_KEY", "of our own")
    assert plain != mark(repo.path) == mark(other.path)


def test_the_same_scan_gives_the_same_bytes(
    repo: GitRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    write(repo.path, {"b.txt": f"{TOKEN}\n{GUESS}\n", "c.txt": TOKEN})
    assert run(capsys, "--format", "json") == run(capsys, "--format", "json")


def test_the_pre_commit_hook_is_what_is_offered(repo: GitRepo) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook["entry"] == "reconciler scan --staged"
    assert hook["pass_filenames"] is False
    write(repo.path, {"b.txt": TOKEN})
    repo.repository.index.add("b.txt")
    repo.repository.index.write()
    command = [sys.executable, "-m", *hook["entry"].split()]
    done = subprocess.run(command, cwd=repo.path, capture_output=True, check=False)
    assert done.returncode == 10
    assert TOKEN.encode() not in done.stdout


def test_this_project_holds_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "--repo", str(ROOT))
    assert (code, found["unscanned"]) == (0, [])
    assert found["files"] > 100
