"""What every test gets: time for properties on a busy machine, and a cache of its own."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is not a failure: tests that care about time measure it themselves.
settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("house")

# What a shell begins in the background is deaf to Ctrl-C, and so is all that it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads what another one, or the developer, has kept."""
    folder = tmp_path_factory.mktemp("cache", numbered=True)
    monkeypatch.setenv("RECONCILER_CACHE_DIR", str(folder))
    for name in ("RECONCILER_REPO", "RECONCILER_FORMAT", "RECONCILER_JOBS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return folder
