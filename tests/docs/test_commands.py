"""Every command that the pages show is there; what needs nothing from outside is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from unittest.mock import patch

import click
import pytest

from tests.audit.story import tell
from tests.docs.commands import (
    FOREIGN,
    MARKS,
    TESTED,
    Block,
    blocks,
    examples,
    mentioned_command,
    overview,
    simple_commands,
    spans,
    whole_command,
    with_shell,
)
from tests.docs.scenes import ROOT, Part, Scene, parts, run
from tests.policy.small import whole_input

by_page = pytest.mark.parametrize(
    "page", with_shell(), ids=lambda page: str(page.relative_to(ROOT))
)
TARGETS: Final = set(
    re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)
RUNNING: Final = [page for page in with_shell() if any(one.mark == "runs" for one in blocks(page))]


@by_page
def test_each_block_of_shell_says_how_it_is_held(page: Path) -> None:
    for block in blocks(page):
        assert block.mark in MARKS, block.body
        assert block.lines(), block.body
        assert block.mark != "transcript" or block.language == "console", block.body
        assert (block.mark == "parsed") <= bool(block.argument), "why is it not run?"


@by_page
def test_whatever_has_a_prompt_is_shell(page: Path) -> None:
    fences = re.findall(
        r"^```([a-z]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    for language, body in fences:
        assert language == "console" or not re.search(r"^\$ ", body, re.MULTILINE), body


@by_page
def test_what_is_shown_exists(page: Path) -> None:
    for block in blocks(page):
        for line in block.lines():
            for command in simple_commands(line):
                program, *arguments = command
                program = program.rpartition("/")[2]
                if program == "reconciler":
                    whole_command(arguments)
                elif program == "make":
                    assert {word for word in arguments if "=" not in word} <= TARGETS, line
                else:
                    assert program in FOREIGN, line
                    scripts = [word for word in arguments if word.startswith("scripts/")]
                    assert all((ROOT / word).exists() for word in scripts), line


@by_page
def test_what_is_mentioned_exists(page: Path) -> None:
    for words in spans(page):
        mentioned_command(words)


def test_the_examples_of_help_texts_exist() -> None:
    found = list(examples(ROOT / "docs" / "cli.md"))
    assert len(found) > 50
    for words in found:
        whole_command(words)


@pytest.mark.parametrize(
    "words",
    ["render --nonsense", "nonsense", "render one two", "mr merge"],
)
def test_what_is_not_there_is_refused(words: str) -> None:
    with pytest.raises(click.UsageError):
        whole_command(words.split())


def test_an_option_that_is_not_there_is_not_mentioned() -> None:
    mentioned_command(["drift", "--all"])
    with pytest.raises(click.NoSuchOption):
        mentioned_command(["drift", "--nonsense"])


def test_the_overview_is_current() -> None:
    assert TESTED.read_text(encoding="utf-8") == overview(), (
        "run: .venv/bin/python -m tests.docs.field_tables"
    )


# ---------------------------------------------------------------------------------- what is run


@contextmanager
def scratch(scene: Scene) -> Iterator[Path]:
    """A repository with the page's files, and a branch on which somebody was careless."""
    with scene.repository() as folder, patch.dict(os.environ, {"RECONCILER_SANDBOX": ""}):
        del os.environ["RECONCILER_SANDBOX"]
        os.environ["RECONCILER_STATE_DIR"] = str(folder / ".git" / "state")
        git = ("git", "-C", str(folder), "-c", "commit.gpgsign=false")
        (folder / "input.json").write_text(json.dumps(whole_input()), encoding="utf-8")
        if not scene.files:
            subprocess.run([*git, "reset", "-q"], check=True)
            subprocess.run([*git, "switch", "-q", "-c", "careless"], check=True)
            document = folder / "environments" / "demo" / "trade-fair.yaml"
            before = document.read_text(encoding="utf-8")
            document.write_text(before + "    authorization: NONE\n", encoding="utf-8")
            subprocess.run([*git, "commit", "-qam", "Let everybody in"], check=True)
            subprocess.run([*git, "switch", "-q", "main"], check=True)
        yield folder


def does(part: Part, cache: str) -> None:
    """Run a block, one program after another, as `sh -e` would."""
    may = [int(code) for code in part.argument.removeprefix("exit").split()] or [0]
    block = Block("", "runs", "", "sh", part.body)
    with scratch(part.scene) as folder:
        at = folder
        if re.search(r"reconciler audit|git .*records", part.body):
            tell(folder)
        for line in block.lines():
            for program, *arguments in simple_commands(line):
                if program == "cd":
                    at = folder / arguments[0]
                    continue
                if program == "reconciler":
                    code, out, err = run(shlex.join(arguments), at, cache)
                else:
                    done = subprocess.run(
                        [program, *arguments], cwd=at, capture_output=True, text=True, check=False
                    )
                    code, out, err = done.returncode, done.stdout, done.stderr
                assert code in may, f"{line}\n{out}{err}"
                if written := re.search(r" > (\S+)", line):
                    (at / written[1]).write_text(out, encoding="utf-8")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What every environment was judged to be need not be found out by each page."""
    return str(tmp_path_factory.mktemp("cache"))


def asks_checkov(part: Part) -> bool:
    """Whether Checkov is started for it, which takes seconds."""
    return bool(re.search(r"^reconciler (?:check|explain) ", part.body, re.MULTILINE))


def running(*, slow: bool) -> list[Path]:
    return [
        page
        for page in RUNNING
        if any(
            part.what == "runs" and asks_checkov(part) == slow
            for part in parts(page.read_text(encoding="utf-8"))
        )
    ]


def all_run(page: Path, cache: str, *, slow: bool) -> None:
    for part in parts(page.read_text(encoding="utf-8")):
        if part.what == "runs" and asks_checkov(part) == slow:
            does(part, cache)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", running(slow=False), ids=named)
def test_what_is_said_to_run_runs(page: Path, cache: str) -> None:
    all_run(page, cache, slow=False)


@pytest.mark.soak
@pytest.mark.parametrize("page", running(slow=True), ids=named)
def test_what_asks_all_gates_runs(page: Path, cache: str) -> None:
    all_run(page, cache, slow=True)
