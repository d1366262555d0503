"""Who hears of what, in which words: pure, for every kind of record."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.notices import (
    MANY,
    About,
    folded,
    hears,
    link_to,
    notice_of,
    repeats,
    routed,
)
from reconciler.model.base import format_timestamp
from reconciler.model.notice import Notice
from reconciler.model.record import RecordKind
from tests.core.secrets.samples import filled
from tests.records.drafts import BODIES, NOW, document
from tests.telling.rules import rule

ABOUT = About("demo", "lab")


def of(kind: str, **changes: Any) -> Notice | None:
    more = {"simulated": changes.pop("simulated", False)}
    body = {"kind": kind, **BODIES[kind], **changes}
    return notice_of(document(kind, body=body, **more)[0], ABOUT)


def some(kind: str, **changes: Any) -> Notice:
    found = of(kind, **changes)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "kind, changes, event, title",
    [
        ("decision", {"verdict": "DENY"}, "denied", "box-one is denied to apply, risk L2"),
        ("decision", {}, "approval-needed", "box-one needs approval to apply, risk L2"),
        (
            "decision",
            {"verdict": "INDETERMINATE"},
            "failed",
            "box-one could not be judged: checkov",
        ),
        ("apply-ended", {}, "failed", "box-one could not be applied: failed after 2 of 5"),
        ("apply-ended", {"result": "done"}, "applied", "box-one is applied: 1 added, 1 changed"),
        (
            "apply-ended",
            {"result": "done", "action": "destroy", "counts": {"delete": 4}},
            "applied",
            "box-one is destroyed: 4 deleted",
        ),
        (
            "drift-seen",
            {},
            "drift",
            "box-one drifted: 1 changed by hand, 1 gone, 1 unmanaged",
        ),
        ("drift-gone", {}, "drift", "box-one is as declared again"),
        (
            "remediation-proposed",
            {},
            "drift",
            "box-one: !42 mends drift: a tag was taken away",
        ),
        (
            "remediation-ended",
            {},
            "failed",
            "box-one: drift is not mended by itself (escalated): a tag was taken away",
        ),
        ("expiry", {}, "expiring", "box-one ends at 2026-07-04T12:00:00Z"),
        ("expiry", {"step": "ended"}, "expiring", "box-one has come to its end, and is taken out"),
        (
            "expiry",
            {"step": "kept", "because": "it holds data"},
            "expiring",
            "box-one has come to its end, and is kept: it holds data",
        ),
        ("expiry", {"step": "destroyed"}, "expiring", "box-one has ended, and is destroyed"),
        ("freeze", {}, "frozen", "track lab stands still: It burns money."),
        ("resume", {}, "frozen", "track lab may move again: It is mended."),
        (
            "freeze",
            {"scope": "agent", "subject": "robot"},
            "quarantined",
            "agent robot stands still: It burns money.",
        ),
        (
            "refusal",
            {},
            "bypass",
            "box-one: refused: to apply a commit that nobody judged",
        ),
        ("override", {}, "bypass", "all: a human takes on chain records"),
    ],
)
def test_each_event_in_one_line(kind: str, changes: dict[str, Any], event: str, title: str) -> None:
    notice = some(kind, **changes)
    assert (notice.event, notice.title) == (event, title)


@pytest.mark.parametrize(
    "kind, changes",
    [
        ("decision", {"verdict": "ALLOW"}),
        ("apply-started", {}),
        ("remediation-started", {}),
        ("remediation-ended", {"result": "done"}),
        ("promotion", {}),
        ("waiver", {}),
        ("policy", {}),
    ],
)
def test_what_goes_its_way_is_told_to_nobody(kind: str, changes: dict[str, Any]) -> None:
    assert of(kind, **changes) is None


def test_a_notice_says_what_why_who_and_what_to_do_next() -> None:
    notice = some("decision")
    lines = notice.text.splitlines()
    assert "- team-a has to agree: 1 of 2" in lines
    assert "Record 6, by Ada Berg <ada@example.com> (forge id 7)." in lines
    assert lines[-1].startswith("Next: lab may approve what brought commit ")
    assert (notice.environment, notice.track, notice.owner) == ("box-one", "demo", "lab")
    assert notice.at == format_timestamp(NOW + timedelta(seconds=6))


def test_what_happens_in_the_sandbox_says_so() -> None:
    notice = some("drift-seen", simulated=True)
    assert notice.title.startswith("(sandbox) ")
    assert "Simulated: nothing of this is real." in notice.text


def test_a_stopped_track_is_about_that_track_whoever_it_is_written_by() -> None:
    assert some("freeze").track == "lab"


def test_what_looks_like_a_secret_is_not_told() -> None:
    token = filled("glpat-<W20>")
    notice = some("refusal", what=f"to use {token}", why=f"it is {token}")
    assert token not in notice.title + notice.text


@given(st.sampled_from(sorted(RecordKind)), st.text(max_size=4000))
def test_no_word_of_anybody_makes_a_long_or_broken_notice(kind: str, words: str) -> None:
    changes = {name: words for name in ("because", "cause", "what", "why") if name in BODIES[kind]}
    if kind == "override":
        changes.pop("what")
    notice = of(kind, **changes)
    if notice is not None:
        assert notice.title.isprintable()
        assert len(notice.title) <= 150
        assert all(one.isprintable() and len(one) <= 300 for one in notice.text.split("\n"))


@pytest.mark.parametrize("odd", [None, 3, "x", {"a": 1}, [3, None, {"teams": 4}]])
def test_a_decision_that_somebody_forged_is_told_all_the_same(odd: object) -> None:
    decision = {**BODIES["decision"]["decision"], "missing": odd}
    assert some("decision", decision=decision).event == "approval-needed"


# -- who hears ------------------------------------------------------------------------------------


def test_a_rule_asks_for_events_tracks_and_teams() -> None:
    notice = some("drift-seen")
    assert hears(rule("on-call", ["drift"]), notice)
    assert not hears(rule("on-call", ["failed"]), notice)
    assert hears(rule("on-call", ["drift"], tracks=["demo"]), notice)
    assert not hears(rule("on-call", ["drift"], tracks=["platform"]), notice)
    assert hears(rule("on-call", ["drift"], teams=["lab"]), notice)
    assert not hears(rule("on-call", ["drift"], teams=["web"]), notice)


def test_where_nobody_knows_the_track_or_team_everybody_hears() -> None:
    notice = replace(some("drift-seen"), track="", owner="")
    assert hears(rule("on-call", ["drift"], tracks=["platform"], teams=["web"]), notice)


def test_each_rule_is_told_once_and_only_what_it_asks_for() -> None:
    drift, failed = some("drift-seen"), some("apply-ended")
    rules = [rule("all", ["drift", "failed"]), rule("pager", ["failed"]), rule("none", ["bypass"])]
    assert routed(rules, [drift, failed, drift]) == (
        ("all", drift),
        ("all", failed),
        ("pager", failed),
    )


def many(count: int, **more: Any) -> list[Notice]:
    first = some("drift-seen")
    return [
        replace(
            first, key=f"k{number}", title=f"e{number} drifted", environment=f"e{number}", **more
        )
        for number in range(count)
    ]


def test_a_flood_of_one_kind_is_one_notice() -> None:
    (one,) = folded(many(300))
    assert one.title == "300 times of demo: drift"
    assert one.text.splitlines()[0] == "- e0 drifted"
    assert one.text.splitlines()[-1] == "and 270 more"
    assert (one.environment, one.track, one.owner) == ("", "demo", "lab")


def test_a_few_are_told_one_by_one() -> None:
    assert folded(many(MANY)) == tuple(many(MANY))


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 30)), max_size=60))
def test_folding_loses_no_kind_and_never_makes_more(drawn: list[tuple[str, int]]) -> None:
    first = some("drift-seen")
    notices = [replace(first, key=f"{track}{n}", track=track) for track, n in drawn]
    found = folded(notices)
    assert len(found) <= min(len(notices), 2 * MANY)
    assert {one.track for one in found} == {one.track for one in notices}


# -- no repeats -----------------------------------------------------------------------------------


def later(notice: Notice, **time: int) -> Notice:
    return replace(notice, at=format_timestamp(NOW + timedelta(**time)))


def test_the_same_failure_is_told_once_a_day() -> None:
    failed = some("apply-ended")
    assert repeats(later(failed, hours=3), [failed])
    assert not repeats(later(failed, hours=25), [failed])


def test_another_failure_is_told_at_once_and_so_is_one_after_a_success() -> None:
    failed, done = some("apply-ended"), some("apply-ended", result="done")
    other = some("apply-ended", failed=["aws_vpc.main"])
    again = later(failed, hours=1)
    assert not repeats(again, [other, failed])
    assert not repeats(again, [done, failed])
    assert repeats(again, [some("drift-seen"), failed])


def test_a_day_that_no_calendar_has_keeps_nothing_back() -> None:
    failed = some("apply-ended")
    assert not repeats(failed, [replace(failed, at="2026-02-31T00:00:00Z")])
    assert not repeats(replace(failed, at="2026-02-31T00:00:00Z"), [failed])


def test_a_link_leads_to_the_merge_request_or_the_commit() -> None:
    root = "https://gitlab.example.com/platform/environments"
    proposed, ended = document("remediation-proposed")[0], document("apply-ended")[0]
    assert link_to(root, proposed) == f"{root}/-/merge_requests/42"
    assert link_to(root, ended) == f"{root}/-/commit/{BODIES['apply-ended']['commit']}"
    assert link_to("", ended) == ""
    assert link_to(root, document("expiry")[0]) == ""
