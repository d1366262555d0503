"""The tables about the resource types name what the real provider has, and cover every type."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.adapters.sandbox import facts
from reconciler.adapters.sandbox.kinds import MODULES, kept, kind

TYPES = sorted(name for names in MODULES.values() for name in names)


def test_every_type_of_the_blueprints_has_a_handler() -> None:
    assert set(TYPES) == set(facts.resources())
    with pytest.raises(KeyError):
        kind("aws_instance")


def paths(block: dict[str, Any], prefix: str = "") -> set[str]:
    names = {prefix + name for name in block.get("attributes", {})}
    for name, inner in block.get("blocks", {}).items():
        names |= {prefix + name} | paths(inner, f"{prefix}{name}.")
    return names


@pytest.mark.parametrize("name", TYPES)
def test_the_tables_name_what_there_is(name: str) -> None:
    what, there = kind(name), paths(facts.resources()[name])
    top = {one for one in there if "." not in one}
    assert what.replace | what.renewed <= top
    assert {*what.defaults, *what.documents, *what.computed_blocks, *what.kept} <= there
    assert "tags_all" not in what.kept


def test_what_is_kept_is_written_down() -> None:
    table = kept()
    assert "deletion_window_in_days" in table["aws_kms_key"]
    assert all(table.values())


def test_the_schema_is_the_real_providers() -> None:
    schema = facts.resource_schema("aws_db_instance")
    attributes = {one.name: one for one in schema.block.attributes}
    assert attributes["password"].sensitive
    assert not attributes["username"].sensitive
    assert attributes["instance_class"].required
    assert {one.type_name for one in schema.block.block_types} >= {"timeouts", "s3_import"}


def test_sensitive_attributes_exist() -> None:
    for name, path in facts.SENSITIVE:
        assert path in paths(facts.resources()[name])
