"""Options that commands share, and the consoles they write to."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from reconciler.cli.again import again, remember
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.report import as_json, text

F = TypeVar("F", bound=Callable[..., object])


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
    """Standard error."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def tell_failure(error: ReconcilerError) -> None:
    """On standard error for people; as JSON on standard output too where JSON was asked for."""
    error.hint = again(error.hint)
    if _asked_for == ["json"]:
        click.echo(as_json.failed(error))
    text.failed(err(), error)


def stop_with(code: Exit) -> None:
    """End the command with an exit code."""
    if code:
        raise click.exceptions.Exit(int(code))


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, shown when there is enough to wait for; silence elsewhere."""
    console = err()
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=None)

    def step(done: int, total: int) -> None:
        if total >= 200 and not bar.live.is_started:  # noqa: PLR2004  # about a second
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield step
    finally:
        bar.stop()


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
