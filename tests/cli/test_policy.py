"""`reconciler policy`: exit codes, and what a person is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.docs.scenes import Scene, run
from tests.policy.small import whole_input

BROKEN = {"policies/security/s3_public_acl/s3_public_acl.rego": "package a\n\nx := http.send({})\n"}


@pytest.fixture
def given(tmp_path: Path) -> str:
    path = tmp_path / "input.json"
    path.write_text(json.dumps(whole_input()), encoding="utf-8")
    return str(path)


def test_eval_says_what_is_wrong_and_where(given: str) -> None:
    asked = json.loads(Path(given).read_text(encoding="utf-8"))
    asked["terraform"]["provisioners"] = [
        {"type": "local-exec", "address": "null_resource.a", "path": "main.tf", "line": 7}
    ]
    Path(given).write_text(json.dumps(asked), encoding="utf-8")
    code, out, _ = Scene({}).run(f"policy eval --input {given} --rule COMP007")
    assert code == 1
    assert out.startswith("VIOLATIONS: 1")
    assert "main.tf:7" in out
    assert "auto takes the embedded engine" in out


def test_eval_of_what_is_fine(given: str) -> None:
    code, out, _ = Scene({}).run(f"policy eval --input {given} --rule SEC001")
    assert (code, out.split("  ")[0]) == (0, "NO VIOLATIONS")


@pytest.mark.parametrize("text", ["{}", "[]", "nonsense", '{"environment": 1}'])
def test_an_input_that_is_none(text: str, given: str) -> None:
    Path(given).write_text(text, encoding="utf-8")
    code, _, err = Scene({}).run(f"policy eval --input {given}")
    assert code == 2
    assert "the input" in err


def test_broken_policies_give_no_verdict(given: str) -> None:
    code, _, err = Scene(BROKEN).run(f"policy eval --input {given}")
    assert code == 13
    assert "policies have" in err


def test_broken_policies_are_told_with_their_places() -> None:
    for command in ("policy test", "policy list"):
        code, out, _ = Scene(BROKEN).run(command)
        assert code == 1
        assert out.startswith("NOT USABLE")
        assert "s3_public_acl.rego:3:6: `http.send` is forbidden" in out


def test_an_engine_that_is_away_gives_no_verdict(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Scene({}).text("reconciler.yaml")
    away = settings.replace("engine: auto", "engine: opa\n    url: http://127.0.0.1:9")
    code, _, err = Scene({"reconciler.yaml": away}).run(f"policy eval --input {given}")
    assert code == 13
    assert "no OPA answers" in err
    code, out, err = Scene({"reconciler.yaml": away}).run("policy test")
    assert (code, out) == (13, "")
    assert err.count("no OPA answers") == 1
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _, err = Scene({}).run(f"policy eval --input {given} --engine opa")
    assert code == 13
    assert "no `opa` on PATH" in err


def test_a_second_look_reads_no_policy_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.adapters.regorus_engine import EmbeddedEngine
    from reconciler.app.policy import load_policies
    from reconciler.wiring import build

    ports, reader = build(), EmbeddedEngine(10)
    with Scene({}).repository() as folder:
        tree = ports.repository(folder).snapshot(None)
        first = load_policies(tree, reader, ports.kept)
        monkeypatch.setattr(reader, "parse", None)
        assert load_policies(tree, reader, ports.kept) == first
    reader.close()
    assert run("policy explain nothing", tmp_path)[0] == 2
