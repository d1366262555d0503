"""The house rules that no other tool checks: the lock file, make's help, .ci/run."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked() -> dict[str, tuple[Requirement, list[str]]]:
    """Each pinned package: its requirement and the options that follow it."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found: dict[str, tuple[Requirement, list[str]]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if not line or line.startswith("#"):
            continue
        pin, *options = re.split(r"\s+(?=--)", line.strip())
        requirement = Requirement(pin)
        found[canonicalize_name(requirement.name)] = (requirement, options)
    return found


def declared() -> list[Requirement]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project: dict[str, Any] = tomllib.load(file)
    extras = project["project"]["optional-dependencies"]
    texts = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        # An extra that takes in another one names this project itself.
        # `engine` is for machines without a terraform, and is 64 MB: nobody develops with it.
        *(
            text
            for name, extra in extras.items()
            for text in extra
            if name != "engine" and not text.startswith("reconciler")
        ),
    ]
    return [Requirement(text) for text in texts]


def test_every_locked_package_has_one_version_and_hashes() -> None:
    packages = locked()
    assert len(packages) > 20
    for name, (requirement, options) in packages.items():
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), name
        assert requirement.url is None, name
        assert options, f"{name} has no hash"
        assert all(HASH.fullmatch(option) for option in options), name


def test_the_lock_names_no_host_and_no_path() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|file:|(?:^|\s)/", text)
    assert not re.search(r"--(?!hash=sha256:)", text)


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lock_covers_what_pyproject_asks_for(requirement: Requirement) -> None:
    pin, _ = locked()[canonicalize_name(requirement.name)]
    assert pin.marker is None
    (version,) = (specifier.version for specifier in pin.specifier)
    assert requirement.specifier.contains(version), "run `make lock`"


def test_help_lists_every_target_that_is_for_people() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    targets = set(phony[1].split())
    shown = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, check=True)
    lines = re.findall(r"^ +make ([a-z]+) +(\S.*)$", shown.stdout.decode(), re.MULTILINE)
    assert {name for name, _ in lines} == targets
    assert {"help", "demo", "test", "check", "bench", "soak", "lock", "clean", "format"} <= targets


def test_help_is_what_make_does_when_not_told_what_to_do() -> None:
    plain, told = (
        subprocess.run(["make", "-s", "-C", str(ROOT), *target], capture_output=True, check=True)
        for target in ([], ["help"])
    )
    assert plain.stdout == told.stdout


def test_ci_runs_check_and_test_and_nothing_else() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    runs = [line for line in text.splitlines() if re.match(r"\s*(make|sh|\.venv|python)", line)]
    assert runs == ["make check", "make test"]


@pytest.mark.parametrize("name", ["setup.sh", "engine.sh", "lock.sh", "install-oracle.sh"])
def test_scripts_are_executable_and_parse(name: str) -> None:
    script = ROOT / "scripts" / name
    assert script.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", str(script)], check=True)
