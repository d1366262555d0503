"""How much is said, and in which form: `--quiet`, `--verbose` and `--log-json`, for every command.

Standard output is for results, standard error for everything else. Quiet leaves results and errors;
verbose also tells each step and how long it took; as JSON, each line of standard error is an object
with the id of the run. They mean the same wherever on the command line they stand. This module
imports nothing heavy: `--help` loads it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import click

from reconciler.cli.completing import offered

if TYPE_CHECKING:
    from reconciler.ports import Log

_HELP: Final = {
    "quiet": "Say results and errors, and nothing else.",
    "verbose": "Also say each step, and how long it took.",
    "log_json": "Write standard error as JSON, one object a line, with the id of the run.",
}
_SHORT: Final = {"quiet": ("-q",), "verbose": ("-v",), "log_json": ()}


@dataclass
class Voice:
    """How this process speaks."""

    quiet: bool = False
    verbose: bool = False
    log_json: bool = False
    run: str = field(default_factory=lambda: os.urandom(8).hex())
    """Which run of the program it is, in each line of JSON and in the log of a bug."""
    begun: float = field(default_factory=time.monotonic)

    @property
    def steps(self) -> bool:
        """Whether steps are told: to who asks for them, and to machines."""
        return (self.verbose or self.log_json) and not self.quiet

    def log(self) -> Log:
        """Lines on standard error, in the form that was asked for."""
        from reconciler.wiring import lines

        made = lines(as_json=self.log_json, quiet=self.quiet)
        return made.bound(run=self.run) if self.log_json else made

    def spent(self, step: str, seconds: float, **words: object) -> None:
        """Tell a step that has ended."""
        if self.steps:
            self.log().said(step, seconds=round(seconds, 2), **words)

    def ended(self, code: int) -> None:
        """Tell the end of the program, to who wants to know much."""
        if self.verbose:
            self.spent("exit", time.monotonic() - self.begun, code=code)


VOICE: Final = Voice()
"""The one of this process. The entry point sets it anew."""


def begin(argv: list[str]) -> None:
    """As if nothing had been asked for. What cannot be parsed is told as JSON, too."""
    fresh = Voice(log_json="--log-json" in argv)
    for name, value in vars(fresh).items():
        setattr(VOICE, name, value)


def _asked(context: click.Context, option: click.Parameter, value: Any) -> None:
    if value and option.name is not None:
        setattr(VOICE, option.name, True)
    if VOICE.quiet and VOICE.verbose:
        raise click.UsageError("--quiet and --verbose exclude each other", context)


def voice_options(*, hidden: bool) -> list[click.Parameter]:
    """Shown with the program itself, with their variables; taken by every command."""
    return [
        click.Option(
            [*_SHORT[name], f"--{name.replace('_', '-')}"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            hidden=hidden,
            envvar=None if hidden else f"RECONCILER_{name.upper()}",
            callback=_asked,
            help=words,
        )
        for name, words in _HELP.items()
    ]


def taught(command: click.Command) -> click.Command:
    """The command, and those in it, with the options of the program and what shells offer."""
    if all(one.name != "log_json" for one in command.params):
        command.params.extend(voice_options(hidden=True))
        offered(command)
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            taught(inner)
    return command
