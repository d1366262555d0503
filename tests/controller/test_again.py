"""A plan that moved after the merge: people agree again, and the controller goes on by itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.check.project import DEMO
from tests.controller.conftest import Make
from tests.controller.real import KEY, Real
from tests.controller.shared import machine, person, sharing
from tests.controller.test_otherwise import NAME, SIZED, proposed, retention
from tests.repos import edited
from tests.terraform.lab import HEAD, TEMPLATE, lab

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


def kept(at: Real) -> int:
    """For how many days its logs are kept."""
    (group,) = at.aws.client("logs").describe_log_groups()["logGroups"]
    return int(group["retentionInDays"])


def test_people_agree_again_after_the_merge_and_the_controller_applies_it(
    make: Make, tmp_path: Path
) -> None:
    asks = edited(lab(), DEMO, "risks: [L3]", "risks: [L2, L3]")[DEMO]
    more = {**sharing(tmp_path), DEMO: asks, TEMPLATE: HEAD + SIZED + KEY}
    remote = make(NAME, more=more)
    at = machine(remote, 0)
    ada, omar, sara = (person(remote.top, one) for one in ("ada", "omar", "sara"))

    def does(who: dict[str, str], *argv: str, code: int = 0) -> str:
        done = at.does(*argv, **who)
        assert done.returncode == code, done.stdout + done.stderr
        return " ".join((done.stdout + done.stderr).split())

    does(sara, "apply", NAME, "--yes")
    proposed(remote, at)
    does(omar, "mr", "open", "--source", "larger", "--title", "Larger")
    before = at.does("plan", NAME, "--rev", "origin/larger", "--format", "json", **sara)
    agreed = json.loads(before.stdout)["digest"]
    does(sara, "mr", "approve", "1", "--plan", f"{NAME}={agreed}")
    does(sara, "mr", "merge", "1")
    late = "mr", "approve", "1"
    assert "waits for nobody's agreement" in does(sara, *late, "--plan", f"{NAME}={agreed}", code=2)

    retention(at, 30)
    left = at.once()
    assert left.returncode == 11, left.stdout + left.stderr
    subprocess.run(["git", "fetch", "-q"], cwd=at.repo.path, check=True)
    status = does({}, "status", code=1)
    assert "what was agreed to is another plan: 1 more" in status
    shown = does(sara, "plan", NAME, code=11)
    plan = json.loads(at.does("plan", NAME, "--format", "json", **sara).stdout)["digest"]
    assert f"`reconciler mr approve N --plan {NAME}={plan}`" in shown

    assert "name it" in does(sara, *late, code=2)
    assert "waits for another plan" in does(sara, *late, "--plan", f"{NAME}={agreed}", code=2)
    now = *late, "--plan", f"{NAME}={plan}"
    assert "who made the change does not agree to it" in does(omar, *now, code=2)
    assert "nobody asks for this person's team" in does(ada, *now, code=2)
    assert at.once().returncode == 11
    assert kept(at) == 30, "nobody has agreed to that yet"

    assert "<sara@example.com> agrees to !1, signed" in does(sara, *now)
    done = at.once()
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(at) == 14
    assert "waits for nobody's agreement" in does(sara, *now, code=2)
    assert "it is merged" in does(sara, "mr", "unapprove", "1", code=2)
    for verb in (("verify",), ("replay", "--all")):
        does(sara, "audit", *verb)
