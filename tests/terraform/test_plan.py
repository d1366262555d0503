"""A plan as a value: masked, canonical, with a digest of what is meant."""

import copy
import json
from io import StringIO
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.core.diagnose import failure
from reconciler.core.drift import pending, unmanaged
from reconciler.core.plan import (
    NotAPlan,
    differences,
    drift_digest,
    masked,
    plan_digest,
    read_plan,
    risk_of_plan,
    sensitive_texts,
)
from reconciler.core.veil import veiled_plan
from reconciler.model.plan import SENSITIVE, UNKNOWN, Plan
from reconciler.model.run import Diagnostic, Ran, Step
from reconciler.report import text

KEY = b"key"


def change(address: str = "aws_s3_bucket.a", *actions: str, **fields: Any) -> dict[str, Any]:
    kind = address.partition(".")[0]
    inner = {
        "actions": list(actions or ("update",)),
        "before": {"id": "b-1", "acl": "private", "size": 1},
        "after": {"id": "b-1", "acl": "public", "size": 1},
        "after_unknown": {},
        "before_sensitive": {},
        "after_sensitive": {},
    }
    outer = {"address": address, "mode": "managed", "type": kind, "name": "a"}
    for name, value in fields.items():
        (outer if name in ("action_reason", "previous_address", "deposed") else inner)[name] = value
    return {**outer, "change": inner}


def document(*changes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "complete": True,
        "errored": False,
        "resource_changes": list(changes),
        **fields,
    }


def plan(*changes: dict[str, Any], **fields: Any) -> Plan:
    return read_plan(json.dumps(document(*changes, **fields)).encode(), "shop", "terraform", KEY)


def test_an_update_says_which_attributes_change() -> None:
    (one,) = plan(change()).changes
    assert (one.kind, one.loses_data) == ("update", False)
    assert [(each.path, each.before, each.after) for each in one.attributes] == [
        ("acl", "private", "public")
    ]


@pytest.mark.parametrize(
    "actions, kind, loses",
    [
        (("create",), "create", False),
        (("delete",), "delete", True),
        (("delete", "create"), "replace", True),
        (("create", "delete"), "replace", True),
        (("forget",), "forget", False),
    ],
)
def test_kinds_and_what_loses_data(actions: tuple[str, ...], kind: str, *, loses: bool) -> None:
    (one,) = plan(change("aws_s3_bucket.a", *actions)).changes
    assert (one.kind, one.loses_data) == (kind, loses)


def test_what_loses_data_stands_first() -> None:
    found = plan(change("aws_a.first", "create"), change("aws_db_instance.z", "delete")).changes
    assert [one.address for one in found] == ["aws_db_instance.z", "aws_a.first"]


def test_what_stays_or_is_read_does_nothing() -> None:
    found = plan(change("aws_a.a", "no-op"), change("data.aws_a.b", "read"))
    assert found.empty
    assert found.counts.total == 0


def test_an_import_and_a_move_are_told_though_nothing_changes() -> None:
    found = plan(
        change("aws_a.a", "no-op", importing={"id": "i-1"}),
        change("aws_a.b", "no-op", previous_address="aws_a.old"),
    )
    assert [(one.kind, one.importing, one.previous_address) for one in found.changes] == [
        ("import", "i-1", ""),
        ("move", "", "aws_a.old"),
    ]


@pytest.mark.parametrize(
    "data, why",
    [
        (b"not json", "not JSON"),
        (b"[]", "not a plan"),
        (json.dumps({"format_version": "1.2"}).encode(), "not a plan"),
        (json.dumps(document(errored=True)).encode(), "half-way"),
        (json.dumps(document(complete=False)).encode(), "incomplete"),
        (json.dumps(document(format_version="2.0")).encode(), "format 2.0"),
        (json.dumps(document(change("aws_a.a", "explode"))).encode(), "not known"),
    ],
)
def test_what_is_not_a_whole_plan_is_none(data: bytes, why: str) -> None:
    with pytest.raises(NotAPlan, match=why):
        read_plan(data, "shop", "terraform", KEY)


