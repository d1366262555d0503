"""What tells which environments wait to be destroyed, built from a repository and its settings."""

from pathlib import Path

from reconciler.app.removal import Clearing
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.reviewing import room_of
from reconciler.wiring import Ports


def clearing_of(ports: Ports, repo: Path, *, simulated: bool = False) -> Clearing:
    """What tells which environments wait to be destroyed, and why."""
    rules = declared_tree(ports, repo, None)
    spec = settings_of(rules)
    room = room_of(ports, repo, plan=False, sandbox=False, post=False)
    return Clearing(
        ports.commits(repo),
        ports.repository(repo).git,
        ports.records(repo, spec, simulated=simulated),
        room.forge,
        spec.branches.target,
        room.judge,
        room.trust,
        spec.controller.removal_limit,
    )
