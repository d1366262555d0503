"""Services of which moto has the beginning only: CodeDeploy cannot delete, Backup cannot select.

Also here: attributes that moto drops, and what a source only names. A hosted zone or a web ACL
belongs to someone else; in the sandbox it is there as soon as it is first named.
"""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from moto.applicationautoscaling import responses as autoscaling
from moto.backup import models as backup
from moto.backup import responses as backup_responses
from moto.cloudwatch import models as cloudwatch
from moto.codedeploy import responses as codedeploy
from moto.core.responses import ActionResult
from moto.dynamodb import models as dynamodb
from moto.ec2.models import nat_gateways, security_groups
from moto.ecs import models as ecs
from moto.ecs import responses as ecs_responses
from moto.elb.exceptions import CertificateNotFoundException as CertificateNotFound
from moto.elbv2 import models as elbv2
from moto.guardduty import responses as guardduty
from moto.guardduty import urls as guardduty_urls
from moto.rds import models as rds
from moto.route53 import models as route53
from moto.s3 import models as s3
from moto.wafv2 import models as waf


def fill() -> None:
    """Add everything once, before the first request."""
    _autoscaling()
    _backup()
    _codedeploy()
    _detectors()
    _services()
    _databases()
    _named_only()
    _rules()
    _tags()


def _add(target: Any, *methods: Any) -> None:
    for method in methods:
        setattr(target, method.__name__, method)


def _autoscaling() -> None:
    """Application Auto Scaling: tags of targets."""
    tags: dict[str, dict[str, str]] = {}

    def tag_resource(self: Any) -> str:
        given = json.loads(self.body)
        tags.setdefault(given["ResourceARN"], {}).update(given["Tags"])
        return "{}"

    def untag_resource(self: Any) -> str:
        given = json.loads(self.body)
        for key in given["TagKeys"]:
            tags.get(given["ResourceARN"], {}).pop(key, None)
        return "{}"

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"Tags": tags.get(json.loads(self.body)["ResourceARN"], {})})

    response = autoscaling.ApplicationAutoScalingResponse
    _add(response, tag_resource, untag_resource, list_tags_for_resource)


def _backup() -> None:
    """AWS Backup: a plan can be changed, and says what it backs up. A deleted plan is gone."""

    def selections(self: Any) -> dict[str, Any]:
        plan_id = self.path.partition("/plans/")[2].partition("/")[0]
        plan = self.backup_backend.get_backup_plan(plan_id, None)
        held: dict[str, Any] = plan.__dict__.setdefault("selections", {})
        return held

    def create_backup_selection(self: Any) -> str:
        held = selections(self)
        plan_id = self.path.partition("/plans/")[2].partition("/")[0]
        identity = f"{backup.mock_random.uuid4()}"
        held[identity] = json.loads(self.body)["BackupSelection"]
        return json.dumps({"SelectionId": identity, "BackupPlanId": plan_id})

    def get_backup_selection(self: Any) -> str:
        identity = self.path.rstrip("/").rpartition("/")[2]
        held = selections(self)
        if identity not in held:
            raise backup.ResourceNotFoundException(msg="Cannot find the selection")
        return json.dumps({"SelectionId": identity, "BackupSelection": held[identity]})

    def delete_backup_selection(self: Any) -> str:
        selections(self).pop(self.path.rstrip("/").rpartition("/")[2], None)
        return "{}"

    def update_backup_plan(self: Any) -> str:
        plan_id = self.path.rstrip("/").rpartition("/")[2]
        plan = self.backup_backend.get_backup_plan(plan_id, None)
        # moto's own class fills in what AWS fills in.
        new = backup.Plan(json.loads(self.body)["BackupPlan"], "", self.backup_backend)
        plan.backup_plan, plan.version_id = new.backup_plan, new.version_id
        return json.dumps(dict(plan.to_dict()))

    delete = backup.BackupBackend.delete_backup_plan

    def delete_backup_plan(self: Any, backup_plan_id: str) -> Any:
        answer = delete(self, backup_plan_id)
        del self.plans[backup_plan_id]
        return answer

    _add(
        backup_responses.BackupResponse,
        create_backup_selection,
        get_backup_selection,
        delete_backup_selection,
        update_backup_plan,
    )
    _add(backup.BackupBackend, delete_backup_plan)


