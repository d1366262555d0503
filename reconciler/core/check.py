"""Checks that look at more than one document. Each returns faults; none stops at the first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from pydantic import ValidationError

from reconciler.core.documents import details_of, explain
from reconciler.core.effective import default_fault, effective
from reconciler.core.faults import Fault, unknown
from reconciler.core.parameters import family
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.yaml_reader import Path
from reconciler.model.base import STAGES, format_duration
from reconciler.model.desired import BlueprintFolder, Effective, Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.profile import Profile
from reconciler.model.suppression import Suppression
from reconciler.model.waiver import Waiver


def check(
    environments: tuple[Loaded[Environment], ...],
    shared: Shared,
    others: Collection[str] = (),
    *,
    shared_too: bool = True,
) -> tuple[list[Effective], list[Fault]]:
    """The environments that can be filled in, and all that is wrong between the documents.

    `others` are names of environments that are there and not looked at.
    """
    known = {one.document.metadata.name for one in environments} | {*others}
    faults = [fault for one in _shared_checks(known, shared) for fault in one] if shared_too else []
    names: dict[str, Loaded[Environment]] = {}
    complete: list[Effective] = []
    for loaded in environments:
        name = loaded.document.metadata.name
        if name in names:
            faults.append(
                Fault(
                    loaded.path,
                    ("metadata", "name"),
                    "duplicate-name",
                    f"the name `{name}` is taken by {names[name].path}",
                    "a name of its own",
                )
            )
        else:
            names[name] = loaded
        filled, own = effective(loaded, shared)
        faults += own
        if filled is not None:
            faults += environment_faults(filled)
            complete.append(filled)
    for loaded in environments:
        faults += _promotion(loaded, names, known, shared)
        faults += _needs(loaded, known, shared)
    faults += _loops(environments, names)
    faults += _circles(environments, names)
    faults += _quotas(complete)
    faults += _dedicated_accounts(complete)
    return complete, faults


def _fault(
    of: Loaded[Environment], field: Path, code: str, message: str, expected: str, hint: str = ""
) -> Fault:
    return Fault(of.path, field, code, message, expected, hint)


def environment_faults(filled: Effective) -> list[Fault]:
    """What the profile and the blueprint do not allow this environment."""
    of = filled.environment
    spec, profile, blueprint = of.document.spec, filled.profile.document, filled.blueprint.document
    track, allowed = profile.metadata.name, profile.spec.allowed
    faults: list[Fault] = []
    for what, field, value, choices in (
        ("region", ("spec", "region"), filled.region, allowed.regions),
        ("blueprint", ("spec", "blueprint", "name"), blueprint.metadata.name, allowed.blueprints),
        ("stage", ("spec", "stage"), spec.stage, allowed.stages),
    ):
        if value not in choices:
            faults.append(
                _fault(
                    of,
                    field,
                    f"{what}-not-allowed",
                    f"the track {track} does not allow the {what} `{value}`",
                    f"one of: {listed(choices)}",
                    did_you_mean(value, choices),
                )
            )
    faults += _sizes(filled)
    faults += _overrides(filled)
    faults += _ttl(filled)
    if filled.rollout.strategy not in blueprint.spec.rollouts:
        overridden = spec.overrides is not None and spec.overrides.rollout is not None
        faults.append(
            _fault(
                of,
                ("spec", "overrides", "rollout", "strategy")
                if overridden
                else ("spec", "blueprint", "name"),
                "rollout-not-supported",
                f"{blueprint.metadata.name} {blueprint.spec.version} cannot roll out"
                f" by {filled.rollout.strategy}",
                f"one of: {listed(blueprint.spec.rollouts)}",
            )
        )
    return faults


def _sizes(filled: Effective) -> Iterator[Fault]:
    of, profile = filled.environment, filled.profile.document
    track, allowed = profile.metadata.name, profile.spec.allowed
    size = filled.parameters.get("size")
    if isinstance(size, str) and allowed.sizes and size not in allowed.sizes:
        yield _fault(
            of,
            ("spec", "parameters", "size"),
            "size-not-allowed",
            f"the track {track} does not allow the size `{size}`",
            f"one of: {', '.join(allowed.sizes)}",
        )
    if allowed.instance_families:
        for field, value in _instance_classes(filled):
            if family(value) not in allowed.instance_families:
                yield _fault(
                    of,
                    ("spec", "parameters", *field),
                    "family-not-allowed",
                    f"the track {track} does not allow the instance family of `{value}`",
                    f"one of: {listed(allowed.instance_families)}",
                )
    limit, cost = profile.spec.quotas.monthly_budget.per_environment, filled.monthly_cost
    if limit is not None and cost is not None and cost > limit:
        yield _fault(
            of,
            ("spec", "parameters", "size"),
            "budget-exceeded",
            f"about ${cost} a month, more than the track {track} gives one environment",
            f"at most ${limit}",
            "take a smaller size",
        )


def _instance_classes(filled: Effective) -> Iterator[tuple[Path, str]]:
    for name, parameter in filled.blueprint.document.spec.machines:
        value = filled.parameters.get(name)
        if value is None:
            continue
        if parameter.type == "string":
            yield (name,), value
        elif parameter.items == "string" and parameter.type == "list":
            yield from (((name, number), one) for number, one in enumerate(value))
        elif parameter.items == "string" and parameter.type == "map":
            yield from (((name, key), one) for key, one in value.items())


def _overrides(filled: Effective) -> Iterator[Fault]:
    of, profile = filled.environment, filled.profile.document
    overrides = of.document.spec.overrides
    if overrides is None:
        return
    drift = overrides.drift
    for name, given in (
        ("drift.mode", drift is not None and drift.mode is not None),
        ("drift.interval", drift is not None and drift.interval is not None),
        ("rollout", overrides.rollout is not None),
    ):
        if given and name not in profile.spec.allowed_overrides:
            yield Fault(
                of.path,
                ("spec", "overrides", *name.split(".")),
                "override-not-allowed",
                f"the profile {profile.metadata.name} does not allow to override `{name}`",
                f"one of: {listed(profile.spec.allowed_overrides)}",
                "take it out, or ask the profile's owner",
                at_name=True,
            )


def _ttl(filled: Effective) -> Iterator[Fault]:
    of, profile = filled.environment, filled.profile.document
    ttl = of.document.spec.ttl
    if ttl is None:
        return
    if profile.spec.ttl is None:
        yield _fault(
            of,
            ("spec", "ttl"),
            "ttl-not-allowed",
            f"environments of the track {profile.metadata.name} do not expire",
            "no `ttl`",
        )
    elif ttl > profile.spec.ttl.maximum:
        yield _fault(
            of,
            ("spec", "ttl"),
            "ttl-too-long",
            f"`ttl` is longer than the track {profile.metadata.name} allows",
            f"at most {format_duration(profile.spec.ttl.maximum)}",
        )


def _promotion(
    loaded: Loaded[Environment],
    names: Mapping[str, Loaded[Environment]],
    known: Collection[str],
    shared: Shared,
) -> Iterator[Fault]:
    spec = loaded.document.spec
    field: Path = ("spec", "promotedFrom")
    if spec.promoted_from is None:
        profile = shared.profiles.get(spec.track)
        if (
            profile is not None
            and profile.document.spec.promotion_required
            and spec.stage == "production"
        ):
            yield Fault(
                loaded.path,
                ("spec",),
                "promotion-missing",
                f"the track {spec.track} wants production promoted from staging",
                "`promotedFrom: <an environment at the stage staging>`",
                at_name=True,
            )
        return
    source = names.get(spec.promoted_from)
    if source is None:
        yield unknown(loaded.path, field, "environment", spec.promoted_from, sorted(known))
        return
    before = source.document.spec
    if (before.track, before.blueprint.name) != (spec.track, spec.blueprint.name):
        yield _fault(
            loaded,
            field,
            "promotion-mismatch",
            f"`{spec.promoted_from}` is {before.blueprint.name} on the track {before.track}",
            f"{spec.blueprint.name} on the track {spec.track}",
        )
    if STAGES.index(before.stage) >= STAGES.index(spec.stage):
        yield _fault(
            loaded,
            field,
            "promotion-order",
            f"`{spec.promoted_from}` is at the stage {before.stage}, not before {spec.stage}",
            "an environment of an earlier stage",
        )
    elif spec.stage == "production" and before.stage != "staging":
        profile = shared.profiles.get(spec.track)
        if profile is not None and profile.document.spec.promotion_required:
            yield _fault(
                loaded,
                field,
                "promotion-order",
                f"the track {spec.track} wants production promoted from staging,"
                f" not from {before.stage}",
                "an environment at the stage staging",
            )


def _needs(loaded: Loaded[Environment], known: Collection[str], shared: Shared) -> Iterator[Fault]:
    """What has to be there first is declared, and what is taken from it is a parameter."""
    spec = loaded.document.spec
    if not spec.after and not spec.takes:
        return
    fields: list[tuple[Path, str]] = [(("spec", "after"), one) for one in spec.after]
    fields += [
        (("spec", "takes", key, "environment"), one.environment) for key, one in spec.takes.items()
    ]
    for field, name in fields:
        if name not in known:
            yield unknown(loaded.path, field, "environment", name, sorted(known))
    blueprint = shared.blueprints.get((spec.blueprint.name, spec.blueprint.version))
    for key in spec.takes if blueprint is not None else ():
        if blueprint is not None and key not in blueprint.document.spec.parameters:
            yield _fault(
                loaded,
                ("spec", "takes", key),
                "taken-unknown",
                f"{spec.blueprint.name} {spec.blueprint.version} has no parameter `{key}`",
                "a parameter of the blueprint",
            )


def _circles(
    environments: Iterable[Loaded[Environment]], names: Mapping[str, Loaded[Environment]]
) -> Iterator[Fault]:
    """Each circle of environments that wait for one another once, told at its first by path."""
    done: set[str] = set()
    needy = {name: needs for name, one in names.items() if (needs := one.document.spec.needs)}
    starts = (one for one in environments if one.document.metadata.name in needy)
    for start in sorted(starts, key=lambda one: one.path):
        todo: list[tuple[str, tuple[str, ...]]] = [(start.document.metadata.name, ())]
        while todo:
            name, trail = todo.pop()
            if name in trail:
                loop = trail[trail.index(name) :]
                if not done & {*loop}:
                    yield _fault(
                        names[loop[0]],
                        ("spec", "after"),
                        "needs-loop",
                        f"these wait for one another: {' <- '.join((*loop, name))}",
                        "an environment that needs none of those that need it",
                    )
                done |= {*loop}
            elif name in needy and name not in done:
                todo += [(other, (*trail, name)) for other in needy[name]]
        done.add(start.document.metadata.name)


def _loops(
    environments: Iterable[Loaded[Environment]], names: Mapping[str, Loaded[Environment]]
) -> Iterator[Fault]:
    """Each loop once, told at its first member by path."""
    settled: set[str] = set()
    sources = {
        name: source
        for name, one in names.items()
        if (source := one.document.spec.promoted_from) is not None
    }
    for start in environments:
        trail: list[str] = []
        name = start.document.metadata.name
        while name in sources and name not in settled and name not in trail:
            trail.append(name)
            name = sources[name]
        if name in trail:
            loop = trail[trail.index(name) :]
            first = min(loop, key=lambda member: names[member].path)
            turned = loop[loop.index(first) :] + loop[: loop.index(first)] + [first]
            yield _fault(
                names[first],
                ("spec", "promotedFrom"),
                "promotion-loop",
                f"promotion goes in a circle: {' <- '.join(turned)}",
                "a chain that starts at an environment without `promotedFrom`",
            )
        settled.update(trail)


def _quotas(complete: Iterable[Effective]) -> Iterator[Fault]:
    groups: dict[tuple[str, str], list[Effective]] = defaultdict(list)
    for filled in complete:
        groups[
            filled.environment.document.metadata.owner, filled.profile.document.metadata.name
        ].append(filled)
    for (owner, track), members in sorted(groups.items()):
        quotas = members[0].profile.document.spec.quotas
        limit = quotas.environments_per_team
        if limit is not None and len(members) > limit:
            yield _fault(
                members[limit].environment,
                ("metadata", "owner"),
                "quota-exceeded",
                f"{owner} has {len(members)} environments on the track {track}",
                f"at most {limit}",
            )
        budget, spent = quotas.monthly_budget.per_team, 0
        for filled in members:
            spent += filled.monthly_cost or 0
            if budget is not None and spent > budget:
                total = sum(member.monthly_cost or 0 for member in members)
                yield _fault(
                    filled.environment,
                    ("metadata", "owner"),
                    "budget-exceeded",
                    f"the environments of {owner} on the track {track} cost about ${total} a month",
                    f"at most ${budget}",
                    "take smaller sizes, or ask the profile's owner",
                )
                break


def _dedicated_accounts(complete: list[Effective]) -> Iterator[Fault]:
    """An account that is dedicated to a team on a track holds nothing else."""
    dedicated: dict[str, Effective] = {}
    for filled in complete:
        if filled.profile.document.spec.isolation == "dedicated-account":
            dedicated.setdefault(filled.environment.document.spec.account, filled)
    for filled in complete:
        of = filled.environment
        first = dedicated.get(of.document.spec.account)
        if first is None:
            continue
        holder = first.environment.document
        mine = (of.document.metadata.owner, of.document.spec.track)
        if mine != (holder.metadata.owner, holder.spec.track):
            yield _fault(
                of,
                ("spec", "account"),
                "account-dedicated",
                f"the account {of.document.spec.account} is dedicated to {holder.metadata.name}"
                f" of {holder.metadata.owner}",
                f"an account that the track {holder.spec.track} does not use",
            )


def _auto_merge(profile: Loaded[Profile]) -> Iterator[Fault]:
    """A stage that no environment of the track has is a mistake: who wrote it expects something."""
    allowed = profile.document.spec.allowed.stages
    for number, stage in enumerate(profile.document.spec.auto_merge.stages):
        if stage not in allowed:
            yield Fault(
                profile.path,
                ("spec", "autoMerge", "stages", number),
                "stage-not-allowed",
                f"the stage `{stage}` is not in `allowed.stages`",
                f"one of: {listed(allowed)}",
                did_you_mean(stage, allowed),
            )


def _shared_checks(environments: Collection[str], shared: Shared) -> Iterator[Iterable[Fault]]:
    tracks, teams = shared.profiles, shared.teams
    if shared.settings is not None:
        settings = shared.settings
        yield _known(
            settings.path, ("metadata", "owner"), "team", settings.document.metadata.owner, teams
        )
        for number, rule in enumerate(settings.document.spec.notifications):
            yield _all_known(
                settings.path,
                ("spec", "notifications", number, "tracks"),
                "track",
                rule.tracks,
                tracks,
            )
            yield _all_known(
                settings.path, ("spec", "notifications", number, "teams"), "team", rule.teams, teams
            )
    for agent in shared.agents.values():
        yield _known(
            agent.path, ("metadata", "owner"), "team", agent.document.metadata.owner, teams
        )
        yield _all_known(
            agent.path, ("spec", "tracks"), "track", agent.document.spec.tracks, tracks
        )
    exceptions: tuple[Loaded[Waiver] | Loaded[Suppression], ...] = (
        *shared.waivers.values(),
        *shared.suppressions.values(),
    )
    for excepting in exceptions:
        path, subject = excepting.path, excepting.document.spec.subject
        yield _known(path, ("metadata", "owner"), "team", excepting.document.metadata.owner, teams)
        yield _all_known(path, ("spec", "subject", "tracks"), "track", subject.tracks, tracks)
        yield _all_known(
            path,
            ("spec", "subject", "environments"),
            "environment",
            subject.environments,
            environments,
        )
    for freeze in shared.freezes.values():
        scope = freeze.document.spec.scope
        yield _known(
            freeze.path, ("metadata", "owner"), "team", freeze.document.metadata.owner, teams
        )
        for what, name, known in (
            ("track", scope.track, tracks),
            ("environment", scope.environment, environments),
            ("agent", scope.agent, shared.agents),
        ):
            if name is not None:
                yield _known(freeze.path, ("spec", "scope", what), what, name, known)
    for folder in shared.blueprints.values():
        yield _known(
            folder.loaded.path, ("metadata", "owner"), "team", folder.document.metadata.owner, teams
        )
        yield _blueprint(folder)
    known_blueprints = {name for name, _ in shared.blueprints}
    for profile in shared.profiles.values():
        path, spec = profile.path, profile.document.spec
        yield _known(path, ("metadata", "owner"), "team", profile.document.metadata.owner, teams)
        yield _all_known(
            path,
            ("spec", "allowed", "blueprints"),
            "blueprint",
            spec.allowed.blueprints,
            known_blueprints,
        )
        yield _auto_merge(profile)
        for what, chosen, allowed in (
            ("blueprint", spec.defaults.blueprint, spec.allowed.blueprints),
            ("region", spec.defaults.region, spec.allowed.regions),
        ):
            if chosen is not None and chosen not in allowed:
                yield [
                    Fault(
                        path,
                        ("spec", "defaults", what),
                        f"{what}-not-allowed",
                        f"the default {what} `{chosen}` is not in `allowed.{what}s`",
                        f"one of: {listed(allowed)}",
                        did_you_mean(chosen, allowed),
                    )
                ]
        for number, approval in enumerate(spec.approvals):
            yield _all_known(
                path, ("spec", "approvals", number, "teams"), "team", approval.teams, teams
            )


def _known(path: str, field: Path, what: str, name: str, known: Iterable[str]) -> Iterator[Fault]:
    if name not in known:
        yield unknown(path, field, what, name, known)


def _all_known(
    path: str, field: Path, what: str, names: Iterable[str], known: Iterable[str]
) -> Iterator[Fault]:
    for number, name in enumerate(names):
        yield from _known(path, (*field, number), what, name, known)


def _blueprint(folder: BlueprintFolder) -> Iterator[Fault]:
    """A default that its own schema refuses would only be found by the first who relies on it."""
    spec = folder.document.spec
    defaults = dict(folder.defaults)
    try:
        folder.parameters.model_validate(defaults)
    except ValidationError as err:
        for detail in details_of(err):
            if detail["type"] == "missing":
                continue
            yield default_fault(
                folder, explain(folder.loaded.path, defaults, detail, folder.parameters)
            )
    size = spec.parameters.get("size")
    for name in spec.monthly_cost:
        if size is None or (size.enum and name not in size.enum):
            yield Fault(
                folder.loaded.path,
                ("spec", "monthlyCost", name),
                "value",
                f"`{name}` is not a value of the parameter `size`",
                f"one of: {listed(map(str, size.enum))}" if size else "a parameter `size`",
                at_name=True,
            )
