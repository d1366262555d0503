"""Databases of RDS, their parameters and the subnets that they live in."""

from typing import Any, Final

from botocore.exceptions import ClientError

from reconciler.adapters.sandbox.call import (
    Call,
    changed,
    drop_none,
    is_gone,
    retag,
    tag_list,
    tag_map,
)
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.values import Values

INSTANCE: Final = {
    "allocated_storage": "AllocatedStorage",
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "availability_zone": "AvailabilityZone",
    "backup_retention_period": "BackupRetentionPeriod",
    "backup_window": "PreferredBackupWindow",
    "ca_cert_identifier": "CACertificateIdentifier",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "deletion_protection": "DeletionProtection",
    "engine": "Engine",
    "iops": "Iops",
    "kms_key_id": "KmsKeyId",
    "license_model": "LicenseModel",
    "maintenance_window": "PreferredMaintenanceWindow",
    "max_allocated_storage": "MaxAllocatedStorage",
    "monitoring_interval": "MonitoringInterval",
    "monitoring_role_arn": "MonitoringRoleArn",
    "multi_az": "MultiAZ",
    "network_type": "NetworkType",
    "performance_insights_kms_key_id": "PerformanceInsightsKMSKeyId",
    "performance_insights_retention_period": "PerformanceInsightsRetentionPeriod",
    "publicly_accessible": "PubliclyAccessible",
    "storage_encrypted": "StorageEncrypted",
    "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
    "timezone": "Timezone",
}
# Where the request to make it and the request to change it use another word than the answer.
_SENT: Final = {
    "db_name": "DBName",
    "db_subnet_group_name": "DBSubnetGroupName",
    "engine_version": "EngineVersion",
    "iam_database_authentication_enabled": "EnableIAMDatabaseAuthentication",
    "identifier": "DBInstanceIdentifier",
    "instance_class": "DBInstanceClass",
    "manage_master_user_password": "ManageMasterUserPassword",
    "master_user_secret_kms_key_id": "MasterUserSecretKmsKeyId",
    "option_group_name": "OptionGroupName",
    "parameter_group_name": "DBParameterGroupName",
    "password": "MasterUserPassword",
    "performance_insights_enabled": "EnablePerformanceInsights",
    "port": "Port",
    "username": "MasterUsername",
    "vpc_security_group_ids": "VpcSecurityGroupIds",
}
_ONLY_AT_FIRST: Final = frozenset(
    {
        "availability_zone",
        "db_name",
        "engine",
        "identifier",
        "kms_key_id",
        "port",
        "storage_encrypted",
        "timezone",
        "username",
    }
)


def retag_rds(call: Call, prior: Values, planned: Values) -> None:
    rds, arn = call.client("rds"), prior["arn"]
    retag(
        prior,
        planned,
        lambda tags: rds.add_tags_to_resource(ResourceName=arn, Tags=tag_list(tags)),
        lambda keys: rds.remove_tags_from_resource(ResourceName=arn, TagKeys=keys),
    )


def tags_of(call: Call, arn: str) -> dict[str, str]:
    return tag_map(call.client("rds").list_tags_for_resource(ResourceName=arn)["TagList"])


def version(before: str | None, actual: str) -> str:
    """The version as the source names it: "16" goes for every 16.x."""
    if before and (actual == before or actual.startswith(f"{before}.")):
        return before
    return actual


def secret(answer: Values) -> list[Values]:
    """The password's place in Secrets Manager."""
    held = answer.get("MasterUserSecret")
    if not held:
        return []
    return [
        {
            "kms_key_id": held.get("KmsKeyId", ""),
            "secret_arn": held.get("SecretArn", ""),
            "secret_status": held.get("SecretStatus", ""),
        }
    ]


def exports(prior: Values, planned: Values) -> Values | None:
    """The logs to export from now on, and no longer."""
    have = set(prior.get("enabled_cloudwatch_logs_exports") or ())
    want = set(planned.get("enabled_cloudwatch_logs_exports") or ())
    if have == want:
        return None
    return {"EnableLogTypes": sorted(want - have), "DisableLogTypes": sorted(have - want)}


def _create(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in {**INSTANCE, **_SENT}.items()}
    if values.get("max_allocated_storage") == 0:
        given["MaxAllocatedStorage"] = None
    call.client("rds").create_db_instance(
        **{api: value for api, value in given.items() if value not in (None, "")},
        **drop_none(
            EnableCloudwatchLogsExports=values.get("enabled_cloudwatch_logs_exports") or None
        ),
        Tags=tag_list(values["tags_all"]),
    )
    # The real provider takes the resource id (db-...), which no call to moto can look up.
    return str(values["identifier"])


