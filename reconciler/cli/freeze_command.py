"""`reconciler freeze`."""

from datetime import timedelta
from pathlib import Path

import click

from reconciler.app.freezes import freeze
from reconciler.cli.building import sandbox_option
from reconciler.cli.freezing import scope_options, scopes_of, told
from reconciler.cli.screen import format_option, repo_option
from reconciler.cli.steward import because_of, because_option, caller_of, lasting, steward_of
from reconciler.wiring import build


@click.command("freeze")
@repo_option
@sandbox_option
@format_option
@scope_options("Stop")
@because_option
@click.option(
    "--for",
    "until",
    metavar="DURATION",
    callback=lasting,
    help="It ends by itself after so long, such as 90m, 2h or 3d; else when somebody takes it out.",
)
def command(
    repo: Path,
    sandbox: bool,
    form: str,
    everything: bool,
    tracks: tuple[str, ...],
    environments: tuple[str, ...],
    agents: tuple[str, ...],
    because: str,
    until: timedelta | None,
) -> None:
    """Stop everything, a track, an environment or an agent, at once.

    Commits a freeze to the target branch: from then on nothing of it is applied, by anybody. What
    runs is finished. Whoever may, the documents of the target branch say: a human of a team that
    owns policies/freezes/. With RECONCILER_SIGNING_KEY it is you where a team's document names
    your key. Where nobody may push to the target branch it becomes a merge request, and nothing is
    frozen before that is merged.

    \b
    Examples:
      reconciler freeze --all --because "The account is being taken over"
      reconciler freeze --track customer --because "Replication lags" --for 2h
      reconciler freeze --env acme-portal --env acme-shop --because "Their fair is on"

    Exit code 0: it stands still; 10: you may not; 11: only proposed; 2: there is no such thing.
    """  # noqa: D301  # \b is click's mark for lines as they are
    scopes = scopes_of(everything, tracks, environments, agents)
    words = because_of(because)
    ports = build()
    at = steward_of(ports, repo, simulated=sandbox)
    told(freeze(at, caller_of(ports, at), scopes, words, until), form)