def test_sensitive_values_are_masked_and_still_told_apart() -> None:
    def with_password(value: str, key: bytes = KEY) -> Plan:
        one = change(
            "aws_db_instance.a",
            "create",
            before=None,
            after={"password": value, "name": "a", "list": [{"token": value}]},
            after_sensitive={"password": True, "list": [{"token": True}]},
        )
        return read_plan(json.dumps(document(one)).encode(), "shop", "terraform", key)

    first, second = with_password("hush-hush-1"), with_password("hush-hush-2")
    assert "hush" not in repr(first)
    assert first.digest != second.digest
    assert first == with_password("hush-hush-1")
    assert first.digest != with_password("hush-hush-1", b"another").digest


def test_sensitive_texts_are_found_wherever_they_stand() -> None:
    one = change(
        "aws_a.a",
        before={"a": "before-1"},
        before_sensitive={"a": True},
        after={"a": {"b": ["after-1", "after-2"]}, "c": "open"},
        after_sensitive={"a": True},
    )
    outputs = {"o": {"actions": ["create"], "after": "out-1", "after_sensitive": True}}
    data = json.dumps(document(one, output_changes=outputs)).encode()
    assert sensitive_texts(data) == {"before-1", "after-1", "after-2", "out-1"}


def test_what_only_the_apply_can_tell_is_marked() -> None:
    one = change(
        "aws_a.a",
        "create",
        before=None,
        after={"name": "a", "blocks": [{"x": 1}], "nothing": None},
        after_unknown={"id": True, "blocks": [{"y": True}], "name": False},
    )
    (found,) = plan(one).changes
    assert {each.path: each.after for each in found.attributes} == {
        "id": UNKNOWN,
        "name": "a",
        "blocks": [{"x": 1, "y": UNKNOWN}],
    }


def test_why_it_is_made_anew_is_told() -> None:
    one = change(
        "aws_a.a", "delete", "create", replace_paths=[["acl"]], action_reason="replace_because"
    )
    (found,) = plan(one).changes
    assert [(each.path, each.replaces) for each in found.attributes] == [("acl", True)]
    assert found.reason == "replace_because"


NOISE = [
    ("the program's version", {"terraform_version": "1.12.0"}, {}),
    ("the time", {"timestamp": "2027-01-01T00:00:00Z"}, {}),
    ("what else is there", {"relevant_attributes": [{"resource": "aws_a.a"}]}, {}),
    ("why it is replaced", {}, {"action_reason": "replace_by_request"}),
]


@pytest.mark.parametrize("what, outer, inner", NOISE, ids=[one[0] for one in NOISE])
def test_noise_is_not_in_the_digest(
    what: str, outer: dict[str, Any], inner: dict[str, Any]
) -> None:
    assert plan(change()).digest == plan(change(**inner), **outer).digest, what


def test_an_attribute_that_does_not_change_is_noise_and_one_that_does_is_none() -> None:
    grown = change(
        before={"id": "b-1", "acl": "private", "size": 2},
        after={"id": "b-1", "acl": "public", "size": 2},
    )
    assert plan(change()).digest == plan(grown).digest
    other = change(after={"id": "b-1", "acl": "open", "size": 1})
    assert plan(change()).digest != plan(other).digest


def test_what_is_deleted_counts_by_its_name_in_the_cloud() -> None:
    one = change("aws_a.a", "delete", before={"id": "i-1", "size": 1}, after=None)
    same = change("aws_a.a", "delete", before={"id": "i-1", "size": 2}, after=None)
    other = change("aws_a.a", "delete", before={"id": "i-2", "size": 1}, after=None)
    assert plan(one).digest == plan(same).digest != plan(other).digest


values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2)
    ),
    max_leaves=6,
)
attributes = st.dictionaries(st.sampled_from(["p", "q", "r"]), values, max_size=3)
changes = st.lists(
    st.builds(
        lambda number, actions, before, after: change(
            f"aws_a.n{number}", *actions, before=before, after=after
        ),
        st.integers(0, 5),
        st.sampled_from([("create",), ("update",), ("delete",), ("no-op",)]),
        attributes,
        attributes,
    ),
    max_size=4,
    unique_by=lambda one: str(one["address"]),
)


