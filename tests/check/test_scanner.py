"""A check with the real Checkov: its findings count, by our weights and our waivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.model.decision import Verdict
from tests.check.project import DEMO, FAIR, PITCH, QUIET, SARA, SERVERLESS, Project, about, warm
from tests.check.test_change import waiver
from tests.check.test_rules import CLEAN, MAIN, STRICT
from tests.repos import Files, edited

BAD = """\
resource "aws_workspaces_workspace" "x" {
  bundle_id                      = "wsb-1"
  user_volume_encryption_enabled = false
}
"""
SKIP = "  # checkov:skip=CKV_AWS_155: because\n"


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Iterator[Project]:
    ports = warm(tmp_path_factory.mktemp("kept"), engine)
    yield Project.make(tmp_path_factory.mktemp("project") / "repo.git", ports)
    ports.checkov.close()


def asking() -> Files:
    """A small blueprint, and a demo track that asks Checkov."""
    return edited(STRICT, DEMO, QUIET, "scanners: {dev: [checkov], staging: [], production: []}")


def test_checkov_finds_is_weighed_waived_and_kept(scanned: Project) -> None:
    files = {**asking(), MAIN: CLEAN + BAD}
    base = scanned.commit(files)
    head = scanned.commit(edited(files, PITCH, "ttl: 72h", "ttl: 70h"), base, SARA)
    report = scanned.check(base, head)
    decision = about(report, "pitch-acme")
    found = [one for one in decision.findings if one.finding.gate == "checkov"]
    assert found
    assert decision.verdict is Verdict.DENY
    inputs = dict(decision.inputs)
    assert inputs["gate.checkov"]
    assert "3." in inputs["engine.checkov"]
    for one in found:
        assert one.finding.location.path == "terraform/main.tf"
        assert one.finding.resource == "aws_workspaces_workspace.x"
        assert one.finding.severity
    assert scanned.check(base, head) == report
    # A skip in the source excepts nothing; a waiver of the target branch does.
    skipped = {**files, MAIN: CLEAN + BAD.replace("{\n", "{\n" + SKIP, 1)}
    base = scanned.commit(skipped)
    head = scanned.commit(edited(skipped, PITCH, "ttl: 72h", "ttl: 70h"), base, SARA)
    again = about(scanned.check(base, head), "pitch-acme")
    assert {one.finding.rule for one in again.findings} == {one.finding.rule for one in found}
    for number, one in enumerate(found):
        name = f"w{number}"
        files |= waiver(one.finding.rule, "environments: [pitch-acme]", name=name)
    base = scanned.commit(files)
    head = scanned.commit(edited(files, PITCH, "ttl: 72h", "ttl: 70h"), base, SARA)
    waived = about(scanned.check(base, head), "pitch-acme")
    assert waived.verdict is Verdict.ALLOW
    assert {one.waived_by for one in waived.findings} == {f"w{n}" for n in range(len(found))}


def test_a_stage_that_does_not_ask_is_not_scanned(scanned: Project) -> None:
    files = {**asking(), MAIN: CLEAN + BAD}
    base = scanned.commit(files)
    head = scanned.commit(edited(files, FAIR, "ttl: 10d", "ttl: 9d"), base, SARA)
    decision = about(scanned.check(base, head), "trade-fair")
    assert "gate.checkov" not in dict(decision.inputs)
    assert decision.findings == ()


def test_settings_of_checkov_in_a_blueprint_are_not_obeyed(scanned: Project) -> None:
    files = {**asking(), MAIN: CLEAN + BAD}
    files[SERVERLESS + "terraform/.checkov.yaml"] = "skip-check: [CKV_AWS_155]\ncheck: [CKV_X]\n"
    base = scanned.commit(files)
    head = scanned.commit(edited(files, PITCH, "ttl: 72h", "ttl: 70h"), base, SARA)
    decision = about(scanned.check(base, head), "pitch-acme")
    assert decision.verdict in (Verdict.DENY, Verdict.INDETERMINATE)
