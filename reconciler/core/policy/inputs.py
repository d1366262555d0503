"""The input of every rule, by its fields: a misspelt one would be undefined, and so a pass."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final

from reconciler.core.hcl.source import TerraformSource
from reconciler.model.base import format_timestamp
from reconciler.model.desired import Effective
from reconciler.model.plan import Plan
from reconciler.model.policy import Module
from reconciler.model.profile import Profile

FIELDS: Final[dict[str, frozenset[str]]] = {
    "environment": frozenset(
        (
            "name",
            "owner",
            "track",
            "stage",
            "region",
            "account",
            "labels",
            "parameters",
            "blueprint",
            "ttl_hours",
            "monthly_cost",
            "promoted_from",
        )
    ),
    "profile": frozenset(),
    "terraform": frozenset(
        ("resources", "data", "providers", "modules", "provisioners", "functions", "imports")
    ),
    "plan": frozenset(),
    "pipeline": frozenset(("path", "jobs", "raw")),
    "change": frozenset(),
    "now": frozenset(),
}
"""Fields of the input, and of each the fields that it has; none = it has a shape of its own."""


_OBJECTS: Final = ("environment", "profile", "terraform", "pipeline")


def _is_map(value: object) -> bool:
    return isinstance(value, Mapping)


def wrong_input(document: object) -> str:
    """What is wrong with an input, in words; nothing when it has all its fields."""
    if not isinstance(document, Mapping):
        return "the input is not an object"
    missing = [name for name in FIELDS if name not in document]
    missing += [
        f"{name}.{inner}"
        for name, fields in FIELDS.items()
        if isinstance(document.get(name), Mapping)
        for inner in sorted(fields)
        if inner not in document[name]
    ]
    odd = [name for name in _OBJECTS if name not in missing and not _is_map(document[name])]
    unknown = sorted(set(document) - set(FIELDS))
    words = [f"the input has no {', '.join(f'`{one}`' for one in missing)}"] if missing else []
    words += [f"{', '.join(f'`{one}`' for one in odd)} must be an object"] if odd else []
    words += [f"the input has unknown fields: {', '.join(unknown)}"] if unknown else []
    return "; ".join(words)


def environment_fields(filled: Effective) -> dict[str, Any]:
    """The environment as rules see it."""
    metadata, spec = filled.environment.document.metadata, filled.environment.document.spec
    return {
        "name": metadata.name,
        "owner": metadata.owner,
        "track": spec.track,
        "stage": spec.stage,
        "region": filled.region,
        "account": spec.account,
        "labels": metadata.labels,
        "parameters": dict(filled.parameters),
        "blueprint": {"name": spec.blueprint.name, "version": spec.blueprint.version},
        "ttl_hours": filled.ttl_hours,
        "monthly_cost": filled.monthly_cost,
        "promoted_from": spec.promoted_from,
    }


def profile_fields(profile: Profile) -> dict[str, Any]:
    """The profile in its own spelling."""
    return profile.spec.model_dump(mode="json", by_alias=True)


def terraform_fields(source: TerraformSource) -> dict[str, Any]:
    """The rendered Terraform as data; rules call what a provisioner is its type.

    A module's source is a field of its own.
    """
    found: dict[str, Any] = {}
    for group in fields(source):
        things = getattr(source, group.name)
        names = [field.name for field in fields(things[0])] if things else []
        # Not a copy: nobody changes the values on their way to the engine.
        found[group.name] = [{name: getattr(one, name) for name in names} for one in things]
    found["modules"] = [
        {**fields_of, "source": one.values.get("source")}
        for fields_of, one in zip(found["modules"], source.modules, strict=True)
    ]
    found["provisioners"] = [
        {"type": one.name, "address": one.address, "path": one.path, "line": one.line}
        for one in source.provisioners
    ]
    return found


def plan_fields(plan: Plan) -> dict[str, Any]:
    """What Terraform would do; sensitive values are masked."""
    return {
        "digest": plan.digest,
        "changes": [
            {
                "address": one.address,
                "type": one.type,
                "kind": one.kind,
                "importing": one.importing,
                "loses_data": one.loses_data,
                "attributes": [
                    {"path": a.path, "before": a.before, "after": a.after, "replaces": a.replaces}
                    for a in one.attributes
                ],
            }
            for one in plan.changes
        ],
    }


def as_input(
    environment: Mapping[str, Any],
    profile: Mapping[str, Any],
    terraform: Mapping[str, Any],
    pipeline: Mapping[str, Any],
    change: Mapping[str, Any] | None,
    now: datetime,
    plan: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that rules may look at."""
    return {
        "environment": environment,
        "profile": profile,
        "terraform": terraform,
        "plan": plan,
        "pipeline": pipeline,
        "change": change,
        "now": format_timestamp(now),
    }


_WHOLE_INPUT: Final = re.compile(r"\binput\b(?!\.(?:environment|profile|terraform|pipeline)\b)")
_ASIDE: Final = re.compile(r"^\s*#.*$", re.MULTILINE)


def no_pipeline() -> dict[str, Any]:
    """The pipeline of an environment that renders none."""
    return {"path": "", "jobs": {}, "raw": {}}


def looks_beyond(modules: Iterable[Module]) -> bool:
    """Whether rules may look at the time, the change or a plan: then answers do not keep.

    In doubt they do: whatever says `input` without naming one of the other fields.
    """
    return any(_WHOLE_INPUT.search(_ASIDE.sub("", one.source)) for one in modules)
