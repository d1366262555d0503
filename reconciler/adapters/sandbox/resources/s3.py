"""Buckets of S3, and what the real provider keeps in resources of their own about them."""

from collections.abc import Callable
from typing import Any, Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, found, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

ACCESS: Final = {
    "block_public_acls": "BlockPublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "ignore_public_acls": "IgnorePublicAcls",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
_ZONES: Final = {"eu-central-1": "Z21DNDUVLTQW6Q", "us-east-1": "Z3AQBSTGFYJSTF"}


def _create_bucket(call: Call, values: Values) -> str:
    s3, name = call.client("s3"), values["bucket"]
    where = {"CreateBucketConfiguration": {"LocationConstraint": call.region}}
    s3.create_bucket(
        Bucket=name,
        ObjectLockEnabledForBucket=bool(values.get("object_lock_enabled")),
        **({} if call.region == "us-east-1" else where),
    )
    call.made = name
    _tag_bucket(s3, name, values["tags_all"])
    return str(name)


def _tag_bucket(s3: Any, name: str, tags: dict[str, str]) -> None:
    if tags:
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tag_list(tags)})
    else:
        s3.delete_bucket_tagging(Bucket=name)


def _read_bucket(call: Call, identity: str, _values: Values) -> Values | None:
    s3 = call.client("s3")
    s3.head_bucket(Bucket=identity)
    tags = found(lambda: s3.get_bucket_tagging(Bucket=identity)) or {"TagSet": []}
    return {
        "arn": f"arn:{call.partition}:s3:::{identity}",
        "bucket": identity,
        "bucket_domain_name": f"{identity}.s3.amazonaws.com",
        "bucket_region": call.region,
        "bucket_regional_domain_name": f"{identity}.s3.{call.region}.amazonaws.com",
        "hosted_zone_id": _ZONES.get(call.region, "Z21DNDUVLTQW6Q"),
        "tags_all": tag_map(tags["TagSet"]),
    }


def _update_bucket(call: Call, prior: Values, planned: Values) -> None:
    if changed(prior, planned, "tags_all"):
        _tag_bucket(call.client("s3"), prior["id"], planned["tags_all"])


def _delete_bucket(call: Call, values: Values) -> None:
    s3, name = call.client("s3"), values["id"]
    if values.get("force_destroy"):
        versions = s3.list_object_versions(Bucket=name)
        for one in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())):
            s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=name)


def _part(
    put: Callable[[Any, str, Values], object],
    get: Callable[[Any, str], Values | None],
    delete: str | Callable[[Any, str], object],
    replace: tuple[str, ...] = ("bucket",),
    **more: Any,
) -> Kind:
    """A setting of a bucket that the provider sees as a resource; its id is the bucket's name."""

    def create(call: Call, values: Values) -> str:
        put(call.client("s3"), values["bucket"], values)
        return str(values["bucket"])

    def read(call: Call, identity: str, _values: Values) -> Values | None:
        seen = get(call.client("s3"), identity)
        return None if seen is None else {"bucket": identity, **seen}

    def update(call: Call, prior: Values, planned: Values) -> None:
        put(call.client("s3"), prior["id"], planned)

    def remove(call: Call, values: Values) -> None:
        s3 = call.client("s3")
        if isinstance(delete, str):
            getattr(s3, delete)(Bucket=values["id"])
        else:
            delete(s3, values["id"])

    return Kind(create, read, remove, update, replace=frozenset(replace), **more)


def _put_access(s3: Any, bucket: str, values: Values) -> None:
    s3.put_public_access_block(
        Bucket=bucket,
        PublicAccessBlockConfiguration={api: bool(values[name]) for name, api in ACCESS.items()},
    )


def _get_access(s3: Any, bucket: str) -> Values:
    have = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    return {name: have.get(api, False) for name, api in ACCESS.items()}


def _put_ownership(s3: Any, bucket: str, values: Values) -> None:
    rules = [{"ObjectOwnership": one["object_ownership"]} for one in values["rule"]]
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})


def _get_ownership(s3: Any, bucket: str) -> Values:
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    return {"rule": [{"object_ownership": one["ObjectOwnership"]} for one in rules]}


