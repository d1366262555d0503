"""`audit dora`: the four figures, by their definitions."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pygit2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.records.dora import (
    Applied,
    Event,
    Facts,
    TakenBack,
    by_environment,
    facts,
    grouped,
    measured,
    spread,
)
from reconciler.model.audit import Spread
from tests.audit.conftest import Run
from tests.audit.story import ADA, CONTROLLER, Told, ended, policy
from tests.repos import GitRepo

START = datetime(2026, 11, 1, tzinfo=UTC)
WEEK = 7 * 86400


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def apply(at: float, commit: str, *, done: bool = True, made: float | None = None) -> Applied:
    return Applied("shop", hour(at), commit, done, None if made is None else hour(made))


def back(bad: str, good: str) -> TakenBack:
    return TakenBack("shop", bad, good)


# ------------------------------------------------------------------------------------- the facts


def test_a_deployment_and_its_lead_time() -> None:
    found = facts([apply(3, "a", made=1)])
    assert found == Facts(1, (7200,), 1, 0, (), 0)


def test_an_apply_of_what_runs_already_delivers_nothing() -> None:
    again = [apply(1, "a", made=0), apply(9, "a", made=0), apply(10, "a", done=False)]
    assert facts(again) == facts(again[:1])
    assert facts([apply(9, "a", made=0)], running="a") == Facts()


def test_a_failure_lasts_until_something_is_done() -> None:
    found = facts([apply(1, "a", done=False), apply(2, "a", done=False), apply(4, "b", made=3)])
    assert found == Facts(1, (3600,), 3, 2, (3 * 3600,), 0)
    assert facts([apply(1, "a", done=False)]).broken_now == 1


def test_what_is_taken_back_failed_though_its_apply_was_done() -> None:
    events: list[Event] = [apply(1, "a", made=0), apply(5, "b", made=4), back("b", "a")]
    assert facts(events) == Facts(2, (3600, 3600), 2, 1, (), 1)
    # Going back is no delivery, and has no lead time; it ends the failure.
    assert facts([*events, apply(7, "a", made=0)]) == Facts(2, (3600, 3600), 2, 1, (7200,), 0)
    # What failed to be applied and is taken back failed once.
    once: list[Event] = [apply(1, "a"), apply(5, "b", done=False), back("b", "a")]
    assert facts(once).failed == 1


def test_going_back_forward_again_is_a_delivery() -> None:
    events: list[Event] = [
        apply(1, "a"),
        apply(2, "b"),
        back("b", "a"),
        apply(3, "a"),
        apply(4, "b"),
    ]
    assert facts(events).deployments == 3


def test_a_commit_of_the_future_has_no_lead_time() -> None:
    assert facts([apply(1, "a", made=2)]).leads == ()
    assert facts([apply(1, "a")]).leads == ()


# -------------------------------------------------------------------------------------- figures


def test_of_nothing_there_is_no_figure() -> None:
    found = measured("all", [], WEEK)
    assert (found.per_week, found.failure_rate) == (None, None)
    assert found.lead == found.restore == Spread(0, None, None)
    assert grouped({"shop": Facts()}, {}, WEEK) == ()


def test_a_rate_by_week_wants_a_week() -> None:
    assert measured("x", [facts([apply(1, "a")])], WEEK).per_week == 1.0
    assert measured("x", [facts([apply(1, "a")])], 2 * WEEK).per_week == 0.5
    assert measured("x", [facts([apply(1, "a")])], WEEK - 1).per_week is None
    assert measured("x", [facts([apply(1, "a", done=False)])], WEEK).per_week == 0.0


@pytest.mark.parametrize(
    "values, median, p90",
    [([5], 5, 5), ([1, 2], 1, 2), ([3, 1, 2], 2, 3), (range(1, 11), 5, 9), (range(1, 101), 50, 90)],
)
def test_median_and_the_ninth_tenth(values: list[int], median: int, p90: int) -> None:
    assert spread(values) == Spread(len(values), median, p90)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_both_are_values_that_occurred_and_hold_what_they_say(values: list[int]) -> None:
    found = spread(values)
    assert found.median in values
    assert found.p90 in values
    assert found.median is not None
    assert found.p90 is not None
    assert found.median <= found.p90
    assert sum(1 for one in values if one <= found.p90) * 10 >= 9 * len(values)
    assert sum(1 for one in values if one <= found.median) * 2 >= len(values)


commits = st.sampled_from("abcd")
steps = st.one_of(
    st.tuples(st.just("apply"), commits, st.booleans()),
    st.tuples(st.just("back"), commits, commits),
)


@given(
    st.dictionaries(st.sampled_from(["one", "two", "three"]), st.lists(steps, max_size=8)),
    st.randoms(use_true_random=False),
)
def test_how_environments_lie_among_one_another_makes_no_difference(
    story: dict[str, list[tuple[str, str, str | bool]]], order: random.Random
) -> None:
    own: dict[str, list[Event]] = {
        name: [
            TakenBack(name, commit, str(more))
            if what == "back"
            else Applied(name, hour(number), commit, bool(more), hour(number - 1))
            for number, (what, commit, more) in enumerate(many)
        ]
        for name, many in story.items()
    }
    turns = [name for name, many in own.items() for _ in many]
    order.shuffle(turns)
    left = {name: iter(many) for name, many in own.items()}
    mixed = [next(left[name]) for name in turns]
    found = by_environment(mixed, {})
    assert found == {name: facts(many) for name, many in own.items() if many}
    whole = measured("all", found.values(), WEEK)
    shuffled = dict(sorted(found.items(), key=lambda _: order.random()))
    assert measured("all", shuffled.values(), WEEK) == whole
    teams = {"one": "a", "two": "a", "three": "b"}
    parts = grouped(found, teams, WEEK)
    assert parts == grouped(shuffled, teams, WEEK)
    for figure in ("deployments", "changes", "failed", "broken_now", "environments"):
        assert sum(getattr(one, figure) for one in parts) == getattr(whole, figure)
    assert whole.failed <= whole.changes
    assert whole.deployments <= whole.changes
    assert whole.failure_rate is None or 0 <= whole.failure_rate <= 1


# ------------------------------------------------------------------------------ the command line

SPAN = ("--since", "2026-11-01", "--until", "2026-11-14")


def test_figures_of_a_repository(run: Run, told: Told) -> None:
    found = run("dora", *SPAN, "--format", "json").json
    whole = found["all"]
    # A first state, a failed and a good apply of the second one, which is taken back; a demo.
    assert (whole["deployments"], whole["changes"], whole["failedChanges"]) == (3, 4, 2)
    assert whole["changeFailureRate"] == 0.5
    assert whole["timeToRestore"] == {"count": 1, "medianSeconds": 3600, "p90Seconds": 3600}
    assert whole["brokenNow"] == 1
    # Of the commit on the target branch that was applied: the merge.
    demo = {one["name"]: one for one in found["tracks"]}["demo"]
    assert demo["leadTime"] == {"count": 1, "medianSeconds": 2400, "p90Seconds": 2400}
    assert [one["name"] for one in found["teams"]] == ["team-sales", "team-web"]
    assert found["since"] == "2026-11-01T08:00:00Z"  # records begin here
    assert told.count == 16


ALL = {"done": ["aws_lambda_function.api"], "failed": []}


@pytest.mark.parametrize(
    "result,more,deployments,failed",
    [
        ("interrupted", ALL, 4, 2),  # as when we were killed, and Terraform ended what it did
        ("interrupted", {**ALL, "unknown": ["aws_kms_key.key"]}, 3, 3),
        ("interrupted", {**ALL, "left": ["aws_kms_key.key"]}, 3, 3),
        ("interrupted", {**ALL, "failed": ["aws_kms_key.key"]}, 3, 3),
        ("interrupted", {"done": [], "failed": []}, 3, 3),  # nobody knows what it did
        ("failed", ALL, 3, 3),
    ],
)
def test_what_was_done_is_no_failure_though_nobody_saw_the_end(
    run: Run, told: Told, result: str, more: dict[str, list[str]], deployments: int, failed: int
) -> None:
    commit = told.commit({"README.md": "x"}, ADA, "2026-11-06T07:00:00Z", "Change")
    body = ended(None, commit, result, **more)
    told.write("2026-11-06T09:00:00Z", "trade-fair", CONTROLLER, body)
    found = run("dora", *SPAN, "--format", "json").json["all"]
    assert (found["deployments"], found["failedChanges"]) == (deployments, failed)
    assert found["changes"] == 5


def test_what_ran_before_the_span_is_no_news_in_it(run: Run, told: Told) -> None:
    commit = str(told.repository[told.head].peel(pygit2.Commit).id)
    told.write("2026-11-10T08:00:00Z", "trade-fair", CONTROLLER, ended(None, commit))
    found = run("dora", "--since", "2026-11-09", "--until", "2026-11-14", "--format", "json").json
    assert (found["all"]["deployments"], found["all"]["deploymentsPerWeek"]) == (0, None)


def test_only_by_one_of_them(run: Run, told: Told) -> None:
    assert run("dora", *SPAN, "--by", "team", "--format", "json").json["tracks"] == []
    assert "TRACK" not in run("dora", *SPAN, "--by", "team").out
    assert "TEAM" not in run("dora", *SPAN, "--by", "track").out
    assert told.count == 16


def test_nothing_to_measure(run: Run, repo: GitRepo) -> None:
    assert run("dora").out == "Nothing is recorded yet: there is no branch `records` here.\n"
    told = Told(repo.path)
    told.write("2026-11-01T08:00:00Z", "", CONTROLLER, policy(told.head))
    done = run("dora", *SPAN)
    assert (done.code, "so there are no figures" in done.out) == (0, True)
    assert "TRACK" not in done.out
    assert run("dora", "--since", "2026-11-05", "--until", "2026-11-01").code == 2


def test_what_is_not_known_is_said(run: Run, told: Told) -> None:
    told.deliver("2026-11-06T08:00:00Z", "vanished", CONTROLLER, "e" * 40)
    found = run("dora", *SPAN, "--format", "json").json
    assert {one["name"] for one in found["tracks"]} == {"customer", "demo", "unknown"}
    assert "1 of the applied commits are not here" in found["notes"][0]
    assert "neither track nor team is known" in found["notes"][1]


def test_an_environment_that_is_gone_counts_where_it_was(run: Run, told: Told) -> None:
    told.commit(
        {"environments/demo/trade-fair.yaml": None}, CONTROLLER, "2026-11-06T08:00:00Z", "End"
    )
    found = run("dora", *SPAN, "--format", "json").json
    assert {one["name"] for one in found["tracks"]} == {"customer", "demo"}


def test_broken_records_give_figures_of_what_is_readable(
    run: Run, told: Told, repo: GitRepo
) -> None:
    tree = told.repository[told.written[8].commit].peel(pygit2.Commit).tree
    repo.forget(str(tree["record.json"].id))
    done = run("dora", *SPAN)
    assert done.code == 1
    assert "BROKEN" in done.out
    assert run("dora", *SPAN, "--format", "json").json["all"]["deployments"] == 2