@given(changes, st.randoms())
def test_order_does_not_matter(many: list[dict[str, Any]], chance: Any) -> None:
    shuffled = copy.deepcopy(many)
    chance.shuffle(shuffled)
    assert plan(*many) == plan(*shuffled)


@given(changes, attributes)
def test_one_more_new_resource_is_another_intent(
    many: list[dict[str, Any]], after: dict[str, Any]
) -> None:
    more = change("aws_a.more", "create", before=None, after=after)
    assert plan(*many).digest != plan(*many, more).digest


def full(value: Any) -> Any:
    """Without what is nothing: a map with nothing in it but nulls, and booleans as numbers."""
    if isinstance(value, dict):
        return {
            name: inner for name, one in value.items() if (inner := full(one)) is not None
        } or None
    if isinstance(value, list):
        return [full(one) for one in value]
    return int(value) if isinstance(value, bool) else value


@given(values, values)
def test_every_difference_is_found(before: Any, after: Any) -> None:
    found = list(differences({"v": before}, {"v": after}))
    if full(before) != full(after) and (full(before) or full(after)):
        assert found
    if json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True):
        assert not found


@given(values)
def test_a_marked_value_is_never_shown(value: Any) -> None:
    found = masked({"v": value}, {"v": True}, KEY)
    assert found == ({"v": None} if value is None else {"v": {SENSITIVE: found["v"][SENSITIVE]}})


def test_drift_says_what_is_wanted_and_what_is_there() -> None:
    drifted = change(
        "aws_a.a",
        before={"id": "i-1", "tags": {"owner": "us"}},
        after={"id": "i-1", "tags": {"owner": "evil"}},
    )
    mend = change(
        "aws_a.a",
        before={"id": "i-1", "tags": {"owner": "evil"}},
        after={"id": "i-1", "tags": {"owner": "us"}},
    )
    gone = change("aws_a.b", "delete", before={"id": "i-2"}, after=None)
    found = plan(mend, change("aws_a.b", "create", before=None), resource_drift=[gone, drifted])
    first, second = found.drift
    assert (first.kind, first.mended, first.identity) == ("changed", True, "i-1")
    assert [(a.path, a.want, a.have) for a in first.attributes] == [("tags.owner", "us", "evil")]
    assert (second.kind, second.attributes) == ("gone", ())
    assert drift_digest(found.drift) == drift_digest(tuple(reversed(found.drift)))
    assert drift_digest(found.drift) != drift_digest(found.drift[:1])


def test_what_the_source_does_not_speak_of_is_drift_that_stays() -> None:
    computed = change("aws_a.a", before={"id": "i", "age": 1}, after={"id": "i", "age": 2})
    found = plan(change("aws_a.a", "no-op"), resource_drift=[computed])
    assert [one.mended for one in found.drift] == [False]
    assert found.empty


@pytest.mark.parametrize(
    "said, drifts",
    [
        ({"age": {"constant_value": 2}}, False),
        ({"age": {"constant_value": 3}}, True),
        ({"age": {"references": ["local.age"]}}, True),
        ({"block": [{"age": {"constant_value": 2}}]}, True),
        ({}, True),
    ],
)
def test_what_the_source_has_come_to_say_just_so_is_no_drift(
    said: dict[str, Any], drifts: object
) -> None:
    changed = change("aws_a.a", before={"id": "i", "age": 1}, after={"id": "i", "age": 2})
    resources = [{"address": "aws_a.a", "expressions": said}]
    found = plan(
        change("aws_a.a", "no-op"),
        resource_drift=[changed],
        configuration={"root_module": {"resources": resources}},
    )
    assert bool(found.drift) is drifts


@pytest.mark.parametrize(
    "actions, stage, track, risk",
    [
        ((), "production", "platform", "L0"),
        (("create",), "dev", "demo", "L1"),
        (("create",), "production", "customer", "L2"),
        (("create",), "production", "platform", "L3"),
        (("delete",), "dev", "demo", "L3"),
    ],
)
def test_risk_of_a_plan(actions: tuple[str, ...], stage: str, track: str, risk: str) -> None:
    found = plan(*([change("aws_s3_bucket.a", *actions)] if actions else []))
    assert risk_of_plan(found, stage, track) == risk


