"""What commands have in common that commit to the target branch in somebody's name."""

from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import click

from reconciler.app.law import Law
from reconciler.app.record import Recorder
from reconciler.app.steward import Caller, Steward
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.recording import can_sign, recorder_of
from reconciler.core.approve import People
from reconciler.errors import UsageError
from reconciler.model.approval import Person
from reconciler.model.base import parse_duration
from reconciler.model.record import Actor
from reconciler.wiring import Ports

_SHORTEST: Final = 5
_LONGEST: Final = 500


def steward_of(ports: Ports, repo: Path, *, simulated: bool = False) -> Steward:
    """What stops, ends, keeps back and moves in a repository."""
    rules = declared_tree(ports, repo, None)
    spec = settings_of(rules)

    def law() -> Law:
        ports.fetch_branch(repo, spec.branches.target, spec)
        return Law.of(declared_tree(ports, repo, None))

    @cache
    def writer() -> Recorder:
        return recorder_of(ports, repo, rules, spec, simulated=simulated)

    def recorder(actor: Actor | None) -> Recorder:
        if actor is None:
            return writer()
        found = replace(writer(), actor=actor)
        if found.records.signs_with:
            can_sign(ports, repo, rules, found)
        return found

    return Steward(ports.bot(repo, spec), law, recorder, ports.clock(simulated=simulated))


def caller_of(ports: Ports, at: Steward) -> Caller:
    """Whoever runs this: by their key where a document names it, else as the forge knows them."""
    actor = at.recorder(None).actor
    signer = ports.signer()
    key = signer.public_key.fingerprint if signer is not None else ""
    known = key and People.of(at.law().shared, at.clock()).having({("key", key)})
    by = Person(actor.name, actor.email, actor.forge_id) if known else at.bot.forge.me()
    return Caller(by, key, actor)


def because_of(text: str) -> str:
    """A reason that says something."""
    words = " ".join(text.split())
    if not _SHORTEST <= len(words) <= _LONGEST:
        raise UsageError(
            "usage",
            f"a reason has {_SHORTEST} to {_LONGEST} characters",
            hint='such as `--because "Replication lags by hours"`',
        )
    return words


def lasting(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> timedelta | None:
    """An option's duration: one number and one unit."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as err:
        raise click.BadParameter(str(err)) from None


because_option = click.option(
    "--because", required=True, metavar="WORDS", help="Why; it is recorded, with your name."
)
