"""Disks that are really full: nothing is lost by it, and nothing is done twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.controller.conftest import Make
from tests.controller.kills import fill
from tests.controller.real import Point, declared, document
from tests.repos import ROOT
from tests.terraform.lab import SOMEBODY

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)

Disk = Callable[[str], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A small disk in the place of a folder of the controller's: it is to be asked for first."""
    folders: list[Path] = []

    def mounted(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("a small disk needs the right to mount")
        folders.append(folder)
        return folder

    yield mounted
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_controller_goes_on_by_itself_when_there_is_room_again(disk: Disk, make: Make) -> None:
    state = disk("state")
    real = make("before")
    watched = real.watch("--jobs", "2")
    watched.until("applied", "before")
    fill(state / "fill")
    real.change({document("full"): declared("full")})
    said = watched.until("not applied", "full")
    assert "full" in said["why"] or "space" in said["why"], said
    assert (real.begun("full"), real.made("full")) == (0, {})
    (state / "fill").unlink()
    watched.until("applied", "full")
    assert watched.end() == 0
    names = ("before", "full")
    real.whole(names)


@pytest.mark.soak
@pytest.mark.parametrize(
    "words",
    ["'plan'", "'show'", "'apply'"],
)
def test_a_disk_that_is_full_in_the_middle_of_an_apply(disk: Disk, make: Make, words: str) -> None:
    state = disk("state")
    real = make("one")
    point = Point(f"subprocess.Popen {words}", whom="disk")
    first = real.once(**real.kills("deed", (point,), "/locks/"))
    assert (first.returncode, real.hits()) == (1, 1), first.stderr
    (state / "fill").unlink()
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(["one"])


@pytest.mark.soak
@pytest.mark.parametrize(
    "point",
    [
        Point("open refs/heads/records-sandbox", whom="disk"),
        Point("subprocess.Popen 'pull'", 2, whom="disk"),  # all is made
    ],
    ids=["intent", "outcome"],
)
def test_a_repository_without_room_for_a_record(disk: Disk, make: Make, point: Point) -> None:
    repository = disk("repo.git")
    real = make("one")
    told = {**real.kills("deed", (point,), "/locks/"), "FAULT_DISK": str(repository)}
    first = real.once(**told)
    assert (first.returncode, real.hits()) == (1, 1), first.stderr
    (repository / "fill").unlink()
    last = real.once()
    assert last.returncode == 0, last.stderr
    real.whole(["one"])


@pytest.mark.soak
def test_a_log_that_nobody_can_write_any_more_stops_nothing(make: Make) -> None:
    real = make("one")
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        argv = [sys.executable, "-m", "reconciler", "run", "--sandbox", "--once"]
        own = {"PYTHONPATH": str(ROOT), "RECONCILER_STATE_DIR": str(real.state), **SOMEBODY}
        done = subprocess.run(
            [*argv, "--repo", str(real.repo.path)],
            env={**os.environ, **own},
            stdout=full,
            stderr=full,
            check=False,
        )
    assert done.returncode == 0
    real.whole(["one"])
