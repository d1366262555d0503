"""`reconciler sandbox`: a simulated cloud on this machine."""

from datetime import timedelta

import click

from reconciler.cli.screen import format_option, out, progress
from reconciler.cli.steward import lasting
from reconciler.model.base import format_timestamp
from reconciler.report import plan_json, plan_text, text
from reconciler.wiring import build


@click.group("sandbox")
def command() -> None:
    """A simulated cloud on this machine: the whole loop without an account or a network.

    The same source, the real Terraform, a provider of ours and a server that behaves like AWS.
    What it holds is in memory: it is gone when it stops.

    \b
    Examples:
      reconciler sandbox start
      reconciler plan pitch-acme --sandbox
      reconciler sandbox stop
    """  # noqa: D301  # \b is click's mark for lines as they are


@command.command("start")
@format_option
def start_command(form: str) -> None:
    """Start it, unless it runs.

    \b
    Examples:
      reconciler sandbox start
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    with progress("starting"):
        ports.sandbox().start()
        ports.forget_sandboxes()
    _tell(form)


@command.command("stop")
@format_option
def stop_command(form: str) -> None:
    """Stop it; everything in it is gone.

    \b
    Examples:
      reconciler sandbox stop
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    ran = ports.sandbox().status().running
    ports.sandbox().stop()
    ports.forget_sandboxes()
    if ran and form == "text":
        text.said(out(), "The sandbox is stopped; what it held is gone.")
        return
    _tell(form)


@command.command("status")
@format_option
def status_command(form: str) -> None:
    """Say whether it runs, and what it holds.

    \b
    Examples:
      reconciler sandbox status
    """  # noqa: D301  # \b is click's mark for lines as they are
    _tell(form)


@command.command("forward")
@click.argument("by", metavar="DURATION", callback=lasting)
@format_option
def forward_command(by: timedelta, form: str) -> None:
    """Put its clock forward: see now what happens in three days.

    Everything with `--sandbox` goes by that clock, and nothing else does. It never goes back, not
    when the sandbox stops either: what was recorded by it would lie in the future.

    \b
    Examples:
      reconciler sandbox forward 90m
      reconciler sandbox forward 3d
    """  # noqa: D301  # \b is click's mark for lines as they are
    ports = build()
    ports.sandbox_clock().forward(by)
    _tell(form)


def _tell(form: str) -> None:
    ports = build()
    status, holds = ports.sandbox().status(), ports.held_by_sandbox()
    clock = ports.sandbox_clock()
    ahead = clock.ahead()
    if form == "json":
        click.echo(
            plan_json.sandbox(
                status.endpoint if status.running else None,
                status.since if status.running else None,
                holds,
                int(ahead.total_seconds()),
            )
        )
        return
    console = out()
    if ahead:
        at = format_timestamp(clock.now())
        text.said(console, f"Its clock is {_words(ahead)} ahead, at {at}.")
    if not status.running:
        text.said(console, "The sandbox does not run. `reconciler sandbox start` starts it.")
        return
    plan_text.simulated(console)
    text.said(console, f"runs at {status.endpoint} since {status.since}")
    for kind, count in holds.items():
        text.said(console, f"  {count:>5}  {kind}")


def _words(length: timedelta) -> str:
    """As people read it: 74h 20m, and not 4460m."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (
        f"{hours}h" * bool(hours),
        f"{minutes}m" * bool(minutes),
        f"{seconds}s" * bool(seconds),
    )
    return " ".join(one for one in parts if one)
