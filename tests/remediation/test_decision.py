"""What is decided about drift, for whatever drifts: in doubt a human, and never looser for more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.causes import parts
from reconciler.core.discard import REMOVABLE
from reconciler.core.drift import searchable
from reconciler.core.remediation import OFTEN, remediate, removed_by, too_much
from reconciler.core.risk import HOLDS_DATA
from reconciler.model.plan import Drifted, Plan, ResourceChange
from reconciler.model.record import Changed, DriftedResource
from reconciler.model.remediation import Case, Limits, Memory, Seen

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
TYPES = ("aws_s3_bucket", "aws_lambda_function", "aws_sns_topic")
LIMITS = Limits("L1", 3, 4)
ARNS = (
    "arn:aws:sns:eu-central-1:1:x",
    "arn:aws:logs:eu-central-1:1:log-group:x",
    "arn:aws:dynamodb:eu-central-1:1:table/x",
)


def resource(address: str, what: str, *, mended: bool, have: str = '"b"') -> DriftedResource:
    attributes = () if what == "gone" else (Changed(path="name", want='"a"', have=have),)
    kind = address.partition(".")[0]
    fields = {"address": address, "type": kind, "what": what, "identity": "", "who": ""}
    return DriftedResource.model_validate(fields | {"attributes": attributes, "mended": mended})


@st.composite
def resources(draw: st.DrawFn) -> DriftedResource:
    address = f"{draw(st.sampled_from(TYPES))}.{draw(st.sampled_from('abc'))}"
    what = draw(st.sampled_from(["changed", "gone"]))
    return resource(address, what, mended=draw(st.booleans()) or what == "gone")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(["shop", "portal", "kiosk", "fair"]))
    drifted = draw(st.lists(resources(), max_size=5, unique_by=lambda one: one.address))
    arns = draw(st.lists(st.sampled_from(ARNS), max_size=3, unique=True))
    known = {arn: "aws_sns_topic.a" for arn in arns if draw(st.integers(0, 4)) == 0}
    digest = "sha256:" + "0" * 64
    seen = Seen(name, digest, 9, 7, "2026", "2026", tuple(drifted), tuple(arns), known)
    memory = {part.cause.mark: draw(memories()) for part in parts(seen) if draw(st.booleans())}
    return Case(
        seen,
        draw(st.sampled_from(["demo", "customer"])),
        draw(st.sampled_from(["dev", "production"])),
        draw(st.sampled_from(["automated", "automated", "assisted", "advisory"])),
        replace(LIMITS, removals=draw(st.integers(0, 3))),
        memory,
        ordered=draw(st.integers(0, 9)) == 0,
        frozen=draw(st.integers(0, 9)) == 0,
    )


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    ago = draw(st.lists(st.integers(0, 300), max_size=4))
    step, result = draw(
        st.sampled_from(
            [("proposed", ""), ("started", ""), ("ended", "done"), ("ended", "failed"),
             ("ended", "escalated"), ("ended", "declined")]
        )
    )  # fmt: skip
    mended = tuple(NOW - timedelta(hours=hours) for hours in ago)
    number = draw(st.integers(5, 12))
    return Memory(step, "automated", result, "", "", number, mended=mended)  # type: ignore[arg-type]  # literals


many = st.lists(cases(), max_size=4, unique_by=lambda one: one.environment)


def told(found: Any) -> list[tuple[str, str, str]]:
    return [(one.environment, one.part.cause.mark, one.doing) for one in found]


@given(many, st.randoms())
def test_order_makes_no_difference_and_everything_is_answered(some: list[Case], any_: Any) -> None:
    found = remediate(some, (), (), NOW)
    mixed = list(some)
    any_.shuffle(mixed)
    assert remediate(mixed, (), (), NOW) == found
    answered = {(one.environment, one.part.cause) for one in found}
    assert answered == {
        (case.environment, part.cause) for case in some for part in parts(case.seen)
    }


@given(many, st.integers(0, 5))
def test_what_is_mended_by_itself_is_harmless_and_within_the_limits(
    some: list[Case], before: int
) -> None:
    begun = [("demo", NOW)] * before
    found = remediate(some, (), begun, NOW)
    by_name = {case.environment: case for case in some}
    fresh: dict[str, int] = {"demo": before, "customer": 0}
    for name in {one.environment for one in found if one.doing == "mend"}:
        case = by_name[name]
        if case.ordered:
            continue
        assert case.mode == "automated"
        assert not case.frozen
        assert case.stage != "production"
        removed = removed_by(case, parts(case.seen))
        assert case.seen.drifted or removed
        if removed:
            assert set(removed) == set(case.seen.unmanaged)
            assert len(removed) <= case.limits.removals
            assert not any(":dynamodb:" in arn or arn in case.seen.imports for arn in removed)
        assert len(case.seen.drifted) <= LIMITS.resources
        for one in case.seen.drifted:
            assert one.mended
            assert not (one.what == "gone" and one.type in HOLDS_DATA)
        now = [case.memory[part.cause.mark] for part in parts(case.seen)
               if part.cause.mark in case.memory]  # fmt: skip
        begun_already = any(one.step == "started" and one.record > 9 for one in now)
        fresh[case.track] += not begun_already
        if not begun_already:
            week = [sum(NOW - at < timedelta(days=7) for at in one.mended) for one in now]
            assert all(count < OFTEN for count in week)
    assert fresh["customer"] <= LIMITS.per_hour
    assert fresh["demo"] <= max(LIMITS.per_hour, before)


@given(cases(), resources())
def test_more_drift_never_makes_it_mend_by_itself(case: Case, more: DriftedResource) -> None:
    case = replace(case, ordered=False, memory={})
    if more.address in {one.address for one in case.seen.drifted}:
        return
    if any(one.doing == "mend" for one in remediate([case], (), (), NOW)):
        return
    wider = replace(case, seen=replace(case.seen, drifted=(*case.seen.drifted, more)))
    if case.seen.drifted:
        assert not any(one.doing == "mend" for one in remediate([wider], (), (), NOW))


@given(st.lists(resources(), max_size=6, unique_by=lambda one: one.address), st.integers(0, 1))
def test_all_that_drifts_has_one_cause_whatever_the_environment_is_called(
    drifted: list[DriftedResource], unmanaged: int
) -> None:
    arns = ("arn:aws:sns:eu-central-1:111122223333:topic",) * unmanaged
    seen = Seen("shop", "", 1, 1, "", "", tuple(drifted), arns)
    found = parts(seen)
    held = [one.address for part in found for one in part.resources]
    assert sorted(held) == sorted(one.address for one in drifted)
    assert sum(part.count for part in found) == len(drifted) + len(arns)
    assert len({part.cause.mark for part in found}) == len(found)


def test_what_differs_by_environment_is_the_same_cause() -> None:
    def cause(name: str, account: str) -> Any:
        have = f'"arn:aws:kms:eu-central-1:{account}:key/{name} {name}-web https://{name}.x"'
        one = resource("aws_sns_topic.a", "changed", mended=True, have=have)
        (part,) = parts(Seen(name, "", 1, 1, "", "", (one,)))
        return part.cause

    assert cause("shop", "111122223333") == cause("portal", "444455556666")
    assert "shop" not in cause("shop", "111122223333").words


def change(address: str, kind: str) -> ResourceChange:
    return ResourceChange(address, address.partition(".")[0], kind, (), ())  # type: ignore[arg-type]  # a literal


def test_a_plan_that_does_more_than_mend_is_not_for_us() -> None:
    drift = (
        Drifted("aws_sns_topic.a", "aws_sns_topic", "changed", (), mended=True),
        Drifted("aws_lambda_function.f", "aws_lambda_function", "gone", (), mended=True),
    )

    def why(*changes: ResourceChange) -> tuple[str, ...]:
        return too_much(Plan("shop", changes, drift, (), "", ""), LIMITS, "L1")

    mending = (change("aws_sns_topic.a", "update"), change("aws_lambda_function.f", "create"))
    assert why(*mending) == ()
    assert why(*mending, change("aws_lambda_permission.p", "update")) == ()
    for kind in ("create", "delete", "replace", "forget"):
        (told_why,) = why(*mending, change("aws_iam_role.r", kind))
        assert "aws_iam_role.r" in told_why
    assert why(change("aws_sns_topic.a", "replace"))
    assert too_much(Plan("shop", mending, drift, (), "", ""), LIMITS, "L2")
    assert too_much(Plan("shop", mending, drift, (), "", ""), replace(LIMITS, resources=1), "L1")


def test_nothing_that_is_removed_by_itself_holds_data() -> None:
    assert not REMOVABLE & HOLDS_DATA
    assert all(searchable(one) for one in REMOVABLE), "it would never be found"
