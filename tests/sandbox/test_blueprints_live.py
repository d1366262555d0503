"""Every blueprint through the real terraform: made, in sync, drifted, mended, destroyed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.sandbox.call import Call, Session
from reconciler.adapters.sandbox.cloud import Cloud
from reconciler.adapters.sandbox.faults import Faults
from reconciler.adapters.sandbox.kinds import kind
from reconciler.adapters.sandbox.values import is_empty
from tests.blueprints.cases import REPOSITORY, Case, Render
from tests.blueprints.test_blueprints import CANARY, LONG_NAME, VALIDATED
from tests.sandbox.conftest import Aws, Work, Workspace, changes, drifted

ACCOUNT = "111122223333"


@dataclass(frozen=True)
class Tampering:
    """What somebody does by hand: the address it hits, and what a plan then does."""

    address: str
    actions: list[str]
    act: Callable[[Aws, dict[str, Any]], object]


def tag_table(aws: Aws, table: dict[str, Any]) -> None:
    tags = [{"Key": "owner", "Value": "mallory"}]
    aws.client("dynamodb").tag_resource(ResourceArn=table["arn"], Tags=tags)


def unprotect_listener(aws: Aws, listener: dict[str, Any]) -> None:
    policy = "ELBSecurityPolicy-2016-08"
    aws.client("elbv2").modify_listener(ListenerArn=listener["arn"], SslPolicy=policy)


def open_to_all(aws: Aws, rule: dict[str, Any]) -> None:
    aws.client("ec2").modify_security_group_rules(
        GroupId=rule["security_group_id"],
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["id"],
                "SecurityGroupRule": {
                    "IpProtocol": "tcp",
                    "FromPort": 443,
                    "ToPort": 443,
                    "CidrIpv4": "203.0.113.0/24",
                },
            }
        ],
    )


def public_bucket(aws: Aws, block: dict[str, Any]) -> None:
    aws.client("s3").put_public_access_block(
        Bucket=block["bucket"],
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": False,
            "BlockPublicPolicy": False,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
    )


UPDATE, CREATE = ["update"], ["create"]
SERVERLESS = (
    Tampering("aws_dynamodb_table.items", UPDATE, tag_table),
    Tampering(
        "aws_lambda_function.api",
        UPDATE,
        lambda aws, one: aws.client("lambda").update_function_configuration(
            FunctionName=one["function_name"], Timeout=29
        ),
    ),
    Tampering(
        "aws_cloudwatch_log_group.access",
        UPDATE,
        lambda aws, one: aws.client("logs").delete_retention_policy(logGroupName=one["name"]),
    ),
    Tampering(
        "aws_cloudwatch_metric_alarm.errors",
        CREATE,
        lambda aws, one: aws.client("cloudwatch").delete_alarms(AlarmNames=[one["alarm_name"]]),
    ),
    Tampering(
        "aws_iam_role_policy.api",
        UPDATE,
        lambda aws, one: aws.client("iam").put_role_policy(
            RoleName=one["role"],
            PolicyName=one["name"],
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
                }
            ),
        ),
    ),
    Tampering(
        "aws_apigatewayv2_stage.default",
        UPDATE,
        lambda aws, one: aws.client("apigatewayv2").update_stage(
            ApiId=one["api_id"],
            StageName=one["name"],
            DefaultRouteSettings={"ThrottlingRateLimit": 9999.0, "ThrottlingBurstLimit": 9999},
        ),
    ),
)
WEB = (
    Tampering("aws_lb_listener.https", UPDATE, unprotect_listener),
    Tampering('aws_vpc_security_group_ingress_rule.https["0.0.0.0/0"]', UPDATE, open_to_all),
    Tampering("aws_s3_bucket_public_access_block.assets", UPDATE, public_bucket),
    Tampering(
        "aws_s3_bucket_policy.assets",
        CREATE,
        lambda aws, one: aws.client("s3").delete_bucket_policy(Bucket=one["bucket"]),
    ),
    Tampering(
        "aws_db_instance.main",
        UPDATE,
        lambda aws, one: aws.client("rds").modify_db_instance(
            DBInstanceIdentifier=one["identifier"], BackupRetentionPeriod=0
        ),
    ),
    Tampering(
        "aws_ecs_service.app",
        UPDATE,
        lambda aws, one: aws.client("ecs").update_service(
            cluster=one["cluster"], service=one["name"], enableExecuteCommand=True
        ),
    ),
    Tampering(
        "aws_vpc.main",
        UPDATE,
        lambda aws, one: aws.client("ec2").create_tags(
            Resources=[one["id"]], Tags=[{"Key": "Name", "Value": "mine"}]
        ),
    ),
)
PLATFORM = (
    Tampering(
        "aws_rds_cluster.main",
        UPDATE,
        lambda aws, one: aws.client("rds").modify_db_cluster(
            DBClusterIdentifier=one["id"], DeletionProtection=False, ApplyImmediately=True
        ),
    ),
    Tampering(
        "aws_cloudtrail.main",
        UPDATE,
        lambda aws, one: aws.client("cloudtrail").stop_logging(Name=one["name"]),
    ),
    Tampering(
        "aws_guardduty_detector.main",
        UPDATE,
        lambda aws, one: aws.client("guardduty").update_detector(
            DetectorId=one["id"], Enable=False
        ),
    ),
    Tampering(
        "aws_backup_selection.main",
        CREATE,
        lambda aws, one: aws.client("backup").delete_backup_selection(
            BackupPlanId=one["plan_id"], SelectionId=one["id"]
        ),
    ),
    Tampering(
        'aws_vpc_endpoint.gateway["s3"]',
        CREATE,
        lambda aws, one: aws.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[one["id"]]),
    ),
)


def made(work: Workspace) -> dict[str, dict[str, Any]]:
    """Plan and apply; nothing may be left to do, and nothing may seem to have drifted."""
    planned = changes(work.init().plan())
    assert set(map(tuple, planned.values())) == {("create",)}
    work.apply()
    again = work.plan()
    assert not changes(again)
    assert not drifted(again)
    held = {one["address"]: one["values"] for one in work.state()}
    assert held.keys() == planned.keys()
    return held


def unread(aws: Aws, held: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """Attributes that have a value, are not read back, and are not written down as such."""
    session = Session(aws.endpoint, aws.region, aws.account, Faults())
    found: dict[str, set[str]] = {}
    for address, values in held.items():
        name = address.partition(".")[0]
        what = kind(name)
        seen = what.read(Call(session), values["id"], values)
        assert seen is not None
        filled = {one for one, value in values.items() if not is_empty(value)}
        left = filled - seen.keys() - what.kept - {"id", "region", "tags", "timeouts"}
        # The defaults of a VPC are read once, when it is made.
        if left - {one for one in left if one.startswith(("default_", "main_"))}:
            found.setdefault(name, set()).update(left)
    return found


def unprotect(aws: Aws, held: dict[str, dict[str, Any]]) -> None:
    """Take away what stands between a person and data, as a person would have to."""
    for address, values in held.items():
        name = address.partition(".")[0]
        if name == "aws_rds_cluster" and values["deletion_protection"]:
            aws.client("rds").modify_db_cluster(
                DBClusterIdentifier=values["id"], DeletionProtection=False
            )
        if name == "aws_db_instance" and values["deletion_protection"]:
            aws.client("rds").modify_db_instance(
                DBInstanceIdentifier=values["id"], DeletionProtection=False
            )
        if name == "aws_s3_bucket" and not values["force_destroy"]:
            # Logs are here already, more come while they are on, and the policy denies plain http.
            s3 = aws.client("s3")
            for bucket in (one["id"] for one in held.values() if one.get("bucket_domain_name")):
                s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
            s3.delete_bucket_policy(Bucket=values["id"])
            for one in s3.list_object_versions(Bucket=values["id"]).get("Versions", ()):
                s3.delete_object(Bucket=values["id"], Key=one["Key"], VersionId=one["VersionId"])
        if name == "aws_lb" and values["enable_deletion_protection"]:
            aws.client("elbv2").modify_load_balancer_attributes(
                LoadBalancerArn=values["arn"],
                Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}],
            )


def ended(work: Workspace, aws: Aws, name: str, held: dict[str, dict[str, Any]]) -> None:
    unprotect(aws, held)
    work.destroy()
    assert not work.state()
    # A key waits for its deletion, and a final snapshot is what the source asks for.
    left = {arn for arn in aws.tagged(name) if ":key/" not in arn and "snapshot:" not in arn}
    assert not left


def cycle(work: Workspace, aws: Aws, name: str, tamperings: tuple[Tampering, ...]) -> None:
    held = made(work)
    assert not unread(aws, held)
    assert any(aws.account in arn for arn in aws.tagged(name))
    for one in tamperings:
        one.act(aws, held[one.address])
    seen = work.plan()
    # What hangs on a thing that is gone may change with it.
    wanted = {one.address: one.actions for one in tamperings}
    assert {address: changes(seen).get(address) for address in wanted} == wanted
    assert wanted.keys() == drifted(seen).keys()
    work.apply()
    mended = work.plan()
    assert not changes(mended)
    ended(work, aws, name, held)


@pytest.mark.soak
def test_serverless_demo(render: Render, work: Work, endpoint: str) -> None:
    parameters = {"alarm_email": "ada@example.com", "allowed_origins": ["https://a.example.com"]}
    case = Case("serverless-demo", ttl="48h", name="demo-live", parameters=parameters)
    aws = Aws(endpoint, ACCOUNT, case.region)
    cycle(work(render(case)), aws, case.name, SERVERLESS)


def test_web_service(render: Render, work: Work, endpoint: str) -> None:
    parameters = {
        "allowed_cidrs": ["0.0.0.0/0"],
        "hosted_zone_id": "Z0123456789ABC",
        "web_acl_arn": f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/webacl/shop/0f1e",
    }
    case = Case("web-service", name="web-live", strategy="rolling", parameters=parameters)
    aws = Aws(endpoint, ACCOUNT, case.region)
    cycle(work(render(case)), aws, case.name, WEB)


@pytest.mark.soak
def test_platform_core(render: Render, work: Work, endpoint: str) -> None:
    case = Case(
        "platform-core",
        name="core-live",
        isolation="dedicated-account",
        strategy="canary",
        parameters={**CANARY, "canary_step": 1},
    )
    aws = Aws(endpoint, ACCOUNT, case.region)
    cycle(work(render(case)), aws, case.name, PLATFORM)


# ------------------------------------------------------------------------------------- soak


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[str]:
    """The cases share one name, so each gets a cloud."""
    cloud = Cloud(tmp_path / "cloud")
    yield cloud.start()
    cloud.stop()


MORE = (
    *VALIDATED,
    Case("web-service", "production", strategy="blue-green", name="blue-green"),
    Case("platform-core", strategy="canary", parameters={**CANARY, "canary_step": 2}, name="two"),
    Case("web-service", name=LONG_NAME, region="ap-southeast-2"),
    Case("platform-core", "staging", "dedicated-vpc", name="aside"),
)
SAMPLES = sorted(path for path in (REPOSITORY / "environments").rglob("*.yaml"))


@pytest.mark.soak
@pytest.mark.parametrize("case", MORE, ids=str)
def test_every_case_lives(case: Case, render: Render, work: Work, own_cloud: str) -> None:
    workspace, aws = work(render(case)), Aws(own_cloud, ACCOUNT, case.region)
    workspace.environment["AWS_ENDPOINT_URL"] = own_cloud
    ended(workspace, aws, case.name, made(workspace))


@pytest.mark.soak
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_lives(sample: Path, samples: Path, work: Work, endpoint: str) -> None:
    source = samples / sample.stem / "terraform"
    if not source.is_dir():
        (source,) = (path for path in samples.rglob("terraform") if path.parent.name == sample.stem)
    files = {f"terraform/{path.name}": path.read_text("utf-8") for path in source.iterdir()}
    account = sample.read_text("utf-8").partition('account: "')[2].partition('"')[0]
    workspace, aws = work(files), Aws(endpoint, account, "eu-central-1")
    held = made(workspace)
    assert all(account in one["arn"] for one in held.values() if "key/" in (one.get("arn") or ""))
    ended(workspace, aws, sample.stem, held)
