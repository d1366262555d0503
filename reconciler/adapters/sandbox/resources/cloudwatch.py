"""Log groups and alarms of CloudWatch."""

from typing import Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

ALARM: Final = {
    "actions_enabled": "ActionsEnabled",
    "alarm_actions": "AlarmActions",
    "alarm_description": "AlarmDescription",
    "comparison_operator": "ComparisonOperator",
    "datapoints_to_alarm": "DatapointsToAlarm",
    "evaluate_low_sample_count_percentiles": "EvaluateLowSampleCountPercentile",
    "evaluation_periods": "EvaluationPeriods",
    "extended_statistic": "ExtendedStatistic",
    "insufficient_data_actions": "InsufficientDataActions",
    "metric_name": "MetricName",
    "namespace": "Namespace",
    "ok_actions": "OKActions",
    "period": "Period",
    "statistic": "Statistic",
    "threshold": "Threshold",
    "threshold_metric_id": "ThresholdMetricId",
    "treat_missing_data": "TreatMissingData",
    "unit": "Unit",
}


def _create_group(call: Call, values: Values) -> str:
    logs, name = call.client("logs"), values["name"]
    logs.create_log_group(
        **drop_none(logGroupName=name, kmsKeyId=values.get("kms_key_id")), tags=values["tags_all"]
    )
    call.made = name
    if values["retention_in_days"]:
        logs.put_retention_policy(logGroupName=name, retentionInDays=values["retention_in_days"])
    return str(name)


def _read_group(call: Call, identity: str, values: Values) -> Values | None:
    logs = call.client("logs")
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=identity):
        for group in page["logGroups"]:
            if group["logGroupName"] == identity:
                arn = group["arn"].removesuffix(":*")
                return {
                    "arn": arn,
                    "deletion_protection_enabled": values.get("deletion_protection_enabled")
                    or False,
                    "kms_key_id": group.get("kmsKeyId"),
                    "log_group_class": group.get("logGroupClass") or "STANDARD",
                    "name": identity,
                    "retention_in_days": group.get("retentionInDays", 0),
                    "tags_all": logs.list_tags_for_resource(resourceArn=arn)["tags"],
                }
    return None


def _update_group(call: Call, prior: Values, planned: Values) -> None:
    logs, name = call.client("logs"), prior["id"]
    if changed(prior, planned, "retention_in_days"):
        if days := planned["retention_in_days"]:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
        else:
            logs.delete_retention_policy(logGroupName=name)
    if changed(prior, planned, "kms_key_id"):
        if key := planned.get("kms_key_id"):
            logs.associate_kms_key(logGroupName=name, kmsKeyId=key)
        else:
            logs.disassociate_kms_key(logGroupName=name)
    retag(
        prior,
        planned,
        lambda tags: logs.tag_resource(resourceArn=prior["arn"], tags=tags),
        lambda keys: logs.untag_resource(resourceArn=prior["arn"], tagKeys=keys),
    )


def _delete_group(call: Call, values: Values) -> None:
    if not values.get("skip_destroy"):
        call.client("logs").delete_log_group(logGroupName=values["id"])


def _put_alarm(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in ALARM.items()}
    dimensions = values.get("dimensions") or {}
    call.client("cloudwatch").put_metric_alarm(
        AlarmName=values["alarm_name"],
        **{api: value for api, value in given.items() if value is not None},
        Dimensions=[{"Name": name, "Value": text} for name, text in sorted(dimensions.items())],
    )
    return str(values["alarm_name"])


def _create_alarm(call: Call, values: Values) -> str:
    name = call.made = _put_alarm(call, values)
    tags = tag_list(values["tags_all"])
    if tags:
        arn = call.arn("cloudwatch", f"alarm:{name}")
        call.client("cloudwatch").tag_resource(ResourceARN=arn, Tags=tags)
    return name


def _read_alarm(call: Call, identity: str, _values: Values) -> Values | None:
    cloudwatch = call.client("cloudwatch")
    for alarm in cloudwatch.describe_alarms(AlarmNames=[identity])["MetricAlarms"]:
        tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        return {
            **{name: alarm.get(api) for name, api in ALARM.items()},
            "alarm_name": identity,
            "arn": alarm["AlarmArn"],
            "dimensions": {one["Name"]: one["Value"] for one in alarm.get("Dimensions", [])},
            "tags_all": tag_map(tags),
        }
    return None


def _update_alarm(call: Call, prior: Values, planned: Values) -> None:
    cloudwatch, arn = call.client("cloudwatch"), prior["arn"]
    if any(name not in ("tags", "tags_all") for name in planned if changed(prior, planned, name)):
        _put_alarm(call, planned)
        # moto makes the alarm anew and forgets its tags; AWS does not.
        prior = {**prior, "tags_all": {}}
    retag(
        prior,
        planned,
        lambda tags: cloudwatch.tag_resource(ResourceARN=arn, Tags=tag_list(tags)),
        lambda keys: cloudwatch.untag_resource(ResourceARN=arn, TagKeys=keys),
    )


def _delete_alarm(call: Call, values: Values) -> None:
    call.client("cloudwatch").delete_alarms(AlarmNames=[values["id"]])


KINDS = {
    "aws_cloudwatch_log_group": Kind(
        _create_group,
        _read_group,
        _delete_group,
        _update_group,
        replace=frozenset({"log_group_class", "name", "name_prefix"}),
        defaults={"retention_in_days": 0, "skip_destroy": False},
        kept=frozenset({"deletion_protection_enabled", "skip_destroy"}),
    ),
    "aws_cloudwatch_metric_alarm": Kind(
        _create_alarm,
        _read_alarm,
        _delete_alarm,
        _update_alarm,
        replace=frozenset({"alarm_name"}),
        defaults={"actions_enabled": True, "treat_missing_data": "missing"},
        kept=frozenset({"metric_query"}),
    ),
}
