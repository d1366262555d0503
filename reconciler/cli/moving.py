"""What `promote` and `rollback` have in common: by which rules, whose records, in whose name."""

from pathlib import Path

from reconciler.app.moving import Desk
from reconciler.cli.building import declared_tree, settings_of
from reconciler.cli.recording import recorder_of
from reconciler.model.author import Author
from reconciler.wiring import build


def desk_of(repo: Path, *, simulated: bool) -> Desk:
    """The target branch as everybody has it now, and what proposes and records."""
    ports = build()
    spec = settings_of(declared_tree(ports, repo, None))
    ports.fetch_branch(repo, spec.branches.target, spec)
    tree = declared_tree(ports, repo, None)
    spec = settings_of(tree)
    recorder = recorder_of(ports, repo, tree, spec, simulated=simulated)
    who = recorder.actor
    return Desk(ports.bot(repo, spec), recorder, tree, Author(who.email, who.name))
