"""How much a change can break: L0 changes nothing in the cloud ... L3 destroys data or the rules.

Told from what is rendered before and after; a plan, where there is one, can only raise it.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.core.hcl.source import TerraformSource, Thing
from reconciler.model.base import RISKS, Risk
from reconciler.model.environment import Environment
from reconciler.model.rendered import Rendered

HOLDS_DATA: Final = frozenset(
    {
        "aws_backup_vault",
        "aws_cognito_user_pool",
        "aws_db_instance",
        "aws_docdb_cluster",
        "aws_dynamodb_table",
        "aws_ebs_volume",
        "aws_ecr_repository",
        "aws_efs_file_system",
        "aws_elasticache_replication_group",
        "aws_kms_key",
        "aws_neptune_cluster",
        "aws_opensearch_domain",
        "aws_rds_cluster",
        "aws_redshift_cluster",
        "aws_s3_bucket",
        "aws_secretsmanager_secret",
        "aws_sqs_queue",
    }
)
"""Types whose removal loses what nobody can render again. A key's loss is its data's loss."""

RULES: Final = ("profiles/", "policies/", "templates/", "reconciler.yaml")
"""Paths that judge or build environments."""


def highest(tiers: Iterable[Risk]) -> Risk:
    """The highest of some tiers; L0 of none."""
    return max(tiers, key=RISKS.index, default="L0")


def changes_rules(paths: Iterable[str]) -> bool:
    """Whether a change touches what judges or builds environments."""
    return any(path.startswith(RULES) for path in paths)


def risk_of(
    environment: Environment,
    before: tuple[Rendered, TerraformSource] | None,
    after: tuple[Rendered, TerraformSource] | None,
    *,
    rules_change: bool = False,
) -> Risk:
    """The tier of one environment's change; None = the environment is not there on that side."""
    if rules_change:
        return "L3"
    if before is not None and after is not None and before[0] == after[0]:
        return "L0"
    if before is None and after is None:
        return "L0"
    if _loses_data(before, after) or (
        environment.spec.stage == "production" and environment.spec.track == "platform"
    ):
        return "L3"
    wide = after is None or _takes_over(before, after)
    return "L2" if environment.spec.stage == "production" or wide else "L1"


def _takes_over(
    before: tuple[Rendered, TerraformSource] | None, after: tuple[Rendered, TerraformSource]
) -> bool:
    """Whether it says of something that is there already that it is the environment's."""
    olds = [(one.address, one.values) for one in before[1].imports] if before is not None else []
    return any((one.address, one.values) not in olds for one in after[1].imports)


def _loses_data(
    before: tuple[Rendered, TerraformSource] | None, after: tuple[Rendered, TerraformSource] | None
) -> bool:
    if before is None:
        return False
    olds = _holders(before[1])
    news = _holders(after[1]) if after is not None else {}
    return any(
        address not in news or _identity(old) != _identity(news[address])
        for address, old in olds.items()
    )


def _holders(source: TerraformSource) -> dict[str, Thing]:
    return {one.address: one for one in source.resources if one.type in HOLDS_DATA}


_NAMES: Final = ("bucket", "identifier", "cluster_identifier", "name", "table_name", "domain_name")


def _identity(thing: Thing) -> tuple[object, ...]:
    """Another name is another thing: the old one goes, with what it holds."""
    return (thing.type, *(repr(thing.values.get(name)) for name in _NAMES))
