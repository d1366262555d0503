"""The same verdict on every engine: all rules' tests, and inputs of many resources."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.policy import base_input, document
from reconciler.adapters.opa_engine import OpaEngine
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.core.policy.evaluate import evaluate, findings
from reconciler.core.policy.testing import run_tests
from reconciler.model.policy import Answered, Evaluated, Pack, RuleTestRun
from tests.policy.small import whole_input

Engine = EmbeddedEngine | OpaEngine


def test_all_tests_of_all_rules_pass(
    sample: Pack, each_engine: Engine, embedded: EmbeddedEngine
) -> None:
    run = run_tests(sample, each_engine, embedded)
    assert isinstance(run, RuleTestRun)
    assert [(one.test.name, one.why) for one in run.failed] == []
    assert len(sample.rules) >= 30
    assert len(sample.tests) >= 4 * len(sample.rules)


def cases(base: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Inputs on which rules disagree most easily: much that is wrong, much that is unknown, text
    of all kinds."""
    many = document(base, 300)
    unknown = json.loads(json.dumps(many))
    odd = json.loads(json.dumps(many))
    for number, resource in enumerate(unknown["terraform"]["resources"]):
        for name in list(resource["values"])[number % 2 :]:
            resource["values"][name] = {"__unknown__": f"var.{name}"}
    strange: list[Any] = [
        None,
        "",
        "ü\u2028\U0001f600",
        0,
        -1,
        1.5,
        [],
        {},
        [None],
        {"a": [{}]},
        True,
        "0",
    ]
    for number, resource in enumerate(odd["terraform"]["resources"]):
        for at, name in enumerate(resource["values"]):
            resource["values"][name] = strange[(number + at) % len(strange)]
    return {"empty": whole_input(), "base": base, "many": many, "unknown": unknown, "odd": odd}


@pytest.mark.parametrize("case", ["empty", "base", "many", "unknown", "odd"])
def test_engines_agree(case: str, sample: Pack, embedded: EmbeddedEngine, opa: OpaEngine) -> None:
    asked = cases(base_input(sample, embedded))[case]
    ours, theirs = evaluate(embedded, sample, asked), evaluate(opa, sample, asked)
    assert isinstance(ours, Evaluated), ours
    assert isinstance(theirs, Evaluated), theirs
    assert ours.violations == theirs.violations
    assert bool(ours.violations) == (case in ("empty", "many", "unknown", "odd"))


def test_a_tenth_of_many_is_wrong(sample: Pack, embedded: EmbeddedEngine) -> None:
    asked = document(base_input(sample, embedded), 300)
    result = evaluate(embedded, sample, asked)
    assert isinstance(result, Evaluated)
    found = findings(sample, result, "shop")
    assert {one.resource.partition(".")[2] for one in found} == {"r0", "r10", "r20"}
    rules = {one.rule for one in found}
    assert {"SEC002", "SEC003", "SEC004", "SEC010", "SEC011", "OPS001", "COST003"} <= rules
    assert all(one.fix and one.link and one.title and one.location.line for one in found)


def test_one_rule_alone_says_the_same(sample: Pack, each_engine: Engine) -> None:
    asked = document(base_input(sample, each_engine), 100)
    whole = evaluate(each_engine, sample, asked)
    rule = sample.rule("SEC010")
    assert rule is not None
    alone = evaluate(each_engine, sample, asked, rule)
    assert isinstance(whole, Evaluated)
    assert isinstance(alone, Evaluated)
    assert alone.violations
    assert alone.violations == tuple(one for one in whole.violations if one.rule == rule.key)


def test_the_oracle_is_a_genuine_opa(opa: OpaEngine, sample: Pack) -> None:
    # regorus says nothing at all here; OPA is what the facts say it is.
    answer = opa.ask(sample.modules, "data.reconciler.lib.testing.base", {})
    assert isinstance(answer, Answered)
