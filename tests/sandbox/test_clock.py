"""The sandbox's clock: goes forward, and never back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.sandbox.clock import SandboxClock
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.errors import ReconcilerError, UsageError


@given(st.lists(st.integers(1, 2_592_000), max_size=5))
def test_it_is_ahead_by_all_that_it_was_put_forward(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    clock = SandboxClock(tmp_path_factory.mktemp("clock"))
    ahead = timedelta()
    for seconds in steps:
        ahead += timedelta(seconds=seconds)
        assert clock.forward(timedelta(seconds=seconds)) == ahead
    shown = clock.now() - datetime.now(UTC)
    assert abs(shown - ahead) < timedelta(seconds=5)


def test_it_does_not_go_back_when_the_sandbox_stops(tmp_path: Path) -> None:
    SandboxClock(tmp_path).forward(timedelta(days=3))
    Cloud(tmp_path).stop()
    assert SandboxClock(tmp_path).ahead() == timedelta(days=3)


def test_what_nobody_can_read_is_not_taken_for_now(tmp_path: Path) -> None:
    (tmp_path / "ahead").write_text("soon")
    with pytest.raises(ReconcilerError, match="does not say how far"):
        SandboxClock(tmp_path).now()


def test_it_ends_somewhere(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no further"):
        SandboxClock(tmp_path).forward(timedelta(days=4000))
