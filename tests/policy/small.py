"""A small pack that is in order, and changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reconciler.core.policy.inputs import FIELDS

LIB: Final = """package reconciler.lib

violation(found) := {
\t"message": found.message,
\t"path": "",
\t"line": 0,
\t"resource": "",
}

twice(x) := x * 2
"""
MAIN: Final = """package reconciler.main

violations[key] := found if {
\tsome category, rule
\tfound := data.reconciler.rules[category][rule].violations
\tkey := concat("/", [category, rule])
}
"""
META: Final = """# METADATA
# title: Names are short
# description: Long names are cut.
# related_resources:
#   - ref: https://docs.example.com/names
# custom:
#   id: SEC900
#   severity: high
#   category: security
#   fix: Take a short name.
"""
RULE: Final = (
    META
    + """package reconciler.rules.security.short

import data.reconciler.lib

violations contains lib.violation({"message": "too long"}) if count(input.environment.name) > 5
"""
)
TEST: Final = """package reconciler.rules.security.short_test

import data.reconciler.rules.security.short

test_deny_long if count(short.violations) == 1 with input as {"environment": {"name": "abcdef"}}

test_allow_short if {
\tcount(short.violations) == 0 with input as {"environment": {"name": "abc"}}
}
"""
WHERE: Final = "policies/security/short/short.rego"
TESTS: Final = "policies/security/short/short_test.rego"
FILES: Final = {
    "policies/lib/lib.rego": LIB,
    "policies/main.rego": MAIN,
    WHERE: RULE,
    TESTS: TEST,
}


def small(changes: Mapping[str, str | bytes | None] | None = None) -> dict[str, bytes]:
    """The files, with changes; None takes one away."""
    found: dict[str, str | bytes | None] = {**FILES, **(changes or {})}
    return {
        path: text.encode() if isinstance(text, str) else text
        for path, text in found.items()
        if text is not None
    }


def with_body(body: str) -> dict[str, bytes]:
    """The rule with more lines after it."""
    return small({WHERE: RULE + "\n" + body + "\n"})


def whole_input(**fields: Any) -> dict[str, Any]:
    """An input that has every field."""
    found: dict[str, Any] = {
        name: dict.fromkeys(inner) if inner else None for name, inner in FIELDS.items()
    }
    found["environment"]["name"] = "abc"
    found["environment"] |= {"labels": {}, "parameters": {}}
    found["profile"] = {}
    found["terraform"] = {name: [] for name in FIELDS["terraform"]}
    for name, value in fields.items():
        found[name] = {**found[name], **value} if isinstance(found[name], dict) else value
    return found