def _read(call: Call, identity: str, values: Values) -> Values | None:
    found = call.client("rds").describe_db_instances(DBInstanceIdentifier=identity)
    database = found["DBInstances"][0]
    endpoint = database.get("Endpoint") or {}
    address, port = endpoint.get("Address", ""), endpoint.get("Port")
    groups = database.get("DBParameterGroups", [])
    actual = database["EngineVersion"]
    held = secret(database)
    return {
        **{name: database[api] for name, api in INSTANCE.items() if api in database},
        "address": address,
        "arn": database["DBInstanceArn"],
        "db_name": database.get("DBName"),
        "db_subnet_group_name": database.get("DBSubnetGroup", {}).get("DBSubnetGroupName", ""),
        "enabled_cloudwatch_logs_exports": database.get("EnabledCloudwatchLogsExports", []),
        "endpoint": f"{address}:{port}",
        "engine_version": version(values.get("engine_version"), actual),
        "engine_version_actual": actual,
        "hosted_zone_id": endpoint.get("HostedZoneId", ""),
        "iam_database_authentication_enabled": database.get(
            "IAMDatabaseAuthenticationEnabled", False
        ),
        "identifier": identity,
        "instance_class": database["DBInstanceClass"],
        # It moves on with the clock, which says nothing.
        "latest_restorable_time": values.get("latest_restorable_time") or "",
        "listener_endpoint": [],
        "manage_master_user_password": bool(held) or None,
        "master_user_secret": held,
        "master_user_secret_kms_key_id": held[0]["kms_key_id"] if held else "",
        "option_group_name": next(
            (one["OptionGroupName"] for one in database.get("OptionGroupMemberships", [])), ""
        ),
        "parameter_group_name": groups[0]["DBParameterGroupName"] if groups else "",
        "performance_insights_enabled": database.get("PerformanceInsightsEnabled", False),
        "port": port,
        "replicas": database.get("ReadReplicaDBInstanceIdentifiers", []),
        "resource_id": database["DbiResourceId"],
        "status": database["DBInstanceStatus"],
        "tags_all": tag_map(database.get("TagList", [])),
        "username": database.get("MasterUsername"),
        "vpc_security_group_ids": [
            one["VpcSecurityGroupId"] for one in database.get("VpcSecurityGroups", [])
        ],
    }


def _update(call: Call, prior: Values, planned: Values) -> None:
    names = {**INSTANCE, **_SENT}
    given = {
        api: planned[name]
        for name, api in names.items()
        if changed(prior, planned, name)
        and name not in _ONLY_AT_FIRST
        and planned.get(name) is not None
    }
    given.update(drop_none(CloudwatchLogsExportConfiguration=exports(prior, planned)))
    if given:
        call.client("rds").modify_db_instance(
            DBInstanceIdentifier=prior["identifier"],
            ApplyImmediately=bool(planned.get("apply_immediately")),
            **given,
        )
    retag_rds(call, prior, planned)


def _delete(call: Call, values: Values) -> None:
    skip = bool(values.get("skip_final_snapshot"))
    if not skip and not values.get("final_snapshot_identifier"):
        raise ValueError("final_snapshot_identifier is required when skip_final_snapshot is false")
    call.client("rds").delete_db_instance(
        DBInstanceIdentifier=values["identifier"],
        SkipFinalSnapshot=skip,
        **({} if skip else {"FinalDBSnapshotIdentifier": values["final_snapshot_identifier"]}),
    )


def _create_subnets(call: Call, values: Values) -> str:
    call.client("rds").create_db_subnet_group(
        DBSubnetGroupName=values["name"],
        DBSubnetGroupDescription=values["description"],
        SubnetIds=values["subnet_ids"],
        Tags=tag_list(values["tags_all"]),
    )
    return str(values["name"])


def _read_subnets(call: Call, identity: str, _values: Values) -> Values | None:
    found = call.client("rds").describe_db_subnet_groups(DBSubnetGroupName=identity)
    group = found["DBSubnetGroups"][0]
    return {
        "arn": group["DBSubnetGroupArn"],
        "description": group["DBSubnetGroupDescription"],
        "name": group["DBSubnetGroupName"],
        "subnet_ids": [one["SubnetIdentifier"] for one in group["Subnets"]],
        "supported_network_types": ["IPV4"],
        "tags_all": tags_of(call, group["DBSubnetGroupArn"]),
        "vpc_id": group["VpcId"],
    }


