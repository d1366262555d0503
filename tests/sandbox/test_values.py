"""What equals what, what is planned, and what of the cloud's answer is news."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.merging import Merger
from reconciler.adapters.sandbox.planning import Planner
from reconciler.adapters.sandbox.values import (
    UNKNOWN,
    Values,
    coerce,
    has_unknown,
    known,
    same_document,
)

FACTS: dict[str, Any] = {
    "attributes": {
        "id": {"type": "string", "optional": True, "computed": True},
        "name": {"type": "string", "required": True},
        "note": {"type": "string", "optional": True},
        "policy": {"type": "string", "optional": True},
        "size": {"type": "number", "optional": True},
        "zones": {"type": ["set", "string"], "optional": True},
    },
    "blocks": {
        "rule": {
            "nesting": "set",
            "attributes": {
                "port": {"type": "number", "required": True},
                "serial": {"type": "string", "optional": True, "computed": True},
            },
        },
        "log": {"nesting": "list", "attributes": {"on": {"type": "bool", "optional": True}}},
        "extra": {"nesting": "list", "attributes": {}},
        "timeouts": {"nesting": "single", "attributes": {}},
    },
}
CONFIG: Values = {
    "id": None,
    "name": "a",
    "note": None,
    "policy": None,
    "size": None,
    "zones": None,
    "rule": [],
    "log": [],
    "extra": [],
    "timeouts": None,
}


def nothing(*_: Any) -> Any:
    raise AssertionError


KIND = Kind(
    nothing,
    nothing,
    nothing,
    replace=frozenset({"name", "rule"}),
    defaults={"size": 5, "log.on": True},
    documents=frozenset({"policy"}),
    computed_blocks=frozenset({"extra"}),
)
PLANNER, MERGER = Planner(FACTS, KIND), Merger(FACTS, KIND)
STATE = {**CONFIG, "id": "i-1", "size": 5}


@pytest.mark.parametrize(
    "left, right, equal",
    [
        ('{"a": [1]}', '{"a":1}', True),
        ('{"a": ["x", "y"]}', '{"a": ["y", "x"]}', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("no json", "no  json", False),
    ],
)
def test_documents(left: str, right: str, *, equal: bool) -> None:
    assert same_document(left, right) is equal


@pytest.mark.parametrize(
    "notation, value, expected",
    [
        ("string", True, "true"),
        ("string", 5, "5"),
        ("number", "5", 5),
        ("number", "0.5", 0.5),
        ("bool", "false", False),
        (["map", "number"], {"a": "1"}, {"a": 1}),
        (["set", ["object", {"a": "string", "b": "string"}]], [{"a": 1}], [{"a": "1", "b": None}]),
    ],
)
def test_types(notation: Any, value: Any, expected: Any) -> None:
    assert coerce(notation, value) == expected


def test_unknown() -> None:
    assert has_unknown({"a": [UNKNOWN]})
    assert known({"a": [UNKNOWN, 1]}) == {"a": [None, 1]}


def test_a_create_plans_defaults_and_what_is_not_known() -> None:
    planned = PLANNER.plan({**CONFIG, "log": [{"on": None}], "rule": [{"port": 1}]}, None)
    assert planned["size"] == 5
    assert planned["id"] is UNKNOWN
    assert planned["log"] == [{"on": True}]
    assert planned["rule"] == [{"port": 1, "serial": UNKNOWN}]
    assert planned["extra"] is UNKNOWN


def test_nothing_changes_when_nothing_changed() -> None:
    state = {**STATE, "note": "", "zones": ["b", "a"], "policy": '{"a":[1]}', "extra": [{}]}
    state["rule"] = [{"port": 2, "serial": "s2"}, {"port": 1, "serial": "s1"}]
    config = {**CONFIG, "zones": ["a", "b"], "policy": '{ "a": 1 }'}
    config["rule"] = [{"port": 1, "serial": None}, {"port": 2, "serial": None}]
    planned = PLANNER.plan(config, state)
    assert planned == state
    assert not PLANNER.replaced(state, planned)


def test_what_someone_added_is_taken_away() -> None:
    state = {**STATE, "note": "hello", "log": [{"on": True}]}
    planned = PLANNER.plan(CONFIG, state)
    assert planned["note"] is None
    assert planned["log"] == []


def test_some_changes_replace() -> None:
    planned = PLANNER.plan({**CONFIG, "name": "b", "note": "x"}, STATE)
    assert PLANNER.replaced(STATE, planned) == ["name"]
    planned = PLANNER.plan({**CONFIG, "rule": [{"port": 1}]}, STATE)
    assert PLANNER.replaced(STATE, planned) == ["rule"]


def test_other_words_are_no_news() -> None:
    base = {**STATE, "zones": ["a", "b"], "policy": '{"a": 1}'}
    seen = {"zones": ["b", "a"], "policy": '{"a":[1]}', "note": "", "size": 5.0}
    assert MERGER.merge(base, seen) == base


def test_what_differs_is_news() -> None:
    merged = MERGER.merge(STATE, {"size": 6, "note": "x", "rule": [{"port": 1, "serial": "s"}]})
    assert (merged["size"], merged["note"]) == (6, "x")
    assert merged["rule"] == [{"port": 1, "serial": "s"}]


def test_a_broken_promise_is_noticed() -> None:
    planned = PLANNER.plan(CONFIG, None)
    assert not MERGER.differences(planned, MERGER.merge(planned, {"id": "i-1"}))
    assert MERGER.differences(planned, MERGER.merge(planned, {"size": 7})) == ["size"]


def test_a_handler_that_makes_attributes_up_is_noticed() -> None:
    with pytest.raises(KeyError, match="nome"):
        MERGER.merge(STATE, {"nome": "x"})
