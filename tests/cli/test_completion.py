"""What a shell offers while one types."""

import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import chdir
from pathlib import Path

import click
import pygit2
import pytest
from click.shell_completion import ShellComplete

from reconciler.cli.completing import Named
from reconciler.cli.main import cli
from tests.docs.scenes import run
from tests.repos import GitRepo, small, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = GitRepo.make(tmp_path / "r", bare=False)
    commit = made.commit(small())
    write(made.path, small())
    made.repository.references.create("refs/reconciler/merge-requests/7", pygit2.Oid(hex=commit))
    return made.path


def offered(folder: Path, *words: str) -> list[str]:
    """What is offered for the last word."""
    with chdir(folder):
        found = ShellComplete(cli, {}, "reconciler", "_RECONCILER_COMPLETE")
        return [one.value for one in found.get_completions(list(words[:-1]), words[-1])]


def test_commands_options_and_names(repo: Path) -> None:
    names = {path.stem for path in (repo / "environments").rglob("*.yaml")}
    assert len(names) > 2
    first = min(names)
    assert offered(repo, "val") == ["validate"]
    assert offered(repo, "mr", "app") == ["approve"]
    assert offered(repo, "list", "--tra") == ["--track"]
    assert offered(repo, "list", "--stage", "prod") == ["production"]
    assert set(offered(repo, "plan", "")) == names
    assert first in offered(repo, "show", first[:3])
    assert offered(repo, "list", "--track", "") == sorted(
        path.stem for path in (repo / "profiles" / "tracks").glob("*.yaml")
    )
    assert offered(repo, "mr", "show", "") == ["7"]


def test_another_repository_may_be_named(repo: Path, tmp_path: Path) -> None:
    assert offered(tmp_path, "list", "--repo", str(repo), "--track", "")
    assert offered(repo / "environments", "list", "--track", "")


def test_a_shell_gets_it_by_the_variable_of_the_script(repo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reconciler"],
        cwd=repo,
        env={
            **os.environ,
            "_RECONCILER_COMPLETE": "bash_complete",
            "COMP_WORDS": "reconciler valid",
            "COMP_CWORD": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("plain,validate\n", "", 0)


def test_outside_of_a_repository_nothing_is_offered_and_nothing_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert offered(tmp_path, "plan", "") == []
    assert offered(tmp_path, "plan", "--repo", str(tmp_path / "none"), "") == []
    assert capfd.readouterr() == ("", "")


def test_nobody_waits_for_a_slow_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.completing._SECONDS", 0.05)
    held = threading.Event()

    def never(_ports: object, _repo: Path) -> list[str]:
        held.wait(20)
        return ["late"]

    context = click.Context(click.Command("x"))
    started = time.monotonic()
    assert Named(never).shell_complete(context, click.Argument(["x"]), "") == []
    assert time.monotonic() - started < 5
    held.set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_one_that_the_shell_takes(shell: str, tmp_path: Path) -> None:
    code, out, err = run(f"completion {shell}", tmp_path)
    assert (code, err) == (0, "")
    assert "_RECONCILER_COMPLETE" in out
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=out.encode(), check=True)


def test_another_shell_is_a_mistake(tmp_path: Path) -> None:
    assert run("completion tcsh", tmp_path)[0] == 2
