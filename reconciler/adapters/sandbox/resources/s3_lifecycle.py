"""When objects of a bucket move or end."""

from typing import Any

from reconciler.adapters.sandbox.call import Call, drop_none
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values


def _one(blocks: Any) -> Values | None:
    return blocks[0] if blocks else None


def _rule(block: Values) -> Values:
    expiration = _one(block["expiration"])
    old = _one(block["noncurrent_version_expiration"])
    abort = _one(block["abort_incomplete_multipart_upload"])
    return drop_none(
        ID=block["id"],
        Status=block["status"],
        Filter=_filter(_one(block["filter"]) or {}),
        Expiration=expiration
        and drop_none(
            Date=expiration.get("date"),
            Days=expiration.get("days") or None,
            ExpiredObjectDeleteMarker=expiration.get("expired_object_delete_marker"),
        ),
        NoncurrentVersionExpiration=old
        and drop_none(
            NoncurrentDays=old["noncurrent_days"],
            NewerNoncurrentVersions=old.get("newer_noncurrent_versions"),
        ),
        AbortIncompleteMultipartUpload=abort
        and {"DaysAfterInitiation": abort["days_after_initiation"]},
        Transitions=[
            drop_none(Date=one.get("date"), Days=one.get("days"), StorageClass=one["storage_class"])
            for one in block["transition"]
        ]
        or None,
        NoncurrentVersionTransitions=[
            drop_none(
                NoncurrentDays=one["noncurrent_days"],
                NewerNoncurrentVersions=one.get("newer_noncurrent_versions"),
                StorageClass=one["storage_class"],
            )
            for one in block["noncurrent_version_transition"]
        ]
        or None,
    )


def _filter(block: Values) -> Values:
    if tag := _one(block.get("tag")):
        return {"Tag": {"Key": tag["key"], "Value": tag["value"]}}
    return {"Prefix": block.get("prefix") or ""}


def _read_rule(rule: Values) -> Values:
    where = rule.get("Filter") or {}
    tag, expiration = where.get("Tag"), rule.get("Expiration")
    old, abort = (
        rule.get("NoncurrentVersionExpiration"),
        rule.get("AbortIncompleteMultipartUpload"),
    )
    return {
        "id": rule["ID"],
        "prefix": rule.get("Prefix", ""),
        "status": rule["Status"],
        "filter": [
            {
                "prefix": where.get("Prefix", ""),
                "object_size_greater_than": where.get("ObjectSizeGreaterThan"),
                "object_size_less_than": where.get("ObjectSizeLessThan"),
                "tag": [{"key": tag["Key"], "value": tag["Value"]}] if tag else [],
                "and": [],
            }
        ],
        "expiration": [
            {
                "date": None,
                "days": expiration.get("Days"),
                "expired_object_delete_marker": expiration.get("ExpiredObjectDeleteMarker", False),
            }
        ]
        if expiration
        else [],
        "noncurrent_version_expiration": [
            {
                "noncurrent_days": old["NoncurrentDays"],
                "newer_noncurrent_versions": old.get("NewerNoncurrentVersions"),
            }
        ]
        if old
        else [],
        "abort_incomplete_multipart_upload": [
            {"days_after_initiation": abort["DaysAfterInitiation"]}
        ]
        if abort
        else [],
        "transition": [
            {"date": None, "days": one.get("Days"), "storage_class": one["StorageClass"]}
            for one in rule.get("Transitions", [])
        ],
        "noncurrent_version_transition": [
            {
                "noncurrent_days": one["NoncurrentDays"],
                "newer_noncurrent_versions": one.get("NewerNoncurrentVersions"),
                "storage_class": one["StorageClass"],
            }
            for one in rule.get("NoncurrentVersionTransitions", [])
        ],
    }


def _put(call: Call, values: Values) -> str:
    call.client("s3").put_bucket_lifecycle_configuration(
        Bucket=values["bucket"],
        LifecycleConfiguration={"Rules": [_rule(one) for one in values["rule"]]},
    )
    return str(values["bucket"])


def _read(call: Call, identity: str, _values: Values) -> Values | None:
    have = call.client("s3").get_bucket_lifecycle_configuration(Bucket=identity)
    return {
        "bucket": identity,
        "expected_bucket_owner": "",
        "rule": [_read_rule(one) for one in have["Rules"]],
        "transition_default_minimum_object_size": "all_storage_classes_128K",
    }


def _update(call: Call, _prior: Values, planned: Values) -> None:
    _put(call, planned)


def _delete(call: Call, values: Values) -> None:
    call.client("s3").delete_bucket_lifecycle(Bucket=values["id"])


KINDS = {
    "aws_s3_bucket_lifecycle_configuration": Kind(
        _put,
        _read,
        _delete,
        _update,
        replace=frozenset({"bucket", "expected_bucket_owner"}),
        defaults={
            "rule.expiration.days": 0,
            "transition_default_minimum_object_size": "all_storage_classes_128K",
        },
        kept=frozenset(
            {
                "expected_bucket_owner",
                "rule.filter.and",
                "rule.expiration.date",
                "transition_default_minimum_object_size",
            }
        ),
    ),
}
