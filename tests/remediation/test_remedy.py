"""What becomes of drift: mended at once, asked about, or told; each change recorded once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.app.remediation import against, begin, due
from reconciler.model.drift import Unmanaged
from reconciler.model.plan import Plan, ResourceChange
from reconciler.model.work import Job
from tests.remediation.ward import Ward, changed, gone

DEMO = "pitch-acme"
SHOP = "environments/customer/globex-shop.yaml"


def test_a_demo_is_mended_at_once_and_everything_is_recorded_once(ward: Ward) -> None:
    ward.drifts(DEMO, changed())
    (mend,) = ward.looks()
    assert (mend.environment, mend.job, mend.mode) == (DEMO, Job.APPLY, "automated")
    assert "tags.owner" in mend.cause
    assert ward.looks() == (mend,)
    assert due(ward.desk(), DEMO, ward.now) == mend
    assert due(ward.desk(), "trade-fair", ward.now) is None
    assert ward.recorded == []
    ward.mended(mend)
    assert [one.job for one in ward.looks()] == [Job.LOOK]
    ward.drifts(DEMO)
    assert ward.looks() == ()
    assert ward.recorded == [f"started automated {DEMO}", f"ended automated {DEMO} done"]
    assert not ward.open
    assert ward.world.codes() == set()


def test_a_plan_that_does_more_than_mend_is_for_a_human(ward: Ward) -> None:
    ward.drifts(DEMO, changed())
    (mend,) = ward.looks()
    mending = ResourceChange("aws_lambda_function.api", "aws_lambda_function", "update", (), ())
    plan = Plan(DEMO, (mending,), (changed(),), (), "", "")
    assert against(mend, plan, "L1") == ()
    assert against(mend, plan, "L2")
    more = ResourceChange("aws_iam_role.r", "aws_iam_role", "delete", (), ())
    assert against(mend, replace(plan, changes=(mending, more)), "L1")
    ward.mended(mend, "escalated")
    assert ward.looks() == ()
    assert len(ward.open) == 1


def test_an_apply_that_was_cut_off_is_begun_again_and_recorded_once(ward: Ward) -> None:
    ward.drifts(DEMO, changed())
    (mend,) = ward.looks()
    for _ in range(2):
        begin(ward.world.recorder(), ward.world.head, mend)
        assert ward.looks() == (mend,)
    ward.drifts(DEMO)
    assert ward.looks() == ()
    assert ward.recorded == [f"started automated {DEMO}", f"ended automated {DEMO} done"]


@pytest.mark.parametrize(
    "drift, why",
    [
        (gone("aws_dynamodb_table.items"), "L3"),
        (changed(mended=False), "no apply puts"),
    ],
)
def test_what_is_not_plainly_harmless_is_never_mended_by_itself(
    ward: Ward, drift: object, why: str
) -> None:
    ward.drifts(DEMO, drift)  # type: ignore[arg-type]  # a drifted resource
    assert ward.looks() == ()
    assert ward.recorded[0] == f"ended automated {DEMO} escalated"
    body = ward.bodies[-1][1] if len(ward.recorded) == 1 else ward.bodies[-2][1]
    assert why in str(body["because"])
    before = ward.recorded
    assert ward.looks() == ()
    assert ward.recorded == before


def test_too_many_resources_are_for_a_human(ward: Ward) -> None:
    ward.limits("demo", "{resources: 1}")
    ward.drifts(DEMO, changed(), changed(address="aws_sns_topic.alarms"))
    assert ward.looks() == ()
    assert ward.recorded.count(f"ended automated {DEMO} escalated") == 2
    assert len(ward.open) == 2


def test_an_hour_has_room_for_so_many_and_the_next_has_room_again(ward: Ward) -> None:
    ward.limits("demo", "{perHour: 1}")
    ward.drifts("trade-fair", changed())
    ward.later(minutes=1)
    ward.drifts(DEMO, changed("timeout", 10, 20))
    (mend,) = ward.looks()
    assert mend.environment == "trade-fair"
    assert f"ended automated {DEMO} escalated" in ward.recorded
    ward.mended(mend)
    ward.drifts("trade-fair")
    ward.looks()
    ward.later(hours=2)
    ward.drifts("trade-fair", changed("timeout", 10, 30))
    assert [one.environment for one in ward.looks()] == ["trade-fair"]


def test_what_comes_back_three_times_stops_and_a_human_is_asked(ward: Ward) -> None:
    for _ in range(3):
        ward.drifts(DEMO, changed())
        (mend,) = ward.looks()
        ward.mended(mend)
        ward.drifts(DEMO)
        ward.looks()
        ward.later(hours=2)
    ward.drifts(DEMO, changed())
    assert ward.looks() == ()
    assert ward.recorded[-2:] == [
        f"ended automated {DEMO} escalated",
        f"proposed assisted {DEMO}",
    ]
    (request,) = ward.open
    assert "3 times" in request.description
    ward.merge(request)
    (mend,) = ward.looks()
    assert mend.mode == "assisted"
    ward.mended(mend)
    ward.drifts(DEMO)
    ward.looks()
    # A person has looked at it: whatever comes now is new.
    ward.drifts(DEMO, changed())
    assert [one.mode for one in ward.looks()] == ["automated"]


def test_mending_that_did_not_help_is_seen_by_the_next_look_and_tried_no_more_than_thrice(
    ward: Ward,
) -> None:
    ward.drifts(DEMO, changed())
    for _ in range(3):
        (mend,) = ward.looks()
        assert mend.job is Job.APPLY
        ward.mended(mend)
        assert [one.job for one in ward.looks()] == [Job.LOOK]
        ward.drifts(DEMO, changed())  # as it was
    assert ward.looks() == ()
    assert len(ward.open) == 1


def test_one_merge_request_for_one_cause_over_environments(ward: Ward) -> None:
    names = ("acme-portal", "acme-portal-staging", "globex-shop")
    for name in names:
        ward.drifts(name, changed("url", f"https://{name}.x", f"https://evil.{name}.x"))
    assert ward.looks() == ()
    (request,) = ward.open
    assert request.title == "Drift of 3 environments: aws_lambda_function url"
    assert all(f"`{name}`" in request.description for name in names)
    assert request.source.startswith("reconciler/drift/")
    count = len(ward.recorded)
    assert count == 3
    assert ward.looks() == ()
    assert (len(ward.open), len(ward.recorded)) == (1, 3)
    assert ward.open[0].head == request.head
    # One more joins, one goes: the same merge request, brought up to date.
    dev = "acme-portal-dev"
    ward.drifts(dev, changed("url", f"https://{dev}.x", f"https://evil.{dev}.x"))
    ward.drifts("globex-shop")
    assert ward.looks() == ()
    (again,) = ward.open
    assert again.number == request.number
    assert f"`{dev}`" in again.description
    assert "globex-shop" not in again.description
    assert ward.recorded[3:] == [
        f"proposed assisted {dev}",
        "ended assisted globex-shop withdrawn",
    ]
    assert ward.world.codes() == set()


def test_merging_reverts_that_drift_once_and_no_other(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    (request,) = ward.open
    text = ward.proposed(request, SHOP)
    assert re.search(r"revert:\s*\{?\s*drift: sha256:[0-9a-f]{64}", text)
    assert text.startswith(ward.world.text(SHOP)[:200])
    ward.merge(request)
    (mend,) = ward.looks()
    assert (mend.environment, mend.mode, mend.job) == ("globex-shop", "assisted", Job.APPLY)
    assert not ward.open
    ward.mended(mend)
    ward.drifts("globex-shop")
    assert ward.looks() == ()
    assert ward.recorded == [
        "proposed assisted globex-shop",
        "started assisted globex-shop",
        "ended assisted globex-shop done",
    ]
    # The very same again: the old order is spent, and people are asked anew.
    ward.drifts("globex-shop", changed())
    assert ward.looks() == ()
    (other,) = ward.open
    assert other.number != request.number
    assert ward.proposed(other, SHOP) != ward.world.text(SHOP)


def test_it_is_withdrawn_when_the_drift_is_gone(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    (request,) = ward.open
    ward.drifts("globex-shop")
    assert ward.looks() == ()
    assert not ward.open
    forge = ward.forges.as_user("ada")
    assert forge.merge_request(request.number).state == "closed"
    assert "gone" in forge.notes(request.number)[-1].text
    assert ward.recorded[-1] == "ended assisted globex-shop withdrawn"
    before = ward.recorded
    assert ward.looks() == ()
    assert ward.recorded == before


def test_who_closes_it_is_not_asked_again_before_it_changes(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    (request,) = ward.open
    ward.forges.as_user("ada").close(request.number)
    for _ in range(2):
        assert ward.looks() == ()
        assert not ward.open
    assert ward.recorded[-1] == "ended assisted globex-shop declined"
    assert len(ward.recorded) == 2
    other = changed("tags.owner", "team-web", "somebody else", "aws_sns_topic.alarms")
    ward.drifts("globex-shop", changed(), other)
    ward.looks()
    assert [one.title for one in ward.open] == ["Drift of globex-shop: aws_sns_topic tags"]
    # Once it was as declared, the answer is over.
    ward.drifts("globex-shop")
    ward.looks()
    ward.drifts("globex-shop", changed())
    ward.looks()
    assert [one.title for one in ward.open] == ["Drift of globex-shop: aws_lambda_function tags"]


STRAY = "arn:aws:sns:eu-central-1:111111111111:stray"
HOMELESS = "arn:aws:sns:eu-central-1:111111111111:homeless"


def test_what_is_unmanaged_is_taken_over_by_whoever_merges_it(ward: Ward) -> None:
    known, other = Unmanaged(STRAY, "", "aws_sns_topic.alarms"), Unmanaged(HOMELESS, "")
    ward.drifts(DEMO, unmanaged=[known])
    ward.drifts("globex-shop", unmanaged=[known, other])
    for _ in range(2):
        assert ward.looks() == ()
    assert ward.recorded == [
        f"ended automated {DEMO} escalated",
        "proposed assisted globex-shop",
        f"proposed assisted {DEMO}",
    ]
    (seen, _) = [one for _, one in ward.bodies if one["kind"] == "drift-seen"]
    assert seen["imports"] == {STRAY: "aws_sns_topic.alarms"}
    (request,) = ward.open
    assert request.title == "Drift of 2 environments: aws_sns_topic unmanaged"
    for words in (STRAY, HOMELESS, "aws_sns_topic.alarms", "Merging takes it over", "Not taken"):
        assert words in request.description
    shop = ward.proposed(request, "environments/customer/globex-shop.yaml")
    assert f"imports: [{{to: aws_sns_topic.alarms, id: {STRAY}}}]" in shop
    assert HOMELESS not in shop


def test_what_nothing_of_the_blueprint_would_become_is_only_told(ward: Ward) -> None:
    ward.drifts("globex-shop", unmanaged=[Unmanaged(HOMELESS, "")])
    assert (ward.looks(), ward.open) == ((), [])


@pytest.mark.parametrize("address", ["aws_sns_topic.alarms", "aws_sns_topic.again"])
def test_what_is_to_be_taken_over_already_is_not_asked_about(ward: Ward, address: str) -> None:
    path = "environments/customer/globex-shop.yaml"
    entry = f"  imports:\n    - {{to: aws_sns_topic.alarms, id: {STRAY}}} # mine\n"
    ward.world.edit(path, "spec:\n", f"spec:\n{entry}")
    ward.drifts("globex-shop", unmanaged=[Unmanaged(STRAY, "", address)])
    assert (ward.looks(), ward.open) == ((), [])
    other = STRAY.replace("stray", "more")
    more = Unmanaged(other, "", "aws_sns_topic.more")
    ward.drifts("globex-shop", unmanaged=[more])
    ward.looks()
    (request,) = ward.open
    text = ward.proposed(request, path)
    assert f"{{to: aws_sns_topic.alarms, id: {STRAY}}}" in text
    assert f"{{to: aws_sns_topic.more, id: {other}}}" in text


@pytest.mark.parametrize("address", ["module.m.aws_sns_topic.a", "aws_sns_topic.a } x", ""])
def test_what_is_no_address_of_a_blueprint_is_written_nowhere(ward: Ward, address: str) -> None:
    ward.drifts("globex-shop", unmanaged=[Unmanaged(STRAY, "", address)])
    assert (ward.looks(), ward.open) == ((), [])


def test_an_advisory_track_is_told_and_nothing_else(ward: Ward) -> None:
    ward.drifts("identity", changed(), gone("aws_sns_topic.alarms"))
    assert ward.looks() == ()
    assert (ward.open, ward.recorded) == ([], [])


def test_a_profile_that_becomes_advisory_takes_its_questions_back(ward: Ward) -> None:
    ward.drifts("globex-shop", changed())
    ward.looks()
    ward.mode("customer", "assisted", "advisory")
    ward.looks()
    assert not ward.open
    assert ward.recorded[-1] == "ended assisted globex-shop withdrawn"


def test_nothing_moves_by_itself_under_a_freeze(ward: Ward) -> None:
    from tests.verify.history import FREEZE

    ward.world.change(
        {"policies/freezes/stop.yaml": FREEZE.format(scope="{everything: true}", expires="")}
    )
    ward.drifts(DEMO, changed())
    assert ward.looks() == ()
    assert ward.recorded == []
    ward.world.change({"policies/freezes/stop.yaml": None})
    assert [one.environment for one in ward.looks()] == [DEMO]


def test_what_the_cloud_says_stays_in_code(ward: Ward) -> None:
    ward.drifts("globex-shop", changed("tags.@all", "x", "| `/approve`\n/merge @ada"))
    ward.looks()
    (request,) = ward.open
    assert "@" not in request.title
    assert all(not line.lstrip().startswith("/") for line in request.description.splitlines())
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", request.description)
    assert "@" not in bare
