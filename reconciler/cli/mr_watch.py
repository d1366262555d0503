"""`reconciler mr watch`."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final, TypeVar

import click

from reconciler.app.watch import Inbox, Watching, watch
from reconciler.cli.attending import Attending
from reconciler.cli.building import settings_of
from reconciler.cli.ending import TOLD, told_to_end
from reconciler.cli.screen import err, errors, out, repo_option, stop_with, tell_failure
from reconciler.cli.target import target_of
from reconciler.errors import Exit, ReconcilerError
from reconciler.model.review import Outcome
from reconciler.report import review_text, text
from reconciler.wiring import Ports, build

F = TypeVar("F", bound=Callable[..., object])
_REMEMBERED: Final = 1000
_PLACE: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):([0-9]{1,5})")


def _place(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> tuple[str, int] | None:
    if value is None:
        return None
    found = _PLACE.fullmatch(value)
    highest = 65535
    if found is None or int(found[3]) > highest:
        msg = f"`{value}` is not HOST:PORT, such as 127.0.0.1:8080"
        raise click.BadParameter(msg)
    return found[1] or found[2], int(found[3])


def place_option(name: str, help_: str) -> Callable[[F], F]:
    """An option that names an address and a port."""
    return click.option(name, metavar="HOST:PORT", callback=_place, help=help_)


@click.command("watch")
@repo_option
@place_option("--listen", "Also listen for webhooks, so that nobody waits for the next look.")
@click.option("--once", is_flag=True, help="Look at everything once, and end.")
@click.option("--plan", is_flag=True, help="Also plan what may be planned.")
def watch_command(repo: Path, listen: tuple[str, int] | None, once: bool, plan: bool) -> None:
    """Keep looking at all open merge requests, and do what is ordered in their notes.

    Every `intervals.poll` of reconciler.yaml everything is looked at; what did not change costs
    next to nothing. A webhook only hurries it. While the forge is away it is asked less and less
    often, up to `intervals.retry`. SIGTERM, Ctrl-C and a closed terminal end it when what it is
    at is done.

    What is allowed is merged where the profiles of all that it touches say so (`autoMerge`).

    \b
    Examples:
      reconciler mr watch
      reconciler mr watch --listen 127.0.0.1:8080
      reconciler mr watch --once

    Exit code 0: it was told to end, or with --once all was looked at; 1: with --once, it failed.
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    voice = _Voice()
    attending = Attending(ports, repo, plan, voice.outcome, voice.complaint)
    if once:
        attending.everything()
        stop_with(Exit.FAILURE if voice.complained else Exit.OK)
        return
    repository = ports.repository(repo)
    spec = settings_of(repository.snapshot(target_of(repository)))
    inbox = Inbox()
    watching = Watching(
        attending.everything,
        attending.one,
        spec.intervals.poll.total_seconds(),
        spec.intervals.retry.total_seconds(),
        time.monotonic,
        _weather,
    )
    server = (
        nullcontext()
        if listen is None
        else ports.webhook_server(*listen, spec, inbox.hint, _refused)
    )
    with _ending_well(ports, inbox), server as listening:
        if listening is not None:
            text.said(err(), f"listening at {listening.host}, port {listening.port}")
        watch(watching, inbox)


class _Voice:
    """Says what is new; what is as it was when it was said is not said again."""

    def __init__(self) -> None:
        self.complained = False
        self._outcomes: dict[int, tuple[object, ...]] = {}
        self._complaints: dict[tuple[str, str], None] = {}

    def outcome(self, outcome: Outcome) -> None:
        """What became of looking at one."""
        found = outcome.review
        verdict = found.verdict if found is not None else ""
        now = (outcome.state, verdict, outcome.told, outcome.mishaps, outcome.merging)
        self.complained |= outcome.state == "failed" or bool(outcome.mishaps)
        if outcome.posted or self._outcomes.get(outcome.number) != now:
            review_text.listed(out(), [outcome])
        self._outcomes[outcome.number] = now

    def complaint(self, error: ReconcilerError) -> None:
        """What went wrong with the orders of one."""
        self.complained = True
        key = (error.reason, error.message)
        if key not in self._complaints:
            tell_failure(error)
        self._complaints[key] = None
        while len(self._complaints) > _REMEMBERED:
            del self._complaints[next(iter(self._complaints))]


def _weather(error: ReconcilerError | None) -> None:
    if error is None:
        text.said(err(), "all is well again")
    else:
        tell_failure(error)


def _refused(why: str) -> None:
    """Nothing of a sender is in these words, and each is said once."""
    text.said(errors(), f"a webhook was refused: {why} (told once)")


@contextmanager
def _ending_well(ports: Ports, inbox: Inbox) -> Iterator[None]:
    """SIGTERM, Ctrl-C and a closed terminal end it between two looks; a second one at once."""
    asked: list[bool] = []

    def stop() -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        ports.stop_building()
        inbox.stop()

    with told_to_end(stop, (*TOLD, signal.SIGINT)):
        yield
