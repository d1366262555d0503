"""Each command shows how it is called, and what it shows is taken."""

import re
from contextlib import ExitStack
from pathlib import Path

import click
import pytest

from reconciler.cli.main import cli
from reconciler.cli.voice import begin
from tests.cli.commands import every, examples

COMMANDS = dict(every())
LEAVES = [path for path, one in COMMANDS.items() if not isinstance(one, click.Group)]


def parsed(words: list[str]) -> tuple[str, ...]:
    """The command that the words call, when it takes them; else an error of usage."""
    begin([])
    here: click.Command = cli
    path: list[str] = []
    with ExitStack() as open_files:
        context = cli.make_context("reconciler", list(words))
        while isinstance(here, click.Group):
            rest = [*context._protected_args, *context.args]
            name, found, rest = here.resolve_command(context, rest)
            assert name is not None
            assert found is not None
            path.append(name)
            here, context = found, found.make_context(name, rest, parent=context)
            open_files.enter_context(context)
    return tuple(path)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_each_command_has_an_example_that_it_takes(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [
        [re.sub(r"[0-9a-f]*\.\.\.", "0" * 64, word) for word in words]
        for words in examples(COMMANDS[path])
    ]
    for word in (word for words in shown for word in words):
        if re.fullmatch(r"\w+\.(json|md)", word):
            Path(word).touch()
    assert shown, "an example, please"
    assert path in [parsed(words) for words in shown]


def test_what_is_not_taken_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        parsed(["list", "--nonsense"])