def _put_versioning(s3: Any, bucket: str, values: Values) -> None:
    (wanted,) = values["versioning_configuration"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": wanted["status"]})


def _get_versioning(s3: Any, bucket: str) -> Values | None:
    have = s3.get_bucket_versioning(Bucket=bucket)
    if not have.get("Status"):
        return None
    seen = {"status": have["Status"], "mfa_delete": have.get("MFADelete", "")}
    return {"versioning_configuration": [seen]}


def _end_versioning(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def _put_encryption(s3: Any, bucket: str, values: Values) -> None:
    rules = [
        {
            "BucketKeyEnabled": bool(one.get("bucket_key_enabled")),
            "ApplyServerSideEncryptionByDefault": drop_none(
                SSEAlgorithm=std["sse_algorithm"], KMSMasterKeyID=std.get("kms_master_key_id")
            ),
        }
        for one in values["rule"]
        for std in one["apply_server_side_encryption_by_default"]
    ]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})


def _get_encryption(s3: Any, bucket: str) -> Values:
    have = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    return {
        "rule": [
            {
                "bucket_key_enabled": one.get("BucketKeyEnabled", False),
                "apply_server_side_encryption_by_default": [
                    {
                        "sse_algorithm": std["SSEAlgorithm"],
                        "kms_master_key_id": std.get("KMSMasterKeyID"),
                    }
                    for std in [one["ApplyServerSideEncryptionByDefault"]]
                ],
            }
            for one in have["Rules"]
        ]
    }


def _put_logging(s3: Any, bucket: str, values: Values) -> None:
    target = {"TargetBucket": values["target_bucket"], "TargetPrefix": values["target_prefix"]}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": target})


def _get_logging(s3: Any, bucket: str) -> Values | None:
    have = s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled")
    if not have:
        return None
    return {"target_bucket": have["TargetBucket"], "target_prefix": have.get("TargetPrefix", "")}


def _end_logging(s3: Any, bucket: str) -> None:
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})


def _put_policy(s3: Any, bucket: str, values: Values) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=values["policy"])


def _get_policy(s3: Any, bucket: str) -> Values:
    return {"policy": s3.get_bucket_policy(Bucket=bucket)["Policy"]}


_WITH_OWNER = ("bucket", "expected_bucket_owner")

# What the provider once had inside of the bucket and now has beside it; the parts below read it.
_ONCE_INSIDE = frozenset(
    {
        "cors_rule",
        "grant",
        "lifecycle_rule",
        "logging",
        "object_lock_configuration",
        "replication_configuration",
        "server_side_encryption_configuration",
        "versioning",
        "website",
    }
)

KINDS = {
    "aws_s3_bucket": Kind(
        _create_bucket,
        _read_bucket,
        _delete_bucket,
        _update_bucket,
        replace=frozenset({"bucket", "bucket_prefix", "object_lock_enabled"}),
        defaults={"force_destroy": False},
        computed_blocks=_ONCE_INSIDE,
        kept=_ONCE_INSIDE
        | {"acceleration_status", "acl", "force_destroy", "policy", "request_payer"},
    ),
    "aws_s3_bucket_logging": _part(
        _put_logging,
        _get_logging,
        _end_logging,
        _WITH_OWNER,
        kept=frozenset({"target_grant", "target_object_key_format"}),
    ),
    "aws_s3_bucket_ownership_controls": _part(
        _put_ownership, _get_ownership, "delete_bucket_ownership_controls"
    ),
    "aws_s3_bucket_policy": _part(
        _put_policy, _get_policy, "delete_bucket_policy", documents=frozenset({"policy"})
    ),
    "aws_s3_bucket_public_access_block": _part(
        _put_access,
        _get_access,
        "delete_public_access_block",
        defaults=dict.fromkeys(ACCESS, False),
    ),
    "aws_s3_bucket_server_side_encryption_configuration": _part(
        _put_encryption, _get_encryption, "delete_bucket_encryption", _WITH_OWNER
    ),
    "aws_s3_bucket_versioning": _part(
        _put_versioning, _get_versioning, _end_versioning, _WITH_OWNER
    ),
}
