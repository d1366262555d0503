"""`reconciler freeze` and `unfreeze` as people run them: a clone, a shared repository, a key."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from reconciler.core.load import load
from tests.chatops.yard import Yard, files_with_keys, make_yard

WHY = ("--because", "the fair burns")


@pytest.fixture
def yard(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Yard:
    made, _ = make_yard(tmp_path, files_with_keys(tmp_path), capsys, monkeypatch)
    made.be("Ada Berg", "ada@example.com", "ada")
    return made


def test_it_stands_still_at_once_and_moves_again(yard: Yard) -> None:
    code, out, err = yard.run("freeze", "--env", "trade-fair", *WHY, "--for", "2h")
    assert (code, err) == (0, "")
    assert out.startswith("FROZEN environment trade-fair")
    (name,) = yard.freezes
    assert name in out
    assert yard.recorded == ["freeze(trade-fair): the fair burns"]
    code, out, _ = yard.run(
        "unfreeze", "--env", "trade-fair", "--because", "it is out", "--format", "json"
    )
    found = json.loads(out)
    assert (code, found["kind"], found["done"]) == (0, "Freezing", True)
    assert yard.freezes == []
    assert yard.recorded[-1] == "resume(trade-fair): it is out"
    assert yard.run("audit", "verify")[0] == 0


def test_what_is_frozen_is_shown_to_whoever_asks(yard: Yard) -> None:
    assert yard.run("freeze", "--track", "demo", *WHY)[0] == 0
    freezes = load(yard.origin.snapshot("main"))[0].shared.freezes.values()
    assert [one.document.spec.scope.track for one in freezes] == ["demo"]
    code, out, _ = yard.run("audit", "who-could", "trade-fair")
    assert code == 0
    assert "the fair burns" in out


def test_status_says_who_stopped_it_since_when_until_when_and_why(yard: Yard) -> None:
    assert yard.run("freeze", "--env", "trade-fair", *WHY, "--for", "2h")[0] == 0
    subprocess.run(["git", "fetch", "-q"], cwd=yard.clone, check=True)
    _, out, err = yard.run("status", "trade-fair", "--format", "json")
    assert err == ""
    (one,) = json.loads(out)["environments"]
    found = next(each for each in one["conditions"] if each["type"] == "Frozen")
    assert found["by"] == "Ada Berg <ada@example.com> for team-platform"
    assert "the fair burns" in found["why"]
    assert found["since"] < found["until"]
    told = " ".join(yard.run("status", "trade-fair")[1].split())
    assert "by Ada Berg <ada@example.com> for team-platform" in told
    assert f"until {found['until']}" in told


@pytest.mark.parametrize(
    "name, email, key, said, code",
    [
        ("Ada Berg", "ada@example.com", "", "an e-mail address proves nobody", 10),
        ("Ada Berg", "ada@example.com", "eve", "may not sign what ada@example.com does", 2),
        ("Eve", "eve@example.com", "", "no team has this person", 10),
    ],
    ids=["no key", "a foreign key", "nobody"],
)
def test_who_may_not_is_told_why(
    yard: Yard, name: str, email: str, key: str, said: str, code: int
) -> None:
    yard.be(name, email, key)
    stopped, _, err = yard.run("freeze", "--all", *WHY)
    assert said in err
    assert stopped == code
    assert yard.freezes == []


def test_where_nobody_may_push_it_is_proposed(yard: Yard) -> None:
    # Without an origin the branch lives here, and is checked out: its files would stay behind.
    subprocess.run(["git", "remote", "remove", "origin"], cwd=yard.clone, check=True)
    code, out, _ = yard.run("freeze", "--all", *WHY)
    assert code == 11
    assert out.startswith("NOT FROZEN YET everything")
    assert "proposed in !1" in out
    # Who is in a hurry is told why, and what stops everything at once.
    assert "why the branch `main` is checked out" in out
    assert "check out another branch there" in out
    assert yard.freezes == []
    subprocess.run(["git", "switch", "-q", "--detach"], cwd=yard.clone, check=True)
    assert yard.run("freeze", "--all", *WHY)[0] == 0


@pytest.mark.parametrize(
    "words, said",
    [
        ((), "it has to be said what is meant"),
        (("--env", "No Name"), "is no name"),
        (("--all", "--for", "2 hours"), "expected a duration"),
        (("--track", "dmeo"), "did you mean `demo`?"),
        (("--all", "--because", "no"), "a reason has 5 to 500 characters"),
    ],
)
def test_a_wrong_call_is_told(yard: Yard, words: tuple[str, ...], said: str) -> None:
    more = () if "--because" in words else WHY
    code, _, err = yard.run("freeze", *words, *more)
    assert code == 2
    assert said in err
    assert yard.freezes == []
