"""Every report is a function of one value, and hostile words stay words."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.model.affected import Affected, Effect
from reconciler.model.approval import Approval, Disregarded, Person
from reconciler.model.check import CheckReport
from reconciler.model.decision import ApprovalNeed, Decision, Judged, Silence, Verdict
from reconciler.model.finding import Location
from reconciler.report import findings
from tests.report.made import finding

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def silent(name: str, *gates: Silence) -> Decision:
    reasons = tuple(one.reason for one in gates)
    return Decision(name, Verdict.INDETERMINATE, "L1", (), (), reasons, (), NOW, gates)


def decision(name: str, verdict: Verdict, *judged: Judged, reason: str = "because") -> Decision:
    return Decision(name, verdict, "L1", judged, (), (reason,), (), NOW)


TOUCHED = (Affected("shop", "environments/demo/shop.yaml", Effect.CHANGED, ("because",)),)
ENGINES = (("policy", "regorus 0.13"), ("secrets", "213 rules"))


def report(*decisions: Decision, **fields: Any) -> CheckReport:
    return CheckReport("base", "c0ffee", NOW, decisions, ENGINES, TOUCHED, **fields)


SAMPLE = report(
    decision("calm", Verdict.ALLOW, reason=""),
    decision(
        "shop",
        Verdict.DENY,
        Judged(finding(), "hard"),
        Judged(finding("SEC002", severity="low"), "advisory"),
        Judged(finding("SEC003"), "hard", "except"),
    ),
    silent("slow", Silence("checkov", "")),
    decision("tall", Verdict.DENY, Judged(finding(), "hard")),
)


def test_the_strictest_verdict_is_that_of_all_and_stands_first() -> None:
    assert SAMPLE.verdict is Verdict.DENY
    assert [one.environment for one in SAMPLE.worst_first] == ["shop", "tall", "slow", "calm"]
    assert report().verdict is Verdict.ALLOW


def test_sarif_has_rules_results_and_suppressions() -> None:
    (run,) = json.loads(findings.sarif(SAMPLE))["runs"]
    assert [one["id"] for one in run["tool"]["driver"]["rules"]] == ["SEC001", "SEC002", "SEC003"]
    by_rule = {one["ruleId"]: one for one in run["results"]}
    assert by_rule["SEC001"]["level"] == "error"
    words = "shop, tall: the bucket is public (rendered: terraform/data.tf:7)"
    assert by_rule["SEC001"]["message"]["text"] == words
    assert by_rule["SEC002"]["level"] == "note"
    assert by_rule["SEC003"]["suppressions"][0]["justification"] == "except"


def test_a_rendered_place_leads_to_the_document_of_the_environment() -> None:
    own = finding("ttl-too-long", gate="documents", location=Location("environments/x.yaml", 3))
    said = finding("secret-x", gate="secrets", location=Location("(commit message)", 2, "abc"))
    made = report(
        decision(
            "shop",
            Verdict.DENY,
            Judged(finding(resource="aws_s3_bucket.a"), "hard"),
            Judged(own, "hard"),
            Judged(said, "hard"),
        )
    )
    issues = {one["check_name"]: one for one in json.loads(findings.code_quality(made))}
    places = {rule: one["location"] for rule, one in issues.items()}
    assert places["SEC001"] == {"path": TOUCHED[0].path, "lines": {"begin": 1}}
    assert places["ttl-too-long"] == {"path": "environments/x.yaml", "lines": {"begin": 3}}
    assert places["secret-x"]["path"] == "reconciler.yaml"
    assert "(rendered: terraform/data.tf:7)" in issues["SEC001"]["description"]
    (run,) = json.loads(findings.sarif(made))["runs"]
    by_rule = {one["ruleId"]: one["locations"][0] for one in run["results"]}
    assert by_rule["SEC001"] == {
        "physicalLocation": {"artifactLocation": {"uri": TOUCHED[0].path}},
        "logicalLocations": [
            {
                "fullyQualifiedName": "terraform/data.tf:7",
                "kind": "resource",
                "name": "aws_s3_bucket.a",
            }
        ],
    }
    assert by_rule["ttl-too-long"]["physicalLocation"]["region"] == {"startLine": 3}
    assert "logicalLocations" not in by_rule["ttl-too-long"]


def test_sarif_says_which_gate_could_not_say() -> None:
    (run,) = json.loads(findings.sarif(SAMPLE))["runs"]
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    (note,) = invocation["toolExecutionNotifications"]
    assert note["message"]["text"] == "the gate checkov did not run"
    (run,) = json.loads(findings.sarif(report(decision("shop", Verdict.ALLOW))))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is True


def test_code_quality_is_as_gitlab_wants_it() -> None:
    issues = json.loads(findings.code_quality(SAMPLE))
    assert [(one["check_name"], one["severity"]) for one in issues] == [
        ("SEC001", "critical"),
        ("SEC002", "info"),
    ]
    assert len({one["fingerprint"] for one in issues}) == len(issues)
    assert all(one["check_name"] in one["description"] for one in issues)
    folder = os.environ.get("RECONCILER_GITLAB_SCHEMAS")
    if not folder:
        pytest.skip("RECONCILER_GITLAB_SCHEMAS does not name a folder with GitLab's schemas")
    schema = json.loads((Path(folder) / "app_validators_json_schemas_codeclimate.json").read_text())
    for one in issues:
        jsonschema.validate(one, schema)


def test_a_fingerprint_survives_moved_lines() -> None:
    def prints(line: int) -> list[str]:
        moved = Judged(finding(location=Location("terraform/data.tf", line)), "hard")
        issues = json.loads(findings.code_quality(report(decision("a", Verdict.DENY, moved))))
        return [one["fingerprint"] for one in issues]

    assert prints(7) == prints(70)


def test_junit_counts_denials_as_failures_and_doubts_as_errors() -> None:
    suite = ET.fromstring(findings.junit(SAMPLE))  # noqa: S314  # our own text
    assert suite.attrib == {
        "name": "reconciler check",
        "tests": "4",
        "failures": "2",
        "errors": "1",
    }
    failure = suite.find("testcase[@name='shop']/failure")
    assert failure is not None
    assert failure.text is not None
    lines = failure.text.splitlines()
    assert lines[:3] == ["DENY", "because", "terraform/data.tf:7 SEC001 (hard)"]
    assert "SEC003" not in failure.text


def test_the_secret_report_holds_secrets_only() -> None:
    secret = finding(
        "aws-key", gate="secrets", severity="critical", location=Location("a.py", 3, "abc123")
    )
    text = findings.secret_detection(
        report(decision("shop", Verdict.DENY, Judged(secret, "hard"), Judged(finding(), "hard")))
    )
    (found,) = json.loads(text)["vulnerabilities"]
    assert (found["severity"], found["location"]["file"]) == ("Critical", "a.py")
    assert found["location"]["commit"]["sha"] == "abc123"


def test_the_secret_report_is_no_success_when_the_gate_could_not_look() -> None:
    def status(made: CheckReport) -> str:
        found: str = json.loads(findings.secret_detection(made))["scan"]["status"]
        return found

    calm = decision("shop", Verdict.ALLOW)
    assert status(report(calm)) == "success"
    assert status(report(calm, silent("", Silence("checkov", "is away")))) == "success"
    assert status(report(calm, silent("", Silence("secrets", "is away")))) == "failure"
    assert status(report(calm, silent("", Silence("secrets", "")))) == "failure"
    not_asked = replace(report(calm), engines=(("policy", "regorus 0.13"),))
    assert status(not_asked) == "failure"


def test_junit_tells_approvals() -> None:
    needs = (
        ApprovalNeed(2, ("team-a", "team-b"), humans_only=True, why="risk L3"),
        ApprovalNeed(1, (), humans_only=False, why="soft: SEC009"),
    )
    ada = Approval(Person("Ada Berg", "", 1), NOW, "c0ffee", "", "sha256:1", "note 7")
    made = report(
        replace(
            decision("shop", Verdict.DENY, Judged(finding(), "hard")),
            approvals=needs,
            missing=(replace(needs[0], count=1), needs[1]),
            agreed=(ada,),
            disregarded=(Disregarded(replace(ada, by=Person("@eve", "")), "no member: ask one"),),
        )
    )
    (failure,) = ET.fromstring(findings.junit(made)).iter("failure")  # noqa: S314  # our own
    assert "needs 1 more approval of team-a or team-b, a human: risk L3" in str(failure.text)
    assert "does not count: @eve: no member: ask one" in str(failure.text)


@given(st.text(max_size=60))
@example("`` ` ```")
@example("| a | \\| b \\\\|")
@example("@ada closes #12 !3 $4 ~bug /close https://example.com <b>")
@example("a\n\n# b\n\n```\nc")
def test_hostile_words_stay_words(words: str) -> None:
    hostile = Judged(
        finding(message=words, fix=words, location=Location(words or "x", 1), title=words), "hard"
    )
    made = report(decision("shop", Verdict.DENY, hostile, reason=words))
    ET.fromstring(findings.junit(made))  # noqa: S314  # our own text
    json.loads(findings.sarif(made))
    json.loads(findings.code_quality(made))
