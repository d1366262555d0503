"""Functions of Lambda, and who may call them."""

import json
from typing import Any

from reconciler.adapters.sandbox.call import Call, changed, drop_none, found, retag
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

_CODE = ("architectures", "filename", "image_uri", "s3_bucket", "s3_key", "source_code_hash")


def _code(values: Values) -> Values:
    if values.get("filename"):
        raise ValueError("the sandbox takes code from an image or a bucket, not from a file")
    return drop_none(
        ImageUri=values.get("image_uri"),
        S3Bucket=values.get("s3_bucket"),
        S3Key=values.get("s3_key"),
        S3ObjectVersion=values.get("s3_object_version"),
    )


def _settings(values: Values) -> Values:
    """What can be changed after a function is made, too."""
    environment = [one.get("variables") or {} for one in values["environment"]]
    vpc = [
        {"SubnetIds": one["subnet_ids"], "SecurityGroupIds": one["security_group_ids"]}
        for one in values["vpc_config"]
    ]
    return drop_none(
        Role=values["role"],
        Description=values.get("description") or "",
        Handler=values.get("handler"),
        Runtime=values.get("runtime"),
        MemorySize=values["memory_size"],
        Timeout=values["timeout"],
        KMSKeyArn=values.get("kms_key_arn") or "",
        Environment={"Variables": environment[0] if environment else {}},
        VpcConfig=vpc[0] if vpc else None,
        TracingConfig=next(({"Mode": one["mode"]} for one in values["tracing_config"]), None),
        EphemeralStorage=next(
            ({"Size": one["size"]} for one in values["ephemeral_storage"] if one["size"]), None
        ),
        LoggingConfig=next(
            (
                drop_none(
                    LogFormat=one["log_format"],
                    LogGroup=one.get("log_group"),
                    ApplicationLogLevel=one.get("application_log_level"),
                    SystemLogLevel=one.get("system_log_level"),
                )
                for one in values["logging_config"]
            ),
            None,
        ),
    )


def _create(call: Call, values: Values) -> str:
    client, name = call.client("lambda"), values["function_name"]
    client.create_function(
        FunctionName=name,
        Code=_code(values),
        PackageType=values["package_type"],
        Publish=bool(values["publish"]),
        Tags=values["tags_all"],
        **drop_none(Architectures=values.get("architectures")),
        **_settings(values),
    )
    call.made = name
    _reserve(client, name, values)
    return str(name)


def _reserve(client: Any, name: str, values: Values) -> None:
    if values["reserved_concurrent_executions"] >= 0:
        client.put_function_concurrency(
            FunctionName=name,
            ReservedConcurrentExecutions=values["reserved_concurrent_executions"],
        )


def _read(call: Call, identity: str, _values: Values) -> Values | None:
    client = call.client("lambda")
    answer = client.get_function(FunctionName=identity)
    have, arn = answer["Configuration"], answer["Configuration"]["FunctionArn"]
    reserved = client.get_function_concurrency(FunctionName=identity)
    logging = have["LoggingConfig"]
    vpc = have.get("VpcConfig") or {}
    variables = have.get("Environment", {}).get("Variables")
    version = have["Version"]
    return {
        "architectures": have["Architectures"],
        "arn": arn,
        "code_sha256": have.get("CodeSha256", ""),
        "description": have.get("Description"),
        "environment": [{"variables": variables}] if variables else [],
        "ephemeral_storage": [{"size": have["EphemeralStorage"]["Size"]}],
        "function_name": have["FunctionName"],
        "handler": have.get("Handler"),
        "image_uri": answer["Code"].get("ImageUri"),
        "invoke_arn": _invoke(call, arn),
        "kms_key_arn": have.get("KMSKeyArn"),
        "last_modified": have["LastModified"],
        "layers": [one["Arn"] for one in have.get("Layers", [])],
        "logging_config": [
            {
                "application_log_level": logging.get("ApplicationLogLevel"),
                "log_format": logging["LogFormat"],
                "log_group": logging["LogGroup"],
                "system_log_level": logging.get("SystemLogLevel"),
            }
        ],
        "memory_size": have["MemorySize"],
        "package_type": have["PackageType"],
        "qualified_arn": f"{arn}:{version}",
        "qualified_invoke_arn": _invoke(call, f"{arn}:{version}"),
        "reserved_concurrent_executions": reserved.get("ReservedConcurrentExecutions", -1),
        "role": have["Role"],
        "runtime": have.get("Runtime"),
        "signing_job_arn": have.get("SigningJobArn", ""),
        "signing_profile_version_arn": have.get("SigningProfileVersionArn", ""),
        "source_code_size": have.get("CodeSize", 0),
        "tags_all": client.list_tags(Resource=arn)["Tags"],
        "timeout": have["Timeout"],
        "tracing_config": [{"mode": have["TracingConfig"]["Mode"]}],
        "version": version,
        "vpc_config": [
            {
                "subnet_ids": vpc["SubnetIds"],
                "security_group_ids": vpc["SecurityGroupIds"],
                "vpc_id": vpc.get("VpcId"),
                "ipv6_allowed_for_dual_stack": False,
            }
        ]
        if vpc.get("SubnetIds")
        else [],
    }


