"""One engine, one store of results and one repository for all tests of checks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.adapters.regorus_engine import EmbeddedEngine
from tests.check.project import Project, Warm, base_files, warm
from tests.repos import Files


@pytest.fixture(scope="session")
def engine() -> Iterator[EmbeddedEngine]:
    found = EmbeddedEngine(10, 1)
    yield found
    found.close()


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory, engine: EmbeddedEngine) -> Warm:
    return warm(tmp_path_factory.mktemp("kept"), engine)


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory, ports: Warm) -> Project:
    return Project.make(tmp_path_factory.mktemp("project") / "repo.git", ports)


@pytest.fixture(scope="session")
def files() -> Files:
    return base_files()
