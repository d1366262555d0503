"""What is known of an environment: as records leave it, and nothing of what was forged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.due import standing, wants
from reconciler.core.known import known_of
from reconciler.model.work import Known, Memory
from tests.controller.board import NOON, law, wanted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = {
    "applied": ("files", "commit", "since", "at"),
    "lastApply": ("action", "result", "files", "failures", "at"),
    "applying": ("at",),
    "decision": ("verdict",),
    "drift": ("digest", "since"),
    "expiry": ("step", "at"),
    "state": ("resources",),
    "refused": ("files", "commit", "since", "why", "of", "passes", "record"),
}
TIMES = st.sampled_from(["2026-07-01T12:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
FORGED: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "record": JSON,
        **{
            part: st.fixed_dictionaries({}, optional=dict.fromkeys(fields, JSON | TIMES)) | JSON
            for part, fields in FIELDS.items()
        },
    },
)


def test_what_records_leave_is_known() -> None:
    found = known_of(
        "shop",
        {
            "record": 42,
            "applied": {
                "files": "v1",
                "commit": "c1",
                "since": "2026-07-01T10:00:00Z",
                "at": "2026-07-01T12:00:00Z",
            },
            "lastApply": {
                "files": "v2",
                "result": "failed",
                "failures": 3,
                "at": "2026-07-01T12:30:00Z",
            },
            "drift": {"digest": "d1", "since": "2026-07-01T12:40:00Z"},
            "expiry": {"step": "warned", "at": "2026-07-01T12:50:00Z"},
        },
    )
    assert found == Known(
        "shop",
        record=42,
        files="v1",
        commit="c1",
        since=datetime(2026, 7, 1, 10, tzinfo=UTC),
        applied=NOON,
        result="failed",
        tried="v2",
        failures=3,
        ended=datetime(2026, 7, 1, 12, 30, tzinfo=UTC),
        drift="d1",
        drifted=datetime(2026, 7, 1, 12, 40, tzinfo=UTC),
        warned=datetime(2026, 7, 1, 12, 50, tzinfo=UTC),
        expiry="warned",
        there=True,
    )


def test_of_what_nothing_is_recorded_nothing_is_there() -> None:
    assert known_of("shop", {}) == Known("shop", failures=1)
    assert wants(None, known_of("shop", {}), Memory(NOON)) is None


def test_what_was_destroyed_and_is_still_declared_was_not_never_applied() -> None:
    for action, why in (
        ("destroy", "it was destroyed, and is still declared"),
        ("apply", "it was never applied"),
    ):
        found = known_of("shop", {"record": 9, "lastApply": {"action": action, "result": "done"}})
        wish = wants(wanted("shop"), found, Memory(NOON))
        assert wish is not None
        assert wish[1] == why


@given(FORGED)
def test_a_forged_status_stops_nobody(status: dict[str, Any]) -> None:
    found = known_of("shop", status)
    for one in (None, wanted("shop"), wanted("shop", ttl=NOON - NOON.replace(year=2025))):
        standing("shop", one, found, law(), Memory(NOON), "", NOON)
