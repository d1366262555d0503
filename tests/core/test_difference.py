"""What differs between two plans: nothing just where they have one digest."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.core.difference import (
    LARGEST,
    difference,
    kept_plan,
    known_plan,
    packed,
    unpacked,
)
from reconciler.core.plan import plan_digest
from reconciler.model.plan import SENSITIVE, AttributeChange, Kind, Plan, ResourceChange
from reconciler.report.difference import as_fields, shown, words

KINDS: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("create", ("create",)),
    ("update", ("update",)),
    ("delete", ("delete",)),
    ("replace", ("delete", "create")),
    ("replace", ("create", "delete")),
    ("replace", ("create", "forget")),
    ("forget", ("forget",)),
    ("import", ("no-op",)),
    ("import", ("read",)),
    ("move", ("no-op",)),
)
# Values that Python takes for one another, and JSON does not.
leaves = st.sampled_from(
    [None, True, False, 0, 1, 1.0, "", "1", "a", [], {}, [1], {"a": 1}, {SENSITIVE: "0a"}]
)
attributes = st.dictionaries(
    st.sampled_from(["name", "size", "tags.team", "rule[0].port"]), st.tuples(leaves, leaves)
).map(lambda one: tuple(AttributeChange(path, *values) for path, values in sorted(one.items())))
facts = st.sampled_from(["", "", "other"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of one environment that often have much in common."""
    keys = st.tuples(st.sampled_from(["aws_a.x", "aws_b.y[0]", 'aws_c.z["k"]']), facts)
    changes = []
    for address, deposed in sorted(draw(st.sets(keys, max_size=3))):
        kind, actions = draw(st.sampled_from(KINDS))
        changes.append(
            ResourceChange(
                address,
                address.partition(".")[0],
                kind,
                actions,
                draw(attributes),
                importing=draw(facts),
                previous_address=draw(facts),
                deposed=deposed,
                identity=draw(facts),
            )
        )
    outputs = draw(attributes)
    digest = plan_digest("fair", changes, outputs)
    return Plan("fair", tuple(changes), (), outputs, digest, "terraform 1.11.4")


def plan(*changes: ResourceChange, outputs: tuple[AttributeChange, ...] = ()) -> Plan:
    return Plan("fair", changes, (), outputs, plan_digest("fair", changes, outputs), "terraform")


def change(address: str, kind: Kind, *many: AttributeChange, **more: str) -> ResourceChange:
    actions = ("delete", "create") if kind == "replace" else (kind,)
    return ResourceChange(address, address.partition(".")[0], kind, actions, many, **more)  # type: ignore[arg-type]  # texts


@given(plans(), plans())
def test_nothing_differs_just_where_the_digest_is_the_same(one: Plan, other: Plan) -> None:
    assert bool(difference(one, other)) == (one.digest != other.digest)


@given(plans(), plans())
def test_seen_from_the_other_side_it_is_the_same_difference(one: Plan, other: Plan) -> None:
    there, back = difference(one, other), difference(other, one)
    assert [(one.address, one.agreed, one.now) for one in there.resources] == [
        (one.address, one.now, one.agreed) for one in back.resources
    ]
    assert [one.path for one in there.outputs] == [one.path for one in back.outputs]


@given(plans())
def test_a_plan_that_is_kept_is_read_back_as_it_was_agreed_to(one: Plan) -> None:
    data = kept_plan(one)
    assert data is not None
    found = known_plan(data, "fair", one.digest)
    assert found is not None
    assert not difference(one, found)
    assert known_plan(data, "other", one.digest) is None
    assert known_plan(data, "fair", "sha256:" + "0" * 64) is None


@given(plans(), st.binary(max_size=40), st.integers(0, 400))
def test_what_somebody_changed_in_a_kept_plan_is_another_plan(
    one: Plan, junk: bytes, at: int
) -> None:
    data = kept_plan(one)
    assert data is not None
    found = known_plan(data[:at] + junk + data[at + len(junk) :], "fair", one.digest)
    assert found is None or not difference(one, found)


@pytest.mark.parametrize("data", [b"", b"{}", b"[" * 100_000, b'{"changes": 7}', b"\xff"])
def test_what_is_no_plan_is_none(data: bytes) -> None:
    assert known_plan(data, "fair", "sha256:" + "0" * 64) is None


def test_a_plan_with_what_looks_like_a_secret_is_not_kept() -> None:
    key = "AKIA" + "QYLPMN5HHHFPZAM2"
    assert kept_plan(plan(change("aws_a.x", "update", AttributeChange("name", None, key)))) is None


