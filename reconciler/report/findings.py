"""A check for machines and forges: SARIF, GitLab Code Quality and secrets, JUnit.

Pure functions of one value. Whatever came from a repository is escaped for the language it goes to.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET  # only written, never read

from reconciler import __version__
from reconciler.model.base import format_timestamp
from reconciler.model.check import CheckReport
from reconciler.model.decision import Decision, Judged, Verdict
from reconciler.model.finding import Finding
from reconciler.report.words import (
    agreed_words,
    disregarded_words,
    missing_words,
    printable,
    rank,
)

_SARIF_LEVEL: Final = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}
_QUALITY: Final = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor"}
_ANYWHERE: Final = "reconciler.yaml"
"""Where a finding is shown that no file of the repository has."""


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


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a finding is to be shown: a file that the repository has."""

    path: str
    line: int
    rendered: str
    """The place in the rendered files, which the repository has not."""


def _spot(report: CheckReport, finding: Finding) -> _Spot:
    """A rendered place leads to the environment's document: what is rendered from it is nowhere."""
    where = finding.location
    place = f"{where.path}:{where.line}" if where.line else where.path
    if finding.rendered:
        own = (one.path for one in report.touched if one.name == finding.environment)
        return _Spot(next(own, _ANYWHERE), 0, place)
    if not where.path or where.path.startswith("("):  # such as a commit's message
        return _Spot(_ANYWHERE, 0, place)
    return _Spot(where.path, where.line, "")


def sarif(report: CheckReport) -> str:
    """SARIF 2.1.0; what a waiver excepts is a suppressed result."""
    judged = report.judged()
    rules = {one.finding.rule: one.finding for _, one in judged}
    results = [_sarif_result(report, names, one) for names, one in judged]
    tool = {
        "name": "reconciler",
        "version": __version__,
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
    silent = sorted({one for decision in report.decisions for one in decision.silent})
    run = {
        "tool": {"driver": tool},
        "invocations": [
            {
                "executionSuccessful": not silent,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": one.reason}} for one in silent
                ],
            }
        ],
        "results": results,
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_result(report: CheckReport, names: str, one: Judged) -> dict[str, Any]:
    finding = one.finding
    spot = _spot(report, finding)
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(spot.path)}}
    if spot.line:
        physical["region"] = {"startLine": spot.line}
    logical = [{"fullyQualifiedName": spot.rendered, "kind": "resource"}] if spot.rendered else []
    if logical and finding.resource:
        logical[0]["name"] = finding.resource
    place: dict[str, Any] = {"physicalLocation": physical}
    if logical:
        place["logicalLocations"] = logical
    message = f"{names}: {finding.message}{_rendered(spot)}"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": "note" if one.level == "advisory" else _SARIF_LEVEL[finding.severity],
        "message": {"text": message},
        "locations": [place],
        "partialFingerprints": {"reconciler/v1": _fingerprint(finding)},
    }
    if one.waived_by:
        result["suppressions"] = [{"kind": "external", "justification": one.waived_by}]
    return result


def _rendered(spot: _Spot) -> str:
    return f" (rendered: {spot.rendered})" if spot.rendered else ""


def code_quality(report: CheckReport) -> str:
    """GitLab Code Quality; without what is waived. The rule stands in the description."""
    return json.dumps(
        [_issue(report, names, one) for names, one in report.judged() if not one.waived_by],
        indent=2,
    )


def _issue(report: CheckReport, names: str, one: Judged) -> dict[str, Any]:
    finding = one.finding
    spot = _spot(report, finding)
    return {
        "description": f"{finding.rule}: {finding.message} ({names}){_rendered(spot)}",
        "check_name": finding.rule,
        "fingerprint": _fingerprint(finding),
        "severity": "info" if one.level == "advisory" else _QUALITY[finding.severity],
        "location": {"path": spot.path, "lines": {"begin": max(spot.line, 1)}},
    }


def junit(report: CheckReport) -> str:
    """JUnit: a test for each environment, its failures the reasons."""
    suite = ET.Element("testsuite", name="reconciler check")
    failures = errors = 0
    for decision in report.worst_first:
        case = ET.SubElement(
            suite, "testcase", classname="environments", name=printable(report.subject(decision))
        )
        words = "\n".join(printable(line) for line in _lines(decision))
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
    lines = [str(decision.verdict), *decision.reasons, *_approval_words(decision)]
    for one in sorted(decision.findings, key=rank):
        if one.waived_by:
            continue
        finding = one.finding
        where = finding.location
        place = f"{where.path}:{where.line}" if where.line else where.path
        lines.append(f"{place} {finding.rule} ({one.level})")
        lines.append(f"  {finding.message}")
        if finding.fix:
            lines.append(f"  fix: {finding.fix}")
    return lines


def secret_detection(report: CheckReport) -> str:
    """GitLab's secret-detection report: what the gate of secrets found, masked as it came.

    Its status is a failure when the gate could not look at everything, or was not asked (`--all`):
    an empty list must not pass for a clean one.
    """
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
    silent = {one.gate for decision in report.decisions for one in decision.silent}
    looked = "secrets" in dict(report.engines) and "secrets" not in silent
    scan = {
        "type": "secret_detection",
        "status": "success" if looked else "failure",
        "start_time": stamp,
        "end_time": stamp,
        "scanner": {**scanner, "vendor": {"name": "reconciler"}},
        "analyzer": {**scanner, "vendor": {"name": "reconciler"}},
    }
    return json.dumps({"version": "15.1.4", "scan": scan, "vulnerabilities": found}, indent=2)


def _approval_words(decision: Decision) -> list[str]:
    return [
        *(agreed_words(one) for one in decision.agreed),
        *missing_words(decision),
        *(disregarded_words(one) for one in decision.disregarded),
    ]
