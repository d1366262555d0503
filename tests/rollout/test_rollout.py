"""A trial goes on by commits, and goes back by one, in a real repository with real records."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.app.moving import Desk as Moving
from reconciler.app.rollback import roll_back
from reconciler.app.rollout import roll_out
from reconciler.model.health import Complaint
from reconciler.model.rollout import Advance, Back, Done, Finish, Wait
from tests.rollout.desks import MINUTE, NAME, PATH, TRIED, Trial
from tests.rollout.desks import trial as trial_of
from tests.verify.history import ADA

ILL = (Complaint("the alarm identity-dev/canary-errors is in ALARM", 2 * MINUTE),)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial.begun(tmp_path)


def later(trial: Trial, minutes: int = 61) -> None:
    trial.world.now += timedelta(minutes=minutes)


def test_it_waits_goes_on_and_finishes(trial: Trial) -> None:
    first = roll_out(trial.desk(), NAME, trial.world.now)
    assert isinstance(first, Wait)
    assert "10 % of the traffic until" in first.why
    for step in (2, 3):
        later(trial)
        head = trial.world.head
        assert roll_out(trial.desk(), NAME, trial.world.now) == Advance(step)
        assert trial.world.head != head
        assert trial.parameters["canary_step"] == str(step)
        waits = roll_out(trial.desk(), NAME, trial.world.now)
        assert waits == Wait(None, "what is declared is not applied yet")
        trial.applied()
    later(trial)
    assert roll_out(trial.desk(), NAME, trial.world.now) == Finish()
    assert trial.parameters == {"image": TRIED}
    trial.applied()
    assert isinstance(roll_out(trial.desk(), NAME, trial.world.now), Wait)
    later(trial, 16)
    assert roll_out(trial.desk(), NAME, trial.world.now) == Done("it is well")
    assert list(trial.forge().open_ones("main")) == []
    assert trial.world.codes() == set()


def test_a_rollback_afterwards_begins_no_trial_anew(tmp_path: Path) -> None:
    trial = Trial.fresh(tmp_path)
    good = trial.world.head
    trial.world.edit(PATH, "    certificate_arn", f"{trial_of(3)}    certificate_arn")
    trial.applied()
    later(trial)
    assert roll_out(trial.desk(), NAME, trial.world.now) == Finish()
    trial.applied()
    desk = trial.desk()
    moving = Moving(desk.bot, desk.recorder, desk.tree, desk.caller)
    found = roll_back(moving, NAME, "users complain")
    assert found.good.commit == good
    assert found.request is not None
    (edit,) = (one for one in found.moves if one.path.endswith("image"))
    assert edit.before == TRIED


def test_each_step_is_one_changed_line_signed_with_our_key(trial: Trial) -> None:
    before = trial.world.text(PATH)
    later(trial)
    roll_out(trial.desk(), NAME, trial.world.now)
    after = trial.world.text(PATH)
    assert after == before.replace("canary_step: 1", "canary_step: 2")
    raw = trial.proof().raw(trial.world.head)
    assert raw.signature
    assert trial.proof().step(trial.world.head, NAME, PATH) == Advance(2)


def test_what_makes_people_ill_gets_no_traffic_any_more(trial: Trial) -> None:
    later(trial, 5)
    trial.patient.complaints = ILL
    bad = trial.world.head
    found = roll_out(trial.desk(), NAME, trial.world.now)
    assert found == Back("the alarm identity-dev/canary-errors is in ALARM")
    stopped = trial.world.head
    assert trial.parameters["canary_step"] == "0"
    trial.patient.complaints = ()
    roll_out(trial.desk(), NAME, trial.world.now)
    (request,) = trial.forge().open_ones("main")
    assert request.title == "Take the failed trial out of identity-dev"
    assert "the alarm identity-dev/canary-errors is in ALARM" in request.description
    (record,) = [
        kept.record
        for kept in trial.world.records().of_environment(NAME)
        if kept.record.body.kind == "rollback"
    ]
    body = record.body.model_dump(by_alias=True)
    assert (body["bad"], body["good"]) == (bad, stopped)
    assert body["mergeRequest"] == f"!{request.number}"
    assert "canary-errors" in body["because"]
    assert trial.world.codes() == set()


def test_a_trial_that_was_stopped_is_told_once(trial: Trial) -> None:
    later(trial, 5)
    trial.patient.complaints = ILL
    roll_out(trial.desk(), NAME, trial.world.now)
    for _ in range(3):
        roll_out(trial.desk(), NAME, trial.world.now)
    head, tip = trial.world.head, trial.world.tip
    (request,) = trial.forge().open_ones("main")
    trial.forge().close(request.number)
    roll_out(trial.desk(), NAME, trial.world.now)
    assert list(trial.forge().open_ones("main")) == []
    assert (trial.world.head, trial.world.tip) == (head, tip)


def test_what_people_stopped_themselves_is_left_to_them(trial: Trial) -> None:
    trial.world.edit(PATH, "canary_step: 1", "canary_step: 0")
    trial.applied()
    roll_out(trial.desk(), NAME, trial.world.now)
    assert list(trial.forge().open_ones("main")) == []


def test_what_was_wrong_before_holds_it_up_and_takes_nothing_back(trial: Trial) -> None:
    since = trial.world.now - timedelta(days=1)
    trial.patient.complaints = (Complaint("the alarm is old", MINUTE, since),)
    later(trial)
    head = trial.world.head
    found = roll_out(trial.desk(), NAME, trial.world.now)
    assert found == Wait(None, "the alarm is old (since before the change)")
    assert trial.world.head == head


def test_nobody_who_can_tell_is_no_reason_to_go_on_or_back(trial: Trial) -> None:
    trial.patient.away = True
    later(trial)
    head = trial.world.head
    found = roll_out(trial.desk(), NAME, trial.world.now)
    assert found == Wait(None, "nobody can tell how it is: the cloud is away")
    assert trial.world.head == head


def test_a_freeze_holds_it_and_nobody_is_asked(trial: Trial) -> None:
    trial.held, trial.patient.away = "frozen: it burns money", True
    later(trial)
    assert roll_out(trial.desk(), NAME, trial.world.now) == Wait(None, "frozen: it burns money")


def test_without_a_key_each_step_is_a_merge_request(trial: Trial) -> None:
    later(trial)
    head = trial.world.head
    for _ in range(2):
        assert roll_out(trial.desk(key=""), NAME, trial.world.now) == Advance(2)
    assert trial.world.head == head
    (request,) = trial.forge().open_ones("main")
    assert request.source == "reconciler/rollout/identity-dev"


def test_a_step_that_nobody_merged_goes_with_the_trial(trial: Trial) -> None:
    later(trial)
    roll_out(trial.desk(key=""), NAME, trial.world.now)
    lines = [line for line in trial.world.text(PATH).splitlines() if "canary" not in line]
    trial.world.change({PATH: "\n".join([*lines, ""])})
    trial.applied()
    later(trial, 20)
    assert roll_out(trial.desk(key=""), NAME, trial.world.now) == Done("it is well")
    assert list(trial.forge().open_ones("main")) == []


def test_nobody_goes_back_to_where_nothing_was(tmp_path: Path) -> None:
    trial = Trial.fresh(tmp_path)
    trial.patient.complaints = ILL
    later(trial, 3)
    found = roll_out(trial.desk(), NAME, trial.world.now)
    assert isinstance(found, Wait)
    assert "nothing before it" in found.why
    assert list(trial.forge().open_ones("main")) == []


def test_a_document_that_moved_meanwhile_is_not_written_over(trial: Trial) -> None:
    later(trial)
    desk = trial.desk()
    trial.world.edit(PATH, "canary_step: 1", "canary_step: 0")
    head = trial.world.head
    roll_out(desk, NAME, trial.world.now)
    assert trial.world.head == head


def made_worse(trial: Trial) -> None:
    """Something else for everybody, in place of the trial, and it does them no good."""
    text = trial.world.text(PATH).replace("size: medium", "size: large")
    lines = [line for line in text.splitlines() if "canary" not in line]
    trial.world.change({PATH: "\n".join([*lines, ""])})
    trial.applied()
    trial.patient.complaints = ILL
    later(trial, 3)


def test_a_change_for_everybody_that_makes_it_ill_is_taken_back(trial: Trial) -> None:
    first = trial.proof().raw(trial.world.head).parents[0]
    made_worse(trial)
    for _ in range(3):
        assert roll_out(trial.desk(), NAME, trial.world.now) == Back(ILL[0].what)
    (request,) = trial.forge().open_ones("main")
    assert request.title == f"Roll {NAME} back to {first[:12]}"
    assert ILL[0].what in request.description
    trial.forge().close(request.number)
    roll_out(trial.desk(), NAME, trial.world.now)
    assert list(trial.forge().open_ones("main")) == []
    assert trial.world.codes() == set()


def test_it_is_taken_back_at_once_where_the_profile_lets_it(trial: Trial) -> None:
    before = trial.world.text(PATH)
    lines = [line for line in before.splitlines() if "canary" not in line]
    profile = "profiles/tracks/platform.yaml"
    text = trial.world.text(profile)
    trial.world.change({profile: f"{text}  rollback: {{fast: {{stages: [dev]}}}}\n"})
    made_worse(trial)
    assert isinstance(roll_out(trial.desk(), NAME, trial.world.now), Back)
    assert trial.world.text(PATH).splitlines() == lines
    assert list(trial.forge().open_ones("main")) == []
    assert trial.world.records().status(NAME)["rollback"]["agreed"] is None


def test_what_is_only_applied_once_more_is_no_change(trial: Trial) -> None:
    """As where drift was mended: nobody takes a document back for that."""
    made_worse(trial)
    later(trial, 60)
    trial.applied()
    assert roll_out(trial.desk(), NAME, trial.world.now) == Done("it was applied long ago")
    assert list(trial.forge().open_ones("main")) == []


def test_an_apply_that_failed_or_goes_on_is_nothing_to_go_on_from(trial: Trial) -> None:
    later(trial)
    trial.world.started(NAME, by=(ADA,))
    found = roll_out(trial.desk(), NAME, trial.world.now)
    assert found == Wait(None, "what is declared is not applied yet")
