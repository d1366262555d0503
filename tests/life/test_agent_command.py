"""`reconciler extend` and `agent` as people run them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.chatops.yard import Yard, files_with_keys, make_yard
from tests.verify.history import key

WHY = ("--because", "it repeats itself")


@pytest.fixture
def yard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Yard:
    files = files_with_keys(tmp_path)
    path = "profiles/teams/team-sales.yaml"
    text = key("sara", tmp_path).public_key.text
    files[path] = re.sub(r'keys: \["[^"]+ sara@example\.com"\]', f'keys: ["{text}"]', files[path])
    made, _ = make_yard(tmp_path, files, capsys, monkeypatch)
    made.be("Sara Lind", "sara@example.com", "sara")
    return made


def test_an_agent_is_stopped_by_its_owner_and_released_by_whoever_owns_its_document(
    yard: Yard,
) -> None:
    code, out, err = yard.run("agent", "quarantine", "scout", *WHY)
    assert (code, err) == (0, "")
    assert out.startswith("IN QUARANTINE scout")
    _, out, _ = yard.run("agent", "list", "--format", "json")
    found = {one["name"]: one["stopped"] for one in json.loads(out)["agents"]}
    assert found["scout"] == "in quarantine: it repeats itself"
    assert yard.run("agent", "release", "scout", *WHY)[0] == 10
    yard.be("Ada Berg", "ada@example.com", "ada")
    code, out, _ = yard.run("agent", "release", "scout", *WHY)
    assert (code, out.startswith("RELEASED scout")) == (0, True)
    assert "scout" in yard.run("agent", "list")[1]


def test_a_demo_lives_longer_and_no_longer_than_it_may(yard: Yard) -> None:
    words = ("extend", "pitch-acme", "--because", "the board wants it")
    code, out, err = yard.run(*words, "--by", "3d")
    assert (code, err) == (0, "")
    assert out.startswith("EXTENDED pitch-acme, until ")
    code, _, err = yard.run(*words, "--by", "30d")
    assert code == 10
    assert "may live 14d, and has 6d" in err
    assert "extend it by at most 8d" in err
    assert yard.run(*words, "--by", "soon")[0] == 2
