"""`reconciler doctor` where merge requests live in the repository itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.scenes import run
from tests.repos import GitRepo, small


def repository(folder: Path, more: str = "") -> Path:
    repo = GitRepo.make(folder / "r", bare=False)
    files = small()
    files["reconciler.yaml"] += more
    repo.commit(files)
    return repo.path


def test_the_local_forge_and_the_tools_are_told(tmp_path: Path) -> None:
    code, out, err = run("doctor --format json", repository(tmp_path))
    assert err == ""
    document = json.loads(out)
    assert (document["kind"], document["good"], code) == ("Examination", False, 1)
    forge, tools = document["parts"]
    assert forge["name"] == "forge: the local forge"
    assert [one["what"] for one in tools["findings"]] == [
        "terraform",
        "checkov",
        "opa",
        "signing key",
        "own proposals",
    ]
    for part in document["parts"]:
        assert all(one["hint"] for one in part["findings"] if one["verdict"] == "bad")


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
