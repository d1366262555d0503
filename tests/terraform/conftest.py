"""The real terraform, in folders of its own, with `terraform_data`: it needs no provider."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.runs import RunFolder, Runs
from reconciler.adapters.terraform import Limits, Terraform, Workspace, find_engine
from reconciler.app.terraform import Site
from reconciler.core.backend import backend
from reconciler.model.rendered import Rendered, RenderedFile
from reconciler.model.run import Engine
from reconciler.model.settings import LocalState

QUICK = Limits(init=30, plan=30, apply=30, state=30, lock=0)


@dataclass(frozen=True)
class Machine:
    """One machine with its own folders; two of them may share a state."""

    root: Path
    engine: Engine
    limits: Limits = QUICK
    grace: float = 20
    megabytes: int = 4096
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def runs(self) -> Runs:
        return Runs(self.root, 2)

    def site(
        self,
        *,
        where: Callable[[str], dict[str, Any]] | None = None,
        simulated: bool = False,
        patience: float = 0,
    ) -> Site:
        runs = self.runs
        config = self.root / "terraformrc"
        config.write_text("disable_checkpoint = true\n")

        def open_(run: Any, locked: bool) -> Workspace:  # noqa: FBT001  # as the port says
            assert isinstance(run, RunFolder)
            home = run.path / "home"
            home.mkdir(exist_ok=True)
            environment = {"TF_CLI_CONFIG_FILE": str(config), **dict(self.environment)}
            terraform = Terraform(
                self.engine, run.source, home, environment, self.grace, self.megabytes
            )
            return Workspace(terraform, self.limits, locked=locked)

        def local(name: str) -> dict[str, Any]:
            return backend(LocalState.model_validate({"backend": "local"}), name, runs.states)

        return Site(runs, open_, where or local, b"key", simulated, patience=patience)

    def with_limits(self, **changes: Any) -> Machine:
        return replace(self, limits=replace(self.limits, **changes))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on PATH")
    return find_engine(tmp_path_factory.mktemp("home"), "terraform")


@pytest.fixture
def machine(tmp_path: Path, engine: Engine) -> Machine:
    root = tmp_path / "machine"
    root.mkdir(mode=0o700)
    return Machine(root, engine)


def source(text: str, name: str = "box") -> Rendered:
    return Rendered(name, (RenderedFile("terraform/main.tf", text.encode()),))


TWO = """
resource "terraform_data" "a" { input = "x" }
resource "terraform_data" "b" { input = terraform_data.a.id }
"""
