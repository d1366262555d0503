"""Every command of the program, for tests that hold something of all of them."""

import re
import shlex
from collections.abc import Iterator

import click

from reconciler.cli.main import cli


def every(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Each command with the words that call it; groups, too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every(command, (*path, name))


def leaves() -> list[tuple[str, ...]]:
    """Those that do something themselves."""
    return [path for path, command in every() if not isinstance(command, click.Group)]


def examples(command: click.Command) -> list[list[str]]:
    """The words of each example, without `reconciler` and what a shell would do with it."""
    _, _, below = (command.help or "").partition("Examples:")
    text = below.replace("\b", "").partition("\n\n")[0].replace("\\\n", " ")
    text = re.sub(r" {2,}(?=[a-z]).*", "", text.replace("\n      ", "\n"), flags=re.MULTILINE)
    found = []
    for line in text.splitlines():
        for part in re.split(r"&&|[|<>]|\$\(", line):
            words = shlex.split(part.rstrip(')"').strip() if "$(" in line else part, comments=True)
            while words and "=" in words[0]:
                words = words[1:]
            if words[:1] == ["reconciler"]:
                found.append(words[1:])
    return found