def _invoke(call: Call, arn: str) -> str:
    path = f"path/2015-03-31/functions/{arn}/invocations"
    return f"arn:{call.partition}:apigateway:{call.region}:lambda:{path}"


def _update(call: Call, prior: Values, planned: Values) -> None:
    client, name = call.client("lambda"), prior["id"]
    if changed(prior, planned, *_CODE):
        client.update_function_code(
            FunctionName=name,
            **_code(planned),
            **drop_none(Architectures=planned.get("architectures")),
        )
    if any(
        _settings(prior)[key] != value if key in _settings(prior) else True
        for key, value in _settings(planned).items()
    ):
        client.update_function_configuration(FunctionName=name, **_settings(planned))
    if changed(prior, planned, "reserved_concurrent_executions"):
        if planned["reserved_concurrent_executions"] < 0:
            client.delete_function_concurrency(FunctionName=name)
        _reserve(client, name, planned)
    retag(
        prior,
        planned,
        lambda tags: client.tag_resource(Resource=prior["arn"], Tags=tags),
        lambda keys: client.untag_resource(Resource=prior["arn"], TagKeys=keys),
    )


def _delete(call: Call, values: Values) -> None:
    if not values.get("skip_destroy"):
        call.client("lambda").delete_function(FunctionName=values["id"])


def _permit(call: Call, values: Values) -> str:
    call.client("lambda").add_permission(
        **drop_none(
            FunctionName=values["function_name"],
            StatementId=values["statement_id"],
            Action=values["action"],
            Principal=values["principal"],
            SourceArn=values.get("source_arn"),
            SourceAccount=values.get("source_account"),
            PrincipalOrgID=values.get("principal_org_id"),
            Qualifier=values.get("qualifier"),
        )
    )
    return str(values["statement_id"])


def _read_permission(call: Call, identity: str, values: Values) -> Values | None:
    client = call.client("lambda")
    answer = found(lambda: client.get_policy(FunctionName=values["function_name"]))
    for one in json.loads(answer["Policy"])["Statement"] if answer else ():
        if one["Sid"] != identity:
            continue
        principal, condition = one["Principal"], one.get("Condition", {})
        if isinstance(principal, dict):
            principal = principal.get("Service") or principal.get("AWS")
        return {
            "action": one["Action"],
            "function_name": values["function_name"],
            "principal": principal,
            "source_account": condition.get("StringEquals", {}).get("AWS:SourceAccount"),
            "source_arn": condition.get("ArnLike", {}).get("AWS:SourceArn"),
            "statement_id": identity,
        }
    return None


def _forbid(call: Call, values: Values) -> None:
    call.client("lambda").remove_permission(
        FunctionName=values["function_name"], StatementId=values["id"]
    )


def _permission_seed(_call: Call, identity: str) -> Values:
    name, _, statement = identity.partition("/")
    return {"id": statement, "function_name": name}


KINDS = {
    "aws_lambda_function": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset({"function_name", "package_type"}),
        defaults={
            "memory_size": 128,
            "package_type": "Zip",
            "publish": False,
            "reserved_concurrent_executions": -1,
            "skip_destroy": False,
            "timeout": 3,
        },
        computed_blocks=frozenset({"ephemeral_storage", "logging_config", "tracing_config"}),
        renewed=frozenset({"last_modified", "code_sha256", "source_code_size"}),
        kept=frozenset(
            {
                "dead_letter_config",
                "durable_config",
                "file_system_config",
                "image_config",
                "publish",
                "s3_bucket",
                "s3_key",
                "skip_destroy",
                "snap_start",
                "source_code_hash",
            }
        ),
    ),
    "aws_lambda_permission": Kind(
        _permit,
        _read_permission,
        _forbid,
        replace_all=True,
        import_seed=_permission_seed,
        kept=frozenset({"event_source_token", "function_url_auth_type", "principal_org_id"}),
    ),
}
