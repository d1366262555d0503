"""`reconciler unfreeze`."""

from pathlib import Path

import click

from reconciler.app.freezes import unfreeze
from reconciler.cli.building import sandbox_option
from reconciler.cli.freezing import scope_options, scopes_of, told
from reconciler.cli.screen import format_option, repo_option
from reconciler.cli.steward import because_of, because_option, caller_of, steward_of
from reconciler.wiring import build


@click.command("unfreeze")
@repo_option
@sandbox_option
@format_option
@scope_options("Let move again")
@because_option
def command(
    repo: Path,
    sandbox: bool,
    form: str,
    everything: bool,
    tracks: tuple[str, ...],
    environments: tuple[str, ...],
    agents: tuple[str, ...],
    because: str,
) -> None:
    """Take every freeze of just that out of the target branch.

    What is frozen by another freeze too stands still all the same: `--all` takes out those of
    everything, and none of a track. Whoever may freeze may do this.

    \b
    Examples:
      reconciler unfreeze --track customer --because "Replication has caught up"

    Exit code 0: taken out; 10: you may not; 11: only proposed; 2: nothing of just that is frozen.
    """  # noqa: D301  # \b is click's mark for lines as they are
    scopes = scopes_of(everything, tracks, environments, agents)
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo, simulated=sandbox)
    told(unfreeze(at, caller_of(ports, at), scopes, words), form)
