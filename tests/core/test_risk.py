"""Risk tiers from what is rendered before and after."""

from typing import Any

import pytest

from reconciler.core.hcl.source import TerraformSource, read_source
from reconciler.core.risk import changes_rules, highest, risk_of
from reconciler.model.environment import Environment
from reconciler.model.rendered import Rendered, RenderedFile

TABLE = 'resource "aws_dynamodb_table" "t" {\n  name = "orders"\n}\n'
FUNCTION = 'resource "aws_lambda_function" "f" {\n  function_name = "f"\n}\n'


def side(text: str) -> tuple[Rendered, TerraformSource]:
    data = text.encode()
    return Rendered("shop", (RenderedFile("terraform/main.tf", data),)), read_source(
        [("terraform/main.tf", data)]
    )


def environment(track: str = "customer", stage: str = "dev") -> Environment:
    return Environment.model_validate(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Environment",
            "metadata": {"name": "shop", "owner": "team-web"},
            "spec": {
                "track": track,
                "stage": stage,
                "blueprint": {"name": "web", "version": "1.0.0"},
                "account": "123456789012",
            },
        }
    )


@pytest.mark.parametrize(
    "before, after, changes, tier",
    [
        (TABLE, TABLE, {}, "L0"),
        (FUNCTION, FUNCTION + TABLE, {}, "L1"),
        (None, TABLE, {}, "L1"),
        (FUNCTION, FUNCTION + TABLE, {"stage": "production"}, "L2"),
        (FUNCTION, None, {}, "L2"),
        (TABLE, None, {}, "L3"),
        (TABLE, FUNCTION, {}, "L3"),
        (TABLE, TABLE.replace("orders", "orders-2"), {}, "L3"),
        (TABLE, TABLE.replace('"t"', '"other"'), {}, "L3"),
        (FUNCTION, FUNCTION + TABLE, {"track": "platform", "stage": "production"}, "L3"),
        (TABLE, TABLE, {"track": "platform", "stage": "production"}, "L0"),
    ],
)
def test_tiers(before: str | None, after: str | None, changes: dict[str, Any], tier: str) -> None:
    sides = [None if text is None else side(text) for text in (before, after)]
    assert risk_of(environment(**changes), *sides) == tier


def test_changing_the_rules_is_the_highest() -> None:
    assert risk_of(environment(), side(TABLE), side(TABLE), rules_change=True) == "L3"
    assert changes_rules(["environments/a.yaml", "policies/waivers/w.yaml"])
    assert not changes_rules(["environments/a.yaml", "docs/profiles/x.md"])


def test_the_highest_of_none_is_the_lowest() -> None:
    assert highest([]) == "L0"
    assert highest(["L1", "L3", "L2"]) == "L3"
