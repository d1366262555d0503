"""Which step comes next, and what is a step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.edit_document import edit_document
from reconciler.core.rollout import (
    STEP,
    TRIAL,
    Canary,
    Change,
    Ground,
    blind_move,
    canary_of,
    edits,
    ended,
    next_move,
    step_between,
)
from reconciler.core.yaml_reader import read_yaml
from reconciler.model.environment import Environment
from reconciler.model.health import Ill, State, Unsettled, Well
from reconciler.model.profile import Rollout
from reconciler.model.rollout import Advance, Back, Done, Finish, Move, Wait

BEGAN = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE


def rollout(count: int = 3, strategy: str = "canary") -> Rollout:
    shares = [*range(10, 10 * count, 10), 100]
    steps = [{"traffic": one, "wait": "15m"} for one in shares] if strategy == "canary" else []
    return Rollout.model_validate({"strategy": strategy, "steps": tuple(steps)})


def document(**parameters: Any) -> Environment:
    return Environment.model_validate(
        {
            "apiVersion": "reconciler/v1",
            "kind": "Environment",
            "metadata": {"name": "shop", "owner": "team-web", "labels": {"a": "b"}},
            "spec": {
                "track": "platform",
                "stage": "dev",
                "blueprint": {"name": "platform-core", "version": "1.0.0"},
                "account": "444444444444",
                "parameters": {"size": "medium", "image": "shop:1", **parameters},
            },
        }
    )


def with_edits(one: Environment, move: Advance | Finish | Back, canary: Canary) -> Environment:
    """As a person reads them: fields that come, change and go."""
    parameters = {**one.spec.parameters}
    for path, value in edits(move, canary).items():
        assert path[:2] == ("spec", "parameters")
        if isinstance(value, str | int):
            parameters[path[2]] = value
        else:
            del parameters[path[2]]
    del parameters["size"], parameters["image"]
    kept = {key: value for key, value in parameters.items() if key in (TRIAL, STEP)}
    image = edits(move, canary).get(("spec", "parameters", "image"), "shop:1")
    return document(**kept, image=image)


states = st.one_of(
    st.just(Well()),
    st.just(Ill("the alarm is in ALARM")),
    st.just(Unsettled("it is slow", None)),
)
minutes = st.integers(0, 200).map(lambda many: many * MINUTE)
canaries = st.builds(
    lambda count, step: Canary("shop:2", step, rollout(count).steps),
    st.integers(1, 10),
    st.integers(1, 12),
)
grounds = st.builds(
    Ground,
    st.none() | canaries,
    st.none() | minutes.map(lambda took: Change(BEGAN, BEGAN + took)),
    minutes,
    st.sampled_from(["", "", "frozen"]),
)
times = minutes.map(lambda later: BEGAN + later)


@given(grounds, states, times)
def test_it_goes_on_only_after_its_time_and_only_when_it_is_well(
    ground: Ground, health: State, now: datetime
) -> None:
    move = next_move(ground, health, now)
    if isinstance(move, Advance | Finish):
        assert not ground.held
        assert isinstance(health, Well)
        assert ground.canary is not None
        assert ground.change is not None
        assert now >= ground.change.ended + ground.canary.reached.wait
        last = ground.canary.step >= len(ground.canary.steps)
        assert isinstance(move, Finish) == last
        assert isinstance(move, Finish) or move.step == ground.canary.step + 1


@given(grounds, states, times)
def test_it_goes_back_only_when_it_is_ill_after_an_apply(
    ground: Ground, health: State, now: datetime
) -> None:
    move = next_move(ground, health, now)
    if isinstance(move, Back):
        assert isinstance(health, Ill)
        assert not ground.held
        assert ground.change is not None
    if isinstance(health, Ill) and ground.canary and ground.change and not ground.held:
        assert move == Back("the alarm is in ALARM")


@given(grounds, states, times)
def test_it_says_when_to_look_again_and_that_is_later(
    ground: Ground, health: State, now: datetime
) -> None:
    move = next_move(ground, health, now)
    if isinstance(move, Wait):
        assert move.why
        assert move.until is None or move.until > now


@given(grounds, states, times)
def test_what_needs_no_look_is_the_same_however_it_does(
    ground: Ground, health: State, now: datetime
) -> None:
    known = blind_move(ground, now)
    assert known is None or next_move(ground, health, now) == known


@given(st.integers(1, 10))
def test_a_trial_that_does_well_reaches_everybody_by_each_step(count: int) -> None:
    rules, now, seen = rollout(count), BEGAN, []
    one = document(canary_image="shop:2", canary_step=1)
    move: Move = Wait(None, "")
    while not isinstance(move, Finish):
        canary = canary_of(one, rules)
        assert canary is not None
        seen.append(canary.reached.traffic)
        ground = Ground(canary, Change(now, now), MINUTE)
        waits = next_move(ground, Well(), now)
        assert isinstance(waits, Wait)
        assert waits.until is not None
        now = waits.until
        move = next_move(ground, Well(), now)
        assert isinstance(move, Advance | Finish)
        after = with_edits(one, move, canary)
        assert step_between(one, after, rules) == move
        one = after
    assert seen == [step.traffic for step in rules.steps]
    assert dict(one.spec.parameters) == {"size": "medium", "image": "shop:2"}
    assert canary_of(one, rules) is None


@pytest.mark.parametrize("strategy", ["rolling", "blue-green"])
def test_a_change_for_everybody_is_watched_and_then_done(strategy: str) -> None:
    one = document(canary_image="shop:2", canary_step=1)
    assert canary_of(one, rollout(strategy=strategy)) is None
    ground = Ground(None, Change(BEGAN, BEGAN + MINUTE), 10 * MINUTE)
    assert next_move(ground, Well(), BEGAN + 2 * MINUTE) == Wait(
        BEGAN + 11 * MINUTE, "it is watched for a while"
    )
    assert next_move(ground, Ill("broken"), BEGAN + 2 * MINUTE) == Back("broken")
    assert next_move(ground, Well(), BEGAN + 11 * MINUTE) == Done("it is well")
    assert isinstance(next_move(ground, Ill("broken"), BEGAN + HOUR), Done)


TEXT = """\
apiVersion: reconciler/v1
kind: Environment
metadata: {{name: shop, owner: team-web}}
spec:
  track: platform
  stage: dev
  blueprint: {{name: platform-core, version: 1.0.0}}
  account: "444444444444"
  parameters:
    # what everybody gets
    image: shop:1{note}
    canary_image: {image}{note}
    canary_step: {step}{note}
    size: medium
