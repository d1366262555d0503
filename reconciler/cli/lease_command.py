"""`reconciler lease`: who works on what now."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from reconciler.app.leases import break_lease, standing
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.recording import recorder_of
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.cli.steward import because_of, because_option
from reconciler.core.records.facts import override_body
from reconciler.core.records.verify import Doer
from reconciler.errors import NotAllowedError
from reconciler.model.lease import Lease
from reconciler.model.record import Recorded
from reconciler.report import lease_json, lease_text, text
from reconciler.report.lease_json import Standing
from reconciler.wiring import build

F = TypeVar("F", bound=Callable[..., object])


def _sandbox_option(function: F) -> F:
    return click.option(
        "--sandbox",
        is_flag=True,
        envvar="RECONCILER_SANDBOX",
        help="The leases of the sandbox, which are kept by themselves.",
    )(function)


@click.group("lease")
def command() -> None:
    """Say who works on an environment now, or end that.

    Whoever applies, destroys or settles an environment holds its lease meanwhile. A lease ends by
    itself when its holder says nothing more.

    \b
    Examples:
      reconciler lease list
      reconciler lease show acme-portal
      reconciler lease break acme-portal --because "The machine burnt"
    """  # noqa: D301  # \b is click's mark for lines as they are


@command.command("list")
@repo_option
@_sandbox_option
@format_option
def list_command(repo: Path, sandbox: bool, form: str) -> None:
    """List the leases that are held, or were and nobody gave back.

    \b
    Examples:
      reconciler lease list
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = _standing(repo, sandbox=sandbox)
    if form == "json":
        click.echo(lease_json.listed(found, simulated=sandbox))
    else:
        lease_text.listed(out(), found)


@command.command("show")
@click.argument("environment")
@repo_option
@_sandbox_option
@format_option
def show_command(environment: str, repo: Path, sandbox: bool, form: str) -> None:
    """Say who holds the lease of an environment, what for, and until when.

    \b
    Examples:
      reconciler lease show acme-portal
    """  # noqa: D301  # \b is click's mark for lines as they are
    found = [
        both for both in _standing(repo, sandbox=sandbox) if both[0].environment == environment
    ]
    if form == "json":
        click.echo(lease_json.shown(environment, found, simulated=sandbox))
    else:
        lease_text.shown(out(), environment, found)


@command.command("break")
@click.argument("environment")
@because_option
@repo_option
@_sandbox_option
@format_option
def break_command(environment: str, because: str, repo: Path, sandbox: bool, form: str) -> None:
    """Take a lease away from whoever holds it; only a human of a team does.

    For a holder that is gone and whose lease does not end by itself. First that is recorded, with
    your name. A holder that is there after all begins nothing more; what it has begun goes on, and
    nobody else begins before that has ended or is settled (reconciler audit settle).

    \b
    Examples:
      reconciler lease break acme-portal --because "The machine burnt"

    Exit code 0: it is free; 1: it could not be recorded, or somebody else holds it by now; 2: it is
    not held; 10: you may not.
    """  # noqa: D301  # \b is click's mark for lines as they are
    words, ports = because_of(because), build()
    rules = declared_tree(ports, repo, None)
    spec = settings_of(rules)
    recorder = recorder_of(ports, repo, rules, spec, simulated=sandbox)
    actor = recorder.actor
    doer = Doer(actor.name, actor.email, actor.forge_id, actor.kind, actor.agent or "")
    if not sandbox and not ports.bench(repo, rules.revision).human(rules.revision, doer):
        raise NotAllowedError(
            "not-allowed",
            f"{actor.email} is no person of a team, and only people break a lease",
            hint="teams are in profiles/teams/; `git config user.email` says who you are",
            subject=environment,
        )

    def record(lease: Lease) -> Recorded:
        body = override_body("lease", f"{environment}, fence {lease.fence}", words, [lease.holder])
        return recorder.happened(environment, rules.revision, body)

    made, lease = break_lease(ports.leases(repo, spec, simulated=sandbox), environment, record)
    if form == "json":
        click.echo(lease_json.broken(made, words, lease))
        return
    text.said(out(), f"Record {made.sequence} ({made.commit[:12]}): {environment} is free.")
    text.said(out(), f"It was held by {lease.holder}.")


def _standing(repo: Path, *, sandbox: bool) -> Standing:
    ports = build()
    spec = settings_of(declared_tree(ports, repo, None))
    return standing(ports.leases(repo, spec, simulated=sandbox), ports.clock(simulated=sandbox)())
