"""Plan, state and tags -> what drifted, and what nobody manages. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from reconciler.model.drift import Unmanaged

_ID: Final = re.compile(r"[a-z]+-[0-9a-f]{8,17}|[0-9a-f-]{36}")
"""A name that the cloud gave, and no person: alone it tells what is meant."""
_TYPES: Final[tuple[tuple[str, str, str], ...]] = (
    # service, how the rest of the ARN begins, type; the id is what follows
    ("s3", "", "aws_s3_bucket"),
    ("dynamodb", "table/", "aws_dynamodb_table"),
    ("lambda", "function:", "aws_lambda_function"),
    ("logs", "log-group:", "aws_cloudwatch_log_group"),
    ("kms", "key/", "aws_kms_key"),
    ("rds", "db:", "aws_db_instance"),
    ("rds", "cluster:", "aws_rds_cluster"),
    ("ec2", "vpc/", "aws_vpc"),
    ("ec2", "subnet/", "aws_subnet"),
    ("ec2", "security-group/", "aws_security_group"),
    ("ec2", "route-table/", "aws_route_table"),
    ("ec2", "internet-gateway/", "aws_internet_gateway"),
    ("ec2", "natgateway/", "aws_nat_gateway"),
    ("ec2", "elastic-ip/", "aws_eip"),
    ("ec2", "instance/", "aws_instance"),
    ("ec2", "volume/", "aws_ebs_volume"),
)
_BY_ARN: Final = {
    "sns": "aws_sns_topic",
    "secretsmanager": "aws_secretsmanager_secret",
    "elasticloadbalancing": "aws_lb",
}
_BY_ITSELF: Final = re.compile(r":rds:[^:]*:[^:]*:(?:cluster-)?snapshot:rds:")
"""What the cloud makes by itself for something that is managed, and takes away again."""
_PARTS: Final = 6


def unmanaged(arns: Iterable[str], known: Collection[str]) -> Iterator[Unmanaged]:
    """Of what carries our tags, what no name in the state means."""
    for arn in sorted(set(arns)):
        plain = arn.removesuffix(":*")
        last = re.split(r"[:/]", plain)[-1]
        if arn in known or plain in known or f"{plain}:*" in known or _BY_ITSELF.search(arn):
            continue
        if _ID.fullmatch(last) and last in known:
            continue
        yield Unmanaged(arn, import_block(arn))


def import_block(arn: str) -> str:
    """What takes a resource over; empty when its type is not known here."""
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return ""
    service, rest = parts[2], parts[5].removesuffix(":*")
    if service in _BY_ARN:
        return _block(_BY_ARN[service], re.split(r"[:/]", rest)[-1], arn)
    for name, start, kind in _TYPES:
        if service == name and rest.startswith(start):
            identity = rest.removeprefix(start)
            return _block(kind, identity, identity)
    return ""


def _block(kind: str, name: str, identity: str) -> str:
    word = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "found"
    word = word if word[0].isalpha() else f"r_{word}"
    quoted = identity.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${")
    return f'import {{\n  to = {kind}.{word}\n  id = "{quoted}"\n}}\n'
