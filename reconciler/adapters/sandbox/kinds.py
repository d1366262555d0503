"""Which module handles which resource type; a module is imported when its first type is used."""

from functools import cache
from importlib import import_module
from typing import Final

from reconciler.adapters.sandbox.kind import Kind

MODULES: Final[dict[str, tuple[str, ...]]] = {
    "apigateway": (
        "aws_apigatewayv2_api",
        "aws_apigatewayv2_integration",
        "aws_apigatewayv2_route",
        "aws_apigatewayv2_stage",
    ),
    "autoscaling": ("aws_appautoscaling_policy", "aws_appautoscaling_target"),
    "backup": ("aws_backup_plan", "aws_backup_selection", "aws_backup_vault"),
    "budgets": ("aws_budgets_budget",),
    "cloudwatch": ("aws_cloudwatch_log_group", "aws_cloudwatch_metric_alarm"),
    "codedeploy": ("aws_codedeploy_app", "aws_codedeploy_deployment_group"),
    "dynamodb": ("aws_dynamodb_table",),
    "ecs": ("aws_ecs_cluster", "aws_ecs_service", "aws_ecs_task_definition"),
    "elb": ("aws_lb", "aws_lb_target_group"),
    "elb_listener": ("aws_lb_listener",),
    "gateways": ("aws_eip", "aws_internet_gateway", "aws_nat_gateway", "aws_vpc_endpoint"),
    "guard": ("aws_cloudtrail", "aws_guardduty_detector", "aws_wafv2_web_acl_association"),
    "iam": ("aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment"),
    "kms": ("aws_kms_alias", "aws_kms_key"),
    "lambda_": ("aws_lambda_function", "aws_lambda_permission"),
    "rds_cluster": (
        "aws_rds_cluster",
        "aws_rds_cluster_instance",
        "aws_rds_cluster_parameter_group",
    ),
    "rds": ("aws_db_instance", "aws_db_parameter_group", "aws_db_subnet_group"),
    "route53": ("aws_route53_record",),
    "s3": (
        "aws_s3_bucket",
        "aws_s3_bucket_logging",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning",
    ),
    "s3_lifecycle": ("aws_s3_bucket_lifecycle_configuration",),
    "security_groups": (
        "aws_security_group",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
    ),
    "sns": ("aws_sns_topic", "aws_sns_topic_policy", "aws_sns_topic_subscription"),
    "vpc": (
        "aws_flow_log",
        "aws_route",
        "aws_route_table",
        "aws_route_table_association",
        "aws_subnet",
        "aws_vpc",
    ),
}


@cache
def kind(name: str) -> Kind:
    """The handler of a resource type; KeyError for a type that the sandbox does not know."""
    for module, names in MODULES.items():
        if name in names:
            package = "reconciler.adapters.sandbox.resources"
            found: Kind = import_module(f"{package}.{module}").KINDS[name]
            return found
    raise KeyError(name)


def kept() -> dict[str, list[str]]:
    """Attributes by type that stay as they were configured: moto does not hold them.

    A change of one of these in the cloud is not seen as drift. This is the whole list, for people.
    """
    names = sorted(name for names in MODULES.values() for name in names)
    return {name: sorted(kind(name).kept) for name in names if kind(name).kept}
