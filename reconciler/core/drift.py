"""Plan, state and tags -> what drifted, and what nobody manages. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from reconciler.core.compose import scalar
from reconciler.model.drift import Unmanaged
from reconciler.model.plan import UNKNOWN, Plan, ResourceChange

_ID: Final = re.compile(r"[a-z]+-[0-9a-f]{8,17}|[0-9a-f-]{36}")
"""A name that the cloud gave, and no person: alone it tells what is meant."""


class _Kind(NamedTuple):
    """A type of resource, and how its ARNs are read."""

    service: str
    start: str
    """How the ARN's last part begins."""
    type: str
    attribute: str = ""
    """What holds its name in the source; empty where the cloud gives the name."""
    by_arn: bool = False
    """Whether it is imported by its ARN, else by its name."""
    name: str = "(.+)"
    """What of the ARN's rest is the name."""


_KINDS: Final = (
    _Kind("s3", "", "aws_s3_bucket", "bucket"),
    _Kind("dynamodb", "table/", "aws_dynamodb_table", "name"),
    _Kind("lambda", "function:", "aws_lambda_function", "function_name"),
    _Kind("logs", "log-group:", "aws_cloudwatch_log_group", "name"),
    _Kind("kms", "key/", "aws_kms_key"),
    _Kind("rds", "db:", "aws_db_instance", "identifier"),
    _Kind("rds", "cluster:", "aws_rds_cluster", "cluster_identifier"),
    _Kind("ec2", "vpc/", "aws_vpc"),
    _Kind("ec2", "subnet/", "aws_subnet"),
    _Kind("ec2", "security-group/", "aws_security_group"),
    _Kind("ec2", "route-table/", "aws_route_table"),
    _Kind("ec2", "internet-gateway/", "aws_internet_gateway"),
    _Kind("ec2", "natgateway/", "aws_nat_gateway"),
    _Kind("ec2", "elastic-ip/", "aws_eip"),
    _Kind("ec2", "instance/", "aws_instance"),
    _Kind("ec2", "volume/", "aws_ebs_volume"),
    _Kind("sns", "", "aws_sns_topic", "name", by_arn=True),
    _Kind(
        "secretsmanager",
        "secret:",
        "aws_secretsmanager_secret",
        "name",
        by_arn=True,
        name=r"(.+)-[A-Za-z0-9]{6}",
    ),
    _Kind(
        "elasticloadbalancing",
        "loadbalancer/",
        "aws_lb",
        "name",
        by_arn=True,
        name=r"[a-z]+/(.+)/[0-9a-f]+",
    ),
    _Kind(
        "elasticloadbalancing",
        "targetgroup/",
        "aws_lb_target_group",
        "name",
        by_arn=True,
        name=r"(.+)/[0-9a-f]+",
    ),
)
_BY_ITSELF: Final = re.compile(r":rds:[^:]*:[^:]*:(?:cluster-)?snapshot:rds:")
"""What the cloud makes by itself for something that is managed, and takes away again."""
_PARTS: Final = 6


def pending(plan: Plan) -> int:
    """Changes that are declared and not applied; not what only follows from what is gone.

    When something is gone, others change because its name is not known until it is made anew.
    """
    mends = {one.address for one in plan.drift}
    gone = any(one.kind == "gone" for one in plan.drift)
    others = [one for one in plan.changes if one.address not in mends]
    only_mended = all(one.kind in ("update", "replace") for one in others)
    if not (gone and only_mended):
        return len(others)
    return sum(1 for one in others if not all(_unknown(each.after) for each in one.attributes))


def _unknown(value: object) -> bool:
    """Whether there is nothing but what only the apply can tell."""
    if value == UNKNOWN:
        return True
    return isinstance(value, list) and bool(value) and all(_unknown(one) for one in value)


def unmanaged(
    arns: Iterable[str], known: Collection[str], changes: Collection[ResourceChange] = ()
) -> Iterator[Unmanaged]:
    """Of what carries our tags, what no name in the state means.

    `changes`: of the plan; what is there already may be declared, and about to be made anew.
    """
    for arn in sorted(set(arns)):
        plain = arn.removesuffix(":*")
        last = re.split(r"[:/]", plain)[-1]
        if arn in known or plain in known or f"{plain}:*" in known or _BY_ITSELF.search(arn):
            continue
        if _ID.fullmatch(last) and last in known:
            continue
        found = _kind_of(arn)
        if found is None:
            yield Unmanaged(arn, "")
            continue
        kind, name, identity = found
        declared = _declared(kind, name, changes)
        yield Unmanaged(arn, _entry(declared or f"{kind.type}.{_word(name)}", identity), declared)


def searchable(kind: str) -> bool:
    """Whether the search for tags would find one of that type."""
    return any(one.type == kind for one in _KINDS)


def kind_of(arn: str) -> str:
    """The type of resource that an ARN is of; the service where its type is not known here."""
    found = _kind_of(arn)
    if found is not None:
        return found[0].type
    return next(iter(arn.split(":", _PARTS - 1)[2:3]), "") or "unknown"


def identity_of(arn: str) -> str:
    """What the provider calls it; empty where its type is not known here."""
    found = _kind_of(arn)
    return found[2] if found is not None else ""


def might_be(change: ResourceChange, left: Iterable[Unmanaged]) -> tuple[Unmanaged, ...]:
    """Of what is unmanaged, what the change would make once more; with the entry for it."""
    return tuple(
        Unmanaged(one.arn, _entry(change.address, found[2]), change.address)
        for one in left
        if (found := _kind_of(one.arn)) is not None
        and found[0].type == change.type
        and _named(change, found[0].attribute) in (None, found[1])
    )


def _named(change: ResourceChange, attribute: str) -> str | None:
    """The name that it would have; None where the cloud gives it, or only the apply can tell."""
    for one in change.attributes:
        if one.path == attribute and isinstance(one.after, str):
            return one.after
    return None


def _kind_of(arn: str) -> tuple[_Kind, str, str] | None:
    """Its type, its name, and what it is imported by; None when its type is not known here."""
    parts = arn.split(":", _PARTS - 1)
    if len(parts) < _PARTS:
        return None
    service, rest = parts[2], parts[5].removesuffix(":*")
    for kind in _KINDS:
        if kind.service == service and rest.startswith(kind.start):
            whole = rest.removeprefix(kind.start)
            match = re.fullmatch(kind.name, whole)
            return kind, match[1] if match else whole, arn if kind.by_arn else whole
    return None


def _declared(kind: _Kind, name: str, changes: Collection[ResourceChange]) -> str:
    """The address that would be made under that name; empty when there is none, or several."""
    matching = [
        one.address
        for one in changes
        if one.kind == "create"
        and one.type == kind.type
        and any(
            attribute.path == kind.attribute and attribute.after == name
            for attribute in one.attributes
        )
    ]
    return matching[0] if len(matching) == 1 else ""


def _word(name: str) -> str:
    """A name that Terraform takes."""
    word = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "found"
    return word if word[0].isalpha() else f"r_{word}"


def _entry(address: str, identity: str) -> str:
    return f"- {scalar({'to': address, 'id': identity})}\n"
