"""Plans on a merge request: made in the sandbox, shown folded, and bound by whoever agrees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pygit2
import pytest

from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.review import review
from reconciler.cli.reviewing import room_of
from reconciler.model.decision import Verdict
from reconciler.model.review import Outcome
from reconciler.report import review_json
from reconciler.settings import ProcessSettings
from tests.check.project import FAIR, PITCH, PORTAL, SARA, Project, Warm
from tests.repos import ROOT, GitRepo, edited
from tests.review.conftest import Desk, Served
from tests.review.memory_forge import MemoryForge
from tests.review.test_review import BIGGER, note, states, verdict
from tests.terraform.lab import SOMEBODY, TEMPLATE, lab

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

LONGER = (PITCH, "  owner: team-sales\n", "  owner: team-sales\n  labels: {fair: spring}\n")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where states are, with a cloud that runs."""
    state = tmp_path_factory.mktemp("state")
    cloud = Cloud(state / "sandbox")
    cloud.start()
    yield state
    cloud.stop()


@pytest.fixture(scope="session")
def lab_origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repo = GitRepo.make(tmp_path_factory.mktemp("lab") / "repo.git")
    repo.commit(dict(lab()))
    return repo.path


@pytest.fixture
def desk(
    lab_origin: Path, sandbox: Path, warmed: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(sandbox))
    monkeypatch.setenv("RECONCILER_LOCK_SECONDS", "0")
    path = tmp_path / "repo.git"
    shutil.copytree(lab_origin, path)
    repository = pygit2.Repository(str(path))
    forge = MemoryForge(lambda name: str(repository.references[f"refs/heads/{name}"].target))
    ports = Served(ProcessSettings(), warmed.kept, warmed.workers, warmed.engine, forge)
    project = Project(GitRepo(path, repository), ports)
    made = Desk(project, forge, lab(), str(repository.references["refs/heads/main"].target), ports)
    # A first commit of its own: what is kept of one repository is not that of another.
    made.moved({**made.files, "README.md": str(tmp_path)})
    return made


def planned(desk: Desk, number: int) -> Outcome:
    return review(room_of(desk.ports, desk.project.repo.path, plan=True, sandbox=True, post=True),
                  number)  # fmt: skip


def test_a_plan_is_shown_folded_and_remembered(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *LONGER), SARA)
    outcome = planned(desk, number)
    assert verdict(outcome) is Verdict.ALLOW, outcome
    assert outcome.review is not None
    (plan,) = outcome.review.plans
    text = note(desk.forge)
    assert "**SIMULATED**" in text
    assert f"<summary>Plan of pitch-acme: {len(plan.changes)} changes</summary>" in text
    assert "- create `aws_dynamodb_table.items`" in text
    assert "hush-" not in text
    assert states(desk)["reconciler/plan"] == "success"
    assert planned(desk, number).posted == ()


def test_an_order_to_put_drift_back_shows_what_that_would_do(desk: Desk) -> None:
    order = f"spec:\n  revert: {{drift: 'sha256:{'a' * 64}', record: 7}}\n"
    number = desk.open("back", edited(desk.files, PITCH, "spec:\n", order), SARA)
    outcome = planned(desk, number)
    assert outcome.review is not None
    assert [one.environment for one in outcome.review.plans] == ["pitch-acme"]


def test_an_agreement_binds_the_plan_that_was_shown(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    desk.forge.agree(number)  # before there was a plan
    outcome = planned(desk, number)
    assert verdict(outcome) is Verdict.NEEDS_APPROVAL
    assert "it was given before there was a plan" in note(desk.forge)
    desk.forge.agreed.clear()
    desk.forge.agree(number)
    assert verdict(planned(desk, number)) is Verdict.ALLOW
    assert "agreed: Tom Weber" in note(desk.forge)
    assert verdict(desk.look(number)) is Verdict.NEEDS_APPROVAL
    assert "it was given for a plan, and here is none" in note(desk.forge)


def test_nothing_of_a_fork_is_planned(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *LONGER), SARA, fork=True)
    outcome = planned(desk, number)
    assert outcome.review is not None
    assert outcome.review.plans == ()
    assert "it comes from a fork" in note(desk.forge)
    assert states(desk)["reconciler/plan"] == "failed"


def test_what_the_gates_refuse_is_not_planned(desk: Desk) -> None:
    command = 'data "external" "x" {\n  program = ["sh", "-c", "touch /tmp/never"]\n}\n'
    bad = {**desk.files, TEMPLATE: desk.files[TEMPLATE] + command}
    number = desk.open("bad", bad, SARA)
    outcome = planned(desk, number)
    assert outcome.review is not None
    assert outcome.review.plans == ()
    assert {one.failed for one in outcome.review.unplanned} == {False}
    assert "the static gates do not let it be planned" in note(desk.forge)


def test_what_could_not_be_planned_is_not_known(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = desk.open("more", edited(desk.files, *LONGER), SARA)
    running = desk.ports
    monkeypatch.setenv("RECONCILER_STATE_DIR", str(tmp_path / "elsewhere"))
    desk.ports = replace(running, settings=ProcessSettings())
    assert verdict(planned(desk, number)) is Verdict.INDETERMINATE
    assert "it could not be planned: the sandbox does not run" in note(desk.forge)
    assert "Let `pitch-acme` be planned: `` `reconciler sandbox start` ``" in note(desk.forge)
    desk.ports = running
    assert verdict(planned(desk, number)) is Verdict.ALLOW
    assert len(desk.forge.ours(number)) == 1


def test_a_removed_environment_has_nothing_to_plan(desk: Desk) -> None:
    files = {path: text for path, text in desk.files.items() if path != FAIR}
    number = desk.open("gone", files, SARA)
    outcome = planned(desk, number)
    assert outcome.review is not None
    assert (outcome.review.plans, outcome.review.unplanned) == ((), ())
    assert PORTAL in files


def test_what_differs_from_the_plan_that_was_agreed_to_stands_in_the_note(desk: Desk) -> None:
    number = desk.open("more", edited(desk.files, *BIGGER))
    planned(desk, number)
    desk.forge.agree(number)
    assert verdict(planned(desk, number)) is Verdict.ALLOW
    assert "Not as it was agreed to" not in note(desk.forge)
    repo = str(desk.project.repo.path)
    command = ("apply", "acme-portal", "--sandbox", "--yes", "--repo", repo)
    done = subprocess.run(  # somebody applies what it was before
        [sys.executable, "-m", "reconciler", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), **SOMEBODY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = planned(desk, number)
    assert verdict(outcome) is Verdict.NEEDS_APPROVAL
    text = note(desk.forge)
    assert "### Not as it was agreed to" in text
    assert "- `acme-portal`: 1 otherwise" in text
    assert "  - `terraform_data.box was create, is update`" in text
    assert planned(desk, number).posted == (), "what was agreed to stays known"
    (told,) = json.loads(review_json.reviewed([outcome]))["reviews"]
    (one,) = [one["otherwise"] for one in told["decisions"] if one["otherwise"]]
    assert [each["address"] for each in one["resources"]] == ["terraform_data.box"]
    desk.forge.agreed.clear()
    desk.forge.agree(number)
    assert verdict(planned(desk, number)) is Verdict.ALLOW
    assert "Not as it was agreed to" not in note(desk.forge)
