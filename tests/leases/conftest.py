"""Places for leases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.leases.places import KINDS, Place, place
from tests.verify.history import World


@pytest.fixture(params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, request.param) as found:
        yield found


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, "path") as found:
        yield found


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """Only the target branch, and people with keys."""
    return World.make(tmp_path)
