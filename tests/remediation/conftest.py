from pathlib import Path

import pytest

from tests.remediation.ward import Ward


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    return Ward.make(tmp_path)
