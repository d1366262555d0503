"""The local forge does what every forge does: in a bare repository, and from clones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pygit2
import pytest

from tests.forge.forges import Forges
from tests.forge.local import bare, cloned
from tests.forge.suite import ForgeSuite
from tests.records.git_server import serving


class TestBare(ForgeSuite):
    @pytest.fixture
    def forges(self, tmp_path: Path) -> Forges:
        return bare(tmp_path / "bare.git")


class TestClones(ForgeSuite):
    @pytest.fixture
    def forges(self, tmp_path: Path) -> Forges:
        path = tmp_path / "bare.git"
        pygit2.init_repository(str(path), bare=True, initial_head="main")
        return cloned(path, str(path), tmp_path)


class TestServer(ForgeSuite):
    @pytest.fixture
    def forges(self, tmp_path: Path) -> Iterator[Forges]:
        with serving(tmp_path / "served") as server:
            yield cloned(server.root / "r.git", server.url(), tmp_path)
