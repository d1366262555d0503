"""Health is asked of a cloud that answers: alarms, services and functions made with boto3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.adapters.aws import AwsSession
from reconciler.adapters.aws_health import AwsHealth
from reconciler.adapters.health import Checks
from reconciler.adapters.web_check import WebCheck, outside
from reconciler.errors import ReconcilerError, TransientError
from reconciler.model.blueprint import HealthCheck
from tests.sandbox.conftest import Aws

ACCOUNT, REGION = "777766665555", "eu-central-1"


def check(**of: Any) -> HealthCheck:
    return HealthCheck.model_validate({"check": of})


ALARMS = check(kind="alarms", prefix="alarm_prefix")
SERVICE = check(kind="service", cluster="c", services="s")
FUNCTION = check(kind="function", function="function_name")
URL = check(kind="http", url="service_url")


def asked(
    endpoint: str, *checks: HealthCheck, web: WebCheck | None = None, **outputs: Any
) -> list[str]:
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}
    session = AwsSession(variables, endpoint, {"x-moto-account-id": ACCOUNT})
    health = Checks(checks, AwsHealth(session.client), web)
    return [one.what for one in health.ask("shop", outputs)]


def alarm(aws: Aws, name: str, state: str) -> None:
    client = aws.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


@pytest.fixture
def aws(endpoint: str) -> Aws:
    return Aws(endpoint, ACCOUNT, REGION)


def test_alarms_of_the_environment_are_seen_and_no_others(endpoint: str, aws: Aws) -> None:
    alarm(aws, "shop/errors", "ALARM")
    alarm(aws, "shop/latency", "OK")
    alarm(aws, "shop-two/errors", "ALARM")
    assert asked(endpoint, ALARMS, alarm_prefix="shop/") == ["the alarm shop/errors is in ALARM"]
    assert asked(endpoint, ALARMS, alarm_prefix="nobody/") == []


def test_an_alarm_says_since_when(endpoint: str, aws: Aws) -> None:
    alarm(aws, "since/errors", "ALARM")
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}
    session = AwsSession(variables, endpoint, {"x-moto-account-id": ACCOUNT})
    ((_, since),) = AwsHealth(session.client).alarms("since/")
    assert since is not None
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=5)


def service(aws: Aws, cluster: str, name: str) -> None:
    client = aws.client("ecs")
    client.create_cluster(clusterName=cluster)
    container = {"name": "app", "image": "app", "memory": 128}
    client.register_task_definition(family="app", containerDefinitions=[container])
    client.create_service(cluster=cluster, serviceName=name, taskDefinition="app", desiredCount=3)


def test_a_service_of_the_sandbox_runs_what_it_is_to(endpoint: str, aws: Aws) -> None:
    service(aws, "well", "one")
    assert asked(endpoint, SERVICE, c="well", s="one") == []
    aws.client("ecs").update_service(cluster="well", service="one", desiredCount=5)
    assert asked(endpoint, SERVICE, c="well", s="one") == []


def test_a_service_that_is_gone_is_told(endpoint: str, aws: Aws) -> None:
    service(aws, "half", "one")
    assert asked(endpoint, SERVICE, c="half", s="one two") == ["the service two is not there"]


def test_a_function_that_is_gone_is_told(endpoint: str) -> None:
    found = asked(endpoint, FUNCTION, function_name="nobody")
    assert found == ["the function nobody is gone"]


def test_a_url_is_not_asked_from_within_the_sandbox(endpoint: str) -> None:
    assert asked(endpoint, URL, service_url="https://shop.example.com") == []


def test_a_url_that_leads_inside_stops_the_look(endpoint: str) -> None:
    with pytest.raises(ReconcilerError) as caught:
        asked(endpoint, URL, web=WebCheck(outside), service_url="https://10.0.0.1")
    assert caught.value.reason == "address-not-allowed"


@pytest.mark.parametrize("outputs", [{}, {"alarm_prefix": ""}, {"alarm_prefix": 7}])
def test_without_its_output_nobody_can_tell(endpoint: str, outputs: dict[str, Any]) -> None:
    with pytest.raises(ReconcilerError) as caught:
        asked(endpoint, ALARMS, **outputs)
    assert caught.value.reason == "no-output"


def test_a_cloud_that_is_away_says_nothing_of_health() -> None:
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": REGION}

    def client(service: str) -> Any:
        from botocore.config import Config  # as impatient as a test

        made = AwsSession(variables, "http://127.0.0.1:9")
        return made._session.client(
            service,
            endpoint_url="http://127.0.0.1:9",
            config=Config(connect_timeout=1, retries={"total_max_attempts": 1}),
        )

    with pytest.raises(TransientError) as caught:
        list(AwsHealth(client).alarms("shop/"))
    assert caught.value.reason == "health-unknown"
