"""An office for each test, with a repository of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chatops.office import Office
from tests.verify.history import World


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.make(World.make(tmp_path))
