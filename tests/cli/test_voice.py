"""`--quiet`, `--verbose` and `--log-json` mean the same everywhere; a bug says what to send."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest

from reconciler.cli.bug import without_values
from reconciler.cli.main import cli, main
from reconciler.cli.screen import progress
from reconciler.cli.voice import VOICE, begin
from reconciler.settings import OPTIONS, variables_known
from tests.cli.commands import every
from tests.core.secrets.samples import sample
from tests.docs.scenes import run
from tests.repos import GitRepo, small, write


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    made = GitRepo.make(tmp_path / "r", bare=False)
    made.commit(small())
    write(made.path, small())
    return made.path


def lines(err: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in err.splitlines()]


def test_every_command_takes_them_and_only_the_program_shows_them() -> None:
    names = {"quiet", "verbose", "log_json"}
    for _, command in every():
        found = {one.name for one in command.params if isinstance(one, click.Option) and one.hidden}
        assert names <= found
    assert names <= {one.name for one in cli.params}


def test_results_stay_the_same_and_the_rest_is_as_asked_for(repo: Path) -> None:
    code, out, err = run("list", repo)
    assert (code, err) == (0, "")
    for line in ("--quiet list", "list -q"):
        assert run(line, repo) == (0, out, "")
    for line in ("--verbose list", "list -v"):
        code, same, told = run(line, repo)
        assert (code, same) == (0, out)
        assert re.search(r"^\S+Z exit code=0 seconds=[\d.]+$", told, re.MULTILINE)
    code, same, told = run("list --log-json -v", repo)
    assert (code, same) == (0, out)
    assert {one["run"] for one in lines(told)} == {lines(told)[0]["run"]}


@pytest.mark.parametrize("line", ["show nobody", "--quiet show nobody"])
def test_an_error_is_always_told(line: str, repo: Path) -> None:
    code, out, err = run(line, repo)
    assert (code, out) == (2, "")
    assert "error: there is no environment `nobody`" in err


def test_as_json_every_line_of_the_rest_is_an_object(repo: Path) -> None:
    code, out, err = run("--log-json show nobody", repo)
    assert (code, out) == (2, "")
    (told,) = lines(err)
    assert (told["level"], told["reason"]) == ("error", "unknown-environment")
    write(repo, {"environments/lab/broken.yaml": "kind: Environment\n"})
    code, _, err = run("render broken --log-json --quiet", repo)
    assert code == 1
    assert all(one["level"] == "error" for one in lines(err))


@pytest.mark.parametrize(
    "line", ["nonsense --log-json", "list --nonsense --log-json", "--log-json --quiet list x"]
)
def test_a_wrong_call_is_told_as_json_too(line: str, repo: Path) -> None:
    code, out, err = run(line, repo)
    assert (code, out) == (2, "")
    assert lines(err)[0]["reason"] == "usage"


def test_quiet_and_verbose_exclude_each_other(repo: Path) -> None:
    for line in ("--quiet --verbose list", "-q list -v"):
        code, out, err = run(line, repo)
        assert (code, out, "exclude each other" in err) == (2, "", True)


def test_each_has_a_variable(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_LOG_JSON", "1")
    assert lines(run("show nobody", repo)[2])
    monkeypatch.setenv("RECONCILER_QUIET", "true")
    assert run("list", repo)[2] == ""
    assert set(OPTIONS) <= variables_known()
    of_options = {
        str(one.envvar)
        for _, command in (((), cli), *every())
        for one in command.params
        if one.envvar is not None
    }
    assert of_options == set(OPTIONS)


def test_a_step_that_breaks_is_told_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    begin([])
    VOICE.verbose = True

    def counting() -> None:
        with progress("counting") as step:
            step(3, 9)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        counting()
    begin([])
    assert re.search(r"counting done=3 seconds=0\.\d+", capsys.readouterr().err)


def test_nobody_who_does_not_ask_hears_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    begin([])
    with progress("counting") as step:
        step(3, 9)
    assert capsys.readouterr() == ("", "")


# --------------------------------------------------------------------------------------- a bug


def test_the_log_of_a_bug_holds_what_helps_and_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = sample("secret-gitlab-token")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("RECONCILER_GIT_TOKEN", "not-to-be-" + "shown")

    def broken() -> None:
        message = f"it broke with {secret}"
        raise RuntimeError(message)

    monkeypatch.setattr("reconciler.wiring.build", broken)
    monkeypatch.delitem(sys.modules, "reconciler.cli.validate_command", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["validate", "--repo", "/home/somebody", "--format=json"])
    sys.modules.pop("reconciler.cli.validate_command", None)
    assert stop.value.code == 1
    said = capsys.readouterr()
    (log,) = tmp_path.glob("reconciler-*.log")
    text = log.read_text(encoding="utf-8")
    assert str(log) in said.err
    assert "open\n  an issue" in said.err
    for words in (
        f"run {VOICE.run}",
        "command: reconciler validate --repo ... --format=...",
        "RECONCILER_GIT_TOKEN",
        "Traceback",
        "Python 3",
    ):
        assert words in text
    for hidden in (secret, "not-to-be-" + "shown", "/home/somebody"):
        assert hidden not in text + said.err + said.out
    assert log.stat().st_mode & 0o077 == 0


def test_a_bug_is_told_also_where_nothing_can_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))

    def broken() -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("reconciler.wiring.build", broken)
    monkeypatch.delitem(sys.modules, "reconciler.cli.validate_command", raising=False)
    with pytest.raises(SystemExit) as stop:
        main(["validate"])
    sys.modules.pop("reconciler.cli.validate_command", None)
    assert stop.value.code == 1
    assert "bug: RuntimeError: it broke" in capsys.readouterr().err


def test_of_a_command_only_its_words_and_options_are_kept() -> None:
    words = ["mr", "comment", "7", "do not tell", "--thread=9", "-C", "/home/x", "--", "-secret"]
    assert " ".join(without_values(words, cli)) == "mr comment ... ... --thread=... -C ... ... ..."


# ---------------------------------------------------------------------------------- where one is


@pytest.mark.parametrize("line", ["list", "validate", "show lab", "affected --base main", "status"])
def test_a_folder_of_a_repository_is_as_good_as_its_top(line: str, repo: Path) -> None:
    name = min(path.stem for path in (repo / "environments").rglob("*.yaml"))
    line = line.replace("lab", name)
    top = run(line, repo)
    assert top == run(line, repo / "environments")
    assert "not in a git repository" not in top[2]
