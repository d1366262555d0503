# METADATA
# title: Data is encrypted at rest
# description: >-
#   Databases, volumes, file systems, caches and queues that are not encrypted give their
#   data to whoever gets hold of a snapshot, a disk or a backup. For most of them encryption
#   cannot be switched on later without making them anew.
# related_resources:
#   - ref: https://docs.aws.amazon.com/prescriptive-guidance/latest/encryption-best-practices/welcome.html
# custom:
#   id: SEC004
#   severity: high
#   category: security
#   fix: >-
#     Switch the attribute on that the message names.
#   unknown: >-
#     A switch whose value is not known is left alone; one that is absent counts as off, as
#     AWS takes it.
package reconciler.rules.security.encryption_at_rest

import data.reconciler.lib
import data.reconciler.lib.terraform as tf

# Where absent means not encrypted.
switches := {
	"aws_db_instance": "storage_encrypted",
	"aws_rds_cluster": "storage_encrypted",
	"aws_docdb_cluster": "storage_encrypted",
	"aws_neptune_cluster": "storage_encrypted",
	"aws_ebs_volume": "encrypted",
	"aws_efs_file_system": "encrypted",
	"aws_redshift_cluster": "encrypted",
	"aws_elasticache_replication_group": "at_rest_encryption_enabled",
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some kind, switch in switches
	some resource in tf.resources(kind)
	not restored(resource)
	lib.off(resource.values, switch)
	message := sprintf("`%s` is not `true`", [switch])
}

# A copy, a replica and a serverless cluster take it from where they come from.
restored(resource) if {
	some field in ["replicate_source_db", "snapshot_identifier", "global_cluster_identifier"]
	lib.given(resource.values, field)
}

violations contains lib.violation({"message": "messages are not encrypted", "at": resource}) if {
	some resource in tf.resources("aws_sqs_queue")
	resource.values.sqs_managed_sse_enabled == false
	not lib.given(resource.values, "kms_master_key_id")
}

violations contains lib.violation({"message": "messages are not encrypted: `kms_master_key_id` is absent", "at": resource}) if {
	some resource in tf.resources("aws_sns_topic")
	not lib.given(resource.values, "kms_master_key_id")
}

violations contains lib.violation({"message": message, "at": resource}) if {
	some resource in tf.resources_of(["aws_instance", "aws_launch_template"])
	some name in ["root_block_device", "ebs_block_device"]
	some block in lib.blocks(resource.values, name)
	lib.off(block, "encrypted")
	message := sprintf("a `%s` is not encrypted", [name])
}

violations contains lib.violation({"message": "a volume of the launch template is not encrypted", "at": resource}) if {
	some resource in tf.resources("aws_launch_template")
	some mapping in lib.blocks(resource.values, "block_device_mappings")
	some block in lib.blocks(mapping, "ebs")
	lib.off(block, "encrypted")
}