def _update_subnets(call: Call, prior: Values, planned: Values) -> None:
    if changed(prior, planned, "description", "subnet_ids"):
        call.client("rds").modify_db_subnet_group(
            DBSubnetGroupName=prior["id"],
            DBSubnetGroupDescription=planned["description"],
            SubnetIds=planned["subnet_ids"],
        )
    retag_rds(call, prior, planned)


def _delete_subnets(call: Call, values: Values) -> None:
    call.client("rds").delete_db_subnet_group(DBSubnetGroupName=values["id"])


def parameter_groups(cluster: str) -> Kind:
    """The kind of group for instances (cluster = "") or for clusters (cluster = "cluster_")."""
    word = cluster.replace("cluster_", "Cluster")
    group_name = f"DB{word}ParameterGroupName"

    def act(call: Call, verb: str, plural: str = "", **given: Any) -> Values:
        method = getattr(call.client("rds"), f"{verb}_db_{cluster}parameter_group{plural}")
        answer: Values = method(**given)
        return answer

    def create(call: Call, values: Values) -> str:
        act(
            call,
            "create",
            DBParameterGroupFamily=values["family"],
            Description=values["description"],
            Tags=tag_list(values["tags_all"]),
            **{group_name: values["name"]},
        )
        call.made = values["name"]
        put(call, values["name"], values["parameter"])
        return str(values["name"])

    def put(call: Call, name: str, blocks: list[Values]) -> None:
        if blocks:
            parameters = [
                {
                    "ParameterName": one["name"],
                    "ParameterValue": one["value"],
                    "ApplyMethod": one["apply_method"],
                }
                for one in blocks
            ]
            act(call, "modify", Parameters=parameters, **{group_name: name})

    def read(call: Call, identity: str, values: Values) -> Values | None:
        groups = act(call, "describe", "s", **{group_name: identity})[f"DB{word}ParameterGroups"]
        if not groups:
            return None
        group = groups[0]
        arn = group[f"DB{word}ParameterGroupArn"]
        describe = getattr(call.client("rds"), f"describe_db_{cluster}parameters")
        set_now = describe(**{group_name: identity})["Parameters"]
        known = {one["name"]: one for one in values.get("parameter") or ()}
        return {
            "arn": arn,
            "description": group["Description"],
            "family": group["DBParameterGroupFamily"],
            "name": identity,
            "parameter": [
                {
                    "name": one["ParameterName"],
                    "value": str(one.get("ParameterValue", "")),
                    "apply_method": one.get("ApplyMethod")
                    or known.get(one["ParameterName"], {}).get("apply_method", "immediate"),
                }
                for one in set_now
            ],
            "tags_all": tags_of(call, arn),
        }

    def update(call: Call, prior: Values, planned: Values) -> None:
        if changed(prior, planned, "parameter"):
            put(call, prior["id"], planned["parameter"])
        retag_rds(call, prior, planned)

    def delete(call: Call, values: Values) -> None:
        try:
            act(call, "delete", **{group_name: values["id"]})
        except ClientError as error:
            if not is_gone(error):
                raise

    return Kind(
        create,
        read,
        delete,
        update,
        replace=frozenset({"description", "family", "name", "name_prefix"}),
        defaults={"description": "Managed by Terraform", "parameter.apply_method": "immediate"},
        kept=frozenset({"skip_destroy"}) if not cluster else frozenset(),
    )


KINDS = {
    "aws_db_instance": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset(
            {
                "availability_zone",
                "character_set_name",
                "custom_iam_instance_profile",
                "db_name",
                "engine",
                "kms_key_id",
                "storage_encrypted",
                "timezone",
                "username",
            }
        ),
        defaults={
            "auto_minor_version_upgrade": True,
            "copy_tags_to_snapshot": False,
            "dedicated_log_volume": False,
            "delete_automated_backups": True,
            "monitoring_interval": 0,
            "performance_insights_enabled": False,
            "publicly_accessible": False,
            "skip_final_snapshot": False,
        },
        computed_blocks=frozenset({"restore_to_point_in_time"}),
        kept=frozenset(
            {
                "allow_major_version_upgrade",
                "apply_immediately",
                "backup_target",
                "blue_green_update",
                "database_insights_mode",
                "delete_automated_backups",
                "domain",
                "engine_lifecycle_support",
                "final_snapshot_identifier",
                "latest_restorable_time",
                "password",
                "skip_final_snapshot",
            }
        ),
    ),
    "aws_db_parameter_group": parameter_groups(""),
    "aws_db_subnet_group": Kind(
        _create_subnets,
        _read_subnets,
        _delete_subnets,
        _update_subnets,
        replace=frozenset({"name", "name_prefix"}),
        defaults={"description": "Managed by Terraform"},
    ),
}
