"""What AWS says of an environment's health: alarms, ECS services, Lambda functions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from reconciler.adapters.aws import NO_ANSWER
from reconciler.errors import TransientError

Wrong = tuple[str, datetime | None]
"""What is wrong, and since when, where the cloud tells."""
_AT_ONCE: Final = 10
"""As many services as ECS describes in one answer."""


class AwsHealth:
    """Asks one account in one region. `client`: makes a client of a service."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def alarms(self, prefix: str) -> Iterator[Wrong]:
        """Alarms in ALARM whose names begin so."""
        with _answering("alarms", "cloudwatch:DescribeAlarms"):
            pages = self._client("cloudwatch").get_paginator("describe_alarms")
            asked = {"AlarmNamePrefix": prefix, "StateValue": "ALARM"}
            # Without this only alarms of one metric are told.
            kinds = ["MetricAlarm", "CompositeAlarm"]
            found = [
                one
                for page in pages.paginate(**asked, AlarmTypes=kinds)
                for kind in ("MetricAlarms", "CompositeAlarms")
                for one in page.get(kind, ())
                if one["StateValue"] == "ALARM"
            ]
        for one in sorted(found, key=lambda one: str(one["AlarmName"])):
            since = one.get("StateTransitionedTimestamp") or one.get("StateUpdatedTimestamp")
            known = since if isinstance(since, datetime) else None
            yield f"the alarm {one['AlarmName']} is in ALARM", known

    def services(self, cluster: str, names: Sequence[str]) -> Iterator[Wrong]:
        """Services that do not run as many tasks as they are to."""
        with _answering("ECS services", "ecs:DescribeServices"):
            client = self._client("ecs")
            found: dict[str, Any] = {}
            for first in range(0, len(names), _AT_ONCE):
                asked = list(names[first : first + _AT_ONCE])
                answer = client.describe_services(cluster=cluster, services=asked)
                found |= {str(one["serviceName"]): one for one in answer["services"]}
        for name in names:
            yield from ((why, None) for why in _service(name, found.get(name)))

    def function(self, name: str) -> Iterator[Wrong]:
        """A function that cannot be called, or whose last change did not come through."""
        with _answering("functions", "lambda:GetFunctionConfiguration"):
            try:
                found = self._client("lambda").get_function_configuration(FunctionName=name)
            except ClientError as err:
                if err.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                    raise
                found = {"State": "gone"}
        # One that nobody called for weeks is put to sleep, and wakes when it is called.
        if found.get("State", "Active") not in ("Active", "Inactive"):
            yield f"the function {name} is {found['State']}", None
        elif found.get("LastUpdateStatus", "Successful") != "Successful":
            yield f"the last change of the function {name} is {found['LastUpdateStatus']}", None


def _service(name: str, found: Any) -> Iterator[str]:
    if found is None or found["status"] != "ACTIVE":
        yield f"the service {name} is not there"
        return
    runs, wanted = int(found["runningCount"]), int(found["desiredCount"])
    if runs != wanted:
        yield f"the service {name} runs {runs} of {wanted} tasks"
    for one in found.get("deployments", ()):
        if one.get("rolloutState") == "FAILED":
            yield f"a deployment of the service {name} failed"
        elif one.get("rolloutState") == "IN_PROGRESS" and runs == wanted:
            yield f"a deployment of the service {name} goes on"


@contextmanager
def _answering(what: str, action: str) -> Iterator[None]:
    try:
        yield
    except (*NO_ANSWER, ClientError, KeyError, ValueError) as err:
        raise TransientError(
            "health-unknown",
            f"the cloud does not say how the {what} are: {type(err).__name__}",
            hint=f"may the role for planning use {action}?"
            if isinstance(err, ClientError)
            else "is there a network, and does it reach the account's region?",
        ) from err
