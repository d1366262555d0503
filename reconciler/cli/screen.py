"""Options that commands share, and the consoles they write to."""

import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from reconciler.cli.again import again, remember
from reconciler.cli.voice import VOICE
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.report import as_json, text

F = TypeVar("F", bound=Callable[..., object])

_PATIENCE: Final = 0.7
"""Seconds before something that goes on is shown to do so."""
_WIDE: Final = 10_000
"""A line of the log is not wrapped."""


def repo_option(function: F) -> F:
    """`--repo`: which repository."""
    return click.option(
        "--repo",
        "-C",
        type=click.Path(path_type=Path),
        default=Path(),
        envvar="RECONCILER_REPO",
        callback=remember,
        help="The repository; the one around the current folder by default.",
    )(function)


_asked_for: list[str] = []


def remember_format(_context: click.Context, _option: click.Parameter, value: str) -> str:
    """Where a command fails before it writes, the entry point asks how to say so."""
    _asked_for[:] = [value]
    return value


def remember_asked(argv: Sequence[str]) -> None:
    """The same where a command fails before it reads its options."""
    apart = any(pair == ("--format", "json") for pair in pairwise(argv))
    _asked_for[:] = ["json"] if apart or "--format=json" in argv else []


def format_option(function: F) -> F:
    """`--format`: for people or for programs."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        envvar="RECONCILER_FORMAT",
        callback=remember_format,
        help="text for people, json for programs (docs/output.md).",
    )(function)


def rev_option(function: F) -> F:
    """`--rev`: which revision."""
    return click.option(
        "--rev",
        callback=remember,
        help="A commit, branch or tag; by default the files as they are (bare repository: HEAD).",
    )(function)


def out() -> Console:
    """Standard output. Colours only on a terminal that wants them."""
    return Console(highlight=False, emoji=False, markup=False)


def err() -> Console:
    """Standard error, for what somebody may want to know: nothing of it where it is to be quiet."""
    return _standard_error(heard=not VOICE.quiet, wrong=False)


def errors() -> Console:
    """Standard error, for what went wrong: always."""
    return _standard_error(heard=True, wrong=True)


def _standard_error(*, heard: bool, wrong: bool) -> Console:
    file = _Lines(wrong=wrong) if VOICE.log_json and heard else None
    return Console(
        file=file,
        stderr=True,
        quiet=not heard,
        width=_WIDE if file is not None else None,
        highlight=False,
        emoji=False,
        markup=False,
    )


class _Lines(io.StringIO):
    """Makes each line that is written a line of the log."""

    def __init__(self, *, wrong: bool) -> None:
        super().__init__()
        self._wrong = wrong
        self._rest = ""

    def write(self, text: str, /) -> int:
        """Take it in; what is not a whole line yet waits."""
        *whole, self._rest = (self._rest + text).split("\n")
        log = VOICE.log()
        for one in filter(None, map(str.strip, whole)):
            (log.failed if self._wrong else log.said)(one)
        return len(text)


def tell_failure(error: ReconcilerError) -> None:
    """On standard error for people; as JSON on standard output too where JSON was asked for."""
    error.hint = again(error.hint)
    if _asked_for == ["json"]:
        click.echo(as_json.failed(error))
    if VOICE.log_json:
        words = {"reason": error.reason, "hint": error.hint, "subject": error.subject}
        told = {name: value for name, value in words.items() if value}
        VOICE.log().failed(error.message, **told)
    else:
        text.failed(errors(), error)


def stop_with(code: Exit) -> None:
    """End the command with an exit code."""
    if code:
        raise click.exceptions.Exit(int(code))


Step = Callable[[int, int], None]


@contextmanager
def progress(what: str) -> Iterator[Step]:
    """Shows on a terminal that something goes on, when it takes a while; silence elsewhere.

    The step's time is told to whoever asked for that, terminal or not.
    """
    began, count = time.monotonic(), _Count()
    try:
        with _bar(what, count):
            yield count
    finally:
        words = {"done": count.done} if count.total else {}
        VOICE.spent(what, time.monotonic() - began, **words)


class _Count:
    """How much of it is done."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.show: Step = lambda _done, _total: None

    def __call__(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        self.show(done, total)


_shown = threading.Lock()
"""Two bars at once would write over each other: the outer one says enough."""


@contextmanager
def _bar(what: str, count: _Count) -> Iterator[None]:
    console = err()
    wanted = console.is_terminal and not console.quiet and not VOICE.steps
    if not wanted or not _shown.acquire(blocking=False):
        yield
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,  # results are no part of it
    )
    task = bar.add_task(what, total=None, count="")

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total or None, count=f"{done}/{total}")

    count.show = show
    later = threading.Timer(_PATIENCE, bar.start)
    later.daemon = True
    later.start()
    try:
        yield
    finally:
        later.cancel()
        later.join()
        bar.stop()
        _shown.release()


def replace_file(target: Path, parts: Iterable[str]) -> None:
    """Write a file that is there whole or not at all. A link is not followed, nor put aside."""
    made = target.with_name(f".{target.name}.{token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            raise UsageError("link", f"{target} is a link", hint="remove it, or name another file")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(made, flags, 0o644)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)
    except OSError as error:
        why = f"{target} cannot be written: {error.strerror}"
        raise ReconcilerError("unwritable", why, subject=str(target)) from error


def write_file(root: Path, name: str, data: bytes) -> Path:
    """Write a file below a folder. A link on the way is not followed: it could lead anywhere."""
    target = root / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        for part in (*target.relative_to(root).parents,):
            if (root / part).is_symlink() and part != Path():
                raise UsageError("link", f"{root / part} is a link", hint="remove it")
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        what = "is a link" if error.errno == errno.ELOOP else f"cannot be written: {error.strerror}"
        raise ReconcilerError("unwritable", f"{target} {what}", subject=str(target)) from error
    return target
