"""A group that knows its commands by name and one line, and imports one when it runs."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click

from reconciler.cli.voice import taught

_ELSEWHERE: Mapping[str, str] = {
    "help": "`--help` stands behind any command: `reconciler check --help`",
    "version": "it is `reconciler --version`",
}
"""What other programs have as commands, and what it is here."""
Place = Callable[[str], tuple[str, str]]
"""Where a command is: its module, and its name there."""


class LazyGroup(click.Group):
    """Help costs nothing that is not shown, and a command nothing that another one needs."""

    def __init__(self, *args: Any, lines: Mapping[str, str], place: Place, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lines = lines
        self._place = place

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer needs them."""
        del ctx
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        del ctx
        if cmd_name not in self._lines:
            return None
        module, name = self._place(cmd_name)
        command: click.Command = getattr(importlib.import_module(module), name)
        return taught(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A misspelt command gets a suggestion."""
        name = args[0]
        if name not in self._lines and not name.startswith("-"):
            from reconciler.core.suggest import did_you_mean

            hint = _ELSEWHERE.get(name) or did_you_mean(name, self._lines)
            ctx.fail(f"there is no command `{name}`" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))
