"""Tables of DynamoDB."""

from typing import Any

from reconciler.adapters.sandbox.call import Call, changed, drop_none, retag, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import UNKNOWN, Values


def _throughput(values: Values) -> Values:
    return {
        "ReadCapacityUnits": values.get("read_capacity") or 1,
        "WriteCapacityUnits": values.get("write_capacity") or 1,
    }


def _keys(values: Values) -> list[Values]:
    keys = [{"AttributeName": values["hash_key"], "KeyType": "HASH"}]
    if values.get("range_key"):
        keys.append({"AttributeName": values["range_key"], "KeyType": "RANGE"})
    return keys


def _index(values: Values, *, provisioned: bool) -> Values:
    index: Values = {
        "IndexName": values["name"],
        "KeySchema": _keys(values),
        "Projection": drop_none(
            ProjectionType=values["projection_type"],
            NonKeyAttributes=values.get("non_key_attributes") or None,
        ),
    }
    if provisioned:
        index["ProvisionedThroughput"] = _throughput(values)
    return index


def _create(call: Call, values: Values) -> str:
    dynamodb, name = call.client("dynamodb"), values["name"]
    provisioned = values["billing_mode"] == "PROVISIONED"
    indexes = [_index(one, provisioned=provisioned) for one in values["global_secondary_index"]]
    locals_ = [
        _index({**one, "hash_key": values["hash_key"]}, provisioned=False)
        for one in values["local_secondary_index"]
    ]
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[
            {"AttributeName": one["name"], "AttributeType": one["type"]}
            for one in values["attribute"]
        ],
        KeySchema=_keys(values),
        BillingMode=values["billing_mode"],
        DeletionProtectionEnabled=bool(values["deletion_protection_enabled"]),
        Tags=tag_list(values["tags_all"]),
        **drop_none(
            ProvisionedThroughput=_throughput(values) if provisioned else None,
            GlobalSecondaryIndexes=indexes or None,
            LocalSecondaryIndexes=locals_ or None,
            SSESpecification=_encryption(values),
            StreamSpecification=_stream(values) if values.get("stream_enabled") else None,
        ),
    )
    call.made = name
    _settle(dynamodb, name, values, {})
    return str(name)


def _encryption(values: Values) -> Values | None:
    for block in values["server_side_encryption"]:
        key = block.get("kms_key_arn")
        if block["enabled"]:
            return drop_none(Enabled=True, SSEType="KMS", KMSMasterKeyId=key)
        return {"Enabled": False}
    return None


def _stream(values: Values) -> Values:
    if not values.get("stream_enabled"):
        return {"StreamEnabled": False}
    return {"StreamEnabled": True, "StreamViewType": values["stream_view_type"]}


def _settle(dynamodb: Any, name: str, values: Values, have: Values) -> None:
    if changed(have, values, "ttl"):
        ttl = [one for one in values["ttl"] if one.get("enabled")]
        old = [one for one in have.get("ttl") or [] if one.get("enabled")]
        for enabled, block in ((False, old), (True, ttl)):
            for one in block:
                specification = {"Enabled": enabled, "AttributeName": one["attribute_name"]}
                dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    if changed(have, values, "point_in_time_recovery"):
        enabled = any(one["enabled"] for one in values["point_in_time_recovery"])
        if enabled or have:
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled},
            )


def _read(call: Call, identity: str, _values: Values) -> Values | None:
    dynamodb = call.client("dynamodb")
    table = dynamodb.describe_table(TableName=identity)["Table"]
    tags = dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    keys = {one["KeyType"]: one["AttributeName"] for one in table["KeySchema"]}
    stream = table.get("StreamSpecification", {})
    throughput = table["ProvisionedThroughput"]
    return {
        **_settings(dynamodb, identity),
        "arn": table["TableArn"],
        "attribute": [
            {"name": one["AttributeName"], "type": one["AttributeType"]}
            for one in table["AttributeDefinitions"]
        ],
        "billing_mode": table.get("BillingModeSummary", {}).get("BillingMode") or "PROVISIONED",
        "deletion_protection_enabled": table.get("DeletionProtectionEnabled", False),
        "global_secondary_index": [
            _read_index(one) for one in table.get("GlobalSecondaryIndexes", [])
        ],
        "local_secondary_index": [
            {
                key: value
                for key, value in _read_index(one).items()
                if key in ("name", "range_key", "projection_type", "non_key_attributes")
            }
            for one in table.get("LocalSecondaryIndexes", [])
        ],
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "name": identity,
        "read_capacity": throughput["ReadCapacityUnits"],
        "write_capacity": throughput["WriteCapacityUnits"],
        "server_side_encryption": [
            {"enabled": True, "kms_key_arn": table["SSEDescription"].get("KMSMasterKeyArn")}
        ]
        if table.get("SSEDescription", {}).get("Status") == "ENABLED"
        else [],
        "stream_arn": table.get("LatestStreamArn", ""),
        "stream_enabled": stream.get("StreamEnabled", False),
        "stream_label": table.get("LatestStreamLabel", ""),
        "stream_view_type": stream.get("StreamViewType", ""),
        "tags_all": tag_map(tags),
    }


