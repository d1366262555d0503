"""`reconciler state`."""

from pathlib import Path

import click

from reconciler.app.terraform import accept_state, look_at_state, unlock
from reconciler.cli.building import (
    building_of,
    declared,
    declared_tree,
    only_agreed,
    sandbox_option,
    target_option,
)
from reconciler.cli.recording import recorder_of
from reconciler.cli.screen import format_option, out, repo_option
from reconciler.core.records.facts import override_body
from reconciler.core.records.standing import state_words
from reconciler.errors import UsageError
from reconciler.model.run import StateMark
from reconciler.report import plan_json, plan_text, text
from reconciler.wiring import build


@click.command("state")
@click.argument("environment")
@repo_option
@target_option
@sandbox_option
@format_option
@click.option(
    "--accept", is_flag=True, help="Take the state as it is for the one that we know from now on."
)
@click.option("--because", default="", metavar="WORDS", help="Why; with `--accept` it is recorded.")
@click.option("--unlock", "lock", metavar="ID", help="Take away a lock whose holder is dead.")
def command(
    environment: str,
    repo: Path,
    rev: str | None,
    sandbox: bool,
    form: str,
    accept: bool,
    because: str,
    lock: str | None,
) -> None:
    """Show what Terraform's state of an environment knows.

    A state that vanished, went back or is another one stops every plan: planning against it could
    make everything twice. Bring it back; or, when it is right as it is, accept it.

    \b
    Examples:
      reconciler state acme-portal
      reconciler state acme-portal --accept --because "restored from backup"
      reconciler state acme-portal --unlock 5d1b0f4e-...
    """  # noqa: D301  # \b is click's mark for lines as they are
    if accept and lock:
        raise UsageError("usage", "give `--accept` or `--unlock`, not both")
    if accept and not because:
        raise UsageError("usage", "`--accept` is recorded", hint='say why: `--because "..."`')
    ports = build()
    tree = declared_tree(ports, repo, rev)
    settings = None if sandbox else only_agreed(ports, repo, tree)
    one = declared(ports, tree, environment, settings)
    site = building_of(ports, repo, one, simulated=sandbox).site
    console = out()
    if sandbox and form == "text":
        plan_text.simulated(console)
    if lock:
        unlock(site, one.rendered, lock)
        if form == "text":
            text.said(console, f"The lock {lock} is taken away.")
    if accept:
        recorder = recorder_of(ports, repo, tree, one.spec, simulated=sandbox)

        def record(mark: StateMark | None) -> None:
            body = override_body("state", environment, because, state_words(mark))
            recorder.happened(environment, tree.revision, body)

        accept_state(site, one.rendered, record)
    state = look_at_state(site, one.rendered)
    if form == "json":
        click.echo(plan_json.state(environment, state, simulated=sandbox))
    else:
        plan_text.state(console, environment, state)
