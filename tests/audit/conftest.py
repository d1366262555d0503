"""A repository with a story, and the program to ask about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.audit.story import Told, tell
from tests.done import Done
from tests.repos import GitRepo, shipped

Run = Callable[..., Done]


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """The samples, committed to a bare repository."""
    made = GitRepo.make(tmp_path / "repo")
    made.commit(shipped())
    return made


@pytest.fixture
def told(repo: GitRepo) -> Told:
    """The same with a few weeks of records."""
    return tell(repo.path)


@pytest.fixture
def run(repo: GitRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `reconciler audit` in the repository."""
    monkeypatch.chdir(repo.path)

    def call(*argv: str) -> Done:
        capsys.readouterr()
        try:
            main(["audit", *argv])
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err
        assert "\x1b" not in said.out + said.err
        return Done(code, said.out, said.err)

    return call
