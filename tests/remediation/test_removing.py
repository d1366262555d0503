"""What nobody manages is taken away: only what holds nothing, and is the environment's own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest

from reconciler.adapters.aws import AwsSession
from reconciler.adapters.aws_discard import AwsDiscard
from reconciler.app.discard import discard
from reconciler.app.telemetry import NullTelemetry
from reconciler.cli.deed import Order, carry_out
from reconciler.core.plan import drift_digest
from reconciler.errors import ReconcilerError
from reconciler.model.drift import Drift, Unmanaged
from reconciler.model.work import Job
from reconciler.settings import ProcessSettings
from tests.check.project import DEMO, Warm
from tests.remediation.test_sandbox import NAME, Sandbox
from tests.remediation.test_taking_over import sandbox  # noqa: F401  # a fixture
from tests.repos import edited
from tests.sandbox.conftest import endpoint  # noqa: F401  # a fixture
from tests.terraform.lab import ACCOUNT, REGION

if shutil.which("terraform") is None:
    pytest.skip("terraform is not on PATH", allow_module_level=True)


class Account:
    """A simulated account, and what somebody made in it."""

    def __init__(self, at: str, account: str) -> None:
        variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}
        self.session = AwsSession(variables, at, {"x-moto-account-id": account})

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def topic(self, name: str, owner: str = NAME) -> str:
        tags = [
            {"Key": "managed-by", "Value": "reconciler"},
            {"Key": "environment", "Value": owner},
        ]
        made = self.client("sns").create_topic(Name=name, Tags=tags)
        return str(made["TopicArn"])

    def group(self, name: str) -> str:
        logs = self.client("logs")
        tags = {"managed-by": "reconciler", "environment": NAME}
        logs.create_log_group(logGroupName=name, tags=tags)
        (found,) = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return str(found["arn"])

    def security_group(self) -> str:
        ec2 = self.client("ec2")
        (vpc,) = ec2.describe_vpcs()["Vpcs"][:1]
        tags = [
            {"Key": "managed-by", "Value": "reconciler"},
            {"Key": "environment", "Value": NAME},
        ]
        made = ec2.create_security_group(
            GroupName="left", Description="left", VpcId=vpc["VpcId"],
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )["GroupId"]  # fmt: skip
        return f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{made}"

    def topics(self) -> set[str]:
        return {one["TopicArn"] for one in self.client("sns").list_topics()["Topics"]}


@pytest.fixture
def account(endpoint: str, request: pytest.FixtureRequest) -> Account:  # noqa: F811
    return Account(endpoint, f"{abs(hash(request.node.name)) % 10**12:012d}")


def drift(*arns: str, declared: str = "") -> Drift:
    left = tuple(Unmanaged(one, "", declared) for one in arns)
    return Drift(NAME, (), left, (), 0, drift_digest((), arns), "terraform")


def wait() -> None:
    """Nothing here takes time."""


def test_what_holds_nothing_is_deleted_and_looked_for_afterwards(account: Account) -> None:
    arns = (account.topic("left"), account.group("/left"), account.security_group())
    cloud = AwsDiscard(account.session)
    done = discard(cloud, drift(*arns), arns, wait)
    assert (done.removed, done.kept) == (arns, ())
    assert [cloud.tags(one) for one in arns] == [None, None, None]
    assert discard(cloud, drift(*arns), arns, wait).removed == arns, "done twice it is done once"


def test_what_is_anothers_by_now_or_used_or_managed_stays(account: Account) -> None:
    cloud = AwsDiscard(account.session)
    others, used = account.topic("others", "bank"), account.topic("used")
    account.client("sns").subscribe(TopicArn=used, Protocol="email", Endpoint="a@example.com")
    logged = account.group("/logged")
    account.client("logs").create_log_stream(logGroupName="/logged", logStreamName="a")
    managed, declared = account.topic("managed"), account.topic("declared")
    plain = account.client("sns").create_topic(Name="plain")["TopicArn"]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/items"
    found = drift(others, used, logged, plain, table)
    done = discard(cloud, found, (others, used, logged, plain, table, managed), wait)
    assert done.removed == ()
    whys = dict(done.kept)
    assert "tags do not say" in whys[others]
    assert "tags do not say" in whys[plain]
    assert "using it" in whys[used]
    assert "holds something" in whys[logged]
    assert "may hold data" in whys[table]
    assert "not unmanaged" in whys[managed]
    known = discard(cloud, drift(declared, declared="aws_sns_topic.news"), (declared,), wait)
    assert "take it over" in known.kept[0][1]
    assert {others, used, plain, managed, declared} <= account.topics()


class Stubborn:
    """A cloud that says yes, and does nothing; or does not answer."""

    def __init__(self, *, away: bool) -> None:
        self.away = away
        self.asked = 0

    def tags(self, arn: str) -> dict[str, str]:
        del arn
        if self.away:
            raise ReconcilerError("not-removed", "nobody answers")
        return {"managed-by": "reconciler", "environment": NAME}

    def used(self, arn: str) -> bool:
        del arn
        return False

    def remove(self, arn: str) -> None:
        del arn
        self.asked += 1


@pytest.mark.parametrize("away", [True, False])
def test_what_is_not_seen_to_be_gone_is_not_told_as_gone(*, away: bool) -> None:
    arn = "arn:aws:sns:eu-central-1:111111111111:left"
    cloud = Stubborn(away=away)
    done = discard(cloud, drift(arn), (arn,), wait)
    assert done.removed == ()
    assert ("nobody answers" if away else "still there") in done.kept[0][1]
    assert cloud.asked == (0 if away else 1)


def told(box: Sandbox) -> list[tuple[str, str, str]]:
    """What is recorded of remediation: step, mode, result."""
    records = box.desk().recorder.records
    bodies = [one.record.body.model_dump() for one in records.of_environment(NAME)]
    return [
        (one["kind"].removeprefix("remediation-"), one["mode"], one["result"])
        for one in bodies[::-1]
        if one["kind"].startswith("remediation")
    ]


def test_a_profile_may_let_it_be_removed_and_a_human_always(sandbox: Sandbox) -> None:  # noqa: F811
    run = sandbox.run
    sandbox.apply()
    account = Account(run.endpoint, run.account)
    left = account.topic("left")
    assert run("drift", NAME, "--remove", left).code == 2
    assert run("drift", NAME, "--remove", left, "--because", "A trial is over").code == 0
    assert left not in account.topics()
    assert told(sandbox) == [("started", "assisted", ""), ("ended", "assisted", "done")]
    news = next(one for one in account.topics() if one.endswith("-news"))
    refused = run("drift", NAME, "--remove", news, "--because", "A trial is over")
    assert (refused.code, "not unmanaged" in refused.out) == (1, True)
    assert news in account.topics()

    files = edited(run.files, DEMO, "mode: assisted", "mode: automated")
    files = edited(files, DEMO, "  drift:\n", "  drift:\n    automated: {removals: 1}\n")
    run.repo.commit(dict(files))
    left = account.topic("left")
    (mend,) = sandbox.looks()
    assert (mend.removes, mend.applies) == ((left,), False)
    held = sandbox.ports
    ports = Warm(ProcessSettings(), held.kept, held.workers, held.engine)
    order = Order(run.repo.path, sandbox=True, plan=False, environment=NAME, job=Job.APPLY)
    came = carry_out(ports, replace(order, mend=mend.drift), NullTelemetry())
    assert (came.state, left in came.why) == ("done", True), came
    assert left not in account.topics()
    assert told(sandbox)[-2:] == [("started", "automated", ""), ("ended", "automated", "done")]
    assert sandbox.looks() == (), "it is in sync"
