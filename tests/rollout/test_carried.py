"""What was agreed to for a trial holds for its steps: for those of our key, and nothing beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.adapters.record_store import GitRecords
from reconciler.app.agreed import Applied
from reconciler.app.branches import Change, commit_to
from reconciler.app.carried import Proof, carried
from reconciler.app.rollout import roll_out
from reconciler.core.decide import decide
from reconciler.core.git_objects import any_commit
from reconciler.model.approval import Given
from reconciler.model.decision import Verdict
from reconciler.model.health import Complaint
from reconciler.model.plan import Drifted, Plan
from tests.rollout.desks import MINUTE, NAME, PATH, US, Trial
from tests.verify.history import plan_for

OTHER = "environments/customer/acme-portal.yaml"


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial.begun(tmp_path)


def advance(trial: Trial) -> None:
    trial.world.now += timedelta(minutes=61)
    roll_out(trial.desk(), NAME, trial.world.now)


def since(trial: Trial) -> str:
    return str(trial.world.records().status(NAME)["applied"]["commit"])


def said(
    trial: Trial, commit: str = "", plan: Plan | None = None, proof: Proof | None = None
) -> Given | None:
    what = Applied(NAME, PATH, commit or trial.world.head, since(trial))
    plan = plan or plan_for(NAME, "step")
    return carried(proof or trial.proof(), trial.world.records(), what, plan, simulated=False)


def verdict(trial: Trial, given: Given | None) -> Verdict:
    """As an apply decides: nobody has said anything beside what is carried."""
    question = trial.world.asked(NAME, plan_for(NAME, "step"), ())
    question = replace(question, authors=())
    return decide(question.heard(given) if given else question).verdict


def test_a_step_needs_nobody_to_agree_anew(trial: Trial) -> None:
    advance(trial)
    given = said(trial)
    assert given is not None
    assert [one.by.name for one in given.approvals] == ["Ada Berg"]
    assert verdict(trial, given) is Verdict.ALLOW
    assert verdict(trial, None) is Verdict.NEEDS_APPROVAL


def test_every_step_to_the_last_and_past_what_others_change(trial: Trial) -> None:
    for _ in range(3):
        advance(trial)
        trial.world.edit(OTHER, "owner: ", "owner:  ")
        trial.world.edit(OTHER, "owner:  ", "owner: ")
        trial.world.edit("profiles/tracks/demo.yaml", "  rollout:", "  rollout: ")
        assert verdict(trial, said(trial)) is Verdict.ALLOW
        question = trial.world.asked(NAME, plan_for(NAME), ())
        question = replace(question, authors=()).heard(said(trial) or Given())
        trial.applied(question)
    assert "canary_image" not in trial.parameters
    assert trial.world.codes() == set()


def test_going_back_needs_nobody_either(trial: Trial) -> None:
    trial.patient.complaints = (Complaint("ill", MINUTE),)
    advance(trial)
    assert trial.parameters["canary_step"] == "0"
    assert verdict(trial, said(trial)) is Verdict.ALLOW


def by_hand(trial: Trial) -> None:
    trial.world.edit(PATH, "canary_step: 1", "canary_step: 2")


def amended(trial: Trial) -> None:
    """Our step, and then something of somebody's."""
    advance(trial)
    trial.world.edit(PATH, "size: medium", "size: large")


TEMPLATE = "templates/platform-core/1.0.0/terraform/outputs.tf.j2"


def with_rules(trial: Trial) -> None:
    """Our step, on a template that somebody changed after the trial began."""
    advance(trial)
    trial.world.edit(TEMPLATE, "ECS cluster of the service", "ECS cluster")


def with_another_file(trial: Trial) -> None:
    """Signed by us, and more than a step."""
    text = trial.world.text(PATH).replace("canary_step: 1", "canary_step: 2")
    more = {PATH: text.encode(), "README.md": b"more\n"}
    change = Change(more, "More", US, US, trial.world.now, trial.world.key("controller"))
    commit_to(GitRecords(trial.world.path, "main"), change, lambda _tip: True)


def by_another_key(trial: Trial) -> None:
    trial.world.now += timedelta(minutes=61)
    roll_out(trial.desk(key="eve"), NAME, trial.world.now)
    assert trial.parameters["canary_step"] == "2"


@pytest.mark.parametrize(
    "act",
    [by_hand, amended, with_rules, with_another_file, by_another_key],
    ids=lambda f: f.__name__,
)
def test_whatever_is_more_than_our_steps_is_agreed_to_anew(
    trial: Trial, act: Callable[[Trial], None]
) -> None:
    act(trial)
    assert said(trial) is None


def test_the_beginning_itself_is_no_step(trial: Trial) -> None:
    assert said(trial) is None


def test_a_trial_that_was_never_applied_carries_nothing(tmp_path: Path) -> None:
    made = Trial.begun(tmp_path)
    before = made.proof().raw(made.world.head).parents[0]
    advance(made)
    what = Applied(NAME, PATH, made.world.head, str(before))
    assert (
        carried(made.proof(), made.world.records(), what, plan_for(NAME), simulated=False) is None
    )
    what = Applied(NAME, PATH, made.world.head, "")
    assert (
        carried(made.proof(), made.world.records(), what, plan_for(NAME), simulated=False) is None
    )


def test_a_plan_that_puts_back_drift_is_more_than_a_step(trial: Trial) -> None:
    advance(trial)
    drifted = Drifted("aws_lb.main", "aws_lb", "changed", (), mended=True)
    assert said(trial, plan=replace(plan_for(NAME), drift=(drifted,))) is None


def test_what_was_said_is_held_against_what_is_asked_for_now(trial: Trial) -> None:
    """One agreed at the beginning; the profile asks for two by now."""
    rule = "      risks: [L1, L2, L3]\n      count: "
    trial.world.edit("profiles/tracks/platform.yaml", f"{rule}1", f"{rule}2")
    advance(trial)
    given = said(trial)
    assert given is not None
    assert verdict(trial, given) is Verdict.NEEDS_APPROVAL


def test_other_policies_make_it_stale(trial: Trial) -> None:
    advance(trial)
    given = said(trial)
    assert given is not None
    question = trial.world.asked(NAME, plan_for(NAME, "step"), ())
    inputs = tuple(
        (name, "other" if name == "policies" else value) for name, value in question.inputs
    )
    question = replace(question, authors=(), inputs=inputs)
    assert decide(question.heard(given)).verdict is Verdict.NEEDS_APPROVAL


def test_one_who_writes_a_step_into_the_trial_is_told_by_the_signature(trial: Trial) -> None:
    """The committer's name is ours, the signature is of other bytes."""
    advance(trial)
    raw = trial.world.read(trial.world.head)
    assert any_commit(raw).signature
    forged = raw.replace(b"did well", b"did ill!")
    trial.world.move(trial.world.put("commit", forged), "main")
    assert said(trial) is None
