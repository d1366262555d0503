"""Operations of AWS that moto does not have, added to moto in the cloud's own process.

Without them the sandbox could make a thing and not change or remove it. They hold what they get and
give it back, like moto itself: so boto3 sees it, and a change by boto3 is drift. moto's own code
decides everything else. `gaps_by_service` has the larger ones.
"""

import json
from typing import Any

from moto.apigatewayv2 import models as apigateway
from moto.apigatewayv2 import responses as apigateway_responses
from moto.apigatewayv2 import urls as apigateway_urls
from moto.awslambda import models as functions
from moto.budgets import models as budgets
from moto.budgets import responses as budgets_responses
from moto.iam import models as iam


def fill() -> None:
    """Add everything once, before the first request."""
    from reconciler.adapters.sandbox import gaps_by_service

    _managed_policies()
    _functions()
    _stages()
    _budgets()
    gaps_by_service.fill()


def _managed_policies() -> None:
    """AWS's own policies exist when someone attaches one: moto's copy of all takes too long."""
    attach = iam.IAMBackend.attach_role_policy

    def attach_role_policy(self: Any, policy_arn: str, role_name: str) -> None:
        head, _, path = policy_arn.partition(":iam::aws:policy")
        if path and policy_arn not in self.managed_policies:
            folder, _, name = path.rpartition("/")
            policy = iam.AWSManagedPolicy(
                name,
                account_id=self.account_id,
                region=self.region_name,
                path=f"{folder}/",
                document='{"Version":"2012-10-17","Statement":[]}',
            )
            policy.partition = head.partition(":")[2]
            self.managed_policies[policy_arn] = policy
        attach(self, policy_arn, role_name)

    iam.IAMBackend.attach_role_policy = attach_role_policy


def _functions() -> None:
    """Lambda: where a function logs to, and changes of its key and tracing."""
    initialise = functions.LambdaFunction.__init__
    show, change = (
        functions.LambdaFunction.get_configuration,
        functions.LambdaFunction.update_configuration,
    )

    def __init__(self: Any, account_id: str, spec: Any, region: str, version: Any = 1) -> None:  # noqa: N807
        initialise(self, account_id, spec, region, version)
        self.logging_config = spec.get("LoggingConfig")

    def get_configuration(self: Any, on_create: bool = False) -> Any:  # noqa: FBT001, FBT002
        shown = show(self, on_create)
        group = f"/aws/lambda/{self.function_name}"
        shown["LoggingConfig"] = {
            "LogFormat": "Text",
            "LogGroup": group,
            **(getattr(self, "logging_config", None) or {}),
        }
        return shown

    def update_configuration(self: Any, updates: Any) -> Any:
        self.logging_config = updates.get("LoggingConfig", self.logging_config)
        self.kms_key_arn = updates.get("KMSKeyArn", self.kms_key_arn)
        self.tracing_config = updates.get("TracingConfig", self.tracing_config)
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        return change(self, updates)

    functions.LambdaFunction.__init__ = __init__
    functions.LambdaFunction.get_configuration = get_configuration
    functions.LambdaFunction.update_configuration = update_configuration


def _stages() -> None:
    """API Gateway: a stage can be changed, and its tags are tags like others."""
    response = apigateway_responses.ApiGatewayV2Response

    def update_stage(self: Any) -> Any:
        _, _, api_id, _, name = self.path.rsplit("/", 4)
        from urllib.parse import unquote

        stage = self.apigatewayv2_backend.get_stage(api_id, unquote(name))
        given = json.loads(self.body)
        for key, attribute in _STAGE.items():
            if key in given:
                setattr(stage, attribute, given[key])
        return 200, {}, json.dumps(stage.to_json())

    make = apigateway.ApiGatewayV2Backend.create_stage
    show = apigateway.Stage.to_json

    def create_stage(self: Any, api_id: str, config: Any) -> Any:
        stage = make(self, api_id, config)
        partition = self.get_api(api_id).arn.split(":")[1]
        stage.arn = (
            f"arn:{partition}:apigateway:{self.region_name}::/apis/{api_id}/stages/{stage.name}"
        )
        stage.backend = self
        self.tag_resource(stage.arn, stage.tags)
        return stage

    def to_json(self: Any) -> Any:
        return {**show(self), "tags": self.backend.get_tags(self.arn)}

    response.update_stage = update_stage
    apigateway.ApiGatewayV2Backend.create_stage = create_stage
    apigateway.Stage.to_json = to_json
    apigateway_urls.url_paths["{0}/v2/tags/(?P<arn_1>[^/]+)/apis/(?P<arn_2>.+)$"] = (
        response.dispatch
    )


_STAGE = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "clientCertificateId": "client_certificate_id",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "routeSettings": "route_settings",
    "stageVariables": "stage_variables",
}


def _budgets() -> None:
    """Budgets: change, who is told, and tags."""
    response = budgets_responses.BudgetsResponse

    def budget_of(self: Any, name: str) -> Any:
        account = self._get_param("AccountId")
        self.backend.describe_budget(account_id=account, budget_name=name)
        return self.backend.budgets[account][name]

    def update_budget(self: Any) -> str:
        new = self._get_param("NewBudget")
        budget = budget_of(self, new["BudgetName"])
        # moto's own class fills in what AWS fills in.
        budget.budget = budgets.Budget({**budget.budget, **new}, []).budget
        return "{}"

    def describe_subscribers_for_notification(self: Any) -> str:
        budget = budget_of(self, self._get_param("BudgetName"))
        wanted = self._get_param("Notification")
        for one in budget.notifications:
            if {**one.details, "NotificationState": ""} == {**wanted, "NotificationState": ""}:
                return json.dumps({"Subscribers": one.subscribers})
        return json.dumps({"Subscribers": []})

    tags: dict[str, dict[str, str]] = {}

    def tag_resource(self: Any) -> str:
        given = {one["Key"]: one["Value"] for one in self._get_param("ResourceTags")}
        tags.setdefault(self._get_param("ResourceARN"), {}).update(given)
        return "{}"

    def untag_resource(self: Any) -> str:
        for key in self._get_param("ResourceTagKeys"):
            tags.get(self._get_param("ResourceARN"), {}).pop(key, None)
        return "{}"

    def list_tags_for_resource(self: Any) -> str:
        held = tags.get(self._get_param("ResourceARN"), {})
        return json.dumps(
            {"ResourceTags": [{"Key": key, "Value": value} for key, value in held.items()]}
        )

    for method in (
        update_budget,
        describe_subscribers_for_notification,
        tag_resource,
        untag_resource,
        list_tags_for_resource,
    ):
        setattr(response, method.__name__, method)