def _codedeploy() -> None:
    """CodeDeploy: changing, deleting, and the alarms that stop a deployment."""
    show = codedeploy._deployment_group_info  # noqa: SLF001

    def show_group(group: Any) -> dict[str, Any]:
        alarms = group.alarm_configuration or {}
        return {
            **show(group),
            "alarmConfiguration": alarms,
            "deploymentConfigName": str(group.deployment_config_name),
        }

    def group_of(self: Any, name: str) -> tuple[dict[str, Any], Any]:
        application = self._get_param("applicationName")
        group = self.codedeploy_backend.get_deployment_group(
            application_name=application, deployment_group_name=name
        )
        return self.codedeploy_backend.deployment_groups[application], group

    def update_deployment_group(self: Any) -> ActionResult:
        _, group = group_of(self, self._get_param("currentDeploymentGroupName"))
        for api, attribute in _GROUP.items():
            if (value := self._get_param(api)) is not None:
                setattr(group, attribute, value)
        return ActionResult({"hooksNotCleanedUp": []})

    def delete_deployment_group(self: Any) -> ActionResult:
        name = self._get_param("deploymentGroupName")
        groups, _ = group_of(self, name)
        del groups[name]
        return ActionResult({"hooksNotCleanedUp": []})

    def delete_application(self: Any) -> ActionResult:
        name = self._get_param("applicationName")
        self.codedeploy_backend.deployment_groups.pop(name, None)
        self.codedeploy_backend.applications.pop(name, None)
        return ActionResult({})

    codedeploy._deployment_group_info = show_group  # noqa: SLF001
    _add(
        codedeploy.CodeDeployResponse,
        update_deployment_group,
        delete_deployment_group,
        delete_application,
    )


_GROUP = {
    "alarmConfiguration": "alarm_configuration",
    "autoRollbackConfiguration": "auto_rollback_configuration",
    "blueGreenDeploymentConfiguration": "blue_green_deployment_configuration",
    "deploymentConfigName": "deployment_config_name",
    "deploymentStyle": "deployment_style",
    "ecsServices": "ecs_services",
    "loadBalancerInfo": "load_balancer_info",
    "outdatedInstancesStrategy": "outdated_instances_strategy",
    "serviceRoleArn": "service_role_arn",
}


def _detectors() -> None:
    """GuardDuty: tags of detectors."""

    def detector(self: Any) -> Any:
        arn = unquote(self.path.partition("/tags/")[2])
        return self.guardduty_backend.get_detector(arn.rpartition("/")[2])

    def list_tags_for_resource(self: Any) -> str:
        return json.dumps({"tags": detector(self).tags})

    def tag_resource(self: Any) -> str:
        detector(self).tags.update(json.loads(self.body)["tags"])
        return "{}"

    def untag_resource(self: Any) -> str:
        for key in self.querystring.get("tagKeys", []):
            detector(self).tags.pop(key, None)
        return "{}"

    response = guardduty.GuardDutyResponse
    _add(response, list_tags_for_resource, tag_resource, untag_resource)
    guardduty_urls.url_paths["{0}/tags/(?P<arn>.+)$"] = response.dispatch


def _services() -> None:
    """ECS: what moto drops of a service; and its tasks, of which none would ever run."""
    create = ecs_responses.EC2ContainerServiceResponse.create_service
    names = {
        "availabilityZoneRebalancing": "availability_zone_rebalancing",
        "deploymentConfiguration": "deployment_configuration",
        "enableECSManagedTags": "enable_ecs_managed_tags",
        "enableExecuteCommand": "enable_execute_command",
        "healthCheckGracePeriodSeconds": "health_check_grace_period_seconds",
    }

    def keep(self: Any, service: Any) -> None:
        for api, attribute in names.items():
            if (value := self._get_param(api)) is not None:
                service.__dict__[attribute] = value
        service.running_count, service.pending_count = service.desired_count, 0
        for one in service.deployments:
            one["runningCount"], one["pendingCount"] = one["desiredCount"], 0
            one["rolloutState"] = "COMPLETED"

    def create_service(self: Any) -> Any:
        answer = create(self)
        service = answer.result["service"]
        keep(self, service)
        service.availability_zone_rebalancing = getattr(
            service, "availability_zone_rebalancing", "ENABLED"
        )
        return answer

    update = ecs_responses.EC2ContainerServiceResponse.update_service

    def update_service(self: Any) -> Any:
        answer = update(self)
        keep(self, answer.result["service"])
        return answer

    _add(ecs_responses.EC2ContainerServiceResponse, create_service, update_service)
    ecs.Service.enable_ecs_managed_tags = False
    ecs.Service.enable_execute_command = False


