"""`reconciler --help` answers at once: it loads click and itself, not what commands need later."""

import json
import subprocess
import sys

import pytest

HEAVY = {"jinja2", "pydantic", "pydantic_core", "pydantic_settings", "pygit2", "rich", "yaml"}
MOST_MODULES = 200

PROGRAM = """
import json, sys
before = set(sys.modules)   # what this Python loads by itself differs from machine to machine
from reconciler.cli.main import main
sys.argv = ["reconciler", "--help"]
try:
    main()
except SystemExit as stop:
    if stop.code:
        raise
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Usage: reconciler" in done.stdout
    names: list[str] = json.loads(done.stderr.decode().splitlines()[-1])
    return names


def test_help_loads_nothing_heavy(loaded: list[str]) -> None:
    assert HEAVY & {name.partition(".")[0] for name in loaded} == set()


def test_help_loads_few_modules(loaded: list[str]) -> None:
    assert len(loaded) <= MOST_MODULES, f"{len(loaded)} modules: {' '.join(loaded)}"