def test_a_plan_that_is_far_too_large_is_not_kept() -> None:
    large = AttributeChange("name", None, ["word"] * (LARGEST // 8))
    assert kept_plan(plan(change("aws_a.x", "update", large))) is None


def test_the_newest_plans_are_kept_as_far_as_there_is_space() -> None:
    many = {f"sha256:{number}": sha256(b"%d" % number).hexdigest().encode() for number in range(3)}
    assert unpacked(packed(many, 10_000)) == many
    assert list(unpacked(packed(many, 80))) == ["sha256:0"]
    assert packed(many, 10) == b""


@pytest.mark.parametrize(
    "data", [b"", b"junk", zlib.compress(b"x")[:-2], zlib.compress(b"0" * (3 * LARGEST))]
)
def test_what_is_packed_otherwise_or_far_too_large_holds_nothing(data: bytes) -> None:
    assert unpacked(data) == {}


AGREED = plan(
    change("aws_lambda_function.api", "update", AttributeChange("memory_size", 128, 256)),
    change("aws_s3_bucket.logs", "create", AttributeChange("bucket", None, "logs")),
    change("aws_sqs_queue.dead", "delete", identity="arn:aws:sqs:dead"),
    change("aws_db_instance.main", "update", AttributeChange("password", {SENSITIVE: "0a"}, None)),
    outputs=(AttributeChange("url", None, "https://a"),),
)
NOW = plan(
    change(
        "aws_lambda_function.api",
        "update",
        AttributeChange("memory_size", 192, 256),
        AttributeChange("timeout", 3, 30),
    ),
    change("aws_db_instance.main", "replace", AttributeChange("password", {SENSITIVE: "0b"}, None)),
    change("aws_sqs_queue.dead", "delete", identity="arn:aws:sqs:other"),
    change("aws_dynamodb_table.items", "update", AttributeChange("read_capacity", 9, 5)),
    outputs=(AttributeChange("url", None, "https://b"),),
)

TOLD = """\
Not as it was agreed to: 1 more, 1 no longer, 3 otherwise, 1 output  (sha256:... was agreed to, sha256:... is planned)
  ~ aws_db_instance.main was update, is replace
      (in this order): "delete, create", and was not to change
      password: was (sensitive) -> (none), is (sensitive) -> (none)
  + aws_dynamodb_table.items (update) was not in it
      read_capacity: 9 -> 5, and was not to change
  ~ aws_lambda_function.api (update) differs
      memory_size: was 128 -> 256, is 192 -> 256
      timeout: 3 -> 30, and was not to change
  - aws_s3_bucket.logs (create) is not in the plan any more
  ~ aws_sqs_queue.dead (delete) differs
      (name in the cloud): was "arn:aws:sqs:dead", is "arn:aws:sqs:other"
  output url: was "https://a", is "https://b"
"""  # noqa: E501  # as it is printed


def test_a_person_reads_what_differs() -> None:
    found = difference(AGREED, NOW)
    screen = io.StringIO()
    shown(Console(file=screen, width=200), found)
    text = screen.getvalue()
    for digest in (AGREED.digest, NOW.digest):
        text = text.replace(digest[:19], "sha256:...")
    assert text == TOLD
    assert words(found) == "1 more, 1 no longer, 3 otherwise, 1 output"


def test_a_program_reads_what_differs() -> None:
    found = as_fields(difference(AGREED, NOW))
    assert found is not None
    keys = ("address", "way", "agreed", "now")
    told = [tuple(one[key] for key in keys) for one in found["resources"]]
    assert told == [
        ("aws_db_instance.main", "otherwise", "update", "replace"),
        ("aws_dynamodb_table.items", "more", None, "update"),
        ("aws_lambda_function.api", "otherwise", "update", "update"),
        ("aws_s3_bucket.logs", "less", "create", None),
        ("aws_sqs_queue.dead", "otherwise", "delete", "delete"),
    ]
    assert found["resources"][2]["attributes"] == [
        {
            "path": "memory_size",
            "agreed": {"before": 128, "after": 256},
            "now": {"before": 192, "after": 256},
        },
        {"path": "timeout", "agreed": None, "now": {"before": 3, "after": 30}},
    ]
    assert as_fields(None) is None


def test_what_loses_nothing_by_being_made_by_another_engine_does_not_differ() -> None:
    assert not difference(AGREED, replace(AGREED, engine="tofu 1.9.0"))
