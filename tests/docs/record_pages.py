"""docs/record-fields.md: every field of a record's document, from its schema."""

import json
from collections.abc import Iterator
from typing import Any, Final

from tests.docs.scenes import ROOT

PAGE: Final = ROOT / "docs" / "record-fields.md"
SCHEMA: Final = ROOT / "docs" / "schemas" / "record.schema.json"
_HEAD: Final = """\
# Fields of records

What stands in `record.json` of each commit on the branch of [records](records.md). Made from
[its schema](schemas/record.schema.json) by `python -m tests.docs.field_tables`. What is written
once is read for ever: a field never gets another meaning.

## Of every record

"""
_TABLE: Final = "| field | type | meaning |\n|---|---|---|\n"
_PLAIN: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "null": "null",
}


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    found = schema["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else {}
    return {**found, **node}


def _word(node: dict[str, Any], schema: dict[str, Any]) -> str:
    node = _resolved(node, schema)
    if "const" in node:
        return f"`{node['const']}`"
    if "enum" in node:
        return " or ".join(f"`{one}`" if one else "empty" for one in node["enum"])
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_word(one, schema) for one in node["anyOf"]))
    if node.get("type") == "array":
        held = _word(node["items"], schema) if "items" in node else "any value"
        return "list" if held == "map" else f"list of {held}"
    if "type" not in node:
        return "map" if "oneOf" in node else "any value"
    return _PLAIN.get(node["type"], "map")


def _inner(node: dict[str, Any], schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is in a field that has fields of its own, and what is added to its path."""
    node = _resolved(node, schema)
    if "properties" in node:
        yield "", node
    for one in node.get("anyOf", ()):
        yield from _inner(one, schema)
    if "items" in node:
        yield from (("[]" + step, found) for step, found in _inner(node["items"], schema))
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        yield from ((".<name>" + step, found) for step, found in _inner(extra, schema))


def _rows(node: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, field in node["properties"].items():
        said = field.get("description") or _resolved(field, schema).get("description", "")
        path, meaning = prefix + name, " ".join(str(said).split()).replace("|", "\\|")
        yield f"| `{path}` | {_word(field, schema)} | {meaning} |\n"
        for step, found in _inner(field, schema):
            yield from _rows(found, schema, f"{path}{step}.")


def record_page() -> str:
    """The whole page."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    text = _HEAD + _TABLE + "".join(_rows(schema, schema))
    mapping = schema["properties"]["body"]["discriminator"]["mapping"]
    kinds: dict[str, list[str]] = {}
    for kind, place in mapping.items():
        kinds.setdefault(place, []).append(kind)
    for place, names in kinds.items():
        body = _resolved({"$ref": place}, schema)
        said = " ".join(str(body.get("description", "")).split())
        text += f"\n## {', '.join(sorted(names))}\n\n{said}\n\n{_TABLE}"
        text += "".join(_rows(body, schema, "body."))
    return text
