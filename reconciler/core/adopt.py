"""Drift -> changes of an environment's document that make it what is wanted. Pure.

Only where the blueprint says that a parameter is the value of just that attribute, and only where
all of what drifted can be taken over: a half of it would leave the rest to be put back.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from reconciler.core.check import environment_faults
from reconciler.core.drift import identity_of
from reconciler.model.desired import Effective
from reconciler.model.environment import IMPORTS, Environment, Import
from reconciler.model.remediation import Part, Seen

Values = Mapping[str, Any]


def adoption(filled: Effective, part: Part) -> Values:
    """Parameters by name with what is there now; empty: the document cannot take it over."""
    known = {
        place: name
        for name, parameter in filled.blueprint.document.spec.parameters.items()
        for place in parameter.adopts
    }
    found: dict[str, Any] = {}
    if not part.resources or part.unmanaged:
        return {}
    for resource in part.resources:
        if not resource.attributes:
            return {}
        for each in resource.attributes:
            name = known.get(f"{resource.address}.{each.path}")
            have = _read(each.have)
            # Where what was wanted is not the parameter's value, they do not belong together.
            if name is None or _read(each.want) != filled.parameters.get(name):
                return {}
            if found.setdefault(name, have) != have:
                return {}
    return found if _fits(filled, found) else {}


def imports(environment: Environment, part: Part, seen: Seen) -> tuple[Import, ...]:
    """What of a cause the document can take over, and does not yet: it is known what it becomes."""
    there = environment.spec.imports
    places = {one.to for one in there}
    things = {(one.to.partition(".")[0], one.id) for one in there}
    found: list[Import] = []
    for arn in part.unmanaged:
        try:
            one = Import(to=seen.imports.get(arn, ""), id=identity_of(arn))
        except ValidationError:
            continue
        thing = (one.to.partition(".")[0], one.id)
        room = len(there) + len(found) < IMPORTS
        if room and one.to not in places and thing not in things:
            places.add(one.to)
            things.add(thing)
            found.append(one)
    return tuple(found)


def _fits(filled: Effective, values: Values) -> bool:
    """Whether the environment would still be a good one."""
    whole = {**filled.parameters, **values}
    try:
        filled.blueprint.parameters.model_validate(whole)
    except ValidationError:
        return False
    return not environment_faults(replace(filled, parameters=whole))


def _read(text: str) -> Any:
    """A value as records keep it; what is cut off or hidden is none that anybody wants."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tuple(value) if isinstance(value, list) else value
