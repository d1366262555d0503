"""Somebody changes the cloud between the agreement and the apply: what differs is shown."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pygit2
import pytest

from tests.check.project import DEMO, SETTINGS
from tests.controller.conftest import Make
from tests.controller.real import KEY, Real, document
from tests.controller.shared import machine, person, sharing
from tests.repos import edited
from tests.terraform.lab import HEAD, LITTLE, TEMPLATE, lab

NAME = "fair"
SIZED = LITTLE.replace('"${local.name}-news"', 'format("%s-%s", local.name, {{ parameters.size }})')

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


def retention(at: Real, days: int) -> None:
    """Somebody changes it by hand."""
    logs = at.aws.client("logs")
    (group,) = logs.describe_log_groups()["logGroups"]
    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=days)


def proposed(remote: Real, at: Real) -> None:
    """Omar makes it larger, which makes its topic anew."""
    repository = remote.repo.repository
    main = repository.references["refs/heads/main"].target
    repository.references.create("refs/heads/larger", main)
    path = document(NAME)
    files = edited(remote.files, path, "size: small", "size: medium")
    who = pygit2.Signature("Omar Haddad", "omar@example.com", 1_700_000_000, 0)
    tree = remote.repo.tree(files)
    repository.create_commit("refs/heads/larger", who, who, "Larger", tree, [main])
    subprocess.run(["git", "fetch", "-q"], cwd=at.repo.path, check=True)


def test_what_differs_from_what_was_agreed_to_is_shown_wherever_a_person_meets_it(
    make: Make, tmp_path: Path
) -> None:
    asks = edited(lab(), DEMO, "risks: [L3]", "risks: [L2, L3]")[DEMO]
    more = {**sharing(tmp_path), DEMO: asks, TEMPLATE: HEAD + SIZED + KEY}
    remote = make(NAME, more=more)
    at = machine(remote, 0)
    omar, sara = (person(remote.top, one) for one in ("omar", "sara"))

    def does(who: dict[str, str], *argv: str, code: int = 0) -> str:
        done = at.does(*argv, **who)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    does(sara, "apply", NAME, "--yes")
    proposed(remote, at)
    does(omar, "mr", "open", "--source", "larger", "--title", "Larger")
    plan = json.loads(
        does(sara, "plan", NAME, "--rev", "origin/larger", "--format", "json", code=11)
    )
    assert [one["kind"] for one in plan["changes"]] == ["replace"]
    assert plan["otherwise"] is None
    does(sara, "mr", "approve", "1", "--plan", f"{NAME}={plan['digest']}")
    does(sara, "mr", "merge", "1")

    retention(at, 30)
    # On another machine: what was agreed to is at the remote.
    other = machine(remote, 1)
    refused = other.does("apply", NAME, "--yes", **omar)
    assert refused.returncode == 11, refused.stdout + refused.stderr
    assert "the plan is another one since" in " ".join(refused.stdout.split())
    told = refused.stdout[refused.stdout.index("Not as it was agreed to") :]
    assert told.splitlines()[0].startswith("Not as it was agreed to: 1 more"), told
    assert "  + aws_cloudwatch_log_group.logs (update) was not in it" in told
    assert "retention_in_days: 30 -> 14, and was not to change" in told
    assert "aws_sns_topic" not in told
    assert "hush-" not in refused.stdout
    assert "Nothing was applied" in told

    subprocess.run(["git", "fetch", "-q"], cwd=at.repo.path, check=True)
    shown = json.loads(does(omar, "plan", NAME, "--format", "json", code=11))
    since = shown["otherwise"]
    assert since["agreed"] == plan["digest"]
    assert [(one["address"], one["way"]) for one in since["resources"]] == [
        ("aws_cloudwatch_log_group.logs", "more")
    ]
    (fair,) = [one for one in json.loads(status(at))["environments"] if one["name"] == NAME]
    (why,) = [one["why"] for one in fair["conditions"] if one["type"] == "Reconciling"]
    assert "what was agreed to is another plan: 1 more" in why
    kept = ["git", "show", f"origin/records:environments/{NAME}/agreed.json"]
    found = subprocess.run(kept, cwd=at.repo.path, capture_output=True, text=True, check=True)
    assert json.loads(found.stdout)["digest"] == plan["digest"]
    verified = at.does("audit", "verify")
    assert verified.returncode == 0, verified.stdout
    replayed = at.does("audit", "replay", "--all")
    assert replayed.returncode == 0, replayed.stdout

    retention(at, 14)  # as it was when it was agreed to
    does(omar, "apply", NAME, "--yes")
    subprocess.run(["git", "fetch", "-q"], cwd=at.repo.path, check=True)
    gone = subprocess.run(kept, cwd=at.repo.path, capture_output=True, text=True, check=False)
    assert gone.returncode != 0, "what was agreed to is what was applied"


def status(at: Real) -> str:
    return at.does("status", "--format", "json").stdout


def test_what_waits_for_an_agreement_goes_on_as_soon_as_it_is_there(
    make: Make, tmp_path: Path
) -> None:
    asks = edited(lab(), DEMO, "risks: [L3]", "risks: [L2, L3]")[DEMO]
    more = {**sharing(tmp_path), DEMO: asks, TEMPLATE: HEAD + SIZED + KEY}
    more[SETTINGS] = more[SETTINGS].replace("retry: 1s", "retry: 1h")
    remote = make(NAME, more=more)
    at, other = machine(remote, 0), machine(remote, 1)
    omar, sara = (person(remote.top, one) for one in ("omar", "sara"))

    def does(who: dict[str, str], *argv: str) -> str:
        done = other.does(*argv, **who)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    does(sara, "apply", NAME, "--yes")
    proposed(remote, other)
    does(omar, "mr", "open", "--source", "larger", "--title", "Larger")
    does(sara, "mr", "merge", "1", "--message", "Nobody agreed yet")
    controller = at.watch()
    waits = controller.until("not applied", NAME)
    plan = re.search(rf"--plan {NAME}=(sha256:[0-9a-f]+)", waits["hint"])
    assert plan is not None, waits
    does(sara, "mr", "approve", "1", "--plan", f"{NAME}={plan[1]}")
    controller.until("applied", NAME)
    assert controller.end() == 0
