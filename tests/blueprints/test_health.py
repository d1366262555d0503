"""What shipped blueprints say of health is there to be looked at."""

from __future__ import annotations

import re

import pytest

from reconciler.core.load import load
from tests.blueprints.cases import Case, Render
from tests.blueprints.test_blueprints import CANARY
from tests.memory_tree import MemoryTree
from tests.repos import shipped

CASES = (
    Case("serverless-demo", ttl="48h"),
    Case("web-service"),
    Case("web-service", strategy="blue-green"),
    Case("platform-core"),
    Case("platform-core", strategy="canary", parameters={**CANARY, "canary_step": 1}),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_output_that_a_check_names_is_there(case: Case, render: Render) -> None:
    desired, _ = load(MemoryTree(shipped()))
    checks = next(
        one.document.spec.health
        for one in desired.shared.blueprints.values()
        if one.document.metadata.name == case.blueprint
    )
    text = "".join(render(case).values())
    there = set(re.findall(r'^output "([a-z_]+)"', text, re.MULTILINE))
    named = {
        value
        for one in checks
        for name, value in one.check.model_dump().items()
        if name in ("prefix", "cluster", "services", "function", "url")
    }
    assert named
    assert named <= there
