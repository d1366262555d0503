"""What an environment takes over: only what is its own, only by its blueprint, never unasked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import hcl2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.core.decide import Question, decide
from reconciler.core.hcl.source import read_source
from reconciler.core.imports import agreement_to, foreign, imports_file, without_key
from reconciler.core.plan import read_plan, risk_of_plan
from reconciler.core.records.plan import plan_bytes, plan_of
from reconciler.core.remediation import too_much
from reconciler.core.risk import risk_of
from reconciler.model.decision import GateRun, Verdict
from reconciler.model.environment import Import
from reconciler.model.plan import Plan
from reconciler.model.remediation import Limits
from tests.core.people import ADA, AUTHOR, NOW, WORLD, said
from tests.core.test_agree import INPUTS, law
from tests.core.test_risk import FUNCTION, environment, side

TOPIC = "aws_sns_topic.alarms"
DECLARED = {TOPIC, "aws_sqs_queue.jobs"}
OURS = {"managed-by": "reconciler", "environment": "shop"}
PATH = "environments/shop.yaml"
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


def plan_with(address: str = TOPIC, *actions: str, **fields: Any) -> Plan:
    change = {
        "actions": list(actions or ("no-op",)),
        "before": {"arn": "arn:x", "tags_all": OURS},
        "after": {"arn": "arn:x", "tags_all": OURS},
        "importing": {"id": "arn:x"},
        **fields,
    }
    kind = address.partition(".")[0]
    one = {"address": address, "mode": "managed", "type": kind, "change": change}
    whole = {"format_version": "1.2", "complete": True, "resource_changes": [one]}
    return read_plan(json.dumps(whole).encode(), "shop", "terraform", b"key")


def codes(plan: Plan) -> list[str]:
    return [one.rule for one in foreign(plan, DECLARED, PATH, "team-web")]


def test_what_its_own_tags_name_is_taken_over() -> None:
    assert codes(plan_with(before={"tags_all": {**OURS, "owner": "team-web"}})) == []
    assert codes(plan_with()) == []
    assert codes(plan_with("aws_sqs_queue.jobs[0]")) == []
    assert codes(plan_with('aws_sqs_queue.jobs["a[b"]')) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"before": {"tags_all": {**OURS, "environment": "bank"}}},
        {"before": {"tags_all": {**OURS, "managed-by": "somebody"}}},
        {"before": {"tags_all": {"environment": "shop"}}},
        {"before": {"tags_all": {**OURS, "environment": ["shop"]}}},
        {"before": {"tags_all": {**OURS, "environment": "Shop"}}},
        {"before": {"tags_all": {**OURS, "owner": "team-bank"}}},
        {"before": {"tags_all": {**OURS, "owner": ["team-web"]}}},
        {"before": {"tags_all": None}},
        {"before": {"tags": OURS}},
        {"before": {}},
        {"before": None},
        {"before_sensitive": True},
        {"before_sensitive": {"tags_all": True}},
        {"before_sensitive": {"tags_all": {"environment": True}}},
        {"before": {}, "after": {"tags_all": OURS}},
        {"before": {}, "after_unknown": {"tags_all": True}},
    ],
    ids=str,
)
def test_what_its_tags_do_not_name_is_denied(fields: dict[str, Any]) -> None:
    assert codes(plan_with(**fields)) == ["import-not-ours"]


@pytest.mark.parametrize(
    "importing", [{"identity": {"arn": "x"}}, {"id": ""}, {"unknown": True}, {}]
)
@pytest.mark.parametrize("actions", [("no-op",), ("read",), ("update",), ("delete", "create")])
def test_by_whatever_name_it_is_taken_over_it_is_seen(
    importing: dict[str, Any], actions: tuple[str, ...]
) -> None:
    plan = plan_with(TOPIC, *actions, importing=importing, before={"arn": "x"})
    assert codes(plan) == ["import-not-ours"]
    assert (plan.empty, plan.counts.imports) == (False, 1)


@pytest.mark.parametrize(
    "address",
    ["aws_sns_topic.other", "module.m.aws_sns_topic.alarms", 'module.m["a"].aws_sns_topic.alarms'],
)
def test_what_the_blueprint_itself_does_not_have_is_denied(address: str) -> None:
    assert codes(plan_with(address)) == ["import-unknown"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "managed-by": st.just("reconciler") | ANYTHING,
            "environment": st.just("shop") | ANYTHING,
            "owner": st.just("team-web") | ANYTHING,
        },
    )
    | ANYTHING
)
def test_no_other_tags_let_anything_be_taken_over(tags: Any) -> None:
    ours = isinstance(tags, dict) and {**tags, **OURS} == tags
    ours = ours and tags.get("owner") in (None, "", "team-web")
    assert codes(plan_with(before={"tags_all": tags})) == ([] if ours else ["import-not-ours"])


@pytest.mark.parametrize("actions", [("no-op",), ("update",)])
def test_it_is_never_a_small_change(actions: tuple[str, ...]) -> None:
    plan = plan_with(TOPIC, *actions)
    assert risk_of_plan(plan, "dev", "demo") == "L2"
    assert too_much(plan, Limits("L2", 9, 9), "L2"), "never as a mending of drift"


def test_a_human_of_its_owner_agrees_and_nobody_else_does() -> None:
    (need,) = agreement_to(plan_with(), "team-a")
    assert agreement_to(replace(plan_with(), changes=()), "team-a") == ()
    asked = Question(
        "shop", (law(1),), "L2", frozenset(), (), (), (), INPUTS, NOW, "team-a",
        needs=(need,), authors=(AUTHOR,), people=WORLD,
    )  # fmt: skip
    assert decide(asked).verdict is Verdict.NEEDS_APPROVAL
    assert decide(replace(asked, rolled_back=7)).verdict is Verdict.NEEDS_APPROVAL
    assert decide(replace(asked, over=7)).verdict is Verdict.NEEDS_APPROVAL
    assert decide(replace(asked, approvals=(ADA,))).verdict is Verdict.ALLOW
    for agent in (said("robot", 9), said("rover", 8)):
        assert decide(replace(asked, approvals=(agent,))).verdict is Verdict.NEEDS_APPROVAL


def test_no_profile_softens_it_and_no_waiver_excepts_it() -> None:
    found = foreign(plan_with(before={}), DECLARED, PATH, "team-web")
    loose = law(1, security="advisory", operational="advisory")
    asked = Question(
        "shop", (loose,), "L2", frozenset(), (GateRun("documents", found),), (), (), INPUTS, NOW
    )
    assert decide(asked).verdict is Verdict.DENY


def test_a_plan_that_was_kept_is_judged_alike() -> None:
    for plan in (plan_with(), plan_with(before={})):
        assert codes(plan_of(plan_bytes(plan))) == codes(plan)


def test_what_it_takes_over_is_told_before_any_plan() -> None:
    block = imports_file([Import(to="aws_lambda_function.f", id="f")]).decode()
    other = block.replace('"f"', '"g"')
    taking = side(FUNCTION + block)
    assert risk_of(environment(), side(FUNCTION), taking) == "L2"
    assert risk_of(environment(), None, taking) == "L2"
    assert risk_of(environment(), taking, side(FUNCTION + other)) == "L2"
    assert risk_of(environment(), taking, side(FUNCTION)) == "L1"
    (one,) = taking[1].imports
    assert (one.type, one.address) == ("aws_lambda_function", "aws_lambda_function.f")
    assert one.values == {"to": "aws_lambda_function.f", "id": "f"}


@given(
    st.from_regex(r"[A-Za-z0-9_./][A-Za-z0-9_.:/,;@+=#|* -]{0,40}", fullmatch=True),
    st.sampled_from([TOPIC, "aws_sqs_queue.jobs[3]", 'aws_sqs_queue.jobs["a b"]']),
)
def test_whatever_may_stand_there_becomes_a_literal(identity: str, to: str) -> None:
    text = imports_file([Import(to=to, id=identity)]).decode()
    (block,) = hcl2.loads(text)["import"]
    assert block["id"] == f'"{identity}"'
    (one,) = read_source([("terraform/imports.tf", text.encode())]).imports
    assert (one.address, one.values["id"]) == (without_key(to), identity)


@pytest.mark.parametrize(
    "to, identity",
    [
        (TOPIC, '${file("/etc/passwd")}'),
        (TOPIC, "%{ if true }x%{ endif }"),
        (TOPIC, 'a"b'),
        (TOPIC, "a\nb"),
        (TOPIC, "a\\b"),
        (TOPIC, ""),
        (TOPIC, "-chdir=/"),
        (TOPIC, "é"),
        (TOPIC, "a" * 1025),
        ("module.m.aws_sns_topic.alarms", "a"),
        ("data.aws_sns_topic.alarms", "a"),
        ("aws_sns_topic", "a"),
        (f"{TOPIC}[each.key]", "a"),
        (f'{TOPIC}["${{x}}"]', "a"),
        (f"{TOPIC}\n", "a"),
        (f"{TOPIC} }} provisioner", "a"),
    ],
)
def test_what_is_no_plain_name_is_refused(to: str, identity: str) -> None:
    with pytest.raises(ValidationError):
        Import(to=to, id=identity)
