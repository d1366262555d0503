"""`reconciler doctor` where merge requests live in the repository itself."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.git_checkup import Checkup
from reconciler.adapters.machine import fits, folders
from reconciler.adapters.record_store import GitRecords
from reconciler.app.records import Records
from tests.docs.scenes import run
from tests.records.drafts import draft
from tests.repos import GitRepo, small


def repository(folder: Path, more: str = "") -> Path:
    repo = GitRepo.make(folder / "r", bare=False)
    files = small()
    files["reconciler.yaml"] += more
    repo.commit(files)
    return repo.path


def findings(out: str, part: str) -> dict[str, dict[str, str]]:
    document = json.loads(out)
    assert document["kind"] == "Examination"
    (found,) = (one for one in document["parts"] if one["name"] == part)
    return {one["what"]: one for one in found["findings"]}


def test_every_part_is_told_and_what_is_bad_says_what_to_do(tmp_path: Path) -> None:
    code, out, err = run("doctor --format json", repository(tmp_path))
    assert err == ""
    document = json.loads(out)
    assert (document["good"], code) == (False, 1)
    assert [one["name"] for one in document["parts"]] == [
        "program",
        "folders",
        "variables",
        "repository",
        "settings",
        "forge: the local forge",
        "tools",
        "credentials",
    ]
    tools = findings(out, "tools")
    assert list(tools) == ["terraform", "checkov", "opa", "signing key", "own proposals"]
    for part in document["parts"]:
        assert all(one["hint"] for one in part["findings"] if one["verdict"] == "bad")
    assert findings(out, "program")["packages"]["verdict"] == "good"
    assert findings(out, "repository")["target branch"]["verdict"] == "good"


def test_a_variable_that_nothing_reads_is_told_with_the_one_that_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_SIGNING_KYE", "/home/secret-place")
    monkeypatch.setenv("RECONCILER_TASK", "T-7")
    code, out, _ = run("doctor --format json", repository(tmp_path))
    told = findings(out, "variables")
    assert (code, told["RECONCILER_SIGNING_KYE"]["verdict"]) == (1, "bad")
    assert "did you mean `RECONCILER_SIGNING_KEY`?" in told["RECONCILER_SIGNING_KYE"]["hint"]
    assert "`unset RECONCILER_SIGNING_KYE`" in told["RECONCILER_SIGNING_KYE"]["hint"]
    assert "RECONCILER_TASK" in told["variables"]["told"]
    assert "secret-place" not in out


def test_credentials_are_there_or_not_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    more = "  aws: {webIdentityFrom: RECONCILER_WEB_TOKEN}\n"
    folder = repository(tmp_path, more)
    _, out, _ = run("doctor --format json", folder)
    told = findings(out, "credentials")
    accounts = [one for what, one in told.items() if what.isdigit()]
    assert accounts
    assert {one["verdict"] for one in accounts} == {"unknown"}
    monkeypatch.setenv("RECONCILER_WEB_TOKEN", "very-" + "private")
    _, out, _ = run("doctor --format json", folder)
    told = findings(out, "credentials")
    assert told["RECONCILER_WEB_TOKEN"]["verdict"] == "good"
    assert "`aws.webIdentityFrom` of reconciler.yaml" in told["RECONCILER_WEB_TOKEN"]["told"]
    assert {one["verdict"] for what, one in told.items() if what.isdigit()} == {"good"}
    assert "RECONCILER_WEB_TOKEN" not in findings(out, "variables")
    assert "very-private" not in out


def test_branches_of_a_remote_that_is_gone_are_told(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    git = pygit2.Repository(str(folder))
    git.references.create("refs/remotes/origin/main", git.head.target)
    _, out, _ = run("doctor --format json", folder)
    stale = findings(out, "repository")["remote origin"]
    assert stale["verdict"] == "bad"
    command = stale["hint"].split("`")[3]
    subprocess.run(["sh", "-c", command], cwd=folder, check=True)
    _, out, _ = run("doctor --format json", folder)
    assert "remote origin" not in findings(out, "repository")


def test_without_a_repository_or_a_commit_the_rest_is_told_all_the_same(tmp_path: Path) -> None:
    code, out, err = run("doctor --format json", tmp_path)
    assert (code, err) == (1, "")
    assert findings(out, "repository")["repository"]["hint"].startswith("go to a clone")
    assert "terraform" in findings(out, "tools")
    empty = GitRepo.make(tmp_path / "empty", bare=False).path
    code, out, err = run("doctor --format json", empty)
    assert (code, err) == (1, "")


def test_a_clock_that_is_behind_is_told(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    long_ago = datetime(2001, 2, 3, tzinfo=UTC)
    told = {one.what: one for one in Checkup(folder, lambda: long_ago, named=False).examine(None)}
    assert told["clock"].good is False
    assert "behind the last commit" in told["clock"].told


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(file / "state"))
    _, out, _ = run("doctor --format json", repository(tmp_path))
    state = findings(out, "folders")["state"]
    assert (state["verdict"], "RECONCILER_STATE_DIR" in state["hint"]) == ("bad", True)


def test_tools_that_are_all_there_need_no_folder_to_write_in(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    places = {"tools": (file / "tools", "RECONCILER_TOOLS_DIR")}
    assert [one.good for one in folders(places)] == [False]
    assert [one.good for one in folders(places, complete=["tools"])] == [True]


@pytest.mark.parametrize(
    "found, limits, good",
    [
        ("8.3.0", ">=8,<9", True),
        ("9.0", ">=8,<9", False),
        ("1.2.0", "==1.2", True),
        ("3.1.6.post1", ">=3.1.6", True),
        ("3.1.5", ">=3.1.6", False),
        ("0.13.1", "==0.13.0", False),
        ("2", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(found: str, limits: str, good: bool) -> None:  # noqa: FBT001  # a table
    assert fits(found, limits) is good


def test_a_tool_that_is_missing_is_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_TOOLS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    more = "  policy: {engine: opa}\n  records: {signed: true}\n"
    code, out, _ = run("doctor", repository(tmp_path, more))
    assert code == 1
    for words in (
        "is not installed",
        "`reconciler tools install`",
        "there is no `opa` on PATH",
        "RECONCILER_SIGNING_KEY",
    ):
        assert words in out


def test_a_key_that_cannot_be_read_is_told_beside_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_SIGNING_KEY", str(tmp_path / "nothing"))
    code, out, err = run("doctor", repository(tmp_path))
    assert (code, "signing key" in out + err) == (1, True)


def test_records_that_are_gone_are_told(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    _, out, _ = run("doctor --format json", folder)
    assert "yet" in findings(out, "repository")["records"]["told"]
    Records(GitRecords(folder, "records")).append([draft("drift-gone")])
    _, out, _ = run("doctor --format json", folder)
    assert findings(out, "repository")["records so far"]["verdict"] == "good"
    pygit2.Repository(str(folder)).branches.delete("records")
    code, out, _ = run("doctor --format json", folder)
    told = findings(out, "repository")
    assert "is not here any more" in told["records"]["told"]
    assert (code, told["records so far"]["verdict"]) == (1, "bad")
    assert "the branch is gone" in told["records so far"]["told"]
    assert told["records so far"]["hint"]


def test_the_sandbox_is_looked_at_by_its_own_records_and_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "state"))
    folder = repository(tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    ahead = draft("drift-gone", at=now + timedelta(days=1))
    Records(GitRecords(folder, "records-sandbox")).append([ahead])
    _, out, _ = run("doctor --format json", folder)
    told = findings(out, "repository")
    assert told["clock"]["verdict"] == "good", "what the sandbox dates says nothing of this clock"
    assert "`records` is not here yet" in told["records"]["told"]

    _, out, _ = run("doctor --sandbox --format json", folder)
    told = findings(out, "repository")
    assert "`records-sandbox` is here" in told["records"]["told"]
    assert told["records so far"]["verdict"] == "good"
    assert (told["clock"]["verdict"], "sandbox" in told["clock"]["told"]) == ("bad", True)
    assert findings(out, "sandbox")["sandbox"]["hint"] == "`reconciler sandbox start`"
    assert "credentials" not in [one["name"] for one in json.loads(out)["parts"]]
    run(told["clock"]["hint"].split("`")[1].removeprefix("reconciler "), folder)
    _, out, _ = run("doctor --sandbox --format json", folder)
    assert findings(out, "repository")["clock"]["verdict"] == "good"
    assert "SIMULATED" in run("doctor --sandbox", folder)[1]
