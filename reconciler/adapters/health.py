"""Looks whether an environment does what it is for, by the checks of its blueprint."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.adapters.aws_health import AwsHealth, Wrong
from reconciler.adapters.web_check import NoAnswer, WebCheck
from reconciler.errors import ReconcilerError
from reconciler.model.blueprint import (
    AlarmsCheck,
    FunctionCheck,
    HealthCheck,
    HttpCheck,
    ServiceCheck,
)
from reconciler.model.health import Complaint


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one environment. `web`: None asks no URL, since nothing runs in a sandbox."""

    checks: Sequence[HealthCheck]
    aws: AwsHealth
    web: WebCheck | None

    def ask(self, environment: str, outputs: Mapping[str, Any]) -> Sequence[Complaint]:
        """Everything that is wrong with it."""

        def output(name: str) -> str:
            return _output(environment, outputs, name)

        return [
            Complaint(what, one.patience, since)
            for one in self.checks
            for what, since in self._ask(one, output)
        ]

    def _ask(self, one: HealthCheck, output: Callable[[str], str]) -> Iterator[Wrong]:
        match one.check:
            case AlarmsCheck(prefix=prefix):
                yield from self.aws.alarms(output(prefix))
            case ServiceCheck(cluster=cluster, services=services):
                yield from self.aws.services(output(cluster), output(services).split())
            case FunctionCheck(function=function):
                yield from self.aws.function(output(function))
            case HttpCheck() as check:
                yield from self._web(check, output(check.url))

    def _web(self, check: HttpCheck, url: str) -> Iterator[Wrong]:
        if self.web is None:
            return
        try:
            status = self.web.status(url, check.path)
        except NoAnswer as err:
            yield f"{url}{check.path} does not answer: {err}", None
            return
        if status not in check.status:
            yield f"{url}{check.path} answers {status}", None


def _output(environment: str, outputs: Mapping[str, Any], name: str) -> str:
    found = outputs.get(name)
    if not isinstance(found, str) or not found.strip():
        raise ReconcilerError(
            "no-output",
            f"nobody can tell whether {environment} is well: its output `{name}` is no text",
            hint="the blueprint's `health` names outputs that its Terraform has to give",
            subject=environment,
        )
    return found
