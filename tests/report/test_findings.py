"""Every report is a function of one value, and hostile words stay words."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.finding import Finding, Location
from reconciler.report import findings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def finding(rule: str = "SEC001", **fields: Any) -> Finding:
    known: dict[str, Any] = {
        "gate": "policy",
        "rule": rule,
        "title": "Buckets are private",
        "severity": "high",
        "category": "security",
        "environment": "shop",
        "message": "the bucket is public",
        "location": Location("terraform/data.tf", 7),
        "fix": "block public access",
        "link": "https://example.com/rules/sec001",
        "fingerprint": f"{rule}-1",
    }
    return Finding(**{**known, **fields})


def decision(name: str, verdict: Verdict, *judged: Judged, reason: str = "because") -> Decision:
    return Decision(name, verdict, "L1", judged, (), (reason,), (), NOW)


def report(*decisions: Decision) -> CheckReport:
    return CheckReport("base", "c0ffee", NOW, decisions, (("policy", "regorus 0.13"),))


SAMPLE = report(
    decision("calm", Verdict.ALLOW, reason=""),
    decision(
        "shop",
        Verdict.DENY,
        Judged(finding(), "hard"),
        Judged(finding("SEC002", severity="low"), "advisory"),
        Judged(finding("SEC003"), "hard", "except"),
    ),
    decision("slow", Verdict.INDETERMINATE, reason="the gate checkov did not run"),
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
    assert by_rule["SEC001"]["message"]["text"] == "shop, tall: the bucket is public"
    assert by_rule["SEC001"]["locations"][0]["physicalLocation"]["region"] == {"startLine": 7}
    assert by_rule["SEC002"]["level"] == "note"
    assert by_rule["SEC003"]["suppressions"][0]["justification"] == "except"


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
    assert "SEC001 (hard)" in failure.text
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


def test_markdown_says_the_verdict_first_and_excepts_what_is_waived() -> None:
    text = findings.markdown(SAMPLE)
    assert text.startswith("## ❌ DENY\n")
    assert text.index("| shop |") < text.index("| slow |") < text.index("| calm |")
    assert "SEC003" not in text
    assert "1 finding excepted by waivers." in text
    assert "No environment is touched." in findings.markdown(report())


@given(st.text(max_size=60))
def test_hostile_words_stay_words(words: str) -> None:
    hostile = Judged(
        finding(message=words, fix=words, location=Location(words or "x", 1), title=words), "hard"
    )
    made = report(decision("shop", Verdict.DENY, hostile, reason=words))
    ET.fromstring(findings.junit(made))  # noqa: S314  # our own text
    json.loads(findings.sarif(made))
    json.loads(findings.code_quality(made))
    text = findings.markdown(made)
    for line in text.splitlines():
        assert re.match(r"## |### |\| |\|---|- \*\*|  - fix: |$", line), line
    rest = re.sub(r"&#\d+;", "", text)
    assert not re.search(r"[<>`@\\\[\]~!$]|/reconciler|\x1b", rest)
