"""What whoever runs `make` for the first time is told while everything is set up."""

import hashlib
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.docs.scenes import ROOT

WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
BACKEND = f"""
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/tiny-1.0-py3-none-any.whl", "w") as wheel:
        about = "tiny-1.0.dist-info/"
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
        wheel.writestr(about + "WHEEL", {WHEEL!r})
        wheel.writestr(about + "RECORD", "")
    return "tiny-1.0-py3-none-any.whl"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One of a single package, which also builds it: nothing is fetched."""
    shelf, place = tmp_path / "shelf", tmp_path / "checkout"
    shelf.mkdir()
    wheel = shelf / "builder-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        about = "builder-1.0.dist-info"
        made.writestr("builder.py", BACKEND)
        made.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: builder\nVersion: 1.0\n")
        made.writestr(f"{about}/WHEEL", WHEEL)
        made.writestr(f"{about}/RECORD", "")
    (place / "reconciler").mkdir(parents=True)
    (place / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup.sh", place / "scripts")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (place / "requirements.lock").write_text(f"builder==1.0 --hash=sha256:{digest}\n")
    (place / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "builder"\n'
        '[project]\nname = "tiny"\nversion = "1.0"\n'
    )
    return place


def set_up(checkout: Path) -> subprocess.CompletedProcess[str]:
    shelf = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(checkout.parent / "shelf")}
    return subprocess.run(
        ["sh", str(checkout / "scripts" / "setup.sh")],
        env={"PATH": os.environ["PATH"], "HOME": str(checkout.parent), **shelf},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_step_is_said_and_how_long_it_took(checkout: Path) -> None:
    done = set_up(checkout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.sub(r"\d+ s$", "N s", done.stdout, flags=re.MULTILINE).splitlines()[1:] == [
        "  1 of 4  making an empty environment ... N s",
        "  2 of 4  installing 1 packages, each checked by hash ... N s",
        "  3 of 4  installing this checkout ... N s",
        "  4 of 4  compiling this checkout ... N s",
        "set up: .venv/bin/reconciler",
    ]
    first = done.stdout.splitlines()[0]
    assert re.fullmatch(r"setting up \.venv with Python 3[.\d]+, once: about a minute, .+", first)

    again = set_up(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_step_that_fails_is_named_with_what_to_do(checkout: Path) -> None:
    (checkout.parent / "shelf" / "builder-1.0-py3-none-any.whl").write_bytes(b"another one")
    done = set_up(checkout)
    assert done.returncode == 1
    assert done.stdout.endswith(
        "  2 of 4  installing 1 packages, each checked by hash ... failed\n"
    )
    assert "set-up: installing 1 packages, each checked by hash failed" in done.stderr
    assert "No network, or a proxy?" in done.stderr
