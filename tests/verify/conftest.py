"""Histories to tamper with, and the program to ask about them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import main
from tests.done import Done
from tests.verify.history import World

Run = Callable[..., Done]


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A few days of records; not to be touched."""
    return World.make(tmp_path_factory.mktemp("told")).tell()


@pytest.fixture
def world(told: World, tmp_path: Path) -> World:
    """The same, to be tampered with, in a clone that knows nothing of before."""
    shutil.copytree(told.folder, tmp_path / "world")
    found = World(tmp_path / "world" / "repo.git", tmp_path / "world", told.now, told.count)
    found.forget()
    return found


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """Only the target branch."""
    return World.make(tmp_path)


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `reconciler` in the repository, as Ada, with her key."""
    monkeypatch.chdir(world.path)
    world.key("ada")
    for name, value in {
        "ACTOR_NAME": "Ada Berg",
        "ACTOR_EMAIL": "ada@example.com",
        "ACTOR_ID": "1001",
        "SIGNING_KEY": str(world.folder / "key-ada"),
    }.items():
        monkeypatch.setenv(f"RECONCILER_{name}", value)

    def call(*argv: str) -> Done:
        capsys.readouterr()
        try:
            main(list(argv))
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "bug:" not in said.err
        return Done(code, said.out, said.err)

    return call
