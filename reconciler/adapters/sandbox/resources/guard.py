"""Who watches an account: CloudTrail, GuardDuty, and the web ACL before a load balancer."""

from typing import Any, Final

from botocore.exceptions import ClientError

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

TRAIL: Final = {
    "cloud_watch_logs_group_arn": "CloudWatchLogsLogGroupArn",
    "cloud_watch_logs_role_arn": "CloudWatchLogsRoleArn",
    "include_global_service_events": "IncludeGlobalServiceEvents",
    "is_multi_region_trail": "IsMultiRegionTrail",
    "is_organization_trail": "IsOrganizationTrail",
    "kms_key_id": "KmsKeyId",
    "s3_bucket_name": "S3BucketName",
    "s3_key_prefix": "S3KeyPrefix",
    "sns_topic_name": "SnsTopicName",
}


def _trail(values: Values) -> Values:
    return drop_none(
        **{api: values.get(name) for name, api in TRAIL.items()},
        EnableLogFileValidation=values["enable_log_file_validation"],
    )


def _create_trail(call: Call, values: Values) -> str:
    cloudtrail, name = call.client("cloudtrail"), values["name"]
    made = cloudtrail.create_trail(
        Name=name, TagsList=tag_list(values["tags_all"]), **_trail(values)
    )
    call.made = made["TrailARN"]
    if values["enable_logging"]:
        cloudtrail.start_logging(Name=name)
    return str(made["TrailARN"])


def _read_trail(call: Call, identity: str, _values: Values) -> Values | None:
    cloudtrail = call.client("cloudtrail")
    trail = cloudtrail.get_trail(Name=identity)["Trail"]
    tags = cloudtrail.list_tags(ResourceIdList=[identity])["ResourceTagList"]
    return {
        **{name: trail.get(api) for name, api in TRAIL.items()},
        "arn": identity,
        "enable_log_file_validation": trail.get("LogFileValidationEnabled", False),
        "enable_logging": cloudtrail.get_trail_status(Name=identity)["IsLogging"],
        "home_region": trail.get("HomeRegion", call.region),
        "name": trail["Name"],
        "sns_topic_arn": trail.get("SnsTopicARN", ""),
        "tags_all": tag_map(tags[0]["TagsList"] if tags else []),
    }


def _update_trail(call: Call, prior: Values, planned: Values) -> None:
    cloudtrail, arn = call.client("cloudtrail"), prior["id"]
    if changed(prior, planned, "enable_log_file_validation", *TRAIL):
        cloudtrail.update_trail(Name=prior["name"], **_trail(planned))
    if changed(prior, planned, "enable_logging"):
        act = cloudtrail.start_logging if planned["enable_logging"] else cloudtrail.stop_logging
        act(Name=prior["name"])
    retag(
        prior,
        planned,
        lambda tags: cloudtrail.add_tags(ResourceId=arn, TagsList=tag_list(tags)),
        lambda keys: cloudtrail.remove_tags(
            ResourceId=arn, TagsList=[{"Key": key} for key in keys]
        ),
    )


def _delete_trail(call: Call, values: Values) -> None:
    call.client("cloudtrail").delete_trail(Name=values["name"])


def _create_detector(call: Call, values: Values) -> str:
    made = call.client("guardduty").create_detector(
        Enable=values["enable"],
        Tags=values["tags_all"],
        **drop_none(FindingPublishingFrequency=values.get("finding_publishing_frequency")),
    )
    return str(made["DetectorId"])


def _read_detector(call: Call, identity: str, _values: Values) -> Values | None:
    guardduty = call.client("guardduty")
    try:
        detector = guardduty.get_detector(DetectorId=identity)
    except ClientError as error:
        # GuardDuty has no word for "not found" of its own.
        if error.response["Error"]["Code"] == "BadRequestException":
            return None
        raise
    return {
        "account_id": call.account,
        "arn": call.arn("guardduty", f"detector/{identity}"),
        "enable": detector["Status"] == "ENABLED",
        "finding_publishing_frequency": detector["FindingPublishingFrequency"],
        "tags_all": detector.get("Tags", {}),
    }


def _update_detector(call: Call, prior: Values, planned: Values) -> None:
    guardduty, identity = call.client("guardduty"), prior["id"]
    if changed(prior, planned, "enable", "finding_publishing_frequency"):
        guardduty.update_detector(
            DetectorId=identity,
            Enable=planned["enable"],
            FindingPublishingFrequency=planned["finding_publishing_frequency"],
        )
    arn: Any = prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: guardduty.tag_resource(ResourceArn=arn, Tags=tags),
        lambda keys: guardduty.untag_resource(ResourceArn=arn, TagKeys=keys),
    )


def _delete_detector(call: Call, values: Values) -> None:
    call.client("guardduty").delete_detector(DetectorId=values["id"])


def _associate(call: Call, values: Values) -> str:
    call.client("wafv2").associate_web_acl(
        WebACLArn=values["web_acl_arn"], ResourceArn=values["resource_arn"]
    )
    return f"{values['web_acl_arn']},{values['resource_arn']}"


def _read_association(call: Call, identity: str, _values: Values) -> Values | None:
    acl, _, resource = identity.partition(",")
    found = call.client("wafv2").get_web_acl_for_resource(ResourceArn=resource).get("WebACL")
    if not found or found["ARN"] != acl:
        return None
    return {"resource_arn": resource, "web_acl_arn": acl}


def _disassociate(call: Call, values: Values) -> None:
    call.client("wafv2").disassociate_web_acl(ResourceArn=values["resource_arn"])


KINDS = {
    "aws_cloudtrail": Kind(
        _create_trail,
        _read_trail,
        _delete_trail,
        _update_trail,
        replace=frozenset({"name"}),
        defaults={
            "enable_log_file_validation": False,
            "enable_logging": True,
            "include_global_service_events": True,
            "is_multi_region_trail": False,
            "is_organization_trail": False,
        },
        kept=frozenset({"advanced_event_selector", "event_selector", "insight_selector"}),
    ),
    "aws_guardduty_detector": Kind(
        _create_detector,
        _read_detector,
        _delete_detector,
        _update_detector,
        defaults={"enable": True},
        computed_blocks=frozenset({"datasources"}),
        kept=frozenset({"datasources"}),
    ),
    "aws_wafv2_web_acl_association": Kind(
        _associate, _read_association, _disassociate, replace_all=True
    ),
}
