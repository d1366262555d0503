"""`reconciler man`: the manual page, made from the commands themselves."""

import inspect
import re
from collections.abc import Iterator
from typing import Final

import click

from reconciler.errors import Exit
from reconciler.settings import OPTIONS, variables_known

_CODES: Final = {
    Exit.OK: "All is well.",
    Exit.FAILURE: "Something failed, or problems were found.",
    Exit.USAGE: "The command was called wrongly.",
    Exit.DENIED: "Denied.",
    Exit.APPROVAL_NEEDED: "Somebody has to agree first.",
    Exit.DRIFT: "The cloud is not as declared.",
    Exit.INDETERMINATE: "Something could not be judged, so it is not allowed.",
}


@click.command("man")
def command() -> None:
    """Print the manual page.

    An installed wheel brings it along: `man reconciler`, where the folder of the program is on
    PATH.

    \b
    Examples:
      reconciler man | man -l -
      reconciler man > reconciler.1
    """  # noqa: D301  # \b is click's mark for lines as they are
    from reconciler.cli.main import cli

    click.echo(page(cli), nl=False)


def page(program: click.Group) -> str:
    """The page in roff. It is of the commands only: the same for each build of a commit."""
    return "\n".join(_page(program)) + "\n"


def _page(program: click.Group) -> Iterator[str]:
    # With what the program says of its contexts: click keeps the option for help that is made here.
    context = click.Context(
        program, info_name="reconciler", **{**program.context_settings, "terminal_width": 80}
    )
    first, rest = _parted(program)
    yield '.TH RECONCILER 1 "" "reconciler" "User Commands"'
    yield from (".SH NAME", rf"reconciler \- {_plain(first.rstrip('.'))}")
    yield from (".SH SYNOPSIS", r".B reconciler", r"[\fIOPTIONS\fR] \fICOMMAND\fR [\fIARGS\fR]...")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(rest)
    yield ".SH OPTIONS"
    yield from _options(program, context)
    yield ".SH COMMANDS"
    yield from _commands(program, context)
    yield ".SH EXIT STATUS"
    for code, words in _CODES.items():
        yield from (".TP", rf".B {int(code)}", _plain(words))
    yield ".SH ENVIRONMENT"
    for name in sorted(one for one in variables_known() if one.startswith("RECONCILER_")):
        if name in OPTIONS:
            yield from (".TP", rf".B {name}", _plain(f"As {OPTIONS[name]}."))
    others = sorted(variables_known() - set(OPTIONS))
    yield from (".PP", _plain(f"Others, with their defaults in docs/cli.md: {', '.join(others)}."))


def _commands(group: click.Group, above: click.Context) -> Iterator[str]:
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        if command is None:
            continue
        context = click.Context(command, info_name=name, parent=above, terminal_width=80)
        usage = " ".join(command.collect_usage_pieces(context))
        yield rf".SS {_plain(context.command_path)} {_plain(usage)}"
        first, rest = _parted(command)
        yield from _paragraphs(f"{first}\n\n{rest}")
        yield from _options(command, context)
        if isinstance(command, click.Group):
            yield from _commands(command, context)


def _parted(command: click.Command) -> tuple[str, str]:
    first, _, rest = inspect.cleandoc(command.help or "").partition("\n\n")
    return first, rest


def _paragraphs(text: str) -> Iterator[str]:
    """As click shows them: after its mark, lines stay as they are."""
    for part in re.split(r"\n\s*\n", text.strip()):
        kept = part.lstrip("\n").startswith("\b")
        lines = part.replace("\b", "").strip("\n").splitlines()
        if not any(lines):
            continue
        yield ".PP"
        if kept:
            yield from (".nf", *map(_plain, lines), ".fi")
        else:
            yield _plain(" ".join(line.strip() for line in lines))


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for one in command.get_params(context):
        record = one.get_help_record(context) if isinstance(one, click.Option) else None
        if record is not None and "--help" not in one.opts:
            yield from (".TP", rf".B {_plain(record[0])}", _plain(" ".join(record[1].split())))


def _plain(text: str) -> str:
    """As text: nothing of it is a command of roff."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
