"""No value that a source may hold makes a rule fail: an error would be no verdict for all rules."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.model.policy import Answered, Indeterminate, Pack, Rule
from tests.policy.engines import ROOT

ODD: Final[tuple[Any, ...]] = (
    {"__unknown__": "var.x"},
    None,
    "",
    "ü\u2028(",
    "10.5",
    -1,
    1.5,
    [],
    {},
    [None],
    [{"__unknown__": "var.x"}],
    [["a"], 1],
    {"a": [{}]},
    True,
)
INPUT: Final = re.compile(r"with input as (.*)$", re.MULTILINE)
KEPT: Final = {"type", "name", "address", "path", "line"}
"""Of a resource, provider and so on: the reader makes them, always of one type."""
WHERE: Final = (("terraform",), ("pipeline", "jobs"), ("pipeline", "raw"))


def inputs(rule: Rule, engine: EmbeddedEngine, pack: Pack) -> Iterator[dict[str, Any]]:
    """Every input of the rule's own tests."""
    text = (ROOT / rule.test_path).read_text(encoding="utf-8")
    found = INPUT.findall(text)
    assert len(found) == len([test for test in pack.tests if test.rule == rule.key])
    for expression in found:
        query = re.sub(r"(?<![\w.\"$])t\.", "data.reconciler.lib.testing.", expression)
        answer = engine.ask(pack.modules, query, {})
        assert isinstance(answer, Answered), (expression, answer)
        yield answer.value


def places(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Every value inside, by its path."""
    inner: Any = ()
    if isinstance(value, dict) and "__unknown__" not in value:
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for key, one in inner:
        here = (*path, key)
        if _from_the_source(here):
            yield here
        yield from places(one, here)


def _from_the_source(path: tuple[str | int, ...]) -> bool:
    """What the reader does not make itself: values of resources, and the pipeline."""
    if path[0] == "pipeline":
        return len(path) > 2
    if len(path) < 4 or path[3] in KEPT:
        return False
    return path[3] != "values" or len(path) > 4


def with_odd(document: dict[str, Any], asked: set[str]) -> Iterator[dict[str, Any]]:
    """The input with one value after another replaced by something odd.

    The same odd resource or job is asked about once, whatever stands beside it.
    """
    for where in WHERE:
        part: Any = document
        for name in where:
            part = part[name]
        for place in places(part, where):
            for odd in ODD:
                changed = copy.deepcopy(document)
                target: Any = changed
                for step in place[:-1]:
                    target = target[step]
                target[place[-1]] = odd
                one: Any = changed
                for step in place[: len(where) + 1]:
                    one = one[step]
                text = json.dumps([place[: len(where)], one], sort_keys=True)
                if text not in asked:
                    asked.add(text)
                    yield changed


@pytest.fixture(scope="module")
def rules(sample: Pack) -> dict[str, Rule]:
    return {rule.id: rule for rule in sample.rules}


IDS: Final = sorted(
    found[1]
    for path in ROOT.glob("policies/*/*/*.rego")
    if (found := re.search(r"^#   id: (\w+)$", path.read_text(encoding="utf-8"), re.MULTILINE))
)


@pytest.mark.parametrize("rule_id", IDS)
def test_no_value_makes_a_rule_fail(
    rule_id: str, rules: dict[str, Rule], sample: Pack, embedded: EmbeddedEngine
) -> None:
    rule = rules[rule_id]
    failures, asked = {}, set[str]()
    for document in inputs(rule, embedded, sample):
        for changed in with_odd(document, asked):
            answer = embedded.ask(sample.modules, rule.query, changed)
            if isinstance(answer, Indeterminate):
                failures[answer.message] = changed
    assert failures == {}, next(iter(failures))