"""
images = st.from_regex(r"[a-z][a-z0-9]{0,8}:[0-9a-z]{1,4}", fullmatch=True)


@given(images, st.integers(1, 10), st.integers(1, 10), st.sampled_from(["", "  # ours"]))
def test_what_is_written_into_a_document_is_the_step_that_was_meant(
    image: str, step: int, count: int, note: str
) -> None:
    text = TEXT.format(image=f'"{image}"', step=step, note=note).encode()
    before, rules = Environment.model_validate(read_yaml(text)), rollout(count)
    canary = canary_of(before, rules)
    assert canary == Canary(image, step, rules.steps)
    onward: Move = Finish() if step >= count else Advance(step + 1)
    for move in (onward, Back("")):
        assert isinstance(move, Advance | Finish | Back)
        after = edit_document(text, edits(move, canary))
        assert step_between(before, Environment.model_validate(read_yaml(after)), rules) == move
        assert b"# what everybody gets" in after
    ended_text = edit_document(text, ended())
    assert b"canary" not in ended_text


TRIED = document(canary_image="shop:2", canary_step=1)


@pytest.mark.parametrize(
    "after",
    [
        TRIED,
        document(canary_image="shop:2", canary_step=3),
        document(canary_image="shop:3", canary_step=2),
        document(canary_image="shop:2", canary_step=2, size="large"),
        document(canary_image="shop:2", canary_step=2, more=1),
        document(image="shop:2"),
        document(canary_image="shop:2"),
        document(),
        TRIED.model_copy(
            update={"metadata": TRIED.metadata.model_copy(update={"owner": "team-sales"})}
        ),
        document(canary_image="shop:2", canary_step=2).model_copy(
            update={"metadata": TRIED.metadata.model_copy(update={"labels": {}})}
        ),
    ],
)
def test_whatever_changes_more_is_no_step(after: Environment) -> None:
    assert step_between(TRIED, after, rollout()) is None


def test_back_is_a_step_and_a_trial_that_stands_is_begun_by_people() -> None:
    stopped = document(canary_image="shop:2", canary_step=0)
    assert step_between(TRIED, stopped, rollout()) == Back("")
    assert step_between(stopped, TRIED, rollout()) is None
    assert step_between(document(canary_image="shop:2"), TRIED, rollout()) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"canary_image": ""},
        {"canary_image": 7},
        {"canary_step": 1},
        {"canary_image": "a", "canary_step": "b"},
    ],
)
def test_what_names_no_image_or_step_is_no_trial(wrong: dict[str, Any]) -> None:
    assert canary_of(document(**wrong), rollout()) is None
