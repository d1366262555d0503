"""`reconciler demo`."""

import secrets
import signal
import string
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import click

from reconciler.app.demo.story import tell
from reconciler.app.demo.telling import Teller, folded, typed
from reconciler.cli.main import main
from reconciler.cli.screen import out
from reconciler.errors import UsageError
from reconciler.wiring import build

_WIDE: Final = 100
_LIKE_A_TOKEN: Final = string.ascii_letters + string.digits
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
"""What ends it as Ctrl-C does; the second is said to it when its terminal is closed."""


@click.command("demo")
@click.option("--step", is_flag=True, help="Wait for a key before each step.")
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it happens: a folder that is not there yet; by default a new one of the system's.",
)
def command(step: bool, folder: Path | None) -> None:
    """Tell the whole story in a scratch folder, with the real engines and a simulated cloud.

    From the first apply to the auditor, in nine steps of real commands, each shown before it runs.
    No account, no server and no git are needed, and nothing outside of the folder is changed. What
    goes otherwise than it should ends it.

    \b
    Examples:
      reconciler demo
      reconciler demo --step
      reconciler demo --into /tmp/demo

    Exit code 0: everything went as it should; the folder is left to play with. 1: something did
    not.
    """  # noqa: D301  # \b is click's mark for lines as they are
    if step and not sys.stdin.isatty():
        raise UsageError(
            "no-terminal", "`--step` waits for a key, and there is no terminal", hint="leave it out"
        )
    ports = build()
    screen = _Screen(step=step)
    began = time.monotonic()
    engine = ports.terraform.said
    place = (folder or Path(mkdtemp(prefix="reconciler-demo-"))).absolute()
    stage = ports.demo_stage(place, main)
    stage.enter()
    screen.begins(stage.folder, engine)
    token = "glpat-" + "".join(secrets.choice(_LIKE_A_TOKEN) for _ in range(20))
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        tell(Teller(stage, screen), token, datetime.now(UTC).date())
        stage.end_controller()
    except BaseException:
        # Asked twice it would leave something running.
        for number in (signal.SIGINT, *_ENDING):
            signal.signal(number, signal.SIG_IGN)
        screen.says_if_anybody_reads("Ending what runs ...")
        stage.leave()
        screen.says_if_anybody_reads(
            f"The demonstration has ended; nothing of it runs any more. It left {stage.folder}"
        )
        raise
    screen.ends(stage.folder, time.monotonic() - began)


class _Screen:
    """Tells it on standard output."""

    def __init__(self, *, step: bool) -> None:
        self._console = out()
        self._step = step

    def begins(self, folder: Path, engine: str) -> None:
        """Before everything."""
        self.say(
            f"It happens in {folder}, with {engine}, by commands as you would type them there.\n"
            "The people, accounts and pages are made up; the cloud is simulated; the rest is real."
        )

    def chapter(self, number: int, title: str) -> None:
        """A step begins."""
        if self._step:
            self._wait()
        self._line(f"\n== {number}. {title} ==", "bold")

    def _wait(self) -> None:
        """For a key. `click.pause` would take Ctrl-C, and a terminal that is gone, for one."""
        click.echo("\n-- any key goes on, Ctrl-C ends --", nl=False)
        try:
            if not click.getchar():
                raise KeyboardInterrupt
        except EOFError:
            raise KeyboardInterrupt from None
        finally:
            with suppress(OSError):
                click.echo()

    def say(self, words: str) -> None:
        """In plain words."""
        self._console.print()
        for line in words.splitlines():
            for each in folded(line, self._width):
                self._line(each)

    def says_if_anybody_reads(self, words: str) -> None:
        """Where the terminal is gone, what is to be done is done all the same."""
        with suppress(OSError, SystemExit):
            self.say(words)

    def command(self, line: str) -> None:
        """As one would type it."""
        self._line(f"\n$ {typed(line, self._width - 2)}", "bold cyan")

    def output(self, lines: Iterable[str]) -> None:
        """What it said."""
        for line in lines:
            for each in folded(f"  {line}".rstrip(), self._width):
                self._line(each)

    def ends(self, folder: Path, seconds: float) -> None:
        """What to try next."""
        self._line(f"\n== That was all, in {seconds:.0f} s ==", "bold")
        # Not folded: these are to be copied.
        self._line(
            f"""
Everything is left in {folder}. What to try next:
  cd {folder}
  . as/ada                                  # you are Ada, in the simulated cloud
  reconciler status
  reconciler mr list && reconciler mr show 2
  reconciler drift --all
  reconciler audit blame shop spec.parameters.image
  git clone environments.git mine           # change something, push a branch, then:
  reconciler mr open --source BRANCH && reconciler mr check NUMBER
  reconciler run                            # the controller; Ctrl-C ends it
The simulated cloud goes on running, and takes some memory. To clean up:
  . {folder}/as/ada && reconciler sandbox stop && rm -r {folder}"""
        )

    @property
    def _width(self) -> int:
        """What a terminal shows in one line; where there is none, what most of them do."""
        return min(self._console.width, _WIDE) if self._console.is_terminal else _WIDE

    def _line(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, soft_wrap=True)