def _settings(dynamodb: Any, name: str) -> Values:
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]
    enabled = recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    return {
        "point_in_time_recovery": [
            {
                "enabled": enabled,
                "recovery_period_in_days": recovery.get("RecoveryPeriodInDays", 35)
                if enabled
                else 0,
            }
        ],
        "ttl": [
            {
                "attribute_name": ttl.get("AttributeName"),
                "enabled": ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"),
            }
        ],
    }


def _read_index(index: Values) -> Values:
    keys = {one["KeyType"]: one["AttributeName"] for one in index["KeySchema"]}
    throughput = index.get("ProvisionedThroughput", {})
    return {
        "name": index["IndexName"],
        "hash_key": keys["HASH"],
        "range_key": keys.get("RANGE"),
        "projection_type": index["Projection"]["ProjectionType"],
        "non_key_attributes": index["Projection"].get("NonKeyAttributes"),
        "read_capacity": throughput.get("ReadCapacityUnits", 0),
        "write_capacity": throughput.get("WriteCapacityUnits", 0),
        "warm_throughput": [],
    }


def _update(call: Call, prior: Values, planned: Values) -> None:
    dynamodb, name = call.client("dynamodb"), prior["id"]
    provisioned = planned["billing_mode"] == "PROVISIONED"
    if changed(prior, planned, "billing_mode", "read_capacity", "write_capacity"):
        dynamodb.update_table(
            TableName=name,
            BillingMode=planned["billing_mode"],
            **drop_none(ProvisionedThroughput=_throughput(planned) if provisioned else None),
        )
    if changed(prior, planned, "deletion_protection_enabled"):
        enabled = bool(planned["deletion_protection_enabled"])
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=enabled)
    if changed(prior, planned, "stream_enabled", "stream_view_type"):
        dynamodb.update_table(TableName=name, StreamSpecification=_stream(planned))
    if changed(prior, planned, "server_side_encryption"):
        wanted = _encryption(planned) or {"Enabled": False}
        dynamodb.update_table(TableName=name, SSESpecification=wanted)
    _settle(dynamodb, name, planned, prior)
    retag(
        prior,
        planned,
        lambda tags: _tag(dynamodb, prior["arn"], tags),
        lambda keys: dynamodb.untag_resource(ResourceArn=prior["arn"], TagKeys=keys),
    )


def _tag(dynamodb: Any, arn: str, tags: dict[str, str]) -> None:
    """moto keeps a tag beside the new one of its name, and does not show all at once."""
    dynamodb.untag_resource(ResourceArn=arn, TagKeys=sorted(tags))
    dynamodb.tag_resource(ResourceArn=arn, Tags=tag_list(tags))


def _delete(call: Call, values: Values) -> None:
    call.client("dynamodb").delete_table(TableName=values["id"])


def _customize(_call: Call, prior: Values | None, planned: Values) -> None:
    for name in ("stream_arn", "stream_label"):
        if prior and changed(prior, planned, "stream_enabled"):
            planned[name] = UNKNOWN


KINDS = {
    "aws_dynamodb_table": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset({"hash_key", "local_secondary_index", "name", "range_key"}),
        defaults={
            "billing_mode": "PROVISIONED",
            "deletion_protection_enabled": False,
            "table_class": "STANDARD",
            "ttl.enabled": False,
        },
        computed_blocks=frozenset({"point_in_time_recovery", "ttl", "warm_throughput"}),
        kept=frozenset({"on_demand_throughput", "replica", "table_class", "warm_throughput"}),
        customize=_customize,
    ),
}
