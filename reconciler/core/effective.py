"""An environment with what its profile, blueprint and team add: all else rests on this."""

from typing import Any

from pydantic import ValidationError

from reconciler.core.documents import details_of, explain
from reconciler.core.faults import Fault, unknown
from reconciler.core.suggest import did_you_mean, listed
from reconciler.core.yaml_reader import Path
from reconciler.model.desired import BlueprintFolder, Effective, Loaded, Shared
from reconciler.model.environment import Environment
from reconciler.model.profile import Profile


def effective(loaded: Loaded[Environment], shared: Shared) -> tuple[Effective | None, list[Fault]]:
    """The environment filled in; or, when something it needs is missing or wrong, the faults."""
    spec, owner = loaded.document.spec, loaded.document.metadata.owner
    faults: list[Fault] = []
    profile = shared.profiles.get(spec.track)
    if profile is None:
        faults.append(unknown(loaded.path, ("spec", "track"), "track", spec.track, shared.profiles))
    team = shared.teams.get(owner)
    if team is None:
        faults.append(unknown(loaded.path, ("metadata", "owner"), "team", owner, shared.teams))
    blueprint = shared.blueprints.get((spec.blueprint.name, spec.blueprint.version))
    if blueprint is None:
        faults.append(_no_blueprint(loaded, shared))
    region = spec.region or (profile.document.spec.defaults.region if profile else None)
    if profile is not None and region is None:
        faults.append(
            Fault(
                loaded.path,
                ("spec",),
                "missing-field",
                f"no `region`, and the profile `{spec.track}` has no default",
                "`region: ...`",
                at_name=True,
            )
        )
    if profile is None or team is None or blueprint is None:
        return None, faults
    values = _merged(loaded.document, profile.document, blueprint)
    try:
        blueprint.parameters.__pydantic_validator__.validate_python(values)
    except ValidationError as err:
        faults += _parameter_faults(loaded, profile, blueprint, values, err)
    if faults or region is None:
        return None, faults
    rollout = (spec.overrides and spec.overrides.rollout) or profile.document.spec.rollout
    ttl = spec.ttl
    if ttl is None and profile.document.spec.ttl is not None:
        ttl = profile.document.spec.ttl.default
    ttl_hours = None if ttl is None else int(ttl.total_seconds() // 3600)
    return Effective(loaded, profile, team, blueprint, region, values, rollout, ttl_hours), []


def _merged(
    environment: Environment, profile: Profile, blueprint: BlueprintFolder
) -> dict[str, Any]:
    """The environment's values over the profile's defaults over the blueprint's."""
    schema, track = blueprint.document.spec.parameters, profile.spec.defaults.parameters
    fitting = {name: value for name, value in track.items() if name in schema}
    return {**blueprint.defaults, **fitting, **environment.spec.parameters}


def _no_blueprint(loaded: Loaded[Environment], shared: Shared) -> Fault:
    wanted = loaded.document.spec.blueprint
    versions = [version for name, version in shared.blueprints if name == wanted.name]
    if versions:
        return Fault(
            loaded.path,
            ("spec", "blueprint", "version"),
            "unknown-version",
            f"the blueprint `{wanted.name}` has no version {wanted.version}",
            f"one of: {listed(versions)}",
            did_you_mean(wanted.version, versions),
            refers=("Blueprint", wanted.name),
        )
    names = {name for name, _ in shared.blueprints}
    return unknown(loaded.path, ("spec", "blueprint", "name"), "blueprint", wanted.name, names)


def _parameter_faults(
    loaded: Loaded[Environment],
    profile: Loaded[Profile],
    blueprint: BlueprintFolder,
    values: dict[str, Any],
    err: ValidationError,
) -> list[Fault]:
    """Each at the file that gave the value: the environment, or its profile's defaults."""
    faults = []
    raw = loaded.document.spec.parameters
    schema = blueprint.document.spec.parameters
    for detail in details_of(err):
        name = str(detail["loc"][0])
        fault = explain(loaded.path, values, detail, blueprint.parameters)
        if detail["type"] == "missing":
            parameter = schema[name]
            faults.append(
                Fault(
                    loaded.path,
                    ("spec", "parameters"),
                    "missing-parameter",
                    f"the parameter `{name}` of {loaded.document.spec.blueprint.name} is missing",
                    f"{parameter.type}: {parameter.description}",
                    at_name=True,
                )
            )
        elif detail["type"] == "extra_forbidden":
            faults.append(
                Fault(
                    loaded.path,
                    ("spec", "parameters", name),
                    "unknown-parameter",
                    f"{loaded.document.spec.blueprint.name} has no parameter `{name}`",
                    f"one of: {listed(schema, 12)}",
                    did_you_mean(name, schema),
                    at_name=True,
                )
            )
        else:
            expected = fault.expected or schema[name].description
            file: str = loaded.path
            base: Path = ("spec", "parameters")
            if name not in raw:
                file, base = profile.path, ("spec", "defaults", "parameters")
                if name not in profile.document.spec.defaults.parameters:
                    faults.append(default_fault(blueprint, fault))
                    continue
            faults.append(
                Fault(
                    file, base + fault.field, "parameter", fault.message, expected, fault.suggestion
                )
            )
    return faults


def default_fault(blueprint: BlueprintFolder, fault: Fault) -> Fault:
    """A parameter's default that its own schema refuses, at the blueprint that gives it."""
    name, *rest = fault.field
    return Fault(
        blueprint.loaded.path,
        ("spec", "parameters", name, "default", *rest),
        "default",
        f"the default of `{name}` does not fit its own schema: {fault.message}",
        fault.expected,
    )
