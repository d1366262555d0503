"""Controllers with a repository and a cloud of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.controller.real import Real
from tests.repos import Files

Make = Callable[..., Real]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Whoever is made is closed."""
    begun: list[Real] = []

    def made(*names: str, more: Files | None = None, top: Path = tmp_path) -> Real:
        begun.append(Real.make(top, names, more))
        return begun[-1]

    yield made
    for one in begun:
        one.close()
