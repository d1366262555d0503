"""One cloud and one mirror for each worker, and terraform working against them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from reconciler.adapters.sandbox import mirror
from reconciler.adapters.sandbox.attached import attached
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.adapters.terraform import nothing_beside
from tests.blueprints.cases import REPOSITORY
from tests.blueprints.conftest import render, templates  # noqa: F401  # fixtures

TAG = "environment"


@dataclass
class Aws:
    """The cloud as a person with boto3 sees it."""

    endpoint: str
    account: str
    region: str

    def client(self, service: str, region: str = "") -> Any:
        made = boto3.client(
            service,
            region_name=region or self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id="someone",
            aws_secret_access_key="someone",
        )
        made.meta.events.register("before-sign", self._name_account)
        return made

    def _name_account(self, request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = self.account

    def tagged(self, name: str) -> set[str]:
        """Every resource that carries the tag of an environment."""
        pages = self.client("resourcegroupstaggingapi").get_paginator("get_resources")
        wanted = [{"Key": TAG, "Values": [name]}]
        return {
            one["ResourceARN"]
            for page in pages.paginate(TagFilters=wanted)
            for one in page["ResourceTagMappingList"]
        }


@dataclass
class Workspace:
    """A folder with source, and the real terraform."""

    folder: Path
    environment: dict[str, str]
    program: str = "terraform"
    extra: dict[str, str] = field(default_factory=dict)
    beside: bool = False
    """Whether the provider is there before terraform, as the program has it."""

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        known = {**self.environment, **self.extra}
        beside = attached(known, self.folder) if self.beside else nothing_beside(self.folder)
        with beside as (more, held):
            done = subprocess.run(
                [self.program, *arguments],
                cwd=self.folder,
                env={**known, **more},
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
                pass_fds=held,
            )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def init(self) -> Workspace:
        self.run("init", "-no-color", "-input=false")
        return self

    def plan(self) -> dict[str, Any]:
        self.run("plan", "-no-color", "-input=false", "-out=plan.bin")
        plan: dict[str, Any] = json.loads(self.run("show", "-json", "plan.bin").stdout)
        return plan

    def apply(self) -> str:
        """Apply what was planned last."""
        return self.run("apply", "-no-color", "-input=false", "plan.bin").stdout

    def destroy(self, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("destroy", "-no-color", "-auto-approve", check=check)

    def state(self) -> list[dict[str, Any]]:
        held: dict[str, Any] = json.loads(self.run("show", "-json").stdout)
        found: list[dict[str, Any]] = (
            held.get("values", {}).get("root_module", {}).get("resources", [])
        )
        return found


Work = Callable[..., Workspace]


def changes(plan: dict[str, Any]) -> dict[str, list[str]]:
    """What a plan would do, by address."""
    return {
        one["address"]: one["change"]["actions"]
        for one in plan.get("resource_changes", ())
        if one["change"]["actions"] != ["no-op"]
    }


def drifted(plan: dict[str, Any]) -> dict[str, list[str]]:
    return {one["address"]: one["change"]["actions"] for one in plan.get("resource_drift", ())}


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud.start()
    cloud.stop()


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sandbox")
    mirror.prepare(folder, Path(sys.executable))
    return folder


@pytest.fixture
def work(endpoint: str, sandbox: Path, tmp_path: Path) -> Work:
    """Make a workspace of files by path."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not on PATH")

    def make(files: dict[str, str] | str, name: str = "work") -> Workspace:
        folder = tmp_path / name
        if isinstance(files, str):
            files = {"terraform/main.tf": files}
        for path, text in files.items():
            if path.startswith("terraform/"):
                target = folder / path.removeprefix("terraform/")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            **mirror.environment(sandbox, endpoint),
        }
        return Workspace(folder, environment, program)

    return make


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample environments, rendered by the command that people use."""
    out = tmp_path_factory.mktemp("rendered")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "reconciler",
            "render",
            "--repo",
            str(REPOSITORY),
            "--out",
            str(out),
        ],
        check=True,
        capture_output=True,
    )
    return out
