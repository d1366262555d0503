"""Clusters of Aurora and their instances."""

from typing import Final

from reconciler.adapters.sandbox.call import Call, changed, drop_none, tag_list, tag_map
from reconciler.adapters.sandbox.kind import Kind
from reconciler.adapters.sandbox.resources.rds import (
    exports,
    parameter_groups,
    retag_rds,
    secret,
    version,
)
from reconciler.adapters.sandbox.values import Values

CLUSTER: Final = {
    "availability_zones": "AvailabilityZones",
    "backup_retention_period": "BackupRetentionPeriod",
    "cluster_identifier": "DBClusterIdentifier",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "database_name": "DatabaseName",
    "deletion_protection": "DeletionProtection",
    "engine": "Engine",
    "engine_mode": "EngineMode",
    "kms_key_id": "KmsKeyId",
    "master_username": "MasterUsername",
    "network_type": "NetworkType",
    "port": "Port",
    "preferred_backup_window": "PreferredBackupWindow",
    "preferred_maintenance_window": "PreferredMaintenanceWindow",
    "storage_encrypted": "StorageEncrypted",
}
_CLUSTER_SENT: Final = {
    "db_cluster_parameter_group_name": "DBClusterParameterGroupName",
    "db_subnet_group_name": "DBSubnetGroupName",
    "engine_version": "EngineVersion",
    "iam_database_authentication_enabled": "EnableIAMDatabaseAuthentication",
    "manage_master_user_password": "ManageMasterUserPassword",
    "master_password": "MasterUserPassword",
    "master_user_secret_kms_key_id": "MasterUserSecretKmsKeyId",
    "vpc_security_group_ids": "VpcSecurityGroupIds",
}
_CLUSTER_FIRST: Final = frozenset(
    {
        "availability_zones",
        "cluster_identifier",
        "database_name",
        "db_subnet_group_name",
        "engine",
        "engine_mode",
        "kms_key_id",
        "master_username",
        "storage_encrypted",
    }
)
INSTANCE: Final = {
    "auto_minor_version_upgrade": "AutoMinorVersionUpgrade",
    "availability_zone": "AvailabilityZone",
    "ca_cert_identifier": "CACertificateIdentifier",
    "copy_tags_to_snapshot": "CopyTagsToSnapshot",
    "engine": "Engine",
    "monitoring_interval": "MonitoringInterval",
    "monitoring_role_arn": "MonitoringRoleArn",
    "performance_insights_kms_key_id": "PerformanceInsightsKMSKeyId",
    "performance_insights_retention_period": "PerformanceInsightsRetentionPeriod",
    "preferred_backup_window": "PreferredBackupWindow",
    "preferred_maintenance_window": "PreferredMaintenanceWindow",
    "promotion_tier": "PromotionTier",
    "publicly_accessible": "PubliclyAccessible",
}
_INSTANCE_SENT: Final = {
    "cluster_identifier": "DBClusterIdentifier",
    "db_subnet_group_name": "DBSubnetGroupName",
    "identifier": "DBInstanceIdentifier",
    "instance_class": "DBInstanceClass",
    "performance_insights_enabled": "EnablePerformanceInsights",
}


def _create(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in {**CLUSTER, **_CLUSTER_SENT}.items()}
    call.client("rds").create_db_cluster(
        **{api: value for api, value in given.items() if value not in (None, "", 0)},
        **drop_none(
            EnableCloudwatchLogsExports=values.get("enabled_cloudwatch_logs_exports") or None
        ),
        Tags=tag_list(values["tags_all"]),
    )
    return str(values["cluster_identifier"])


def _read(call: Call, identity: str, values: Values) -> Values | None:
    found = call.client("rds").describe_db_clusters(DBClusterIdentifier=identity)
    cluster = found["DBClusters"][0]
    held, actual = secret(cluster), cluster["EngineVersion"]
    seen: Values = {}
    if values.get("cluster_members") is None:
        # Instances that are resources of their own would show as a change of the cluster itself.
        seen["cluster_members"] = []
    return {
        **seen,
        **{name: cluster[api] for name, api in CLUSTER.items() if api in cluster},
        "allocated_storage": cluster.get("AllocatedStorage", 1),
        "arn": cluster["DBClusterArn"],
        "cluster_resource_id": cluster["DbClusterResourceId"],
        "db_cluster_parameter_group_name": cluster["DBClusterParameterGroup"],
        "db_subnet_group_name": cluster["DBSubnetGroup"],
        "enabled_cloudwatch_logs_exports": cluster.get("EnabledCloudwatchLogsExports", []),
        "endpoint": cluster["Endpoint"],
        "engine_version": version(values.get("engine_version"), actual),
        "engine_version_actual": actual,
        "hosted_zone_id": cluster["HostedZoneId"],
        "iam_database_authentication_enabled": cluster.get(
            "IAMDatabaseAuthenticationEnabled", False
        ),
        "iam_roles": [one["RoleArn"] for one in cluster.get("AssociatedRoles", [])],
        "manage_master_user_password": bool(held) or None,
        "master_user_secret": held,
        "master_user_secret_kms_key_id": held[0]["kms_key_id"] if held else "",
        "reader_endpoint": cluster.get("ReaderEndpoint", ""),
        "tags_all": tag_map(cluster.get("TagList", [])),
        "vpc_security_group_ids": [
            one["VpcSecurityGroupId"] for one in cluster.get("VpcSecurityGroups", [])
        ],
    }


