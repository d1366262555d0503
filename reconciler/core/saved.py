"""What holds data, and what of it a destroy leaves a copy of. Pure, by what is rendered.

A copy counts only where Terraform or AWS makes it by themselves when the thing is deleted. A key
has no copy, and what it encrypts cannot be read without it: where it goes, the data goes.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.core.hcl.source import TerraformSource, Thing
from reconciler.core.risk import HOLDS_DATA


def holders(source: TerraformSource) -> tuple[str, ...]:
    """Addresses of what holds data."""
    return tuple(sorted(one.address for one in source.resources if one.type in HOLDS_DATA))


def unsaved(source: TerraformSource) -> tuple[str, ...]:
    """Those of which nothing is left when they are destroyed."""
    return tuple(
        sorted(
            one.address
            for one in source.resources
            if one.type in HOLDS_DATA and not _leaves_a_copy(one)
        )
    )


def _leaves_a_copy(one: Thing) -> bool:
    values = one.values
    match one.type:
        case "aws_db_instance" | "aws_rds_cluster" | "aws_docdb_cluster" | "aws_neptune_cluster":
            named = values.get("final_snapshot_identifier")
            return values.get("skip_final_snapshot") is False and isinstance(named, str)
        case "aws_elasticache_replication_group":
            return isinstance(values.get("final_snapshot_identifier"), str)
        case "aws_dynamodb_table":  # AWS keeps a system backup of such a table for 35 days
            return any(map(_enabled, _blocks(values.get("point_in_time_recovery"))))
        case _:
            return False


def _blocks(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _enabled(block: object) -> bool:
    return isinstance(block, Mapping) and block.get("enabled") is True
