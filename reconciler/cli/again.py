"""What a message says to run next, with the options by which this command found its target."""

import re
import shlex
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

import click
from click.core import ParameterSource

_COMMAND: Final = re.compile(r"`reconciler ([a-z]+)((?: [^\s`-][^\s`]*)*)([^`]*)`")
_given: dict[str, str] = {}


def remember(context: click.Context, option: click.Parameter, value: Any) -> Any:
    """Keep what was typed to name the target: a variable still holds for the next command."""
    name = option.name or ""
    _given.pop(name, None)
    if isinstance(value, bool):
        if value:
            _given[name] = f"--{name}"
    elif context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        _given[name] = f"--{name} {shlex.quote(str(value))}"
    return value


def forget() -> None:
    """A command begins: nothing was typed for it yet, whatever ran in this process before."""
    _given.clear()


def as_if_typed(*options: str) -> None:
    """In a process that nobody typed a command for: these were given to whoever started it."""
    _given.update({one: f"--{one}" for one in options})


def again(text: str) -> str:
    """The text, with its commands as they have to be typed to mean the same target."""
    return _COMMAND.sub(_with_options, text) if _given else text


def _with_options(found: re.Match[str]) -> str:
    verb, words, rest = found.groups()
    more = [
        option
        for name, option in sorted(_given.items())
        if name in _taken_by(verb, words) and f"--{name}" not in rest
    ]
    return f"`reconciler {verb}{words}{''.join(f' {one}' for one in more)}{rest}`"


def _taken_by(verb: str, words: str) -> frozenset[str]:
    """The options of a command, by their names; of a group those of the command in it."""
    module = f"reconciler.cli.{verb}_command"
    if find_spec(module) is None:
        return frozenset()
    command: click.Command | None = import_module(module).command
    if isinstance(command, click.Group):
        inner = words.split()[:1]
        command = command.get_command(click.Context(command), inner[0]) if inner else None
    if command is None:
        return frozenset()
    return frozenset(one.name or "" for one in command.params)
