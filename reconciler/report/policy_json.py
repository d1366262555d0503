"""Policies -> JSON (docs/output.md)."""

from collections.abc import Iterable
from typing import Any

from reconciler.model.finding import Finding
from reconciler.model.policy import Evaluated, Pack, Rule, RuleTest, RuleTestRun
from reconciler.report.as_json import document, problems


def rule(one: Rule) -> dict[str, Any]:
    """A rule in a list."""
    return {
        "id": one.id,
        "name": one.name,
        "category": one.category,
        "severity": one.severity,
        "title": one.title,
        "path": one.path,
    }


def listed(revision: str, pack: Pack, rules: Iterable[Rule]) -> str:
    """`reconciler policy list`."""
    return document(
        "PolicyList",
        revision=revision,
        digest=pack.digest,
        rules=[rule(one) for one in rules],
        problems=problems(pack.problems),
    )


def explained(revision: str, one: Rule, tests: Iterable[RuleTest]) -> str:
    """`reconciler policy explain RULE`."""
    return document(
        "RuleView",
        revision=revision,
        **rule(one),
        description=one.description,
        fix=one.fix,
        unknown=one.unknown,
        link=one.link,
        testPath=one.test_path,
        tests=[test.name for test in tests],
    )


def tested(revision: str, pack: Pack, run: RuleTestRun | None, engine: str) -> str:
    """`reconciler policy test`. Without a run: the policies have problems."""
    results = run.results if run else ()
    lines = run.coverage if run else None
    return document(
        "PolicyTest",
        revision=revision,
        digest=pack.digest,
        engine=engine,
        passed=run is not None and not run.failed,
        tests=[
            {
                "rule": one.test.rule,
                "name": one.test.name,
                "path": one.test.path,
                "line": one.line or one.test.line,
                "passed": one.passed,
                "why": one.why,
            }
            for one in results
        ],
        coverage=None
        if lines is None
        else [
            {"path": one.path, "covered": len(one.covered), "missed": list(one.missed)}
            for one in lines
        ],
        problems=problems(pack.problems),
    )


def finding(one: Finding) -> dict[str, Any]:
    """One finding."""
    return {
        "rule": one.rule,
        "severity": one.severity,
        "category": one.category,
        "title": one.title,
        "message": one.message,
        "path": one.location.path,
        "line": one.location.line,
        "resource": one.resource,
        "fix": one.fix,
        "link": one.link,
    }


def evaluated(revision: str, result: Evaluated, found: Iterable[Finding]) -> str:
    """`reconciler policy eval`."""
    return document(
        "PolicyEvaluation",
        revision=revision,
        digest=result.digest,
        engine=result.engine,
        findings=[finding(one) for one in found],
    )
