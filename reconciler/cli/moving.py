"""What `promote` and `rollback` have in common: by which rules, whose records, in whose name."""

from pathlib import Path

from reconciler.app.moving import Desk
from reconciler.cli.steward import caller_of, steward_of
from reconciler.wiring import build


def desk_of(repo: Path, *, simulated: bool) -> Desk:
    """The target branch as everybody has it now, and what proposes and records."""
    ports = build()
    at = steward_of(ports, repo, simulated=simulated)
    caller = caller_of(ports, at)
    return Desk(at.bot, at.recorder(None), at.law().tree, caller)
