"""Values -> JSON of a stable, documented shape (docs/output.md). Fields are never renamed."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model.affected import Affected
from reconciler.model.base import API_VERSION
from reconciler.model.overview import Overview, Row
from reconciler.model.problem import Problem
from reconciler.model.rendered import Rendered, RenderSummary
from reconciler.model.scan import Tool
from reconciler.model.secret import SecretScan
from reconciler.model.show import Shown


def document(kind: str, **fields: Any) -> str:
    """One JSON document, with its kind."""
    text = json.dumps(
        {"apiVersion": API_VERSION, "kind": kind, **fields}, indent=2, ensure_ascii=False
    )
    if text.replace("\n", "").isprintable():
        return text
    # What a terminal would obey is escaped; JSON's readers see no difference.
    return "".join(
        char if char == "\n" or char.isprintable() else json.dumps(char)[1:-1] for char in text
    )


def problem(one: Problem) -> dict[str, Any]:
    """One problem."""
    return {
        "path": one.path,
        "line": one.line,
        "column": one.column,
        "code": one.code,
        "message": one.message,
        "expected": one.expected,
        "suggestion": one.suggestion,
    }


def problems(many: Iterable[Problem]) -> list[dict[str, Any]]:
    """Many."""
    return [problem(one) for one in many]


def row(one: Row) -> dict[str, Any]:
    """An environment in a list."""
    return {
        "name": one.name,
        "path": one.path,
        "track": one.track,
        "stage": one.stage,
        "owner": one.owner,
        "blueprint": {"name": one.blueprint, "version": one.version},
        "region": one.region,
        "account": one.account,
        "promotedFrom": one.promoted_from or None,
        "description": one.description,
        "monthlyCost": one.monthly_cost,
        "labels": dict(one.labels),
    }


def validated(overview: Overview) -> str:
    """`reconciler validate`."""
    return document(
        "Validation",
        revision=overview.revision,
        valid=not overview.problems,
        documents=dict(overview.documents),
        problems=problems(overview.problems),
    )


def listed(overview: Overview, rows: Iterable[Row]) -> str:
    """`reconciler list`."""
    return document(
        "EnvironmentList",
        revision=overview.revision,
        environments=[row(one) for one in rows],
        problemCount=len(overview.problems),
    )


def summary(one: RenderSummary | None) -> dict[str, Any] | None:
    """Rendered files in short."""
    if one is None:
        return None
    return {
        "digest": one.digest,
        "files": [{"path": path, "size": size} for path, size in one.files],
    }


def rendered_one(
    revision: str, environment: str, rendered: Rendered | None, found: Iterable[Problem] = ()
) -> str:
    """`reconciler render ENV`."""
    files = rendered.files if rendered else ()
    return document(
        "Rendered",
        revision=revision,
        environment=environment,
        digest=rendered.digest if rendered else None,
        files=[
            {"path": file.path, "content": file.content.decode("utf-8", "replace")}
            for file in files
        ],
        problems=problems(found),
    )


def rendered_all(revision: str, outcomes: Iterable[Any]) -> str:
    """`reconciler render`."""
    return document(
        "RenderedList",
        revision=revision,
        environments=[
            {
                "name": one.name,
                "path": one.path,
                "rendered": summary(one.summary),
                "problems": problems(one.problems),
            }
            for one in outcomes
        ],
    )


def shown(revision: str, one: Shown) -> str:
    """`reconciler show ENV`."""
    filled = one.filled
    environment = filled.environment.document
    parameters = {
        name: {"value": value, "from": one.sources[name]}
        for name, value in filled.parameters.items()
    }
    return document(
        "EnvironmentView",
        revision=revision,
        path=filled.environment.path,
        document=environment.model_dump(mode="json", by_alias=True, exclude_none=True),
        effective={
            "region": filled.region,
            "ttlHours": filled.ttl_hours,
            "rollout": filled.rollout.model_dump(mode="json", by_alias=True),
            "monthlyCost": filled.monthly_cost,
            "parameters": parameters,
        },
        templateContext=one.context,
        rendered=summary(one.rendered.summary() if one.rendered else None),
        problems=problems(one.problems),
    )


def not_shown(revision: str, found: Iterable[Problem]) -> str:
    """`reconciler show ENV` of one that is broken."""
    empty = dict.fromkeys(("path", "document", "effective", "templateContext", "rendered"))
    return document("EnvironmentView", revision=revision, **empty, problems=problems(found))


def affected(base: str, head: str, found: Iterable[Affected]) -> str:
    """`reconciler affected`."""
    return document(
        "AffectedList",
        base=base,
        head=head,
        environments=[
            {
                "name": one.name,
                "path": one.path,
                "effect": one.effect.value,
                "reasons": list(one.reasons),
                "broken": one.broken,
            }
            for one in found
        ],
    )


def written(kind: str, paths: Iterable[str], **fields: Any) -> str:
    """Commands that write files."""
    return document(kind, files=list(paths), **fields)


def tools(many: Iterable[Tool]) -> str:
    """`reconciler tools list` and `reconciler tools install`."""
    return document(
        "ToolList",
        tools=[
            {
                "name": one.name,
                "version": one.version,
                "installed": one.installed,
                "folder": one.folder,
                "packages": one.packages,
                "digest": one.digest,
            }
            for one in many
        ],
    )


def failed(error: ReconcilerError) -> str:
    """Any command that stopped."""
    return document(
        "Error",
        reason=error.reason,
        message=error.message,
        hint=error.hint,
        subject=error.subject,
        exitCode=int(error.exit),
    )


def _name(path: str) -> str:
    """A path whose bytes are no UTF-8 is still shown."""
    return path.encode("utf-8", "backslashreplace").decode()


def scanned(scan: SecretScan) -> str:
    """`reconciler scan`."""
    return document(
        "SecretScan",
        subject=scan.subject,
        denied=scan.denied,
        complete=not scan.unscanned,
        findings=[
            {
                "rule": one.rule,
                "title": one.title,
                "severity": one.severity,
                "advice": one.advice,
                "path": _name(one.location.path),
                "line": one.location.line,
                "commit": one.location.commit or None,
                "masked": one.masked,
                "how": one.how,
                "removed": one.removed,
                "fix": one.fix,
                "fingerprint": one.fingerprint,
            }
            for one in scan.found
        ],
        unscanned=[
            {
                "path": _name(one.location.path),
                "commit": one.location.commit or None,
                "reason": one.reason,
                "fingerprint": one.fingerprint,
            }
            for one in scan.unscanned
        ],
        notes=[
            {
                "path": _name(one.location.path),
                "commit": one.location.commit or None,
                "message": one.message,
            }
            for one in scan.notes
        ],
        accepted=scan.accepted,
        commits=scan.commits,
        files=scan.files,
        size=scan.size,
    )


def diff(revision: str, environment: str, other: str, files: Mapping[str, str]) -> str:
    """`reconciler render ENV --diff REV`."""
    return document(
        "RenderedDiff",
        revision=revision,
        environment=environment,
        against=other,
        files=[{"path": path, "diff": text} for path, text in files.items()],
    )
