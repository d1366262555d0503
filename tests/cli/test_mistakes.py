"""Whatever a user does wrong, every command says so in words and with a known exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pygit2
import pytest

from reconciler.errors import Exit
from tests.cli.commands import every
from tests.docs.scenes import run
from tests.repos import BOX, GitRepo, small, write

CODES = {*(int(code) for code in Exit)}
ALL = dict(every())
LEAVES = [path for path, one in ALL.items() if not isinstance(one, click.Group)]
ELSEWHERE = {("tools", "install"), ("sandbox", "start"), ("demo",)}
"""They do what they are for wherever they are called: install, start a server, tell a story."""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of whoever runs the tests is read or written."""
    for name in ("STATE", "CACHE", "TOOLS"):
        monkeypatch.setenv(f"RECONCILER_{name}_DIR", str(tmp_path / "apart" / name))
    monkeypatch.delenv("RECONCILER_SIGNING_KEY", raising=False)


def words_for(path: tuple[str, ...], value: str) -> str:
    """A call that has all that the command asks for."""
    words = list(path)
    for one in ALL[path].params:
        if not one.required:
            continue
        if isinstance(one, click.Option):
            words.append(one.opts[0])
        kind = one.type
        words.append(kind.choices[0] if isinstance(kind, click.Choice) else value)
    if path == ("run",):
        words.append("--once")
    if path == ("mr", "watch"):
        words.append("--once")
    return " ".join(f"'{one}'" for one in words)


def held(path: tuple[str, ...], line: str, folder: Path) -> int:
    """The exit code of a call that told what was wrong."""
    code, out, err = run(line, folder)
    said = out + err
    assert code in CODES, said
    assert "Traceback" not in said
    assert "bug:" not in said, said
    assert code == 0 or said.strip(), path
    return code


def nothing(_folder: Path) -> None:
    """Not in a repository at all."""


def empty(folder: Path) -> None:
    GitRepo.make(folder / "repo", bare=False)


def bare(folder: Path) -> None:
    GitRepo.make(folder / "repo", bare=True)


def detached(folder: Path) -> None:
    repo = GitRepo.make(folder / "repo", bare=False)
    commit = repo.commit(small())
    write(repo.path, small())
    repo.repository.set_head(pygit2.Oid(hex=commit))


def broken(folder: Path) -> None:
    repo = GitRepo.make(folder / "repo", bare=False)
    repo.commit({**small(), BOX: "{", "reconciler.yaml": "- not: [settings"})
    write(repo.path, {**small(), BOX: "{", "reconciler.yaml": "- not: [settings"})


def damaged(folder: Path) -> None:
    repo = GitRepo.make(folder / "repo", bare=False)
    repo.commit(small())
    write(repo.path, small())
    for path in (folder / "repo" / ".git" / "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"garbage")


def gone(folder: Path) -> None:
    """Branches of a remote that leads nowhere."""
    repo = GitRepo.make(folder / "repo", bare=False)
    repo.commit(small())
    write(repo.path, small())
    repo.repository.remotes.create("origin", str(folder / "nowhere"))


PLACES: list[Callable[[Path], None]] = [nothing, empty, bare, detached, broken, damaged, gone]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Made once; a command gets a copy."""
    found = {}
    for make in PLACES:
        folder = tmp_path_factory.mktemp(make.__name__)
        (folder / "repo").mkdir(exist_ok=True)
        make(folder)
        found[make.__name__] = folder
    return found


@pytest.mark.parametrize("place", [one.__name__ for one in PLACES])
@pytest.mark.parametrize("path", [one for one in LEAVES if one not in ELSEWHERE], ids=" ".join)
def test_in_any_odd_place_it_says_what_is_wrong(
    path: tuple[str, ...], place: str, places: dict[str, Path], tmp_path: Path
) -> None:
    if (path, place) == (("run",), "detached"):
        return  # all is well there, and it would set to work
    folder = tmp_path / "here"
    shutil.copytree(places[place], folder, symlinks=True)
    held(path, words_for(path, "7"), folder / "repo")


@pytest.mark.parametrize("line", ["status", "mr list", "mr open", "apply shop --yes"])
def test_before_the_first_commit_it_says_that_one_is_needed(
    line: str, places: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(places["empty"], tmp_path / "here", symlinks=True)
    code, _, err = run(line, tmp_path / "here" / "repo")
    assert (code, "nothing is committed here yet" in err) == (2, True), err
    assert "git commit" in err
    assert "--all" not in err


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_what_no_command_takes_is_wrong_usage(path: tuple[str, ...], tmp_path: Path) -> None:
    line = " ".join(path)
    assert held(path, f"{line} --no-such-option", tmp_path) == Exit.USAGE
    assert held(path, f"{words_for(path, '7')} --repo", tmp_path) == Exit.USAGE
    if any(one.required for one in ALL[path].params):
        assert held(path, line, tmp_path) == Exit.USAGE


@pytest.mark.parametrize("path", [one for one in LEAVES if one not in ELSEWHERE], ids=" ".join)
def test_a_value_that_makes_no_sense_is_told(
    path: tuple[str, ...], places: dict[str, Path], tmp_path: Path
) -> None:
    for one in ALL[path].params:
        if isinstance(one, click.Option) and not one.is_flag and not one.hidden:
            folder = tmp_path / one.opts[-1]
            shutil.copytree(places["broken"], folder, symlinks=True)
            line = f"{words_for(path, 'x')} {one.opts[-1]} '../\x01 \u00e9 -9'"
            held(path, line, folder / "repo")


@pytest.mark.parametrize("command", ["", "list", "man", "schema"])
@pytest.mark.parametrize("stream", ["closed", "full"])
def test_an_output_that_takes_nothing_is_told_by_the_exit_code(
    command: str, stream: str, tmp_path: Path
) -> None:
    """By a real process: the streams are its own."""
    into = ">&-" if stream == "closed" else ">/dev/full"
    line = f"{sys.executable} -m reconciler {command or '--help'} {into}"
    folder = tmp_path / "r"
    GitRepo.make(folder, bare=False).commit(small())
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env={**os.environ}, stderr=subprocess.PIPE, check=False
    )
    assert done.returncode == Exit.FAILURE
    assert done.stderr.startswith(b"error: the output cannot be written")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_a_call_that_is_not_allowed_is_told_as_everything_else_is(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    code, out, err = run(f"{' '.join(path)} --no-such-option", tmp_path)
    assert (code, out) == (2, "")
    first, *rest = err.splitlines()
    assert first.startswith("error: no such option `--no-such-option`"), err
    assert "try: " in rest[0]
    assert f"`reconciler {' '.join(path)} --help` tells more" in " ".join(err.split())


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    code, _, err = run("new", tmp_path)
    assert code == 2
    assert err.startswith("error: missing options `--track` and `--name`\n")
    assert "missing option `--name`" in run("new --track demo", tmp_path)[2]
    assert "missing option `--track`" in run("new --name=fair", tmp_path)[2]
    code, out, _ = run("list --format json --bar", tmp_path)
    assert (code, json.loads(out)["reason"]) == (2, "usage")
