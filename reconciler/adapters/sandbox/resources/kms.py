"""Keys of KMS and their aliases."""

from typing import Any

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values


def _create_key(call: Call, values: Values) -> str:
    kms = call.client("kms")
    made = kms.create_key(
        **drop_none(
            Description=values.get("description"),
            Policy=values.get("policy"),
            KeyUsage=values["key_usage"],
            KeySpec=values["customer_master_key_spec"],
            MultiRegion=values.get("multi_region"),
        ),
        Tags=tag_list(values["tags_all"], "TagKey", "TagValue"),
    )
    identity = call.made = made["KeyMetadata"]["KeyId"]
    _settle(kms, identity, values, {"is_enabled": True, "enable_key_rotation": False})
    return str(identity)


def _settle(kms: Any, identity: str, values: Values, have: Values) -> None:
    if changed(have, values, "enable_key_rotation", "rotation_period_in_days"):
        if values["enable_key_rotation"]:
            days = values.get("rotation_period_in_days") or 365
            kms.enable_key_rotation(KeyId=identity, RotationPeriodInDays=days)
        else:
            kms.disable_key_rotation(KeyId=identity)
    if changed(have, values, "is_enabled"):
        (kms.enable_key if values["is_enabled"] else kms.disable_key)(KeyId=identity)


def _read_key(call: Call, identity: str, _values: Values) -> Values | None:
    kms = call.client("kms")
    key = kms.describe_key(KeyId=identity)["KeyMetadata"]
    if key["KeyState"] == "PendingDeletion":
        return None
    rotation = kms.get_key_rotation_status(KeyId=identity)
    tags = kms.list_resource_tags(KeyId=identity).get("Tags", [])
    return {
        "arn": key["Arn"],
        "customer_master_key_spec": key["KeySpec"],
        "description": key["Description"],
        "enable_key_rotation": rotation["KeyRotationEnabled"],
        "is_enabled": key["Enabled"],
        "key_id": key["KeyId"],
        "key_usage": key["KeyUsage"],
        "multi_region": key.get("MultiRegion", False),
        "policy": kms.get_key_policy(KeyId=identity, PolicyName="default")["Policy"],
        "rotation_period_in_days": rotation.get("RotationPeriodInDays"),
        "tags_all": tag_map(tags, "TagKey", "TagValue"),
    }


def _update_key(call: Call, prior: Values, planned: Values) -> None:
    kms, identity = call.client("kms"), prior["id"]
    if changed(prior, planned, "description"):
        kms.update_key_description(KeyId=identity, Description=planned.get("description") or "")
    if changed(prior, planned, "policy"):
        kms.put_key_policy(KeyId=identity, PolicyName="default", Policy=planned["policy"])
    _settle(kms, identity, planned, prior)
    retag(
        prior,
        planned,
        lambda tags: kms.tag_resource(KeyId=identity, Tags=tag_list(tags, "TagKey", "TagValue")),
        lambda keys: kms.untag_resource(KeyId=identity, TagKeys=keys),
    )


def _delete_key(call: Call, values: Values) -> None:
    days = values.get("deletion_window_in_days") or 30
    call.client("kms").schedule_key_deletion(KeyId=values["id"], PendingWindowInDays=days)


def _create_alias(call: Call, values: Values) -> str:
    call.client("kms").create_alias(AliasName=values["name"], TargetKeyId=values["target_key_id"])
    return str(values["name"])


def _read_alias(call: Call, identity: str, values: Values) -> Values | None:
    pages = call.client("kms").get_paginator("list_aliases").paginate()
    for page in pages:
        for one in page["Aliases"]:
            if one["AliasName"] == identity:
                key = one.get("TargetKeyId", "")
                arn = call.arn("kms", f"key/{key}")
                before = values.get("target_key_id") or ""
                return {
                    "name": identity,
                    "arn": call.arn("kms", identity),
                    "target_key_arn": arn,
                    "target_key_id": arn if before.startswith("arn:") else key,
                }
    return None


def _update_alias(call: Call, prior: Values, planned: Values) -> None:
    target = planned["target_key_id"]
    call.client("kms").update_alias(AliasName=prior["id"], TargetKeyId=target)


def _delete_alias(call: Call, values: Values) -> None:
    call.client("kms").delete_alias(AliasName=values["id"])


KINDS = {
    "aws_kms_alias": Kind(
        _create_alias,
        _read_alias,
        _delete_alias,
        _update_alias,
        replace=frozenset({"name", "name_prefix"}),
    ),
    "aws_kms_key": Kind(
        _create_key,
        _read_key,
        _delete_key,
        _update_key,
        replace=frozenset(
            {
                "custom_key_store_id",
                "customer_master_key_spec",
                "key_usage",
                "multi_region",
                "xks_key_id",
            }
        ),
        defaults={
            "bypass_policy_lockout_safety_check": False,
            "customer_master_key_spec": "SYMMETRIC_DEFAULT",
            "enable_key_rotation": False,
            "is_enabled": True,
            "key_usage": "ENCRYPT_DECRYPT",
        },
        documents=frozenset({"policy"}),
        kept=frozenset({"bypass_policy_lockout_safety_check", "deletion_window_in_days"}),
    ),
}
