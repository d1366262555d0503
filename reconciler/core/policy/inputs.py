"""The input of every rule, by its fields: a misspelt one would be undefined, and so a pass."""

from collections.abc import Mapping
from typing import Final

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
        ("resources", "data", "providers", "modules", "provisioners", "functions")
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
