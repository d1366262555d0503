"""The sample policies, read once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.adapters.opa_engine import OpaEngine
from reconciler.adapters.regorus_engine import EmbeddedEngine
from reconciler.model.policy import Pack
from tests.policy.engines import HAS_OPA, NO_OPA, engine, files, pack_of


@pytest.fixture(scope="session")
def sample() -> Pack:
    return pack_of(files())


@pytest.fixture(scope="session")
def embedded() -> Iterator[EmbeddedEngine]:
    with engine("embedded") as found:
        assert isinstance(found, EmbeddedEngine)
        yield found


@pytest.fixture(scope="session")
def opa() -> Iterator[OpaEngine]:
    if not HAS_OPA:
        pytest.skip(NO_OPA)
    with engine("opa", timeout=60) as found:
        assert isinstance(found, OpaEngine)
        yield found


@pytest.fixture(params=["embedded", "opa"])
def each_engine(request: pytest.FixtureRequest) -> EmbeddedEngine | OpaEngine:
    found: EmbeddedEngine | OpaEngine = request.getfixturevalue(request.param)
    return found
