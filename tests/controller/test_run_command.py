"""`run` and `status` as people and service managers meet them: real processes, a real sandbox."""

from __future__ import annotations

import json
import os
import shutil
import signal
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest

from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.cli.run_command import _VERBS
from reconciler.core.git_objects import object_id
from reconciler.core.git_pack import pack
from reconciler.model.work import Job
from tests.done import Done
from tests.repos import Files, GitRepo
from tests.terraform.lab import Lab, lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

ONE: Final = "environments/demo/lab-one.yaml"
TWO: Final = "environments/demo/lab-two.yaml"
PATIENCE: Final = 300


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Lab]:
    """A repository of two environments, and a cloud of its own."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    files = {
        path: text
        for path, text in lab().items()
        if not path.startswith("environments/") or path in (ONE, TWO)
    }
    repo = GitRepo.make(tmp_path / "repo.git")
    repo.commit(dict(files))
    made = Cloud(state / "sandbox")
    yield Lab(repo, state, made.start(), files)
    made.stop()


def done(at: Lab, *argv: str, **more: str) -> Done:
    process = at.process(*argv, **more)
    out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err
    assert "bug:" not in err, err
    return Done(process.returncode, out, err)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def without(files: Files, *paths: str) -> Files:
    return {path: text for path, text in files.items() if path not in paths}


def test_one_pass_makes_it_so_and_says_what_it_did(there: Lab) -> None:
    before = done(there, "status", "--format", "json")
    assert before.code == 1
    assert [one["conditions"][0]["type"] for one in before.json["environments"]] == [
        "Reconciling"
    ] * 2
    first = done(there, "run", "--once", "--log-json")
    assert (first.code, first.out) == (0, ""), first.err
    said = lines(first.err)
    assert said[0]["event"] == "begun"
    assert said[-1]["event"] == "ended"
    assert [said[-1].get(one) for one in ("applied", "failed", "left")] == [2, None, 0]
    assert said[-1]["seconds"] > 0
    assert {one["environment"] for one in said if one["event"] == "applied"} == {
        "lab-one",
        "lab-two",
    }
    assert all(one["at"] and one["level"] == "info" for one in said)
    table = done(there, "status")
    assert table.code == 0
    assert "2 of 2 environments as declared." in table.out
    assert "SIMULATED" in table.out + table.err
    found = done(there, "status", "lab-one", "--format", "json")
    (one,) = found.json["environments"]
    assert (found.json["kind"], found.json["simulated"]) == ("Status", True)
    assert [each["type"] for each in one["conditions"]] == ["Ready"]
    assert one["applied"] == str(there.repo.repository.references["refs/heads/main"].target)
    assert one["next"]["job"] in ("look", "roll")
    assert one["lease"] is None
    again = done(there, "run", "--once")
    assert again.code == 0
    assert "applied" not in again.err
    assert "begun" in again.err


def test_what_months_of_fetching_leave_behind_is_made_one_pack(there: Lab) -> None:
    there.repo.commit(without(there.files, ONE, TWO))
    packs = there.repo.path / "objects" / "pack"
    for number in range(60):
        data = f"{number}".encode()
        name, body, index = pack({object_id("blob", data): ("blob", data)})
        (packs / f"pack-{name}.pack").write_bytes(body)
        (packs / f"pack-{name}.idx").write_bytes(index)
    found = done(there, "run", "--once", "--log-json")
    assert found.code == 0, found.err
    assert "objects of the repository are one pack now" in found.err
    assert len([*packs.glob("*.pack")]) == 1
    assert done(there, "run", "--once", "--log-json").err.count("one pack now") == 0


def test_what_cannot_be_used_stalls_keeps_nobody_else_and_is_told(there: Lab) -> None:
    there.repo.commit({**without(there.files, TWO), TWO: "a: ["})
    found = done(there, "run", "--once", "--log-json")
    assert found.code == 10, found.err
    assert [one["environment"] for one in lines(found.err) if one["event"] == "applied"] == [
        "lab-one"
    ]
    (left,) = [one for one in lines(found.err) if one["event"].startswith("not as declared")]
    assert (left["event"], left["environment"]) == ("not as declared: Stalled", "lab-two")
    assert left["why"]
    table = done(there, "status", "--unready")
    assert table.code == 1
    assert "Stalled" in table.out
    assert "lab-one" not in table.out
    nobody = done(there, "status", "lab-on")
    assert nobody.code == 2
    assert "lab-one" in nobody.err


def test_what_failed_and_waits_is_told_with_when_it_is_tried_again(there: Lab) -> None:
    never = {"operation": "sns:CreateTopic", "nth": 1, "times": 0, "kind": "error"}
    faults = json.dumps({"errors": [never]})
    first = done(there, "run", "--once", "--log-json", RECONCILER_SANDBOX_FAULTS=faults)
    assert first.code == 1
    assert "not as declared" not in first.err, "each was told by what was tried"
    second = done(there, "run", "--once", "--log-json")
    left = [one for one in lines(second.err) if one["event"] == "not as declared: Reconciling"]
    applied = [one for one in lines(second.err) if one["event"] == "applied"]
    assert {one["environment"] for one in (*left, *applied)} == {"lab-one", "lab-two"}
    for one in left:
        assert second.code == 1
        assert "its last apply failed" in one["why"]
        assert one["due"] > one["at"][:19]


def test_records_that_went_back_are_no_good_news(there: Lab) -> None:
    assert done(there, "run", "--once").code == 0
    assert done(there, "status").code == 0
    tip = there.repo.repository.references["refs/heads/records-sandbox"].target
    there.repo.repository.references.delete("refs/heads/records-sandbox")
    gone = done(there, "status")
    assert gone.code == 1
    assert "lab-one" in gone.out
    assert "the branch is gone" in gone.err
    assert str(tip)[:12] in " ".join(gone.err.split())
    there.repo.repository.references.create("refs/heads/records-sandbox", tip)
    assert done(there, "status").code == 0
    before = there.repo.repository.revparse_single("refs/heads/records-sandbox~1").id
    there.repo.repository.references["refs/heads/records-sandbox"].set_target(before)
    back = done(there, "status", "--format", "json")
    assert back.code == 1
    assert back.json["kind"] == "Status"
    assert "is not behind" in " ".join(back.err.split())


def test_it_shows_how_it_does_and_ends_well(there: Lab) -> None:
    process = there.process("run", "--log-json", "--health", "127.0.0.1:0")
    said: list[dict[str, Any]] = []
    try:
        assert process.stderr is not None
        ended = 0
        while ended < 2:
            said.append(json.loads(process.stderr.readline()))
            ended += "applied" in said[-1]["event"]
        assert not [one for one in said if one["level"] != "info"]
        port = next(one["port"] for one in said if one["event"] == "listening")

        def shown(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        assert shown("/healthz")
        assert shown("/readyz")
        metrics = shown("/metrics")
        assert 'reconciler_deeds_total{job="apply",result="done"} 2.0' in metrics
        assert "reconciler_last_tick" in metrics
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=PATIENCE)
    finally:
        if process.poll() is None:
            process.kill()
    assert process.returncode == 0, err
    assert lines(err)[-1]["event"] == "ended"
    assert done(there, "lease", "list", "--format", "json").json["leases"] == []


def test_a_terminal_that_is_closed_ends_it_as_well(there: Lab) -> None:
    ours, theirs = os.openpty()
    process = there.at_a_terminal(theirs, "run")
    os.close(theirs)
    said = b""
    try:
        while b"begun" not in said:
            said += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(PATIENCE) == 0
    finally:
        if process.poll() is None:
            process.kill()
    assert done(there, "lease", "list", "--format", "json").json["leases"] == []


def test_every_job_has_a_word() -> None:
    assert {*_VERBS} == {*Job}


def test_what_went_with_the_sandbox_is_told_and_made_again(there: Lab) -> None:
    assert done(there, "run", "--once").code == 0
    cloud = Cloud(there.state / "sandbox")
    cloud.stop()

    without_one = done(there, "status")
    assert without_one.code == 1
    assert "0 of 2 environments as declared." in without_one.out
    assert "the sandbox does not run, and what it held is gone" in without_one.out
    assert "`reconciler sandbox start` first" in without_one.out

    cloud.start()
    anew = done(there, "status")
    assert anew.code == 1
    gone = "Nothing of 2 environments is there any more: the sandbox that it was made in is gone."
    assert gone in anew.out
    assert f"`reconciler run --repo {there.repo.path} --sandbox` makes what is gone" in anew.out
    drift = done(there, "drift", "lab-one")
    assert drift.code == 1, drift.out
    assert "NO DRIFT" not in drift.out
    assert "nothing of lab-one is there any more" in drift.err
    assert "reconciler apply lab-one" in drift.err
    assert "--sandbox` makes it again" in drift.err
    state = done(there, "state", "lab-one")
    assert (state.code, "nothing of lab-one is there" in state.err) == (1, True)
    planned = done(there, "plan", "lab-one")
    assert "Nothing of lab-one is there any more: the sandbox that" in planned.out

    again = done(there, "run", "--once", "--log-json")
    assert again.code == 0, again.err
    said = lines(again.err)
    (told,) = [one for one in said if one["event"] == "gone with the sandbox"]
    assert (told["environments"], told["level"]) == (2, "warning")
    made = {one["environment"]: one for one in said if one["event"] == "applied"}
    assert {one["because"] for one in made.values()} == {"the sandbox that it was made in is gone"}
    assert set(made) == {"lab-one", "lab-two"}
    whole = done(there, "status")
    assert (whole.code, "any more" in whole.out) == (0, False), whole.out
    assert done(there, "drift", "--all").code == 0
    assert done(there, "run", "--once").code == 0
    assert done(there, "audit", "verify").code == 0


def test_a_state_that_is_taken_from_under_a_sandbox_stops_it(there: Lab) -> None:
    assert done(there, "run", "--once").code == 0
    (state,) = there.state.glob("*/sandbox-*/states/lab-one.tfstate")
    state.unlink()
    found = done(there, "status", "lab-one")
    assert found.code == 1
    assert "its state vanished" in found.out
    stopped = done(there, "run", "--once", "--log-json")
    assert stopped.code == 1
    (said,) = [one for one in lines(stopped.err) if one["event"] == "not applied"]
    assert "there is no state any more" in said["why"]
    assert "`reconciler state lab-one --sandbox --accept" in said["hint"]
    drift = done(there, "drift", "lab-one")
    assert drift.code == 1
    assert "there is no state any more" in drift.err
    assert "--accept" in drift.err
    assert "makes it again" not in drift.err
