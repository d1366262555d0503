"""Options that commands share, and the consoles they write to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
        help="The repository; the one around the current folder by default.",
    )(function)


def format_option(function: F) -> F:
    """`--format`: for people or for programs."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        envvar="RECONCILER_FORMAT",
        help="text for people, json for programs (docs/output.md).",
    )(function)


def rev_option(function: F) -> F:
    """`--rev`: which revision."""
    return click.option(
        "--rev",
        help="A commit, branch or tag; by default the files as they are (bare repository: HEAD).",
    )(function)


def out() -> Console:
    """Standard output. Colours only on a terminal that wants them."""
    return Console(highlight=False, emoji=False, markup=False)


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def tell_failure(error: ReconcilerError, argv: list[str]) -> None:
    """On standard error for people; as JSON on standard output where JSON was asked for."""
    joined = " ".join(argv)
    if "--format json" in joined or "--format=json" in joined:
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


def write_file(path: Path, data: bytes) -> None:
    """Write a file, and its folders; links are not followed out of the way."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            raise UsageError(
                "link", f"{path} is a link; it is not written through", hint="remove it"
            )
        path.write_bytes(data)
    except OSError as error:
        raise ReconcilerError(
            "unwritable", f"{path} cannot be written: {error.strerror}", subject=str(path)
        ) from error
