"""Checkov's answers -> findings."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.checkov_severity import weight
from reconciler.core.fingerprint import fingerprint
from reconciler.model.finding import Finding, Location
from reconciler.model.scan import Scanned, ScanRequest, Skip

_WAIVER = "A skip comment does not count here: ask for a waiver."
_MORE = 5


def scanned(request: ScanRequest, answer: Mapping[str, Any]) -> Scanned:
    """An answer of the server as values; KeyError, TypeError or ValueError when it is none."""
    skips = tuple(
        sorted(
            {Skip(one["path"], one["line"], one["check"], one["reason"]) for one in answer["skips"]}
        )
    )
    rows = sorted(
        answer["failed"],
        key=lambda one: (one["path"], one["line"], one["check"], one["resource"]),
    )
    seen: dict[tuple[str, str], int] = {}
    findings = []
    for row in rows:
        subject = row["resource"] if _is_resource(request) else f"{row['path']} {row['resource']}"
        key = (row["check"], subject)
        seen[key] = seen.get(key, 0) + 1
        findings.append(_finding(request, row, subject, seen[key], skips))
    passed = frozenset((str(rule), str(resource)) for rule, resource in answer["passed"])
    return Scanned(tuple(sorted(findings)), skips, passed)


def _is_resource(request: ScanRequest) -> bool:
    return request.framework != "gitlab_ci"


def _finding(
    request: ScanRequest, row: Mapping[str, Any], subject: str, number: int, skips: Iterable[Skip]
) -> Finding:
    rule, name = str(row["check"]), str(row["name"])
    weighed = weight(rule)
    title = name.removeprefix("Ensure that ").removeprefix("Ensure ").strip().rstrip(".")
    title = title[:1].upper() + title[1:]
    keys = [str(key) for key in row["keys"] if key != "resource_type"][:_MORE]
    fix = f"Look at {', '.join(f'`{key}`' for key in keys)}." if keys else f"{title}."
    skipped = any(
        skip.path == row["path"]
        and skip.rule in (rule, "")
        and row["line"] <= skip.line <= max(row["end"], row["line"])
        for skip in skips
    )
    if skipped:
        fix += f" {_WAIVER}"
    resource = str(row["resource"])
    return Finding(
        gate="checkov",
        rule=rule,
        title=title,
        severity=weighed.severity,
        category="pipeline" if request.framework == "gitlab_ci" else weighed.category,
        environment=request.environment,
        message=f"{resource} fails the check: {title}",
        location=Location(str(row["path"]), int(row["line"])),
        fix=fix,
        link=str(row["link"]),
        resource=resource if _is_resource(request) else "",
        fingerprint=mark(rule, request.environment, subject, number),
    )


def mark(rule: str, environment: str, subject: str, number: int = 1) -> str:
    """The same wherever in its file the subject stands; the plan's and the source's are one."""
    more = () if number == 1 else (str(number),)
    return fingerprint("checkov", rule, environment, subject, *more)


def with_plan(source: Scanned, plan: Scanned) -> Scanned:
    """Both looks at one environment as one: the plan decides, the source says where.

    The plan knows what the source only names. So where the plan has a verdict on a rule and a
    resource, it counts; what only the source saw, stays.
    """
    judged = plan.passed | {(one.rule, one.resource) for one in plan.findings}
    places = {(one.rule, one.resource): one.location for one in source.findings}
    found = [
        Finding(
            gate=one.gate,
            rule=one.rule,
            title=one.title,
            severity=one.severity,
            category=one.category,
            environment=one.environment,
            message=one.message,
            location=places.get((one.rule, one.resource), one.location),
            fix=one.fix,
            link=one.link,
            resource=one.resource,
            fingerprint=one.fingerprint,
        )
        for one in plan.findings
    ]
    found += [one for one in source.findings if (one.rule, one.resource) not in judged]
    return Scanned(
        tuple(sorted(found)),
        tuple(sorted({*source.skips, *plan.skips})),
        plan.passed | {one for one in source.passed if one not in judged},
    )