def _databases() -> None:
    """RDS: what moto drops of instances: Performance Insights."""
    initialise = rds.DBInstance.__init__
    extra = ("performance_insights_kms_key_id", "performance_insights_retention_period")

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        initialise(self, *args, **kwargs)
        self.performance_insights_enabled = bool(kwargs.get("enable_performance_insights"))
        if self.performance_insights_enabled:
            for name in extra:
                setattr(self, name, kwargs.get(name) or (7 if name.endswith("period") else None))
        self.dbi_resource_id = f"db-{self.db_instance_identifier.upper()}"

    change = rds.DBInstance.update

    def update(self: Any, **kwargs: Any) -> None:
        if (enabled := kwargs.pop("enable_performance_insights", None)) is not None:
            self.performance_insights_enabled = enabled
        change(self, **kwargs)

    _add(rds.DBInstance, __init__, update)


def _named_only() -> None:
    """A hosted zone, a certificate, a web ACL that no one made are there when first named."""
    get_zone = route53.Route53Backend.get_hosted_zone

    def get_hosted_zone(self: Any, id_: str) -> Any:
        plain = id_.replace("/hostedzone/", "")
        if plain not in self.zones:
            self.zones[plain] = route53.FakeZone(".", plain, False, "sandbox")  # noqa: FBT003
        return get_zone(self, id_)

    associate = waf.WAFV2Backend.associate_web_acl

    def associate_web_acl(self: Any, web_acl_arn: str, resource_arn: str) -> None:
        if web_acl_arn not in self.wacls:
            *_, name, identity = web_acl_arn.split("/")
            seen = {"MetricName": name, "CloudWatchMetricsEnabled": False}
            self.wacls[web_acl_arn] = waf.FakeWebACL(
                name, self.account_id, web_acl_arn, identity, seen, {"Allow": {}}, None, []
            )
        associate(self, web_acl_arn, resource_arn)

    register = elbv2.register_certificate

    def register_certificate(*args: Any, **kwargs: Any) -> None:
        with suppress(CertificateNotFound):
            register(*args, **kwargs)

    def _certificate_exists(_self: Any, certificate_arn: str) -> bool:
        return certificate_arn.startswith("arn:")

    elbv2.register_certificate = register_certificate
    _add(elbv2.ELBv2Backend, _certificate_exists)
    _add(route53.Route53Backend, get_hosted_zone)
    _add(waf.WAFV2Backend, associate_web_acl)


def _rules() -> None:
    """What moto forgets of security group rules, and what it asks for too early."""
    initialise = security_groups.SecurityGroupRule.__init__

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
        initialise(self, *args, **kwargs)
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, dict)]
        said = [one["Description"] for one in given if isinstance(one.get("Description"), str)]
        self.first_description = said[0] if said else None

    def description(self: Any) -> Any:
        return self.ip_range.get("Description", self.first_description)

    _add(security_groups.SecurityGroupRule, __init__)
    security_groups.SecurityGroupRule.description = property(description)

    def _log_permissions_enabled_policy(*_: Any, **__: Any) -> bool:
        # AWS takes the setting, and delivers logs once the target's policy lets it.
        return True

    s3.FakeBucket._log_permissions_enabled_policy = (  # noqa: SLF001
        _log_permissions_enabled_policy
    )


def _tags() -> None:
    """Tags: one value for each key of a table, and none of what is deleted and still shown."""
    untag, tag = dynamodb.DynamoDBBackend.untag_resource, dynamodb.DynamoDBBackend.tag_resource

    def tag_resource(self: Any, arn: str, tags: dict[str, str]) -> None:
        untag(self, arn, list(tags))
        tag(self, arn, tags)

    every = ecs.EC2ContainerServiceBackend.iter_tagged_resources

    def iter_tagged_resources(self: Any) -> Any:
        things = [*self.services.values(), *self.clusters.values()]
        things.extend(one for each in self.task_definitions.values() for one in each.values())
        gone = {one.arn for one in things if one.status == "INACTIVE"}
        return (one for one in every(self) if one.arn not in gone)

    delete = nat_gateways.NatGatewayBackend.delete_nat_gateway

    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        answer = delete(self, nat_gateway_id)
        self.tags.pop(nat_gateway_id, None)
        return answer

    end = cloudwatch.CloudWatchBackend.delete_alarms

    def delete_alarms(self: Any, alarm_names: list[str]) -> None:
        for name in alarm_names:
            if name in self.alarms:
                self.tagger.delete_all_tags_for_resource(self.alarms[name].alarm_arn)
        end(self, alarm_names)

    _add(cloudwatch.CloudWatchBackend, delete_alarms)
    _add(nat_gateways.NatGatewayBackend, delete_nat_gateway)
    _add(dynamodb.DynamoDBBackend, tag_resource)
    _add(ecs.EC2ContainerServiceBackend, iter_tagged_resources)
