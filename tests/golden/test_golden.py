"""The files of sample environments, byte for byte: a change of a blueprint shows what it does.

To renew them after a change that is meant: `RECONCILER_RENEW_GOLDEN=1 .venv/bin/pytest tests/golden`,
then look at `git diff tests/golden`. With CI set, renewing fails: a pipeline must not agree with itself.
"""  # noqa: E501  # the command in one line

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reconciler.core.effective import effective
from reconciler.core.load import as_problems, load
from reconciler.core.render import Renderer
from reconciler.model.rendered import Rendered
from tests.memory_tree import MemoryTree
from tests.repos import shipped

GOLDEN = Path(__file__).parent
ENVIRONMENTS = (
    "acme-portal",
    "acme-portal-dev",
    "identity",
    "identity-dev",
    "pitch-acme",
)
RENEW = os.environ.get("RECONCILER_RENEW_GOLDEN") == "1"


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, bytes]]:
    tree = MemoryTree(shipped())
    desired, problems = load(tree)
    assert not problems
    renderer = Renderer(tree, desired.shared)
    found = {}
    for loaded in desired.environments:
        name = loaded.document.metadata.name
        filled, faults = effective(loaded, desired.shared)
        assert filled is not None, as_problems(tree, [*faults])
        result = renderer.render(filled)
        assert isinstance(result, Rendered), result
        found[name] = {file.path: file.content for file in result.files}
    return found


def kept(name: str) -> dict[str, bytes]:
    folder = GOLDEN / name
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_sample_renders_to_its_golden_files(
    name: str, rendered: dict[str, dict[str, bytes]]
) -> None:
    files = rendered[name]
    if RENEW:
        assert "CI" not in os.environ, "golden files are renewed by people, not by a pipeline"
        shutil.rmtree(GOLDEN / name, ignore_errors=True)
        for path, content in files.items():
            target = GOLDEN / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    golden = kept(name)
    assert files.keys() == golden.keys()
    for path, content in files.items():
        assert content.decode() == golden[path].decode(), f"{name}/{path}; see the top of this file"


def test_every_sample_renders(rendered: dict[str, dict[str, bytes]]) -> None:
    assert rendered.keys() >= {*ENVIRONMENTS}
    assert all("terraform/main.tf" in files for files in rendered.values())
    assert all("pipeline/.gitlab-ci.yml" in files for files in rendered.values())


def test_there_are_golden_files_of_samples_only() -> None:
    folders = {folder.name for folder in GOLDEN.iterdir() if folder.is_dir()}
    assert folders - {"__pycache__"} == {*ENVIRONMENTS}
