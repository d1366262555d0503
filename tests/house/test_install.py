"""The wheel: what it carries, and that it works where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from reconciler.adapters.program import program_digest
from reconciler.version import source_version

ROOT = Path(__file__).parents[2]
IMAGE = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/demo/kiosk:1"


def build(folder: Path) -> Path:
    """As docs/install.md says, without a network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = folder.glob("reconciler-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing but the wheel, which sees the packages of this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet",
         "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)],
        capture_output=True,
        check=True,
    )  # fmt: skip
    site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    # A folder on the path, of which no further `.pth` is read: not the one of this checkout.
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return folder


def ran(program: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A program with an empty home and hardly a variable."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    variables = {"HOME": str(home), "PATH": f"{program.parent}:{os.defpath}", "LANG": "C.UTF-8"}
    return subprocess.run(
        [program, *words], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


def test_it_carries_the_starter_repository_and_the_manual(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("environments/", "policies/", "profiles/", "reconciler.yaml", "templates/"):
        assert any(name.startswith(f"reconciler/starter/{part}") for name in names), part
    assert any(name.endswith("/share/man/man1/reconciler.1") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert not [name for name in names if "__pycache__" in name]


def test_two_builds_of_a_commit_are_the_same(wheel: Path, tmp_path: Path) -> None:
    again = build(tmp_path)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_it_is_the_program_that_it_was_made_from(installed: Path, tmp_path: Path) -> None:
    done = ran(installed / "bin" / "reconciler", tmp_path, "--version")
    assert done.stdout == f"reconciler, version {source_version(ROOT)}\n"
    code = "from reconciler.adapters.program import *; print(program_digest(), reconciler.__file__)"
    done = ran(installed / "bin" / "python", tmp_path, "-c", code)
    digest, file = done.stdout.split()
    assert digest == program_digest()
    assert Path(file).is_relative_to(installed)


def test_a_newcomer_gets_a_verdict_from_it(installed: Path, tmp_path: Path) -> None:
    program = installed / "bin" / "reconciler"
    done = ran(program, tmp_path, "init")
    assert (done.returncode, done.stderr) == (0, "")
    done = ran(program, tmp_path, "check")
    assert done.stderr.startswith("Nothing is committed yet")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "ALLOW: there is nothing to check  (working tree)",
    )
    words = f"new --track demo --name hello --owner team-sales --set image={IMAGE}"
    assert ran(program, tmp_path, *words.split()).returncode == 0
    done = ran(program, tmp_path, "check")
    assert done.returncode == 13  # Checkov is not there, and it says how to get it
    assert "`reconciler tools install`" in done.stdout
    done = ran(program, tmp_path, "doctor")
    assert "packages: all" in done.stdout
    assert (installed / "share" / "man" / "man1" / "reconciler.1").is_file()


@pytest.mark.soak
def test_a_clean_environment_takes_it_with_its_packages(wheel: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clean"
    venv.create(folder, with_pip=True)
    # Packages of the lock file's versions: what pip would take today is not what was tried.
    pins = tmp_path / "pins.txt"
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins.write_text("\n".join(one.rstrip("\\ ") for one in lines if one[:1].isalnum()), "utf-8")
    subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "--only-binary", ":all:", "-c", pins, wheel],
        check=True,
    )
    test_a_newcomer_gets_a_verdict_from_it(folder, tmp_path)