def test_a_plan_of_one_environment_is_none_of_another() -> None:
    data = json.dumps(document(change())).encode()
    digests = {read_plan(data, name, "terraform", KEY).digest for name in ("shop", "shop-dev")}
    assert len(digests) == 2
    assert plan(change()).digest in digests
    assert (
        plan().digest != read_plan(json.dumps(document()).encode(), "lab", "terraform", KEY).digest
    )


def test_every_step_that_fails_is_named_in_words() -> None:
    said = {
        step: failure(Ran(step, 1, (), ()), "shop", str).message.partition(" failed")[0]
        for step in get_args(Step)
    }
    assert said == {
        "init": "getting ready shop",
        "plan": "planning shop",
        "show": "reading the plan of shop",
        "apply": "applying shop",
        "state": "reading the state of shop",
        "push": "saving the state of shop",
        "unlock": "unlocking the state of shop",
    }


def test_a_plan_that_was_asked_to_stop_is_no_failure() -> None:
    stopped = failure(Ran("plan", 1, (), (), "stopped"), "shop", str)
    console = Console(file=StringIO(), width=200)
    text.failed(console, stopped)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        "stopped: planning shop ended early, as it was asked to; nothing was changed",
        "  next: run it again when you like: it begins from what is true then",
    ]


IN = "arn:aws:{}:eu-central-1:111111111111:{}"


def creates(address: str, **after: Any) -> dict[str, Any]:
    return change(address, "create", before=None, after=after)


