"""A desk for the rollout of environments, as the ports have it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reconciler.app.record import Recorder
from reconciler.app.rollout import Desk
from reconciler.app.steward import Caller
from reconciler.app.terraform import look_at_state
from reconciler.cli.building import building_of, declared, settings_of
from reconciler.model.desired import Effective
from reconciler.ports import Health, RepoTree
from reconciler.wiring import Ports


def rollout_desk(
    ports: Ports,
    repo: Path,
    tree: RepoTree,
    recorder: Recorder,
    caller: Caller,
    held: Callable[[Effective], str],
) -> Desk:
    """Everything that a rollout takes.

    `tree`: the target branch as everybody has it now. `caller`: a program, for what goes back fast
    where the profile lets it. `held`: why nothing may begin with an environment now.
    """
    spec, simulated = settings_of(tree), recorder.simulated

    def health(filled: Effective) -> Health:
        one = declared(ports, tree, filled.environment.document.metadata.name)
        checks = filled.blueprint.document.spec.health
        rules = filled.profile.document.spec.health
        return ports.health(repo, one.place, spec, rules, checks, simulated=simulated)

    def outputs(filled: Effective) -> Mapping[str, Any]:
        one = declared(ports, tree, filled.environment.document.metadata.name)
        site = building_of(ports, repo, one, simulated=simulated).site
        state = look_at_state(site, one.rendered)
        return dict(state.outputs) if state is not None else {}

    return Desk(
        ports.bot(repo, spec),
        recorder,
        ports.makings(repo),
        tree,
        health,
        outputs,
        caller,
        held,
    )
