"""Renders the shipped blueprints as the product does: `render` is the one door for these tests."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.effective import effective
from reconciler.core.load import as_problems, load_environment, load_shared
from reconciler.core.render import Renderer
from reconciler.core.tree import find
from reconciler.model.rendered import Rendered
from reconciler.model.tree import Entry, EntryKind
from tests.blueprints.cases import (
    PROVIDER_FACTS,
    REPOSITORY,
    REQUIRED,
    STEPS,
    TRACKS,
    Case,
    Render,
    Terraform,
)


class MemoryTree:
    """A RepoTree over a dict of path -> bytes."""

    revision = "test"

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._folders: dict[str, dict[str, Entry]] = {"": {}}
        for path in sorted(files):
            parts = path.split("/")
            for depth in range(1, len(parts) + 1):
                here, parent = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
                is_file = depth == len(parts)
                oid = hashlib.sha256(files[path] if is_file else here.encode()).hexdigest()
                kind = EntryKind.FILE if is_file else EntryKind.FOLDER
                self._folders.setdefault(parent, {})[here] = Entry(here, oid, kind)

    def children(self, folder: Entry | None) -> Sequence[Entry]:
        return tuple(self._folders.get(folder.path if folder else "", {}).values())

    def read(self, entry: Entry, limit: int) -> bytes | None:
        data = self._files[entry.path]
        return data if len(data) <= limit else None


def _document(kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> bytes:
    # JSON is YAML.
    return json.dumps(
        {
            "apiVersion": "reconciler/v1",
            "kind": kind,
            "metadata": {"name": name, **metadata},
            "spec": spec,
        }
    ).encode()


def _documents(case: Case) -> dict[str, bytes]:
    track = TRACKS[case.blueprint]
    rollout: dict[str, Any] = {"strategy": case.strategy}
    if case.strategy == "canary":
        rollout["steps"] = STEPS
    environment: dict[str, Any] = {
        "track": track,
        "stage": case.stage,
        "blueprint": {"name": case.blueprint, "version": "1.0.0"},
        "region": case.region,
        "account": "111122223333",
        "parameters": {**REQUIRED[case.blueprint], **case.parameters},
    }
    if case.ttl:
        environment["ttl"] = case.ttl
    return {
        f"environments/{case.name}.yaml": _document(
            "Environment", case.name, environment, owner="team-shop", labels=case.labels
        ),
        f"profiles/tracks/{track}.yaml": _document(
            "Profile",
            track,
            {
                "allowed": {
                    "regions": [case.region],
                    "blueprints": [case.blueprint],
                    "stages": ["dev", "staging", "production"],
                },
                "drift": {"mode": "advisory", "interval": "1h"},
                "rollout": rollout,
                "isolation": case.isolation,
                "agents": {"highestRisk": "L0", "changesPerDay": 0},
            },
            owner="team-platform",
        ),
        "profiles/teams/team-shop.yaml": _document(
            "Team",
            "team-shop",
            {
                "members": [{"name": "Ada", "email": "ada@example.com"}],
                "contact": "#shop",
                "costCentre": "cc-1",
            },
        ),
    }


@pytest.fixture(scope="session")
def templates() -> dict[str, bytes]:
    paths = (path for path in (REPOSITORY / "templates").rglob("*") if path.is_file())
    return {path.relative_to(REPOSITORY).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="session")
def render(templates: dict[str, bytes]) -> Render:
    """Give the files of a case by path, rendered by the product's own engine, once."""
    rendered_cases: dict[str, dict[str, str]] = {}

    def render_case(case: Case) -> dict[str, str]:
        key = repr(case)
        if key not in rendered_cases:
            rendered_cases[key] = render_once(case)
        return rendered_cases[key]

    def render_once(case: Case) -> dict[str, str]:
        tree = MemoryTree({**templates, **_documents(case)})
        found: list[Any] = []
        shared = load_shared(tree, found)
        entry = find(tree, f"environments/{case.name}.yaml")
        assert entry is not None
        loaded = load_environment(tree, entry, found)
        problems = [one for one in as_problems(tree, found) if one.path != "reconciler.yaml"]
        assert loaded is not None, problems
        assert not problems
        filled, faults = effective(loaded, shared)
        assert filled is not None, faults
        rendered = Renderer(tree, shared).render(filled)
        assert isinstance(rendered, Rendered), rendered
        return {file.path: file.content.decode() for file in rendered.files}

    return render_case


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Run terraform with no provider but the one that only knows AWS's schema."""
    program = shutil.which("terraform")
    if program is None:
        pytest.skip("terraform is not on PATH")
    home = tmp_path_factory.mktemp("terraform")
    meta = json.loads(PROVIDER_FACTS.read_text(encoding="utf-8"))["_meta"]
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = home / "mirror" / meta["provider"] / meta["version"] / f"{sys.platform}_{machine}"
    package.mkdir(parents=True)
    server = package / f"terraform-provider-aws_v{meta['version']}"
    script = Path(__file__).with_name("schema_provider.py")
    server.write_text(f"#!/bin/sh\nexec '{sys.executable}' -B '{script}' '{PROVIDER_FACTS}'\n")
    server.chmod(0o755)
    config = home / "terraformrc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{ path = "{home / "mirror"}" }}\n}}\n'
        "disable_checkpoint = true\n"
    )
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TF_CLI_CONFIG_FILE": str(config)}

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, f"-chdir={folder}", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run
