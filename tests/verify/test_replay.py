"""Decisions that were recorded are come to again, to the byte; what differs is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pygit2
import pytest

from reconciler.adapters.git import GitSource
from reconciler.adapters.record_store import GitRecords
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.app.audit.reading import trail
from reconciler.app.deliver import with_plan
from reconciler.app.record import Recorder
from reconciler.app.records import Records
from reconciler.cli.audit_verify import _replayed
from reconciler.cli.auditing import Audit
from reconciler.cli.checking import Asked, judged
from reconciler.core.canonical import canonical
from reconciler.core.decide import decide
from reconciler.core.records.facts import decision_body
from reconciler.core.veil import veiled
from reconciler.model.approval import Approval, Given, Person
from reconciler.model.decision import Decision
from reconciler.model.plan import Plan
from reconciler.model.record import Recorded
from reconciler.model.verified import Replayed
from reconciler.report.check_json import decided as as_fields
from tests.check.project import (
    DEMO,
    NOW,
    PORTAL,
    QUIET,
    SERVERLESS,
    Project,
    Warm,
    base_files,
    warm,
    without,
)
from tests.check.test_change import BUCKET, PUBLIC, waiver
from tests.repos import edited
from tests.verify.history import CONTROLLER, FREEZE, PROGRAM, World, plan_for

TOM = Person("Tom Weber", "tom@example.com", 2002)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    engine = EmbeddedEngine(10, 1)
    yield warm(tmp_path_factory.mktemp("kept"), engine)
    engine.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, ports: Warm) -> Project:
    found = Project.make(tmp_path_factory.mktemp("project") / "repo.git", ports)
    first = found.commit(base_files())
    found.repo.repository.references.create("refs/heads/main", first)
    return found


class Court:
    """A repository where decisions are made, recorded, and made again."""

    def __init__(self, project: Project, branch: str) -> None:
        self.project, self.path, self.branch = project, project.repo.path, branch
        self.world = World(self.path, self.path.parent)
        self.records = Records(GitRecords(self.path, branch))
        self.recorder = Recorder(
            self.records,
            GitSource(self.path),
            CONTROLLER,
            PROGRAM,
            self.world.clock,
            self.world.new_id,
            simulated=True,  # any commit may be tried
        )

    def decided(
        self,
        head: str,
        name: str,
        base: str = "",
        plan: Plan | None = None,
        given: Mapping[str, Given] | None = None,
    ) -> Recorded:
        """Judge it, with the plan if there is one, and record that."""
        only = (name,) if name else ()
        asked = Asked(self.path, base or None, head, not base, only, NOW)
        with judged(self.project.ports, asked, approvals=given or {}) as done:
            checked = done.checked
            if not name:
                assert checked.change is not None
                return self._about_the_change(checked.change, base)
            question = checked.questions[name]
            if plan is not None:
                question = with_plan(checked, name, question, plan, None)
            decision = veiled(decide(question))
        began = dict(decision.inputs).get("commit.began")
        return self.recorder.decided(decision, question, plan, began=began if base else None)

    def _about_the_change(self, decision: Decision, base: str) -> Recorded:
        inputs = dict(decision.inputs)
        body = decision_body(
            decision,
            as_fields(decision),
            (),
            None,
            Given(),
            action="check",
            began=base,
            place=("", "", ""),
        )
        return self.recorder.happened("", inputs["commit.target"], body)

    def again(self, made: Recorded) -> Replayed:
        git = self.project.ports.repository(self.path)
        found = Audit(
            self.project.ports,
            self.path,
            git,
            git.snapshot("main"),
            trail(GitRecords(self.path, self.branch), self.branch),
            NOW,
        )
        return _replayed(found, found.trail.records.kept(made.commit))


@pytest.fixture
def court(project: Project, request: pytest.FixtureRequest) -> Court:
    return Court(project, f"records-{abs(hash(request.node.name))}")


@pytest.fixture(scope="module")
def main(project: Project) -> str:
    return str(project.repo.repository.references["refs/heads/main"].target)


def same(found: Replayed) -> None:
    assert found.same, found.differences
    assert found.agrees
    assert (found.engines, found.differences, found.taken) == ((), (), ())


@pytest.mark.parametrize("name", ["pitch-acme", "trade-fair", "acme-portal", "identity"])
def test_an_environment_as_it_stands(court: Court, main: str, name: str) -> None:
    same(court.again(court.decided(main, name)))


def test_with_a_plan_and_an_approval(court: Court, main: str) -> None:
    plan = plan_for("acme-portal")
    approval = Approval(TOM, NOW, main, plan.digest, "sha256:" + "0" * 64)
    given = {"acme-portal": Given((approval,), (Person("Ines", "ines@example.com"),))}
    made = court.decided(main, "acme-portal", plan=plan, given=given)
    found = court.again(made)
    same(found)
    inside = json.loads(court.records.kept(made.commit).data)["body"]["decision"]
    assert inside["agreed"] or inside["disregarded"]


def test_a_change_of_an_environment_and_the_change_itself(
    court: Court, main: str, project: Project
) -> None:
    files = edited(base_files(), PORTAL, "desired_count: 4", "desired_count: 5")
    head = project.commit(files, main)
    same(court.again(court.decided(head, "acme-portal", main)))
    same(court.again(court.decided(head, "acme-portal", main, plan_for("acme-portal"))))
    about = court.again(court.decided(head, "", main))
    same(about)
    assert about.environment == ""


def test_a_denied_change_and_a_frozen_one(court: Court, main: str, project: Project) -> None:
    freeze = FREEZE.format(scope="{environment: pitch-acme}", expires="")
    frozen = project.commit({**base_files(), "policies/freezes/stop.yaml": freeze}, main)
    made = court.decided(frozen, "pitch-acme")
    found = court.again(made)
    same(found)
    assert found.then == "DENY"


def test_another_program_is_said_and_is_no_difference(
    court: Court, main: str, ports: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = court.decided(main, "pitch-acme")
    monkeypatch.setattr(
        type(ports.kept), "program", property(lambda _self: "another"), raising=False
    )
    found = court.again(made)
    assert found.now == found.then


def tampered(court: Court, made: Recorded, change: dict[str, Any]) -> Replayed:
    """The decision as if it had said something else."""
    kept = court.records.kept(made.commit)
    doc = json.loads(kept.data)
    for path, value in change.items():
        at = doc["body"]
        *steps, last = path.split(".")
        for step in steps:
            at = at[step]
        at[last] = value
    data = canonical(doc)
    record = kept.record.model_copy(
        update={"body": kept.record.body.model_copy(update=doc["body"])}
    )
    with_it = replace(kept, record=record, data=data)
    git = court.project.ports.repository(court.path)
    audit = Audit(
        court.project.ports,
        court.path,
        git,
        git.snapshot("main"),
        trail(GitRecords(court.path, court.branch), court.branch),
        NOW,
    )
    return _replayed(audit, with_it)


FOUND = {
    "gate": "policy",
    "rule": "X1",
    "title": "X",
    "severity": "high",
    "level": "hard",
    "category": "security",
    "message": "x",
    "path": "main.tf",
    "line": 3,
    "commit": None,
    "resource": None,
    "fix": "",
    "link": None,
    "fingerprint": "abc",
    "waivedBy": None,
}


@pytest.mark.parametrize(
    "change,said",
    [
        ({"decision.verdict": "ALLOW", "decision.reasons": []}, "verdict: then ALLOW, now"),
        ({"decision.risk": "L0"}, "risk: then L0, now"),
        ({"decision.findings": [FOUND]}, "finding gone: X1 main.tf:3 abc"),
        ({"decision.findings": "none"}, "not the form"),
        ({"decision.owners": []}, "owners: then []"),
        ({"decision.inputs.policies": "sha256:" + "1" * 64}, "policies: then sha256:111"),
        ({"now": "2031-02-31T00:00:00Z"}, "not the form"),
        ({"head": "1" * 40}, "does not name one commit here"),
    ],
)
def test_a_decision_that_says_something_else(
    court: Court, main: str, project: Project, change: dict[str, Any], said: str
) -> None:
    loud = edited(base_files(), PORTAL, "allowed_cidrs: [0.0.0.0/0]", "allowed_cidrs: [::/0]")
    head = project.commit(loud, main)
    made = court.decided(head, "acme-portal", main)
    found = tampered(court, made, change)
    assert not found.same
    assert any(said in one for one in found.differences), found.differences


def test_other_engines_are_named(court: Court, main: str) -> None:
    made = court.decided(main, "pitch-acme")
    inputs = json.loads(court.records.kept(made.commit).data)["body"]["decision"]["inputs"]
    engine = next(name for name in inputs if name.startswith("engine."))
    found = tampered(court, made, {"decision.inputs": {**inputs, engine: "opa 0.1"}})
    assert not found.same
    assert found.agrees
    assert [(name, then) for name, then, _ in found.engines] == [(engine, "opa 0.1")]


def test_a_plan_that_is_gone_is_said(court: Court, main: str, tmp_path: Path) -> None:
    made = court.decided(main, "acme-portal", plan=plan_for("acme-portal"))
    shutil.copytree(court.path, tmp_path / "repo.git")
    kept = court.records.kept(made.commit)
    tree = court.project.repo.repository[kept.tree].peel(pygit2.Tree)
    entry = tree["environments/acme-portal/plan.json"]
    oid = str(entry.id)
    (tmp_path / "repo.git" / "objects" / oid[:2] / oid[2:]).unlink()
    other = Court(replace_path(court.project, tmp_path / "repo.git"), court.branch)
    found = other.again(made)
    assert not found.agrees
    assert "plan.json" in found.differences[0]


def replace_path(project: Project, path: Path) -> Project:
    return Project.make(path, project.ports)


def body_of(court: Court, made: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(court.records.kept(made.commit).data)["body"]
    return found


def test_with_waivers_in_force(court: Court, main: str, project: Project) -> None:
    bad = {**base_files(), BUCKET: PUBLIC}
    subject = "environments: [pitch-acme]"
    for rule in ("SEC001", "SEC002", "SEC008"):
        bad |= waiver(rule, subject, name=rule.lower())
    made = court.decided(project.commit(bad, main), "pitch-acme")
    excepted = {one["waivedBy"] for one in body_of(court, made)["decision"]["findings"]}
    assert "sec001" in excepted
    same(court.again(made))
    # Where the commit that it rests on has no waiver, it would have been another decision.
    bare = project.commit(without(bad, "policies/waivers/sec001.yaml"), main)
    other = court.decided(bare, "pitch-acme")
    same(court.again(other))
    assert body_of(court, other)["verdict"] == "DENY"


def test_with_a_gate_that_could_not_say(court: Court, main: str, project: Project) -> None:
    unseen = {**base_files(), SERVERLESS + "terraform/override.tf": "locals {}\n"}
    made = court.decided(project.commit(unseen, main), "pitch-acme")
    body = body_of(court, made)
    assert (body["verdict"], bool(body["decision"]["silent"])) == ("INDETERMINATE", True)
    found = court.again(made)
    same(found)
    assert found.now == "INDETERMINATE"


def test_where_checkov_is_absent(
    court: Court, main: str, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = edited(
        base_files(), DEMO, QUIET, "scanners: {dev: [checkov], staging: [], production: []}"
    )
    head = project.commit(asking, main)
    monkeypatch.setenv("RECONCILER_TOOLS_DIR", str(tmp_path / "no-tools"))
    engine = project.ports.engine
    assert engine is not None
    bare = Court(replace(project, ports=warm(tmp_path / "kept", engine)), court.branch)
    made = bare.decided(head, "pitch-acme")
    body = body_of(bare, made)
    assert body["verdict"] == "INDETERMINATE"
    assert [one["gate"] for one in body["decision"]["silent"]] == ["checkov"]
    same(bare.again(made))
    # As if Checkov had been there then: the difference is told, and no other verdict believed.
    found = tampered(bare, made, {"decision.silent": [], "decision.verdict": "ALLOW"})
    assert not found.agrees
    assert found.now == "INDETERMINATE"
