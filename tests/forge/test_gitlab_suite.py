"""What every forge does, done by the genuine client against a GitLab over real git and HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.forge.gitlab_forges import GitLabForges, gitlab_forges
from tests.forge.suite import ForgeSuite


class TestGitLab(ForgeSuite):
    @pytest.fixture
    def forges(self, tmp_path: Path) -> Iterator[GitLabForges]:
        with gitlab_forges(tmp_path) as made:
            yield made
