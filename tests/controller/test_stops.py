"""What hangs, fails for ever or is stopped by people: it alone waits, and is told."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.controller.conftest import Make
from tests.controller.real import PATIENCE, Real, declared, document
from tests.terraform.test_runs import wait_for

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

FREEZE = """\
apiVersion: reconciler/v1
kind: Freeze
metadata: {name: stop, owner: team-platform}
spec:
  scope: {everything: true}
  reason: It burns.
  since: 2026-01-01
"""
STOP = "policies/freezes/stop.yaml"


def terraform(real: Real, cases: str) -> dict[str, str]:
    """The one of this machine, but for some environments and commands."""
    folder = real.top / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "terraform"
    cases = f'case "$PWD $1" in\n{cases}\nesac\n'
    program.write_text(f'#!/bin/sh\n{cases}exec {shutil.which("terraform")} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def hung(real: Real, command: str) -> dict[str, str]:
    """It hangs at that command, for that environment alone."""
    return terraform(real, f'*/runs/hung/*" {command}") exec sleep 86400;;')


def test_a_terraform_that_hangs_is_ended_and_recorded(make: Make) -> None:
    real = make("hung")
    planned = real.once("--log-json", RECONCILER_PLAN_SECONDS="3", **hung(real, "plan"))
    assert planned.returncode == 1, planned.stderr
    assert "planning hung took too long and was stopped" in planned.stderr
    assert real.begun("hung") == 0
    applied = real.once("--log-json", RECONCILER_APPLY_SECONDS="3", **hung(real, "apply"))
    assert applied.returncode == 1, applied.stderr
    assert "interrupted" in applied.stderr
    assert real.recorded()[-1].startswith("apply(hung): interrupted"), real.recorded()
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(["hung"])


@pytest.mark.soak
def test_a_terraform_that_hangs_keeps_nobody_else_waiting(make: Make) -> None:
    real = make("hung")
    watched = real.watch("--jobs", "2", RECONCILER_STOP_SECONDS="0", **hung(real, "init"))
    wait_for(lambda: any(real.known.glob("*/runs/hung/*/home/pid")), PATIENCE)
    real.change({document("well"): declared("well")})
    watched.until("applied", "well")
    assert not watched.heard("not applied")
    assert watched.end() == 0
    assert [one["environment"] for one in watched.heard("not applied")] == ["hung"]
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(["hung", "well"])


@pytest.mark.soak
def test_one_that_fails_for_ever_is_told_once_and_delays_nobody(make: Make) -> None:
    real = make("poisoned")
    fails = terraform(real, '*/runs/poisoned/*" init") echo "it is poisoned" >&2; exit 1;;')
    watched = real.watch("--jobs", "2", **fails)
    first = watched.until("not applied", "poisoned")
    assert "poisoned" in first["why"], first
    for number in range(3):
        name = f"later-{number}"
        real.change({document(name): declared(name)})
        watched.until("applied", name)
    assert len(watched.heard("not applied", "poisoned")) == 1
    assert watched.end() == 0
    status = real.status()["poisoned"]
    assert [one["type"] for one in status["conditions"]] == ["Reconciling"]
    real.change({}, document("poisoned"))
    last = real.once()
    assert last.returncode == 0, last.stderr
    names = ("later-0", "later-1", "later-2")
    real.whole(names)


def test_a_freeze_in_mid_apply_lets_that_one_end_and_nothing_else_begin(make: Make) -> None:
    names = ("one", "two", "three")
    real = make(*names)
    slow = {"RECONCILER_SANDBOX_FAULTS": json.dumps({"delays": {"aws_kms_key": 5}})}
    watched = real.watch("--jobs", "1", **slow)
    wait_for(lambda: any("kms" in real.made(name) for name in names), 60)
    real.change({STOP: FREEZE})
    (first,) = {one["environment"] for one in [watched.until("applied")]}
    assert watched.end() == 0
    others = sorted({*names} - {first})
    still = real.once()
    assert still.returncode == 11, still.stderr
    assert {name: real.begun(name) for name in names} == {first: 1, **dict.fromkeys(others, 0)}
    assert [real.made(name) for name in others] == [{}, {}]
    status = real.status()
    for name in others:
        assert [(one["type"], one["why"]) for one in status[name]["conditions"]] == [
            ("Frozen", "stop: It burns.")
        ]
    real.change({}, STOP)
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(names)
