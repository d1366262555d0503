"""The demonstration, as whoever runs it sees it; and what it does when something is not as told."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.app.demo.files import repository_files
from reconciler.app.demo.telling import Teller, folded, shortened, typed
from reconciler.errors import ReconcilerError, UsageError
from reconciler.model.demo import ADA, EVERYBODY, INES, TOM
from reconciler.wiring import build
from tests.demo.board import Board, Fake
from tests.repos import ROOT
from tests.terraform.test_runs import wait_for


def started(folder: Path, *more: str, path: str = "") -> subprocess.Popen[str]:
    environment = {
        **{key: one for key, one in os.environ.items() if not key.startswith("RECONCILER_")},
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "RECONCILER_CACHE_DIR": str(folder.parent / "cache"),
    }
    if path:
        environment["PATH"] = path
    return subprocess.Popen(
        [sys.executable, "-m", "reconciler", "demo", "--into", str(folder), *more],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_in(folder: Path) -> list[int]:
    """What still runs there."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            words = (one / "environ").read_bytes()
            line = (one / "cmdline").read_bytes()
        except OSError:
            continue
        if line and f"={folder}/".encode() in words:
            found.append(int(one.name))
    return found


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH")
def test_the_whole_story_is_told_and_leaves_something_to_play_with(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    began = time.monotonic()
    process = started(folder)
    try:
        said, _ = process.communicate(timeout=900)
        took = time.monotonic() - began
        sys.stdout.write(f"{said}\n{took:.0f} s\n")
        assert process.returncode == 0, said
        assert re.findall(r"^== (\d)\.", said, re.MULTILINE) == [*"123456789"]
        assert (folder / "evidence.html").read_text().startswith("<!DOCTYPE html>")
        again = subprocess.run(
            ["sh", "-c", f". {folder}/as/ada && reconciler status --format json"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert '"shop"' in again.stdout, again.stderr
        told = said.partition("== That was all")[0].splitlines()
        assert not [one for one in told if len(one) > 100 and " " in one.strip()]
        page = (folder / "evidence.html").read_text()
        assert re.search(r"Approvals that counted</td><td>3<", page)
        assert "fair-kiosk" not in again.stdout
    finally:
        Cloud(folder / "state" / "sandbox").stop()


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on PATH")
def test_whoever_ends_it_early_leaves_nothing_running(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with started(folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "reconciler run" in line:
                break
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait() == 130, said
    assert "nothing of it runs any more" in said
    wait_for(lambda: not processes_in(folder), 30)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        build().demo_stage(tmp_path, lambda _argv: None).enter()
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_everybody_gets_a_key_that_their_team_names_and_the_repository_is_valid(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    stage = build().demo_stage(tmp_path / "demo", lambda argv: said.append(" ".join(argv)))
    stage.enter()
    keys = {one.email: stage.introduce(one) for one in EVERYBODY}
    files = repository_files(
        dict(build().starter_files()), stage.shipped(), keys, date(2026, 11, 21)
    )
    for who, team in ((ADA, "platform"), (INES, "web"), (TOM, "web")):
        assert keys[who.email] in files[f"profiles/teams/team-{team}.yaml"].decode()
        assert (stage.folder / "as" / f"{who.word}.key").stat().st_mode & 0o77 == 0
        names = subprocess.run(
            ["sh", "-c", f". {stage.folder}/as/{who.word} && git var GIT_AUTHOR_IDENT"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{who.name} <{who.email}>" in names.stdout
    stage.begin(files, ADA)
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "validate", "--repo", str(stage.repository)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_ends_otherwise_ends_it_and_shows_everything() -> None:
    board = Board()
    teller = Teller(Fake(Path("/demo"), 0, "\n".join(f"line {one}" for one in range(30))), board)
    with pytest.raises(ReconcilerError, match="was to end with 10, and ended with 0"):
        teller.run(ADA, "mr", "check", "1", code=10)
    assert "line 29" in board.lines
    with pytest.raises(ReconcilerError, match="was to say `DENY`, and did not"):
        teller.run(ADA, "mr", "check", "1", words=["DENY"])


def test_what_is_left_out_is_counted() -> None:
    said = "\n".join(str(one) for one in range(20))
    assert shortened(said, 5, 2) == ["0", "1", "2", "[15 more lines]", "18", "19"]
    assert shortened(said, 20, 0) == said.splitlines()
    assert shortened(said, 19, 0) == said.splitlines()


def test_long_lines_are_folded_and_nothing_of_them_is_lost() -> None:
    log = "  applied " + " ".join(f"word-{one}" for one in range(30))
    made = folded(log, 60)
    assert all(len(one) <= 60 for one in made)
    assert [one.startswith("      word") for one in made] == [False] + [True] * (len(made) - 1)
    assert " ".join(made).split() == log.split()
    row = f"shop{' ' * 40}customer{' ' * 40}Ready"
    assert folded(row, 60) == ["shop  customer  Ready"]
    assert folded(row, 200) == [row]
    assert folded("x" * 80, 60) == ["x" * 80]


def test_a_long_command_goes_on_before_an_option() -> None:
    command = f"reconciler mr approve 2 --plan shop=sha256:{'0' * 64}"
    assert typed(command, 200) == command
    assert typed(command, 98).splitlines() == [
        "reconciler mr approve 2 \\",
        f"    --plan shop=sha256:{'0' * 64}",
    ]


def test_a_controller_that_does_not_say_it_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.app.demo.telling.PATIENCE", 0.1)
    stage = Fake(Path("/demo"), 0, "", ("2026-11-21T22:00:00Z applied environment=shop-staging",))
    with pytest.raises(ReconcilerError, match="was to say `applied environment=shop`"):
        Teller(stage, Board()).hears("applied environment=shop")
    Teller(stage, Board()).hears("applied environment=shop-staging")
