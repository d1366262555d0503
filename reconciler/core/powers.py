"""Who could do what with an environment, by the documents of one tree at one time."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from reconciler.core.authority import is_stopped, owners_of
from reconciler.core.globs import matches
from reconciler.model.audit import AgentPower, ApproverRule, InForce, Party, Powers
from reconciler.model.base import RISKS, format_timestamp
from reconciler.model.desired import Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.freeze import Scope
from reconciler.model.waiver import Subject

_JUDGES: Final = (
    "policies/waivers/any.yaml",
    "policies/freezes/any.yaml",
    "policies/security/any/rule.rego",
    "profiles/tracks/{track}.yaml",
    "profiles/teams/{owner}.yaml",
    "templates/{blueprint}/blueprint.yaml",
    "reconciler.yaml",
)
"""Paths that stand for what excepts, stops, judges and builds."""


def powers(loaded: Loaded[Environment], shared: Shared, at: datetime) -> Powers:
    """Everything that the documents say of it."""
    document = loaded.document
    spec, owner = document.spec, document.metadata.owner
    profile = shared.profiles.get(spec.track)
    rules = profile.document.spec.approvals if profile else ()
    own = party(owner, shared)
    approvers = [
        ApproverRule(
            tuple(rule.risks),
            rule.count,
            rule.humans_only,
            tuple(party(name, shared) for name in sorted(rule.teams)) or (own,),
        )
        for rule in rules
        if spec.stage in rule.stages
    ]
    # What is soft is agreed to by the owner, whatever the profile asks for beside it.
    approvers.append(ApproverRule((), 1, True, (own,)))  # noqa: FBT003  # humans only
    blueprint = f"{spec.blueprint.name}/{spec.blueprint.version}"
    words = {"track": spec.track, "owner": owner, "blueprint": blueprint}
    paths = [one.format(**words) for one in _JUDGES]
    return Powers(
        document.metadata.name,
        loaded.path,
        spec.track,
        spec.stage,
        spec.account,
        own,
        tuple(approvers),
        tuple(_agents(loaded, shared, at)),
        tuple((path, _parties(owners_of(path, shared), shared)) for path in paths),
        tuple(_freezes(document, shared, at)),
        tuple(_waivers(document, shared, at)),
    )


def party(name: str, shared: Shared) -> Party:
    """A team with its people; without any where there is no such team."""
    team = shared.teams.get(name)
    members = team.document.spec.members if team else ()
    return Party(name, tuple((one.name, one.email, one.forge_id) for one in members))


def _parties(names: Iterable[str], shared: Shared) -> tuple[Party, ...]:
    return tuple(party(name, shared) for name in names)


def _agents(loaded: Loaded[Environment], shared: Shared, at: datetime) -> Iterator[AgentPower]:
    """Those that may touch its document; what holds one back is said and not left out."""
    track = loaded.document.spec.track
    profile = shared.profiles.get(track)
    for name in sorted(shared.agents):
        document = shared.agents[name].document
        spec = document.spec
        if (
            track not in spec.tracks
            or "Environment" not in spec.kinds
            or not any(matches(glob, loaded.path) for glob in spec.paths)
        ):
            continue
        risk, changes = spec.highest_risk, spec.changes_per_day
        if profile is not None:
            limits = profile.document.spec.agents
            risk = min(risk, limits.highest_risk, key=RISKS.index)
            changes = min(changes, limits.changes_per_day)
        stopped = ""
        if is_stopped(document, shared.freezes.values(), at):
            quarantine = spec.quarantine
            stopped = f"in quarantine: {quarantine.reason}" if quarantine else "frozen"
        yield AgentPower(name, document.metadata.owner, risk, changes, stopped)


def _freezes(document: Environment, shared: Shared, at: datetime) -> Iterator[InForce]:
    for name in sorted(shared.freezes):
        freeze = shared.freezes[name].document
        spec = freeze.spec
        if at < spec.since or (spec.expires is not None and spec.expires < at):
            continue
        scope = _scope(spec.scope, document)
        if scope:
            until = format_timestamp(spec.expires) if spec.expires else ""
            yield InForce(name, freeze.metadata.owner, scope, spec.reason, until)


def _scope(scope: Scope, document: Environment) -> str:
    """How the freeze holds the environment; empty when it does not."""
    if scope.everything:
        return "everything"
    if scope.track == document.spec.track:
        return f"track {scope.track}"
    if scope.environment == document.metadata.name:
        return f"environment {scope.environment}"
    return f"agent {scope.agent}" if scope.agent else ""


def _waivers(document: Environment, shared: Shared, at: datetime) -> Iterator[InForce]:
    for name in sorted(shared.waivers):
        waiver = shared.waivers[name].document
        spec = waiver.spec
        if at <= spec.expires and _is_for(spec.subject, document):
            until = format_timestamp(spec.expires)
            yield InForce(name, waiver.metadata.owner, f"rule {spec.rule}", spec.reason, until)


def _is_for(subject: Subject, document: Environment) -> bool:
    return (not subject.environments or document.metadata.name in subject.environments) and (
        not subject.tracks or document.spec.track in subject.tracks
    )
