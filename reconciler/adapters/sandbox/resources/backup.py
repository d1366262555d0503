"""Vaults and plans of AWS Backup, and what a plan backs up."""

from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

RULE: Final = {
    "completion_window": "CompletionWindowMinutes",
    "enable_continuous_backup": "EnableContinuousBackup",
    "recovery_point_tags": "RecoveryPointTags",
    "rule_name": "RuleName",
    "schedule": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "start_window": "StartWindowMinutes",
    "target_vault_name": "TargetBackupVaultName",
}
LIFECYCLE: Final = {
    "cold_storage_after": "MoveToColdStorageAfterDays",
    "delete_after": "DeleteAfterDays",
    "opt_in_to_archive_for_supported_resources": "OptInToArchiveForSupportedResources",
}


def _retag(call: Call, prior: Values, planned: Values) -> None:
    backup, arn = call.client("backup"), prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: backup.tag_resource(ResourceArn=arn, Tags=tags),
        lambda keys: backup.untag_resource(ResourceArn=arn, TagKeyList=keys),
    )


def _tags(call: Call, arn: str) -> Any:
    return call.client("backup").list_tags(ResourceArn=arn).get("Tags", {})


def _create_vault(call: Call, values: Values) -> str:
    call.client("backup").create_backup_vault(
        BackupVaultName=values["name"],
        BackupVaultTags=values["tags_all"],
        **drop_none(EncryptionKeyArn=values.get("kms_key_arn")),
    )
    return str(values["name"])


def _read_vault(call: Call, identity: str, _values: Values) -> Values | None:
    vault = call.client("backup").describe_backup_vault(BackupVaultName=identity)
    return {
        "arn": vault["BackupVaultArn"],
        "kms_key_arn": vault.get("EncryptionKeyArn"),
        "name": identity,
        "recovery_points": vault.get("NumberOfRecoveryPoints", 0),
        "tags_all": _tags(call, vault["BackupVaultArn"]),
    }


def _delete_vault(call: Call, values: Values) -> None:
    call.client("backup").delete_backup_vault(BackupVaultName=values["id"])


def _plan(values: Values) -> Values:
    rules = []
    for block in values["rule"]:
        rule = drop_none(**{api: block.get(name) or None for name, api in RULE.items()})
        for one in block["lifecycle"]:
            given = {api: one.get(name) or None for name, api in LIFECYCLE.items()}
            rule["Lifecycle"] = drop_none(**given)
        rules.append(rule)
    return {"BackupPlanName": values["name"], "Rules": rules}


def _create_plan(call: Call, values: Values) -> str:
    made = call.client("backup").create_backup_plan(
        BackupPlan=_plan(values), BackupPlanTags=values["tags_all"]
    )
    return str(made["BackupPlanId"])


def _read_plan(call: Call, identity: str, _values: Values) -> Values | None:
    answer = call.client("backup").get_backup_plan(BackupPlanId=identity)
    plan, arn = answer["BackupPlan"], answer["BackupPlanArn"]
    return {
        "arn": arn,
        "name": plan["BackupPlanName"],
        "rule": [_read_rule(one) for one in plan["Rules"]],
        "tags_all": _tags(call, arn),
        "version": answer["VersionId"],
    }


def _read_rule(rule: Values) -> Values:
    life = rule.get("Lifecycle")
    return {
        **{name: rule.get(api) for name, api in RULE.items()},
        "enable_continuous_backup": rule.get("EnableContinuousBackup", False),
        "copy_action": [],
        "scan_action": [],
        "lifecycle": [
            {
                "cold_storage_after": life.get("MoveToColdStorageAfterDays", 0),
                "delete_after": life.get("DeleteAfterDays", 0),
                "opt_in_to_archive_for_supported_resources": life.get(
                    "OptInToArchiveForSupportedResources", False
                ),
            }
        ]
        if life
        else [],
    }


def _update_plan(call: Call, prior: Values, planned: Values) -> None:
    if changed(prior, planned, "rule"):
        call.client("backup").update_backup_plan(
            BackupPlanId=prior["id"], BackupPlan=_plan(planned)
        )
    _retag(call, prior, planned)


def _delete_plan(call: Call, values: Values) -> None:
    call.client("backup").delete_backup_plan(BackupPlanId=values["id"])


def _create_selection(call: Call, values: Values) -> str:
    tags = [
        {
            "ConditionType": one["type"],
            "ConditionKey": one["key"],
            "ConditionValue": one["value"],
        }
        for one in values["selection_tag"]
    ]
    made = call.client("backup").create_backup_selection(
        BackupPlanId=values["plan_id"],
        BackupSelection=drop_none(
            SelectionName=values["name"],
            IamRoleArn=values["iam_role_arn"],
            Resources=values.get("resources"),
            NotResources=values.get("not_resources"),
            ListOfTags=tags or None,
        ),
    )
    return str(made["SelectionId"])


def _read_selection(call: Call, identity: str, values: Values) -> Values | None:
    answer = call.client("backup").get_backup_selection(
        BackupPlanId=values["plan_id"], SelectionId=identity
    )
    selection = answer["BackupSelection"]
    return {
        "iam_role_arn": selection["IamRoleArn"],
        "name": selection["SelectionName"],
        "not_resources": selection.get("NotResources", []),
        "plan_id": values["plan_id"],
        "resources": selection.get("Resources", []),
        "selection_tag": [
            {
                "type": one["ConditionType"],
                "key": one["ConditionKey"],
                "value": one["ConditionValue"],
            }
            for one in selection.get("ListOfTags", [])
        ],
    }


def _delete_selection(call: Call, values: Values) -> None:
    call.client("backup").delete_backup_selection(
        BackupPlanId=values["plan_id"], SelectionId=values["id"]
    )


def _seed(_call: Call, identity: str) -> Values:
    plan, _, selection = identity.partition("|")
    return {"id": selection, "plan_id": plan}


KINDS = {
    "aws_backup_plan": Kind(
        _create_plan,
        _read_plan,
        _delete_plan,
        _update_plan,
        replace=frozenset({"name"}),
        defaults={
            "rule.completion_window": 180,
            "rule.schedule_expression_timezone": "Etc/UTC",
            "rule.start_window": 60,
        },
        renewed=frozenset({"version"}),
        kept=frozenset({"advanced_backup_setting", "rule.copy_action", "rule.scan_action"}),
    ),
    "aws_backup_selection": Kind(
        _create_selection,
        _read_selection,
        _delete_selection,
        replace_all=True,
        import_seed=_seed,
        kept=frozenset({"condition"}),
    ),
    "aws_backup_vault": Kind(
        _create_vault,
        _read_vault,
        _delete_vault,
        _retag,
        replace=frozenset({"kms_key_arn", "name"}),
        defaults={"force_destroy": False},
        kept=frozenset({"force_destroy"}),
    ),
}
