"""What is wrong with an environment, held against when it changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.health import state_of_health
from reconciler.model.health import Complaint, Ill, Unsettled, Well

BEGAN = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, 300).map(lambda many: many * MINUTE)
complaints = st.lists(
    st.builds(
        Complaint,
        st.sampled_from(["the alarm a is in ALARM", "the service b runs 1 of 2 tasks"]),
        minutes,
        st.none() | st.integers(-300, 300).map(lambda many: BEGAN + many * MINUTE),
    ),
    max_size=4,
)


@given(complaints, minutes, minutes)
def test_a_change_is_blamed_for_what_came_with_it_and_only_after_its_patience(
    found: list[Complaint], took: timedelta, later: timedelta
) -> None:
    ended = BEGAN + took
    now = ended + later
    state = state_of_health(found, BEGAN, ended, now)
    fresh = [one for one in found if one.since is None or one.since >= BEGAN - MINUTE]
    assert isinstance(state, Well) == (not found)
    assert isinstance(state, Ill) == any(later >= one.patience for one in fresh)
    if isinstance(state, Unsettled):
        assert (state.until is None) == (not fresh)
        assert state.until is None or state.until > now


@given(complaints, minutes, minutes)
def test_what_stays_wrong_does_not_get_better_by_waiting(
    found: list[Complaint], took: timedelta, later: timedelta
) -> None:
    ended = BEGAN + took
    first = state_of_health(found, BEGAN, ended, ended + later)
    second = state_of_health(found, BEGAN, ended, ended + later + MINUTE)
    assert not isinstance(first, Ill) or isinstance(second, Ill)


def test_it_says_what_is_wrong() -> None:
    old = Complaint("the alarm a is in ALARM", MINUTE, BEGAN - timedelta(hours=1))
    state = state_of_health([old], BEGAN, BEGAN + MINUTE, BEGAN + timedelta(hours=2))
    assert state == Unsettled("the alarm a is in ALARM (since before the change)", None)
