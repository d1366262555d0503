"""A check for machines and forges: SARIF, GitLab Code Quality and secrets, JUnit, Markdown.

Pure functions of one value. Whatever came from a repository is escaped for the language it goes to.
"""

import hashlib
import json
from typing import Any, Final
from xml.etree import ElementTree as ET  # only written, never read

from reconciler import __version__
from reconciler.model.base import format_timestamp
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.finding import Finding
from reconciler.report.words import counted, printable

_SARIF_LEVEL: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_QUALITY: Final = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor"}
_MARK: Final = {
    Verdict.ALLOW: "✅",
    Verdict.NEEDS_APPROVAL: "🟡",
    Verdict.INDETERMINATE: "⚪",
    Verdict.DENY: "❌",
}


def _fingerprint(finding: Finding) -> str:
    text = "\0".join(
        (
            finding.rule,
            finding.fingerprint or finding.message,
            finding.environment,
            finding.location.path,
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _path(finding: Finding) -> str:
    return finding.location.path or "reconciler.yaml"


def sarif(report: CheckReport) -> str:
    """SARIF 2.1.0; what a waiver excepts is a suppressed result."""
    judged = report.judged()
    rules = {one.finding.rule: one.finding for _, one in judged}
    results = [_sarif_result(names, one) for names, one in judged]
    tool = {
        "name": "reconciler",
        "semanticVersion": __version__,
        "rules": [
            {
                "id": rule,
                "shortDescription": {"text": finding.title},
                "help": {"text": finding.fix or finding.title},
                **({"helpUri": finding.link} if finding.link.startswith("https://") else {}),
            }
            for rule, finding in sorted(rules.items())
        ],
    }
    run = {"tool": {"driver": tool}, "results": results}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(names: str, one: Judged) -> dict[str, Any]:
    finding = one.finding
    place: dict[str, Any] = {"artifactLocation": {"uri": _path(finding)}}
    if finding.location.line:
        place["region"] = {"startLine": finding.location.line}
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": "note" if one.level == "advisory" else _SARIF_LEVEL[finding.severity],
        "message": {"text": f"{names}: {finding.message}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"reconciler/v1": _fingerprint(finding)},
    }
    if one.waived_by:
        result["suppressions"] = [{"kind": "external", "justification": one.waived_by}]
    return result


def code_quality(report: CheckReport) -> str:
    """GitLab Code Quality; without what is waived. The rule stands in the description."""
    return json.dumps(
        [
            {
                "description": f"{one.finding.rule}: {one.finding.message} ({names})",
                "check_name": one.finding.rule,
                "fingerprint": _fingerprint(one.finding),
                "severity": "info" if one.level == "advisory" else _QUALITY[one.finding.severity],
                "location": {
                    "path": _path(one.finding),
                    "lines": {"begin": max(one.finding.location.line, 1)},
                },
            }
            for names, one in report.judged()
            if not one.waived_by
        ],
        indent=2,
    )


def junit(report: CheckReport) -> str:
    """JUnit: a test for each environment, its failures the reasons."""
    suite = ET.Element("testsuite", name="reconciler check")
    failures = errors = 0
    for decision in report.worst_first:
        case = ET.SubElement(
            suite, "testcase", classname="environments", name=printable(decision.environment)
        )
        words = printable("\n".join(_lines(decision)))
        if decision.verdict is Verdict.INDETERMINATE:
            errors += 1
            ET.SubElement(case, "error", message="INDETERMINATE").text = words
        elif decision.verdict is Verdict.DENY:
            failures += 1
            ET.SubElement(case, "failure", message="DENY").text = words
        elif words:
            ET.SubElement(case, "system-out").text = words
    suite.set("tests", str(len(report.decisions)))
    suite.set("failures", str(failures))
    suite.set("errors", str(errors))
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _lines(decision: Decision) -> list[str]:
    lines = [str(decision.verdict), *decision.reasons]
    for one in decision.findings:
        if one.waived_by:
            continue
        finding = one.finding
        lines.append(
            f"{finding.location.path}:{finding.location.line} {finding.rule} ({one.level})"
        )
        lines.append(f"  {finding.message}")
        if finding.fix:
            lines.append(f"  fix: {finding.fix}")
    return lines


def secret_detection(report: CheckReport) -> str:
    """GitLab's secret-detection report: what the gate of secrets found, masked as it came."""
    stamp = format_timestamp(report.now).removesuffix("Z")
    scanner = {"id": "reconciler", "name": "reconciler", "version": __version__}
    found = [
        {
            "id": _fingerprint(one.finding),
            "category": "secret_detection",
            "name": one.finding.title,
            "description": one.finding.message,
            "severity": one.finding.severity.capitalize(),
            "solution": one.finding.fix,
            "scanner": {"id": scanner["id"], "name": scanner["name"]},
            "location": {
                "file": one.finding.location.path,
                "start_line": max(one.finding.location.line, 1),
                "commit": {"sha": one.finding.location.commit or report.head},
            },
            "identifiers": [
                {
                    "type": "reconciler_rule_id",
                    "name": one.finding.rule,
                    "value": one.finding.rule,
                }
            ],
        }
        for _, one in report.judged()
        if one.finding.gate == "secrets" and not one.waived_by
    ]
    scan = {
        "type": "secret_detection",
        "status": "success",
        "start_time": stamp,
        "end_time": stamp,
        "scanner": {**scanner, "vendor": {"name": "reconciler"}},
        "analyzer": {**scanner, "vendor": {"name": "reconciler"}},
    }
    return json.dumps({"version": "15.1.4", "scan": scan, "vulnerabilities": found}, indent=2)


def _plain(text: str) -> str:
    """Text in Markdown that means nothing to Markdown, HTML or a forge's commands."""
    shown = printable(text).replace("\n", " ")
    for char in "\\`*_{}[]<>()#+-.!|~@/:$&":
        shown = shown.replace(char, f"&#{ord(char)};")
    return shown


def markdown(report: CheckReport) -> str:
    """For a note on a merge request: verdict first, a table, then findings with place and fix."""
    lines = [f"## {_MARK[report.verdict]} {report.verdict.replace('_', ' ')}", ""]
    if not report.decisions:
        return "\n".join([*lines, "No environment is touched.", ""])
    lines += ["| environment | verdict | risk | why |", "|---|---|---|---|"]
    for decision in report.worst_first:
        why = _plain("; ".join(decision.reasons))
        verdict = f"{_MARK[decision.verdict]} {decision.verdict.replace('_', ' ')}"
        lines.append(f"| {_plain(decision.environment)} | {verdict} | {decision.risk} | {why} |")
    for decision in report.worst_first:
        open_findings = [one for one in decision.findings if not one.waived_by]
        if open_findings:
            lines += ["", f"### {_plain(decision.environment)}", ""]
        for one in open_findings:
            finding = one.finding
            place = f"{finding.location.path}:{finding.location.line}"
            lines.append(
                f"- **{_plain(finding.rule)}** ({one.level}) {_plain(finding.message)}"
                f" — {_plain(place)}"
            )
            if finding.fix:
                lines.append(f"  - fix: {_plain(finding.fix)}")
    waived = sum(1 for _, one in report.judged() if one.waived_by)
    if waived:
        lines += ["", f"{counted(waived, 'finding')} excepted by waivers."]
    return "\n".join([*lines, ""])