@pytest.mark.parametrize(
    "arn, made, to, identity",
    [
        (IN.format("dynamodb", "table/shop-items"), creates("aws_dynamodb_table.items", name="shop-items"), "aws_dynamodb_table.items", "shop-items"),  # noqa: E501
        (IN.format("dynamodb", "table/shop-items"), creates("aws_dynamodb_table.items", name="other"), "aws_dynamodb_table.shop_items", "shop-items"),  # noqa: E501
        (IN.format("dynamodb", "table/shop-items"), creates("aws_sns_topic.items", name="shop-items"), "aws_dynamodb_table.shop_items", "shop-items"),  # noqa: E501
        ("arn:aws:s3:::shop-files", creates("aws_s3_bucket.files", bucket="shop-files"), "aws_s3_bucket.files", "shop-files"),  # noqa: E501
        (IN.format("lambda", "function:shop"), creates('aws_lambda_function.f["x"]', function_name="shop"), 'aws_lambda_function.f["x"]', "shop"),  # noqa: E501
        (IN.format("logs", "log-group:/lab/shop:*"), creates("aws_cloudwatch_log_group.logs", name="/lab/shop"), "aws_cloudwatch_log_group.logs", "/lab/shop"),  # noqa: E501
        (IN.format("rds", "cluster:shop"), creates("aws_rds_cluster.db", cluster_identifier="shop"), "aws_rds_cluster.db", "shop"),  # noqa: E501
        (IN.format("sns", "shop-news"), creates("aws_sns_topic.news", name="shop-news"), "aws_sns_topic.news", IN.format("sns", "shop-news")),  # noqa: E501
        (IN.format("secretsmanager", "secret:shop/key-a1B2c3"), creates("aws_secretsmanager_secret.key", name="shop/key"), "aws_secretsmanager_secret.key", IN.format("secretsmanager", "secret:shop/key-a1B2c3")),  # noqa: E501
        (IN.format("elasticloadbalancing", "loadbalancer/app/shop/0a1b"), creates("aws_lb.web", name="shop"), "aws_lb.web", IN.format("elasticloadbalancing", "loadbalancer/app/shop/0a1b")),  # noqa: E501
        (IN.format("elasticloadbalancing", "targetgroup/shop/0a1b"), creates("aws_lb.web", name="shop"), "aws_lb_target_group.shop", IN.format("elasticloadbalancing", "targetgroup/shop/0a1b")),  # noqa: E501
        (IN.format("kms", "key/11111111-2222-3333-4444-555555555555"), creates("aws_kms_key.main"), "aws_kms_key.r_11111111_2222_3333_4444_555555555555", "11111111-2222-3333-4444-555555555555"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_taken_over_has_the_address_that_is_declared_for_it(
    arn: str, made: dict[str, Any], to: str, identity: str
) -> None:
    (found,) = unmanaged([arn], frozenset(), plan(made).changes)
    assert yaml.safe_load(found.importing) == [{"to": to, "id": identity}]
    assert found.declared == (to if to == made["address"] else "")


def test_two_that_are_declared_with_one_name_are_not_guessed_between() -> None:
    both = [creates(f"aws_sns_topic.{one}", name="shop") for one in "ab"]
    (found,) = unmanaged([IN.format("sns", "shop")], frozenset(), plan(*both).changes)
    assert (found.declared, "to: aws_sns_topic.shop," in found.importing) == ("", True)


def test_a_type_that_is_not_known_has_no_entry() -> None:
    (found,) = unmanaged([IN.format("sqs", "shop")], frozenset())
    assert (found.importing, found.declared) == ("", "")


def test_what_only_follows_from_what_is_gone_is_not_pending() -> None:
    gone = change("aws_kms_key.k", "delete", before={"id": "k-1"}, after=None)
    anew = change("aws_kms_key.k", "create", before=None, after={}, after_unknown={"id": True})
    follows = change(
        "aws_s3_bucket.a", before={"key": "k-1"}, after={}, after_unknown={"key": True}
    )
    drift = {"resource_drift": [gone]}
    assert pending(plan(anew, follows, **drift)) == 0
    assert pending(plan(anew, follows, change("aws_s3_bucket.b"), **drift)) == 1
    assert pending(plan(follows)) == 1, "nothing is gone"
    new = change("aws_kms_key.n", "create", before=None, after={}, after_unknown={"id": True})
    assert pending(plan(anew, follows, new, **drift)) == 2, "it may follow from what is new"


def test_a_full_disk_is_named_and_odd_line_ends_are_none() -> None:
    said = Diagnostic("error", "Failed", "write /var/lib/x/plan: no space left on device\\nand so")
    error = failure(Ran("plan", 1, (), (said,)), "shop", str)
    assert error.reason == "disk-full"
    assert "the disk of /var/lib/x/plan" in error.hint
    assert "\\n" not in error.message
    late = failure(Ran("plan", 1, (), (), "out-of-time"), "shop", str)
    assert "RECONCILER_PLAN_SECONDS" in late.hint


def test_what_looks_like_a_secret_is_masked_though_nobody_marked_it() -> None:
    token = "ghp_" + "".join(f"{n:02d}aB" for n in range(9))
    other = token.replace("00", "99")
    made = change("aws_s3_bucket.a", before={"t": {"x": "a"}}, after={"t": {"x": token}})
    outputs = {"z": {"actions": ["create"], "before": None, "after": [token]}}
    drift = change("aws_s3_bucket.b", before={"t": token}, after={"t": other})
    found = plan(made, output_changes=outputs, resource_drift=[drift])
    assert token in repr(found)
    shown = veiled_plan(found, KEY)
    assert token not in repr(shown)
    assert other not in repr(shown)
    assert shown.digest == plan_digest(shown.environment, shown.changes, shown.outputs)
    assert shown == veiled_plan(found, KEY), "the same each time"
    (attribute,) = shown.drift[0].attributes
    assert attribute.want != attribute.have, "they can be told apart"
    plain = plan(change(), change("aws_s3_bucket.c", "create", before=None))
    assert veiled_plan(plain, KEY) is plain


@pytest.mark.parametrize("name", ["DB_PASSWORD", "STRIPE_SECRET_KEY", "api_token"])
def test_what_is_called_a_secret_is_masked_whatever_it_looks_like(name: str) -> None:
    made = change("aws_lambda_function.a", before={"v": {}}, after={"v": {name: "Vt7qLm2ZxR9pQw"}})
    assert "Vt7qLm2ZxR9pQw" not in repr(veiled_plan(plan(made), KEY))
