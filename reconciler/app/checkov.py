"""Scan an environment with Checkov; what was looked at before is not looked at again."""

import json
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any

from reconciler.app.kept import Kept
from reconciler.model.finding import Finding, Location
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.scan import ScanFailed, Scanned, ScanRequest, Skip
from reconciler.ports import Scanner

PLAN = "plan.json"
"""What findings call the plan when the source does not say where."""
_KIND = "checkov"
_FIELDS = [field.name for field in fields(Finding)]
_PLACE = _FIELDS.index("location")


def requests_for(rendered: Rendered, plan: bytes | None = None) -> tuple[ScanRequest, ...]:
    """What Checkov looks at: Terraform, pipeline, and the plan if there is one."""
    terraform = tuple(one for one in rendered.files if one.path.startswith("terraform/"))
    pipeline = tuple(one for one in rendered.files if one.path.endswith(".gitlab-ci.yml"))
    wanted = []
    if terraform:
        wanted.append(ScanRequest("terraform", rendered.environment, terraform))
    if pipeline:
        wanted.append(ScanRequest("gitlab_ci", rendered.environment, pipeline))
    if plan is not None:
        wanted.append(
            ScanRequest("terraform_plan", rendered.environment, (RenderedFile(PLAN, plan),))
        )
    return tuple(wanted)


def scan(
    scanner: Scanner, kept: Kept, requests: Sequence[ScanRequest]
) -> tuple[Scanned | ScanFailed, ...]:
    """An answer for each request, in order. A failure is never kept."""
    identity = scanner.identity()
    if isinstance(identity, ScanFailed):
        return (identity,) * len(requests)
    keys = [kept.key(_KIND, identity, one.environment, one.digest) for one in requests]
    stored = kept.cache.get_many(_KIND, keys)
    answers: dict[int, Scanned | ScanFailed] = {}
    for place, key in enumerate(keys):
        if key in stored:
            answers[place] = _unpack(json.loads(stored[key]))
    missing = [place for place in range(len(requests)) if place not in answers]
    fresh = []
    found = scanner.scan_many([requests[place] for place in missing])
    for place, answer in zip(missing, found, strict=True):
        answers[place] = answer
        if isinstance(answer, Scanned):
            fresh.append((keys[place], json.dumps(_pack(answer)).encode()))
    if fresh:
        kept.cache.put_many(_KIND, fresh)
    return tuple(answers[place] for place in range(len(requests)))


def _pack(one: Scanned) -> list[object]:
    """For JSON."""
    return [
        [astuple(finding) for finding in one.findings],
        [astuple(skip) for skip in one.skips],
        sorted(one.passed),
    ]


def _unpack(packed: Any) -> Scanned:
    """The reverse."""
    findings, skips, passed = packed
    found = (
        Finding(**dict(zip(_FIELDS, row, strict=True), location=Location(*row[_PLACE])))
        for row in findings
    )
    return Scanned(
        tuple(found),
        tuple(Skip(*row) for row in skips),
        frozenset((rule, resource) for rule, resource in passed),
    )