def _update(call: Call, prior: Values, planned: Values) -> None:
    given = {
        api: planned[name]
        for name, api in {**CLUSTER, **_CLUSTER_SENT}.items()
        if changed(prior, planned, name)
        and name not in _CLUSTER_FIRST
        and planned.get(name) is not None
    }
    given.update(drop_none(CloudwatchLogsExportConfiguration=exports(prior, planned)))
    if given:
        call.client("rds").modify_db_cluster(
            DBClusterIdentifier=prior["id"],
            ApplyImmediately=bool(planned.get("apply_immediately")),
            **given,
        )
    retag_rds(call, prior, planned)


def _delete(call: Call, values: Values) -> None:
    skip = bool(values.get("skip_final_snapshot"))
    if not skip and not values.get("final_snapshot_identifier"):
        raise ValueError("final_snapshot_identifier is required when skip_final_snapshot is false")
    call.client("rds").delete_db_cluster(
        DBClusterIdentifier=values["id"],
        SkipFinalSnapshot=skip,
        **({} if skip else {"FinalDBSnapshotIdentifier": values["final_snapshot_identifier"]}),
    )


def _create_instance(call: Call, values: Values) -> str:
    given = {api: values.get(name) for name, api in {**INSTANCE, **_INSTANCE_SENT}.items()}
    call.client("rds").create_db_instance(
        **{api: value for api, value in given.items() if value not in (None, "")},
        Tags=tag_list(values["tags_all"]),
    )
    return str(values["identifier"])


def _read_instance(call: Call, identity: str, values: Values) -> Values | None:
    found = call.client("rds").describe_db_instances(DBInstanceIdentifier=identity)
    database = found["DBInstances"][0]
    endpoint, actual = database.get("Endpoint") or {}, database["EngineVersion"]
    groups = database.get("DBParameterGroups", [])
    seen: Values = {}
    if values.get("writer") is None:
        # Which instance writes is the cluster's own decision, at any time.
        cluster = call.client("rds").describe_db_clusters(
            DBClusterIdentifier=database["DBClusterIdentifier"]
        )["DBClusters"][0]
        seen["writer"] = any(
            one["DBInstanceIdentifier"] == identity and one["IsClusterWriter"]
            for one in cluster["DBClusterMembers"]
        )
    return {
        **seen,
        **{name: database[api] for name, api in INSTANCE.items() if api in database},
        "arn": database["DBInstanceArn"],
        "cluster_identifier": database["DBClusterIdentifier"],
        "db_parameter_group_name": groups[0]["DBParameterGroupName"] if groups else "",
        "db_subnet_group_name": database.get("DBSubnetGroup", {}).get("DBSubnetGroupName")
        or values.get("db_subnet_group_name"),
        "dbi_resource_id": database["DbiResourceId"],
        "endpoint": endpoint.get("Address", ""),
        "engine_version": version(values.get("engine_version"), actual),
        "engine_version_actual": actual,
        "identifier": identity,
        "instance_class": database["DBInstanceClass"],
        "kms_key_id": database.get("KmsKeyId", ""),
        "network_type": database.get("NetworkType", "IPV4"),
        "performance_insights_enabled": database.get("PerformanceInsightsEnabled", False),
        "port": endpoint.get("Port"),
        "storage_encrypted": database.get("StorageEncrypted", False),
        "tags_all": tag_map(database.get("TagList", [])),
    }


def _update_instance(call: Call, prior: Values, planned: Values) -> None:
    given = {
        api: planned[name]
        for name, api in {**INSTANCE, **_INSTANCE_SENT}.items()
        if changed(prior, planned, name) and planned.get(name) is not None
    }
    if given:
        call.client("rds").modify_db_instance(
            DBInstanceIdentifier=prior["id"],
            ApplyImmediately=bool(planned.get("apply_immediately")),
            **given,
        )
    retag_rds(call, prior, planned)


def _delete_instance(call: Call, values: Values) -> None:
    call.client("rds").delete_db_instance(DBInstanceIdentifier=values["id"], SkipFinalSnapshot=True)


KINDS = {
    "aws_rds_cluster": Kind(
        _create,
        _read,
        _delete,
        _update,
        replace=frozenset(
            {
                "availability_zones",
                "cluster_identifier",
                "cluster_identifier_prefix",
                "database_name",
                "db_subnet_group_name",
                "engine",
                "engine_mode",
                "kms_key_id",
                "master_username",
                "snapshot_identifier",
                "storage_encrypted",
            }
        ),
        defaults={
            "backup_retention_period": 1,
            "copy_tags_to_snapshot": False,
            "delete_automated_backups": True,
            "enable_global_write_forwarding": False,
            "enable_http_endpoint": False,
            "engine_mode": "provisioned",
            "skip_final_snapshot": False,
        },
        kept=frozenset(
            {
                "apply_immediately",
                "backtrack_window",
                "cluster_members",
                "database_insights_mode",
                "delete_automated_backups",
                "domain",
                "enable_global_write_forwarding",
                "enable_http_endpoint",
                "engine_lifecycle_support",
                "final_snapshot_identifier",
                "master_password",
                "monitoring_interval",
                "performance_insights_enabled",
                "scaling_configuration",
                "serverlessv2_scaling_configuration",
                "skip_final_snapshot",
            }
        ),
    ),
    "aws_rds_cluster_instance": Kind(
        _create_instance,
        _read_instance,
        _delete_instance,
        _update_instance,
        replace=frozenset(
            {
                "availability_zone",
                "cluster_identifier",
                "db_subnet_group_name",
                "engine",
                "identifier",
                "identifier_prefix",
            }
        ),
        defaults={
            "auto_minor_version_upgrade": True,
            "copy_tags_to_snapshot": False,
            "force_destroy": False,
            "monitoring_interval": 0,
            "promotion_tier": 0,
        },
        kept=frozenset({"apply_immediately", "force_destroy", "writer"}),
    ),
    "aws_rds_cluster_parameter_group": parameter_groups("cluster_"),
}
