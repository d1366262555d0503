"""What went with a sandbox is known by what records and the sandbox that is there say of states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.due import standing, wants
from reconciler.core.state import gone
from reconciler.model.run import StateMark
from reconciler.model.work import Halt, Job, Memory
from tests.controller.board import NOON, known, law, wanted

MARKS = st.builds(
    StateMark,
    st.sampled_from(["sandbox-a", "sandbox-b"]),
    st.integers(0, 5),
    st.integers(0, 3),
)
LEFT = StateMark("sandbox-a", 3, 4)


@given(MARKS, st.none() | MARKS, st.integers(0, 5))
def test_a_state_that_is_there_is_never_gone(
    recorded: StateMark, remembered: StateMark | None, on: int
) -> None:
    found = StateMark(recorded.lineage, recorded.serial + on, 0)
    assert gone(recorded, remembered, found, "cloud") == ""


@given(MARKS, st.none() | MARKS, st.none() | MARKS, st.sampled_from(["", "cloud"]))
def test_only_where_anything_was_is_anything_gone(
    recorded: StateMark, remembered: StateMark | None, found: StateMark | None, cloud: str
) -> None:
    assert gone(None, remembered, found, cloud) == ""
    there = found is not None and found.lineage == recorded.lineage
    there = there and found is not None and found.serial >= recorded.serial
    said = gone(recorded, remembered, found, cloud)
    assert bool(said) is (recorded.resources > 0 and not (cloud and there))


def test_what_became_of_it_is_said() -> None:
    old, other = StateMark("sandbox-a", 2, 4), StateMark("sandbox-b", 1, 0)
    assert "does not run" in gone(LEFT, None, None, "")
    assert gone(LEFT, None, None, "c") == "the sandbox that it was made in is gone"
    assert gone(LEFT, None, other, "c") == "the sandbox that it was made in is gone"
    assert gone(LEFT, LEFT, None, "c") == "its state vanished"
    assert gone(LEFT, LEFT, other, "c") == "its state is another one"
    assert gone(LEFT, LEFT, old, "c") == "its state went back to serial 2"


def test_what_is_gone_is_made_again_and_not_looked_at() -> None:
    there = known("shop", files="v1", commit="c1", applied=NOON, result="done")
    lost = known("shop", commit="c1", applied=NOON, result="done", lost="it is gone")
    one = wanted("shop", files="v1")
    memory = Memory(NOON)
    assert wants(one, there, memory) is None
    assert wants(one, lost, memory) == (Job.APPLY, "it is gone")
    found = standing("shop", one, lost, law(), memory, "", NOON)
    assert found.of("Ready") is None
    assert found.lost == "it is gone"
    assert found.task is not None
    assert found.task.job is Job.APPLY
    held = standing("shop", one, lost, law(frozen={"shop": Halt("stop")}), memory, "", NOON)
    assert (held.task, held.of("Ready")) == (None, None)
