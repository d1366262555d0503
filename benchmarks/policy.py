"""Rego over resources: the embedded engine beside a genuine OPA, where one is present."""

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import Result, pairs, seconds, show
from reconciler.core.policy.evaluate import evaluate
from reconciler.model.policy import Evaluated, Pack
from reconciler.ports import PolicyEngine
from tests.policy.engines import HAS_OPA, NO_OPA, engine, files, pack_of

SIZES = (50, 500, 5_000)


def _resource(kind: str, number: int, values: dict[str, Any]) -> dict[str, Any]:
    name = f"r{number}"
    return {
        "type": kind,
        "name": name,
        "address": f"{kind}.{name}",
        "path": "main.tf",
        "line": number + 1,
        "values": values,
    }


def _group(number: int, *, good: bool) -> list[dict[str, Any]]:
    """Ten resources that most rules look at."""
    bucket = {"__unknown__": f"aws_s3_bucket.r{number}.id"}
    policy = {
        "Statement": [
            {
                "Effect": "Deny" if good else "Allow",
                "Principal": "*",
                "Action": "s3:*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}} if good else {},
            }
        ]
    }
    block = dict.fromkeys(
        (
            "block_public_acls",
            "block_public_policy",
            "ignore_public_acls",
            "restrict_public_buckets",
        ),
        good,
    )
    tags = {"environment": "shop", "owner": "team-web"} if good else {}
    ingress = {
        "from_port": 443 if good else 22,
        "to_port": 443 if good else 22,
        "protocol": "tcp",
        "cidr_blocks": ["0.0.0.0/0"],
    }
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("aws_s3_bucket", {"bucket": f"shop-{number}", "tags": tags}),
        ("aws_s3_bucket_public_access_block", {"bucket": bucket, **block}),
        ("aws_s3_bucket_policy", {"bucket": bucket, "policy": json.dumps(policy)}),
        ("aws_security_group", {"name": f"shop-{number}", "ingress": [ingress]}),
        (
            "aws_db_instance",
            {
                "identifier": f"shop-{number}",
                "instance_class": "db.t4g.medium" if good else "db.r5.large",
                "storage_encrypted": good,
                "deletion_protection": good,
                "multi_az": good,
                "backup_retention_period": 7 if good else 0,
                "kms_key_id": {"__unknown__": "aws_kms_key.main.arn"} if good else None,
                "tags": tags,
            },
        ),
        (
            "aws_iam_policy",
            {
                "policy": {
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "s3:GetObject" if good else "*",
                            "Resource": f"arn:aws:s3:::shop-{number}" if good else "*",
                        }
                    ]
                }
            },
        ),
        (
            "aws_lb_listener",
            {
                "protocol": "HTTPS" if good else "HTTP",
                "port": 443,
                "ssl_policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            },
        ),
        ("aws_cloudwatch_log_group", {"retention_in_days": 30 if good else 1, "kms_key_id": "a"}),
        ("aws_kms_key", {"enable_key_rotation": good, "tags": tags}),
        ("aws_subnet", {"cidr_block": "10.0.0.0/24", "tags": tags}),
    )
    return [_resource(kind, number, values) for kind, values in kinds]


def document(base: Mapping[str, Any], size: int) -> dict[str, Any]:
    """An input of so many resources, of which every tenth is wrong."""
    groups = (_group(number, good=number % 10 != 0) for number in range(size // 10))
    resources = [resource for group in groups for resource in group]
    return {**base, "terraform": {**base["terraform"], "resources": resources}}


def base_input(pack: Pack, asked: PolicyEngine) -> dict[str, Any]:
    """The input that the rules' tests start from."""
    answer = asked.ask(pack.modules, "data.reconciler.lib.testing.base", {})
    value: dict[str, Any] = getattr(answer, "value", {})
    return value


def run(sizes: tuple[int, ...] = SIZES) -> list[Result]:
    """Every size on every engine that is here."""
    results = []
    with ExitStack() as stack:
        pack = pack_of(files())
        embedded = stack.enter_context(engine("embedded"))
        base = base_input(pack, embedded)
        opa = stack.enter_context(engine("opa", timeout=120)) if HAS_OPA else None
        if opa is None:
            print(f"no OPA to compare with: {NO_OPA}")
        for size in sizes:
            asked = document(base, size)

            def ours(asked: dict[str, Any] = asked) -> None:
                assert isinstance(evaluate(embedded, pack, asked), Evaluated)

            name = f"all {len(pack.rules)} rules over {size:,} resources"
            if opa is None:
                ours()
                took = min(seconds(ours) for _ in range(3))
                results.append(Result(name, show(took), "alone", took, 2, "s"))
                continue
            theirs = opa

            def other(asked: dict[str, Any] = asked, theirs: PolicyEngine = theirs) -> None:
                assert isinstance(evaluate(theirs, pack, asked), Evaluated)

            one, two, ratio = pairs(ours, other, 3)
            results.append(Result(name, show(one), f"a genuine OPA: {show(two)}", ratio, 1))
        assert getattr(embedded, "compiled", 1) == 1, "policies were compiled more than once"
    return results


if __name__ == "__main__":
    start = time.perf_counter()
    print("\n".join(result.row for result in run()))
    print(f"{time.perf_counter() - start:.0f} s")
