"""What a person gets of a bug: where its log is, what stands in it, and where to send it.

Whatever looks like a secret is taken out of it, also of what libraries say, and of the command only
its words and the names of its options are kept: values are the user's own.
"""

import platform
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from typing import Final

import click

from reconciler import __version__
from reconciler.cli.voice import VOICE
from reconciler.core.redact import hidden
from reconciler.settings import variables_set

_VALUE: Final = "..."


def tell_bug(err: Exception, argv: Iterable[str], commands: click.Group) -> None:
    """Keep its log, and say so."""
    words = line_of(f"{type(err).__name__}: {err}")
    kept = _kept("".join(_log(err, argv, commands)))
    if VOICE.log_json:
        VOICE.log().failed(f"bug: {words}", log=kept)
        return
    click.echo(f"bug: {words}", err=True)
    click.echo(f"  This is our fault. The details are in {kept}", err=True)
    click.echo(
        "  Secrets were taken out and your values left out, but look through it first. Then open\n"
        "  an issue at the project that your reconciler comes from, say what you wanted to do,\n"
        "  and attach that file.",
        err=True,
    )


def line_of(text: str) -> str:
    """In one line, without secrets."""
    return " ".join(hidden(text).split())


def _kept(text: str) -> str:
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="reconciler-", suffix=".log", delete=False, encoding="utf-8"
        ) as log:
            log.write(text)
    except OSError as err:
        return f"no file: it could not be written ({err.strerror})"
    return log.name


def _log(err: Exception, argv: Iterable[str], commands: click.Group) -> Iterator[str]:
    yield f"reconciler {__version__}, run {VOICE.run}\n"
    yield f"Python {' '.join(sys.version.split())}\n{platform.platform()}\n"
    yield f"command: {' '.join(('reconciler', *without_values(argv, commands)))}\n"
    yield f"variables: {' '.join(variables_set()) or 'none'}\n\n"
    # Line by line: what one line hides keeps the others readable.
    for line in "".join(traceback.format_exception(err)).splitlines():
        yield hidden(line) + "\n"


def without_values(argv: Iterable[str], commands: click.Group) -> Iterator[str]:
    """The words that name a command, and its options; what a user gave for them is left out."""
    here: click.Command | None = commands
    known = set(_options(commands))
    for word in argv:
        option, given, _ = word.partition("=")
        if word == "--":
            known.clear()
            here = None
        if option in known:
            yield f"{option}={_VALUE}" if given else option
        elif isinstance(here, click.Group) and word in here.list_commands(click.Context(here)):
            here = here.get_command(click.Context(here), word)
            known |= set(_options(here)) if here is not None else set()
            yield word
        else:
            yield _VALUE


def _options(command: click.Command) -> Iterator[str]:
    for one in command.params:
        if isinstance(one, click.Option):
            yield from (*one.opts, *one.secondary_opts)
